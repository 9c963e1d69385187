//! What is rendered, without a cluster: helm's own checks, and what holds of every render.

use std::collections::BTreeMap;
use std::process::Command;

use clap::CommandFactory as _;
use serde_json::{Value, json};
use vitte_packaging::{CHARTS, KUBE_VERSION, chart, helm, objects, one, read, root, run, template, variable};

#[test]
fn helm_finds_no_fault_in_the_charts() {
    for name in CHARTS {
        let mut command = helm(None);
        command.args(["lint", "--strict", "--kube-version", KUBE_VERSION]).arg(chart(name));
        command.arg("-f").arg(chart(name).join("examples/local.yaml"));
        let told = run(&mut command, "").done();
        assert!(told.contains("1 chart(s) linted, 0 chart(s) failed"), "{told}");
    }
}

/// The suites in `charts/*/tests`: decisions of the templates, one by one.
#[test]
fn the_charts_own_suites_pass() {
    for name in CHARTS {
        let files = std::fs::read_dir(chart(name).join("tests")).unwrap().map(|file| file.unwrap().path());
        let suites = files.filter(|file| file.is_file()).count();
        let mut command = Command::new(variable("VITTE_TEST_HELM_UNITTEST"));
        let told = run(command.arg("--color=false").arg(chart(name)).current_dir(root()), "").done();
        assert!(suites > 0 && told.contains(&format!("Test Suites: {suites} passed")), "{told}");
    }
}

/// Pods of the charts' own, outside of what the operator makes, are of the `restricted` standard.
#[test]
fn every_pod_of_the_charts_runs_without_root_and_writes_nowhere() {
    let operator = objects(&template("vitte-operator", "vitte-operator", &[]).done());
    let bot = objects(&template("vitte-bot", "luna", &["-f", "charts/vitte-bot/examples/local.yaml"]).done());
    let mut seen = 0;
    for object in operator.iter().chain(&bot) {
        let pod = match object["kind"].as_str().unwrap() {
            "Pod" => &object["spec"],
            "Deployment" => &object["spec"]["template"]["spec"],
            _ => continue,
        };
        seen += 1;
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{object}");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{object}");
        for container in pod["containers"].as_array().unwrap() {
            let expected = json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]}});
            assert_eq!(container["securityContext"], expected, "{object}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{object}");
        }
    }
    assert_eq!(seen, 3, "the operator, its test, and the simulated world");
}

#[test]
fn the_definition_is_rendered_whole_and_kept_when_the_release_goes() {
    let of = |arguments: &[&str]| objects(&template("vitte-operator", "vitte-operator", arguments).done());
    let rendered = of(&[]);
    let definition = one(&rendered, "CustomResourceDefinition", "vittebots.vitte.dev");
    assert_eq!(definition["metadata"]["annotations"], json!({"helm.sh/resource-policy": "keep"}));
    let checked_in: Value = serde_saphyr::from_str(&read(root().join("crds/yaml/vittebots.vitte.dev.yaml"))).unwrap();
    assert_eq!(definition["spec"], checked_in["spec"]);
    assert_eq!(of(&["--set", "crds.install=false"]).len(), rendered.len() - 1);
}

/// Whoever adds an option to the operator adds a value here, and both have one default.
#[test]
fn every_option_of_the_operator_is_set_by_the_chart_with_the_same_default() {
    // The port is the Service's; without a lease two replicas would both work; pods log for machines.
    let (not_set, other_default) = (["VITTE_LISTEN", "VITTE_NO_LEASE"], ["VITTE_LOG_FORMAT"]);
    let set = ["--set", "watch.namespaces={one}"];
    let rendered = objects(&template("vitte-operator", "vitte-operator", &set).done());
    let container = &one(&rendered, "Deployment", "vitte-operator")["spec"]["template"]["spec"]["containers"][0];
    let env: BTreeMap<&str, &Value> =
        container["env"].as_array().unwrap().iter().map(|pair| (pair["name"].as_str().unwrap(), pair)).collect();
    let cli = vitte_operator::cli::Cli::command();
    let run = cli.find_subcommand("run").unwrap();
    let mut options = 0;
    for option in run.get_arguments() {
        let Some(name) = option.get_env().and_then(|name| name.to_str()).filter(|name| !not_set.contains(name)) else {
            continue;
        };
        options += 1;
        let pair = env.get(name).unwrap_or_else(|| panic!("{name} is no value of the chart: settings.* has its like"));
        let default = option.get_default_values().first().and_then(|default| default.to_str());
        if let (Some(default), Some(value)) = (default, pair["value"].as_str())
            && !other_default.contains(&name)
        {
            assert_eq!(value, default, "{name}");
        }
    }
    assert!(options >= 10, "{options}");
}

/// In named namespaces the operator may do nothing outside of them, but hold its lease at home.
#[test]
fn an_operator_of_named_namespaces_gets_no_role_for_the_cluster() {
    let set = ["--set", "watch.namespaces={one,two},rbac.aggregate=false"];
    let rendered = objects(&template("vitte-operator", "vitte-operator", &set).done());
    let cluster_wide = rendered.iter().filter(|object| object["kind"].as_str().unwrap().starts_with("ClusterRole"));
    assert_eq!(cluster_wide.count(), 0);
    let mut roles: Vec<&str> = rendered
        .iter()
        .filter(|object| object["kind"] == "Role")
        .map(|object| object["metadata"]["namespace"].as_str().unwrap())
        .collect();
    roles.sort_unstable();
    assert_eq!(roles, ["bots", "one", "two"]);
}

#[test]
fn what_a_bot_lacks_is_said_with_what_would_mend_it() {
    let simulated = "simulator.enabled=true";
    for (set, words) in [
        (simulated, "spec.database.urlSecretRef names the Secret"),
        ("postgresql.enabled=true", "spec.modules enables companion or habits"),
        ("postgresql.enabled=true,spec.modules.habits.x=1", "additional properties 'x'"),
        ("name=a-name-that-is-longer-than-forty-letters-is", "maxLength"),
    ] {
        let answer = template("vitte-bot", "luna", &["--set", set]);
        assert!(!answer.good && answer.err.contains(words), "{set}: {}", answer.err);
    }
    let habits = ["--set", "postgresql.enabled=true", "--set-json", "spec.modules={\"habits\": {}}"];
    let answer = template("vitte-bot", "luna", &habits);
    assert!(
        !answer.good && answer.err.contains("spec.telegram.webhook.host is the bot's public name"),
        "{}",
        answer.err
    );
    let long = template("vitte-bot", "a-release-with-a-name-of-more-than-forty-letters", &[]);
    assert!(!long.good && long.err.contains("at most 40 characters"), "{}", long.err);
}

/// Whoever mixes a value of the chart with a field of the spec hears it from Helm, not from the operator's status.
#[test]
fn what_contradicts_itself_is_refused_before_anything_is_sent() {
    let local = ["-f", "charts/vitte-bot/examples/local.yaml"];
    for (set, words) in [
        (
            "spec.database.urlSecretRef.name=a,spec.database.urlSecretRef.key=b",
            "spec.database has embedded and urlSecretRef",
        ),
        ("spec.database.cluster.name=a", "spec.database has cluster and embedded"),
        ("spec.redis.urlSecretRef.name=a,spec.redis.urlSecretRef.key=b", "spec.redis has embedded and urlSecretRef"),
        (
            "spec.components.api.replicas=0,spec.components.api.autoscaling.maxReplicas=2",
            "spec.components.api has replicas",
        ),
        (
            "spec.telegram.webhook.url=https://a.b,spec.telegram.webhook.host=a.b",
            "spec.telegram.webhook has url and host",
        ),
    ] {
        let answer = template("vitte-bot", "luna", &[&local[..], &["--set", set]].concat());
        assert!(!answer.good && answer.err.contains(words), "{set}: {}", answer.err);
    }
    let _ = template("vitte-bot", "luna", &[&local[..], &["--set", "spec.components.api.replicas=2"]].concat()).done();
}

/// Services begin with a letter, so what they are named after does.
#[test]
fn a_name_that_no_service_may_have_is_refused_with_the_value_that_says_another() {
    let local = ["-f", "charts/vitte-bot/examples/local.yaml"];
    for release in ["1luna", "lu.na"] {
        let answer = template("vitte-bot", release, &local);
        assert!(
            !answer.good && answer.err.contains("a letter first") && answer.err.contains("name="),
            "{}",
            answer.err
        );
        let _ = template("vitte-bot", release, &[&local[..], &["--set", "name=luna"]].concat()).done();
        let answer = template("vitte-operator", release, &[]);
        assert!(!answer.good && answer.err.contains("fullnameOverride=..."), "{}", answer.err);
        let _ = template("vitte-operator", release, &["--set", "fullnameOverride=luna"]).done();
    }
    for (chart, set) in [("vitte-bot", "name=1luna"), ("vitte-operator", "fullnameOverride=1luna")] {
        let answer = template(chart, "luna", &["--set", set]);
        assert!(!answer.good && answer.err.contains("pattern"), "{}", answer.err);
    }
}

/// A label that chooses pods, said anew, would stand twice in the object, or choose none.
#[test]
fn a_label_that_chooses_pods_is_refused_and_any_other_stands_once() {
    for (chart, labels) in
        [("vitte-bot", "commonLabels"), ("vitte-operator", "commonLabels"), ("vitte-operator", "podLabels")]
    {
        for label in ["name", "instance"] {
            let set = format!("{labels}.app\\.kubernetes\\.io/{label}=mine");
            let answer = template(chart, "luna", &["--set", &set]);
            assert!(!answer.good && answer.err.contains("invalid propertyName"), "{set}: {}", answer.err);
        }
    }
    let said = "app\\.kubernetes\\.io/part-of=ours";
    let set = format!("commonLabels.{said},podLabels.{said},serviceMonitor.enabled=true,serviceMonitor.labels.{said}");
    // A key that stands twice is no YAML for `objects`.
    for object in objects(&template("vitte-operator", "luna", &["--set", &set]).done()) {
        let labels = &object["metadata"]["labels"];
        assert!(labels["app.kubernetes.io/part-of"] != "vitte", "{object}");
    }
}

/// Two operators of one name, each for bots of its own.
#[test]
fn two_releases_of_one_name_share_nothing_that_is_cluster_wide() {
    let names = |namespace: &str| -> Vec<String> {
        let watch = format!("watch.namespaces={{{namespace}}},crds.install=false");
        let set = ["--namespace", namespace, "--set", &watch];
        let rendered = objects(&template("vitte-operator", "vitte-operator", &set).done());
        let wide = rendered.iter().filter(|object| object["metadata"]["namespace"].is_null());
        wide.map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let (one, two) = (names("one"), names("two"));
    assert_eq!(one.len(), 3);
    assert!(one.iter().all(|name| !two.contains(name)), "{one:?} {two:?}");
}
