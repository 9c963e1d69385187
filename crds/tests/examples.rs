//! The examples load, and the checked-in schema is the one that the types give.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use vitte_crds::access::Api;
use vitte_crds::modules::Habits;
use vitte_crds::{Bundle, ExposeSecret, Language, ObjectRef, Source, custom_resource_definition, json_schema, load};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn example(name: &str) -> Bundle {
    let text = std::fs::read_to_string(folder("examples").join(name)).unwrap();
    load(&[Source::new(name, text)]).unwrap_or_else(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        unreachable!("{name} has problems:\n{}", lines.join("\n"))
    })
}

#[test]
fn every_example_loads() {
    let mut names: Vec<String> = std::fs::read_dir(folder("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = ["companion-habits.yaml", "companion.yaml", "habits.yaml", "minimal.yaml", "production.yaml"];
    assert_eq!(names, expected);
    for name in names {
        example(&name);
    }
}

#[test]
fn the_minimal_manifest_takes_ten_lines_and_gets_every_default() {
    let text = std::fs::read_to_string(folder("examples/minimal.yaml")).unwrap();
    assert_eq!(text.lines().position(|line| line == "---"), Some(10));
    let spec = example("minimal.yaml").bot.spec;
    assert_eq!(spec.languages, [Language::Ru, Language::En]);
    assert_eq!(spec.telegram.webhook_path(), "/telegram/webhook");
    assert_eq!(spec.telegram.api_url, "https://api.telegram.org");
    assert_eq!((spec.limits.messages_per_minute, spec.limits.messages_per_hour), (10, 100));
    assert_eq!(spec.rollout.progress_deadline_seconds, 300);
    assert!(spec.database.unwrap().embedded.is_some() && spec.redis.is_none());
    assert!(spec.network_policy.enabled && !spec.paused && !spec.hibernated);
}

#[test]
fn the_demo_has_luna_in_two_languages_and_no_secret() {
    let bundle = example("companion.yaml");
    let spec = &bundle.bot.spec;
    assert!(bundle.secrets.is_empty());
    assert!(bundle.secret(&spec.telegram.token_secret_ref, &|_| None).is_none());
    let token = |name: &str| (name == "VITTE_SECRET_LUNA_TOKEN").then(|| "from the environment\n".to_owned());
    let found = bundle.secret(&spec.telegram.token_secret_ref, &token).unwrap();
    assert_eq!(found.expose_secret(), "from the environment");

    let personas = bundle.personas(&ObjectRef { name: "luna-personas".to_owned() }).unwrap().unwrap();
    assert_eq!(personas.len(), 1);
    let luna = &personas[0];
    assert_eq!((luna.id.as_str(), luna.name.get(Language::Ru), luna.name.get(Language::En)), ("luna", "Луна", "Luna"));
    let greeting = luna.fill(luna.first_mes.get(Language::En), Language::En, "Ann");
    assert!(greeting.starts_with("Hi Ann! I'm Luna."), "{greeting}");
}

#[test]
fn the_habits_demo_says_the_defaults_and_one_bot_may_have_both_modules() {
    let spec = example("habits.yaml").bot.spec;
    assert_eq!(spec.modules.habits, Some(Habits::default()));
    assert_eq!(spec.api.token_lifetime_minutes, Api::default().token_lifetime_minutes);
    assert_eq!(example("companion-habits.yaml").bot.spec.modules.enabled(), ["companion", "habits"]);
}

#[test]
fn the_production_manifest_survives_being_written_and_read_again() {
    let bot = example("production.yaml").bot;
    assert_eq!(bot.spec.modules.enabled(), ["companion", "habits"]);
    let written = serde_json::to_string(&bot).unwrap();
    let again = load(&[Source::new("again.json", written)]).unwrap();
    assert_eq!(again.bot, bot);
}

/// A manifest that was fetched from a cluster is one that may be applied again, or tried on a laptop.
#[test]
fn what_a_cluster_adds_to_an_object_is_left_alone() {
    let ours = example("production.yaml").bot;
    let mut fetched = serde_json::to_value(&ours).unwrap();
    fetched["status"] = serde_json::json!({"phase": "Ready", "conditions": []});
    fetched["metadata"]["managedFields"] = serde_json::json!([{"manager": "kubectl", "operation": "Apply"}]);
    for (key, value) in [("uid", "5d4e"), ("resourceVersion", "42"), ("creationTimestamp", "2026-11-21T12:00:00Z")] {
        fetched["metadata"][key] = value.into();
    }
    fetched["metadata"]["generation"] = 3.into();
    fetched["metadata"]["finalizers"] = serde_json::json!(["vitte.dev/webhook"]);
    assert_eq!(load(&[Source::new("fetched.json", fetched.to_string())]).unwrap().bot, ours);

    fetched["metadata"]["generatoin"] = 3.into();
    let problems = load(&[Source::new("fetched.json", fetched.to_string())]).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: x, uid: a-b}\nstatus: {}\n";
    let with_secret = format!("{}\n{secret}", serde_json::to_string(&ours).unwrap());
    let paths: Vec<String> =
        load(&[Source::new("b", with_secret)]).unwrap_err().into_iter().map(|problem| problem.path).collect();
    assert_eq!(paths, ["status"]);
}

#[expect(clippy::disallowed_methods, reason = "a switch of the test, no setting of the program")]
fn assert_generated(path: &Path, generated: &str) {
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(path, generated).unwrap();
    }
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert!(checked_in == generated, "{} is stale: run the test with UPDATE_GENERATED=1", path.display());
}

#[test]
fn generated_schema_is_what_the_types_give() {
    let generated = format!("{}\n", serde_json::to_string_pretty(&json_schema()).unwrap());
    assert_generated(&folder("yaml/vittebot.schema.json"), &generated);
}

#[test]
fn generated_definition_is_what_the_types_and_rules_give() {
    let generated = serde_saphyr::to_string(&custom_resource_definition()).unwrap();
    assert_generated(&folder("yaml/vittebots.vitte.dev.yaml"), &generated);
}

#[test]
fn every_field_of_the_schema_says_what_it_is() {
    fn missing(schema: &serde_json::Value, path: &str, out: &mut Vec<String>) {
        let properties = schema.get("properties").and_then(|p| p.as_object());
        for (name, property) in properties.into_iter().flatten() {
            if property.get("description").is_none() {
                out.push(format!("{path}.{name}"));
            }
        }
    }
    let schema = json_schema();
    let mut out = Vec::new();
    missing(&schema, "VitteBot", &mut out);
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        missing(definition, name, &mut out);
    }
    assert_eq!(out, Vec::<String>::new());
}

/// The API server refuses a CRD whose values have no bound, and so do we: a later `kube` derive must not surprise.
#[test]
fn every_text_list_and_number_of_the_schema_is_bounded() {
    fn unbounded(schema: &serde_json::Value, path: &str, out: &mut Vec<String>) {
        for (name, property) in schema.get("properties").and_then(|p| p.as_object()).into_iter().flatten() {
            let kinds = property["type"].to_string();
            let has = |key: &str| property.get(key).is_some();
            let fine = (!kinds.contains("string") || has("maxLength") || has("const"))
                && (!kinds.contains("array") || has("maxItems"))
                && (!kinds.contains("integer") || (has("minimum") && has("maximum")))
                && (property.get("additionalProperties").is_none_or(|rest| !rest.is_object()) || has("maxProperties"));
            if !fine {
                out.push(format!("{path}.{name}"));
            }
        }
    }
    let schema = json_schema();
    let mut out = Vec::new();
    unbounded(&schema, "VitteBot", &mut out);
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        unbounded(definition, name, &mut out);
    }
    // A chat's id is any 64-bit number, and i64 bounds it.
    assert_eq!(out, ["Monitoring.alertsChatId"]);
}
