//! The Tiltfile, evaluated with stubs of Tilt's built-ins (`stubs.py`), and what its commands name.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Command;

use serde_json::Value;
use vitte_packaging::{Answer, KUBE_VERSION, helm, objects, one, root, run};

fn evaluate(tiltfile: &std::path::Path) -> Answer {
    let stubs = root().join("tests/packaging/tests/tiltfile/stubs.py");
    run(Command::new("python3").arg(stubs).arg(tiltfile).current_dir(root()), "")
}

fn asked() -> Vec<Value> {
    serde_json::from_str(&evaluate(&root().join("Tiltfile")).done()).unwrap()
}

fn calls<'a>(asked: &'a [Value], name: &'a str) -> impl Iterator<Item = &'a Value> {
    asked.iter().filter(move |call| call["call"] == name)
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[test]
fn what_it_watches_and_waits_for_is_there() {
    let asked = asked();
    let named: BTreeSet<&str> = ["local_resource", "k8s_custom_deploy"]
        .into_iter()
        .flat_map(|call| calls(&asked, call))
        .map(|call| call["name"].as_str().unwrap())
        .collect();
    for call in &asked {
        for path in texts(&call["deps"]) {
            // This one is made by the first build.
            assert!(path == ".vitte/dev-tag" || root().join(path).exists(), "{path} is watched and is not there");
        }
        for name in texts(&call["resource_deps"]) {
            assert!(named.contains(name), "{name} is waited for, and nobody makes it");
        }
        for command in ["cmd", "serve_cmd", "apply_cmd", "delete_cmd"] {
            let Some(text) = call[command].as_str().filter(|text| !text.is_empty()) else { continue };
            let _ = run(Command::new("sh").args(["-n", "-c", text]), "").done();
            let program = text.split(' ').next().unwrap();
            assert!(!program.contains('/') || root().join(program).exists(), "there is no {program}");
        }
    }
    for call in calls(&asked, "k8s_resource") {
        assert!(named.contains(call["workload"].as_str().unwrap()), "{call}");
    }
}

/// The order is images, operator, bot, page; each change of the images' tag is an upgrade of what uses it.
#[test]
fn images_come_before_what_runs_them_and_a_new_tag_reaches_it() {
    let asked = asked();
    let waits = |name: &str| -> Vec<String> {
        let mine = asked.iter().filter(|call| call["workload"] == name || call["name"] == name);
        mine.flat_map(|call| texts(&call["resource_deps"])).map(str::to_owned).collect()
    };
    assert_eq!(waits("vitte-operator"), ["images"]);
    assert_eq!(waits("luna"), ["vitte-operator"]);
    assert_eq!(waits("chat page"), ["luna"]);
    for call in calls(&asked, "k8s_custom_deploy") {
        assert!(texts(&call["deps"]).any(|path| path == ".vitte/dev-tag"), "{call}");
    }
}

/// Its helm commands, rendered: the charts take their values, and the tag of the images arrives in the objects.
#[test]
fn its_helm_commands_render_the_images_that_were_loaded_and_the_page_that_is_forwarded() {
    let asked = asked();
    let folder = tempfile::tempdir().unwrap();
    let tag = folder.path().join("tag");
    std::fs::File::create(&tag).unwrap().write_all(b"0.1.0-dev.0123456789ab\n").unwrap();
    let mut rendered = Vec::new();
    for call in calls(&asked, "k8s_custom_deploy") {
        let (command, _) = call["apply_cmd"].as_str().unwrap().split_once(" >&2").unwrap();
        let command = command
            .replace("helm upgrade --install", &format!("\"$HELM\" template --kube-version {KUBE_VERSION}"))
            .replace(".vitte/dev-tag", tag.to_str().unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-c", &command]).current_dir(root()).env("HELM", helm(None).get_program());
        rendered.extend(objects(&run(&mut shell, "").done()));
    }
    let image = |name: &str| &one(&rendered, "Deployment", name)["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image("vitte-operator"), "localhost/vitte/operator:0.1.0-dev.0123456789ab");
    assert_eq!(image("luna-sim"), "localhost/vitte/vitte:0.1.0-dev.0123456789ab");
    assert_eq!(one(&rendered, "VitteBot", "luna")["spec"]["version"], "0.1.0-dev.0123456789ab");

    let page = calls(&asked, "local_resource").find(|call| call["name"] == "chat page").unwrap();
    let service = one(&rendered, "Service", "luna-sim");
    let port = service["spec"]["ports"][0]["port"].to_string();
    let namespace = service["metadata"]["namespace"].as_str().unwrap();
    let forward = format!("kubectl port-forward --namespace {namespace} service/luna-sim {port}");
    assert!(page["serve_cmd"].as_str().unwrap().ends_with(&forward), "{page}");
    assert_eq!(page["readiness_probe"]["http_get"]["port"].to_string(), port);
}

#[test]
fn what_is_no_starlark_or_no_parameter_of_tilts_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("Tiltfile");
    for (text, words) in [
        ("import os\n", "Import is not Starlark"),
        ("x = f'{1}'\n", "JoinedStr is not Starlark"),
        ("local_resource('a', command='b')\n", "unexpected keyword argument 'command'"),
        ("docker_compose('x')\n", "'docker_compose' is not defined"),
    ] {
        std::fs::write(&file, text).unwrap();
        let answer = evaluate(&file);
        assert!(!answer.good && answer.err.contains(words), "{text}: {}", answer.err);
    }
}
