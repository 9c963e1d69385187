//! The rules in CEL refuse what the rules in Rust refuse, with the same words, and nothing else.
//!
//! They run here without a cluster, by an evaluator of the same language; `api_server` holds the same table against
//! the real one. What the evaluator lacks (time zones) is left to it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod table;

use std::collections::BTreeSet;
use std::path::Path;

use kube_cel::{CompiledSchema, ErrorKind, Validator, compile_schema};
use serde_json::{Value as Json, json};
use table::{Bad, By, FINE, MOVES, bad, changed};
use vitte_crds::{Problem, Source, custom_resource_definition, load, rules};

fn schema() -> Json {
    custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

fn compiled() -> CompiledSchema {
    compile_schema(&schema())
}

/// What load says.
fn problems(bot: &Json) -> Vec<Problem> {
    load(&[Source::new("bot.yaml", bot.to_string())]).err().unwrap_or_default()
}

/// The rules in CEL that refuse an object, each with its message.
fn refused(schema: &CompiledSchema, new: &Json, old: Option<&Json>) -> Vec<(String, String)> {
    let answer = Validator::new().validate_compiled(schema, new, old);
    let errors = answer.err().map(kube_cel::ValidationErrors::into_vec);
    let mut refused = Vec::new();
    for error in errors.unwrap_or_default() {
        // Time functions with a zone are the one thing that the evaluator lacks.
        if !error.rule.contains(".getHours(self)") {
            assert_eq!(error.kind, ErrorKind::ValidationFailure, "{}: {}", error.rule, error.message);
            refused.push((error.rule, error.message));
        }
    }
    refused
}

#[test]
fn what_load_refuses_the_rules_in_cel_refuse_with_the_same_words() {
    let schema = compiled();
    let mut wrong = Vec::new();
    for Bad { changes, path, told, by } in bad() {
        let bot = changed(changes);
        let found = problems(&bot);
        let told_by_load: Vec<String> = found.iter().map(ToString::to_string).collect();
        if found.len() != 1 || found[0].path != path || !told_by_load[0].contains(told) {
            wrong.push(format!("load, {path}, {told}: {told_by_load:#?}"));
        }
        let expected = match by {
            By::Rule => Some(told),
            By::RuleSaying(said) => Some(said),
            By::ServersRule => None,
            // Where the schema refuses, the API server runs no rule.
            By::Schema(_) => continue,
        };
        let rules = refused(&schema, &bot, None);
        let as_expected = match expected {
            Some(said) => rules.len() == 1 && rules[0].1.contains(said),
            None => rules.is_empty(),
        };
        if !as_expected {
            wrong.push(format!("CEL, {path}, {expected:?}: {rules:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_fine_is_refused_by_neither() {
    let schema = compiled();
    for changes in FINE {
        let bot = changed(changes);
        assert_eq!(problems(&bot), [], "{changes:?}");
        assert_eq!(refused(&schema, &bot, None), [], "{changes:?}");
    }
}

#[test]
fn every_example_fits_the_rules_of_a_cluster() {
    let schema = compiled();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for name in ["minimal.yaml", "companion.yaml", "habits.yaml", "companion-habits.yaml", "production.yaml"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let bot = load(&[Source::new(name, text)]).unwrap().bot;
        assert_eq!(refused(&schema, &serde_json::to_value(&bot).unwrap(), None), [], "{name}");
        assert_eq!(rules::check_for_cluster(&bot.spec), [], "{name}");
    }
}

#[test]
fn a_cluster_needs_a_database_and_a_laptop_does_not() {
    let bot = changed(&[("/spec/database", "null")]);
    let bundle = load(&[Source::new("bot.yaml", bot.to_string())]).unwrap();
    let found = rules::check_for_cluster(&bundle.bot.spec);
    let told =
        "is missing: write database: {urlSecretRef: {name: ..., key: ...}}, or database: {embedded: {}} for trying out";
    assert_eq!(found.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>(), [told]);
    let refused: Vec<String> = refused(&compiled(), &bot, None).into_iter().map(|(_, message)| message).collect();
    assert_eq!(refused, [told]);
}

#[test]
fn where_a_bots_data_live_is_decided_once() {
    let schema = compiled();
    for step in MOVES {
        let (old, new) = (changed(step.from), changed(step.to));
        assert_eq!(refused(&schema, &old, None), [], "{step:?}");
        let refused = refused(&schema, &new, Some(&old));
        match step.refused {
            Some(said) => assert!(refused.len() == 1 && refused[0].1.contains(said), "{step:?}: {refused:#?}"),
            None => assert_eq!(refused, [], "{step:?}"),
        }
    }
}

#[test]
fn a_module_that_no_executable_has_is_known_and_not_served() {
    let bot = changed(&[("/spec/modules/repairs", r#"{"admins": [1], "timezone": "UTC", "currency": "RUB"}"#)]);
    let bundle = load(&[Source::new("bot.yaml", bot.to_string())]).unwrap();
    let told = "spec.modules.repairs: this version does not have the module yet; allowed: companion, habits";
    for found in [rules::check_served(&bundle.bot.spec), rules::check_for_cluster(&bundle.bot.spec)] {
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [told]);
    }
    assert_eq!(refused(&compiled(), &bot, None), []);
}

const DIGIT_FIRST: table::Changes = &[("/metadata/name", r#""1luna""#)];

/// Who is there already is told by the operator, and may be changed and go.
#[test]
fn a_new_bot_in_a_cluster_begins_with_a_letter() {
    let told = "begins with a letter in a cluster";
    let mut bot = changed(DIGIT_FIRST);
    let rules = refused(&compiled(), &bot, None);
    assert!(rules.len() == 1 && rules[0].1.contains(told), "{rules:?}");
    let finding = rules::check_name_for_cluster("1luna").unwrap();
    assert!(finding.path == "metadata.name" && finding.message.contains(told), "{finding}");
    assert_eq!(rules::check_name_for_cluster("luna-1"), None);
    assert_eq!(problems(&bot), [], "a laptop and a pod have no Service");
    bot["status"] = json!({"phase": "Pending"});
    let mut new = bot.clone();
    new["spec"]["paused"] = json!(true);
    assert_eq!(refused(&compiled(), &new, Some(&bot)), []);
}

/// The API server sees into neither; the operator's validation does.
#[test]
fn a_secret_where_no_rule_in_cel_can_look_is_found_in_a_cluster_all_the_same() {
    let token = format!("{}:{}", 123_456_789, "A".repeat(35));
    for (components, path) in [
        (json!({"bot": {"affinity": {"deep": [{"er": token}]}}}), "spec.components.bot.affinity.deep[0].er"),
        (json!({"api": {"annotations": {&token: "x"}}}), "spec.components.api.annotations"),
    ] {
        let mut bot = changed(&[]);
        bot["spec"]["components"] = components;
        assert_eq!(refused(&compiled(), &bot, None), []);
        let spec: vitte_crds::Spec = serde_json::from_value(bot["spec"].clone()).unwrap();
        let found = rules::check_for_cluster(&spec);
        assert_eq!(found.iter().map(|finding| finding.path.as_str()).collect::<Vec<_>>(), [path]);
        assert!(!format!("{found:?}").contains(&token));
    }
}

/// A rule that no row breaks could say anything.
#[test]
fn every_rule_refuses_something_in_the_table() {
    let schema = compiled();
    let mut broken: BTreeSet<String> = BTreeSet::new();
    for row in bad().into_iter().filter(|row| !matches!(row.by, By::Schema(_))) {
        broken.extend(refused(&schema, &changed(row.changes), None).into_iter().map(|(rule, _)| rule));
    }
    for step in MOVES {
        let old = changed(step.from);
        broken.extend(refused(&schema, &changed(step.to), Some(&old)).into_iter().map(|(rule, _)| rule));
    }
    for changes in [&[("/spec/database", "null")], DIGIT_FIRST] {
        broken.extend(refused(&schema, &changed(changes), None).into_iter().map(|(rule, _)| rule));
    }
    let mut idle: Vec<String> =
        validations(&self::schema()).into_iter().filter(|rule| !broken.contains(rule)).collect();
    // Needs time zones, which only the API server knows.
    idle.retain(|rule| !rule.contains(".getHours(self)"));
    assert_eq!(idle, Vec::<String>::new());
}

/// Every rule of a schema, each once.
fn validations(schema: &Json) -> BTreeSet<String> {
    let own = schema.get("x-kubernetes-validations").and_then(Json::as_array).into_iter().flatten();
    let mut all: BTreeSet<String> = own.map(|rule| rule["rule"].as_str().unwrap().to_owned()).collect();
    let properties = schema.get("properties").and_then(Json::as_object).into_iter().flat_map(|p| p.values());
    let others = ["items", "additionalProperties"].into_iter().filter_map(|key| schema.get(key));
    for below in properties.chain(others) {
        all.extend(validations(below));
    }
    all
}

/// What a rule is about must have a bound, or the API server refuses the definition as too dear.
#[test]
fn every_text_list_and_mapping_of_the_definition_is_bounded() {
    fn unbounded(schema: &Json, path: &str, out: &mut Vec<String>) {
        let has = |key: &str| schema.get(key).is_some();
        let fine = match schema.get("type").and_then(Json::as_str) {
            Some("string") => has("maxLength") || has("enum"),
            Some("array") => has("maxItems"),
            Some("object") => !has("additionalProperties") || has("maxProperties"),
            Some("integer" | "number") => has("minimum"),
            Some(_) | None => !has("x-kubernetes-int-or-string") || has("maxLength"),
        };
        if !fine {
            out.push(path.to_owned());
        }
        for (name, property) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
            unbounded(property, &format!("{path}.{name}"), out);
        }
        for (key, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
            if let Some(below) = schema.get(key) {
                unbounded(below, &format!("{path}{mark}"), out);
            }
        }
    }
    let mut out = Vec::new();
    let schema = schema();
    unbounded(&schema["properties"]["spec"], "spec", &mut out);
    unbounded(&schema["properties"]["status"], "status", &mut out);
    // A chat's id is any 64-bit number.
    assert_eq!(out, ["spec.monitoring.alertsChatId"]);
}

/// `kubectl explain` shows these and nothing else.
#[test]
fn every_field_of_the_definition_says_what_it_is() {
    fn silent(schema: &Json, path: &str, out: &mut Vec<String>) {
        for (name, property) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let path = format!("{path}.{name}");
            if property.get("description").is_none() && path != ".metadata" {
                out.push(path.clone());
            }
            silent(property, &path, out);
        }
        for key in ["items", "additionalProperties"] {
            if let Some(below) = schema.get(key) {
                silent(below, path, out);
            }
        }
    }
    let mut out = Vec::new();
    silent(&schema(), "", &mut out);
    assert_eq!(out, Vec::<String>::new());
}

/// The API server fills defaults in; the operator reads the same manifest from it as load reads from a file.
#[test]
fn an_object_with_the_definitions_defaults_is_what_load_makes_of_it() {
    fn fill(schema: &Json, value: &mut Json) {
        if let (Some(properties), Some(object)) =
            (schema.get("properties").and_then(Json::as_object), value.as_object_mut())
        {
            for (name, property) in properties {
                if let Some(default) = property.get("default") {
                    object.entry(name).or_insert_with(|| default.clone());
                }
                if let Some(value) = object.get_mut(name) {
                    fill(property, value);
                }
            }
        }
        if let (Some(items), Some(list)) = (schema.get("items"), value.as_array_mut()) {
            list.iter_mut().for_each(|item| fill(items, item));
        }
    }
    let schema = schema();
    for changes in FINE {
        let mut stored = changed(changes);
        fill(&schema, &mut stored);
        assert_eq!(stored["spec"]["rollout"]["rollback"], "Automatic");
        let spec: vitte_crds::Spec = serde_json::from_value(stored["spec"].clone()).unwrap();
        let read = load(&[Source::new("bot.yaml", changed(changes).to_string())]).unwrap().bot.spec;
        assert_eq!(spec, read, "{changes:?}");
    }
}
