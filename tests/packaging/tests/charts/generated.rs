//! What the charts repeat of the code.

use serde_json::{Value, json};
use vitte_operator::rbac::{self, Place, Rule};
use vitte_operator::settings::Scope;
use vitte_packaging::values::{entries, table};
use vitte_packaging::{CHARTS, VERSION, chart, generated, read, root};

use crate::schema;

#[test]
fn generated_definition_of_the_chart_is_the_one_of_the_code() {
    let definition = read(root().join("crds/yaml/vittebots.vitte.dev.yaml"));
    // The template puts labels behind this line, and there must be one of it.
    assert_eq!(definition.matches("\nmetadata:\n").count(), 1);
    assert!(!definition.contains("\n  labels:") && !definition.contains("\n  annotations:"));
    generated(&chart("vitte-operator").join("files/vittebots.vitte.dev.yaml"), &definition);
}

#[test]
fn generated_rules_of_the_chart_are_those_of_the_operator() {
    let of = |scope: &Scope, place: Place| -> Vec<Rule> {
        rbac::rules(scope).into_iter().filter(|rule| rule.place == place).collect()
    };
    let named = Scope::Namespaces(vec!["one".to_owned()]);
    assert_eq!(
        of(&named, Place::Own),
        of(&Scope::Cluster, Place::Own),
        "the own namespace's rules depend on the scope"
    );
    let mut text = String::from("# What the operator may do, and why, by what it watches. Made by make generate.\n");
    for (name, rules) in [
        ("cluster", of(&Scope::Cluster, Place::Watched)),
        ("namespaces", of(&named, Place::Watched)),
        ("own", of(&Scope::Cluster, Place::Own)),
    ] {
        text += &format!("{name}:\n");
        for rule in rules {
            let list = |words: &[&str]| json!(words).to_string();
            text += &format!("  # {}\n", rule.reason);
            text += &format!("  - apiGroups: {}\n", list(&[rule.group]));
            text += &format!("    resources: {}\n", list(&rule.resources));
            text += &format!("    verbs: {}\n", list(&rule.verbs));
        }
    }
    generated(&chart("vitte-operator").join("files/rules.yaml"), &text);
}

/// The persona of a simulated bot that is told nothing is the one of the example.
#[test]
fn generated_persona_of_the_chart_is_the_one_of_the_example() {
    let example = read(root().join("crds/examples/companion.yaml"));
    let (_, block) = example.split_once("  luna.yaml: |\n").unwrap();
    let text: Vec<&str> = block.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
    generated(&chart("vitte-bot").join("files/luna.yaml"), &(text.join("\n") + "\n"));
}

#[test]
fn generated_schema_of_a_bots_values_has_the_manifests_spec() {
    let text = serde_json::to_string_pretty(&schema::of_a_bot()).unwrap() + "\n";
    generated(&chart("vitte-bot").join("values.schema.json"), &text);
}

#[test]
fn generated_tables_of_values_stand_in_the_readmes() {
    for name in CHARTS {
        let path = chart(name).join("README.md");
        let readme = read(&path);
        let (begin, end) = ("<!-- values: made by make generate -->\n", "<!-- end of values -->\n");
        let (before, rest) = readme.split_once(begin).unwrap();
        let (_, after) = rest.split_once(end).unwrap();
        let table = table(&entries(&read(chart(name).join("values.yaml"))));
        generated(&path, &format!("{before}{begin}{table}{end}{after}"));
    }
}

/// An image's tag is the workspace's version, and a chart without a tag means the one that it came with.
#[test]
fn charts_are_of_the_version_of_the_code() {
    for name in CHARTS {
        let about: Value = serde_saphyr::from_str(&read(chart(name).join("Chart.yaml"))).unwrap();
        assert_eq!(about["appVersion"], VERSION, "charts/{name}/Chart.yaml");
        assert_eq!(about["name"], name);
    }
}
