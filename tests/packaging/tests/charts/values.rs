//! Every value is described, bounded by the schema, and has an effect.

use serde_json::{Value, json};
use vitte_packaging::values::{Entry, entries};
use vitte_packaging::{Answer, CHARTS, chart, read, template};

/// Another value than the default where it cannot be guessed, and what else has to be said for it to show.
fn example(chart: &str, path: &str) -> Option<(Value, &'static [&'static str])> {
    let labels = json!({"example.org/changed": "yes"});
    Some(match (chart, path) {
        (
            _,
            "commonLabels"
            | "annotations"
            | "serviceAccount.annotations"
            | "podLabels"
            | "podAnnotations"
            | "nodeSelector",
        ) => (labels, &[]),
        (_, "image.pullSecrets") => (json!(["registry"]), &[]),
        (_, "image.pullPolicy") => (json!("Always"), &[]),
        ("vitte-operator", "image.digest") => (json!(format!("sha256:{}", "0".repeat(64))), &[]),
        ("vitte-operator", "crds.keep") => (json!(false), &[]),
        ("vitte-operator", "watch.namespaces") => (json!(["one", "two"]), &[]),
        ("vitte-operator", "settings.logFormat") => (json!("text"), &[]),
        ("vitte-operator", "env") => (json!([{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]), &[]),
        ("vitte-operator", "tolerations") => (json!([{"key": "dedicated", "operator": "Exists"}]), &[]),
        ("vitte-operator", "affinity") => (json!({"nodeAffinity": {}}), &[]),
        ("vitte-operator", "topologySpreadConstraints") => (
            json!([{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}]),
            &[],
        ),
        ("vitte-operator", "networkPolicy.metricsFrom") => (json!([{"podSelector": {}}]), &[]),
        ("vitte-operator", "networkPolicy.egressPorts") => (json!([443]), &[]),
        ("vitte-operator", "networkPolicy.egress") => (json!([{"ports": [{"port": 3128}]}]), &[]),
        ("vitte-operator", "serviceMonitor.interval") => (json!("1m"), &["--set", "serviceMonitor.enabled=true"]),
        ("vitte-operator", "serviceMonitor.labels") => (labels, &["--set", "serviceMonitor.enabled=true"]),
        (_, "resources" | "simulator.resources") => (json!({"requests": {"cpu": "1"}}), &[]),
        ("vitte-bot", "spec") => (json!({"languages": ["ru"]}), &[]),
        ("vitte-bot", "version") => (json!("9.9.9"), &[]),
        ("vitte-bot", "image.repository") => (json!("registry.example.org/vitte"), &[]),
        ("vitte-bot", "secret.values") => (json!({"llm": "a key"}), &[]),
        ("vitte-bot", "secret.generate") => (json!(["jwt"]), &[]),
        ("vitte-bot", "personas") => (json!({"mira.yaml": "name: {en: Mira}"}), &[]),
        ("vitte-bot", "postgresql.storage" | "redis.memory" | "simulator.storage") => (json!("96Mi"), &[]),
        ("vitte-bot", "postgresql.retain") => (json!("Delete"), &[]),
        ("vitte-bot", "postgresql.enabled") => (json!(false), &["--set", "spec.database.embedded.storage=2Gi"]),
        ("vitte-bot", "simulator.enabled") => {
            (json!(false), &["--set", "spec.telegram.updates=Polling", "--set", "spec.modules.companion.llm.model=m"])
        }
        _ => return None,
    })
}

/// What the chart is rendered with: all of it that can be enabled is, and nothing in it is random. As JSON: Helm lays
/// `--set` over `--set-json`, whatever their order.
fn base(chart: &str) -> Value {
    match chart {
        "vitte-bot" => json!({
            "simulator": {"enabled": true},
            "postgresql": {"enabled": true},
            "redis": {"enabled": true},
            "secret": {"values": {"token": "said"}},
            "personas": {"x.yaml": "y"},
            "spec": {"modules": {"companion": {"defaultPersona": "x"}}},
        }),
        _ => json!({}),
    }
}

/// The default, but another one of its kind.
fn changed(entry: &Entry, base: &Value) -> Value {
    match &entry.default {
        Value::Bool(on) => {
            let said = base.pointer(&format!("/{}", entry.path.replace('.', "/"))).and_then(Value::as_bool);
            json!(!said.unwrap_or(*on))
        }
        Value::Number(number) => json!(number.as_i64().unwrap() + 1),
        Value::String(_) => json!("changed"),
        other => panic!("{}: say in `example` what else than {other} it may be", entry.path),
    }
}

fn rendered(chart: &str, arguments: &[&str]) -> Answer {
    let base = base(chart);
    let base: Vec<String> =
        base.as_object().unwrap().iter().map(|(key, value)| format!("--set-json={key}={value}")).collect();
    let all: Vec<&str> = base.iter().map(String::as_str).chain(arguments.iter().copied()).collect();
    template(chart, "luna", &all)
}

fn every_value_has_an_effect(chart_name: &str) {
    let mut without_effect = Vec::new();
    for entry in entries(&read(chart(chart_name).join("values.yaml"))) {
        let (value, with) =
            example(chart_name, &entry.path).unwrap_or_else(|| (changed(&entry, &base(chart_name)), &[]));
        let set = format!("{}={value}", entry.path);
        let before = rendered(chart_name, with).done();
        let after = rendered(chart_name, &[with, &["--set-json", &set]].concat());
        assert!(after.good, "{set}: {}", after.err);
        if before == after.out {
            without_effect.push(set);
        }
    }
    assert_eq!(without_effect, Vec::<String>::new(), "these change nothing in {chart_name}");
}

#[test]
fn every_value_of_the_operators_chart_has_an_effect() {
    every_value_has_an_effect("vitte-operator");
}

#[test]
fn every_value_of_the_bots_chart_has_an_effect() {
    every_value_has_an_effect("vitte-bot");
}

#[test]
fn every_value_is_described() {
    for name in CHARTS {
        for entry in entries(&read(chart(name).join("values.yaml"))) {
            let Entry { path, says, .. } = &entry;
            assert!(says.len() > 8 && says.ends_with('.') || says.ends_with(')'), "charts/{name}: {path}: {says:?}");
        }
    }
}

/// The schema has a place for each value, and for no other.
#[test]
fn a_value_that_is_not_there_is_refused_at_every_depth() {
    for name in CHARTS {
        let mut groups = vec![String::new()];
        for entry in entries(&read(chart(name).join("values.yaml"))) {
            if let Some((group, _)) = entry.path.rsplit_once('.') {
                groups.push(format!("{group}."));
            }
        }
        groups.dedup();
        for group in groups {
            let path = format!("{group}mistyped");
            let answer = rendered(name, &["--set", &format!("{path}=1")]);
            assert!(!answer.good && answer.err.contains("'mistyped'"), "{name} takes {path}: {}", answer.err);
        }
    }
}

#[test]
fn a_mistyped_field_of_the_spec_is_refused_where_the_api_server_would_drop_it() {
    for set in ["spec.telegram.tokenSecretReff.name=x", "spec.limits.messagesPerMinut=1", "spec.replicas=2"] {
        let answer = rendered("vitte-bot", &["--set", set]);
        assert!(!answer.good && answer.err.contains("additional properties"), "{set}: {}", answer.err);
    }
    let answer = rendered("vitte-bot", &["--set", "spec.limits.messagesPerMinute=many"]);
    assert!(!answer.good && answer.err.contains("messagesPerMinute"), "{}", answer.err);
}
