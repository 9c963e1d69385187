use serde_json::{Value, json};

use super::*;
use crate::fixtures::{bot, found, generated};

fn variables(component: Component, spec: Value) -> Vec<String> {
    let valid = validate(&bot(spec), &found()).unwrap();
    valid.inputs[&component].secrets.keys().cloned().collect()
}

fn findings(spec: Value, found: &Found) -> Vec<String> {
    validate(&bot(spec), found).unwrap_err().findings.iter().map(ToString::to_string).collect()
}

#[test]
fn each_component_is_given_the_secrets_that_it_reads_and_no_others() {
    let spec = || json!({"api": {"jwtSecretRef": {"name": "luna", "key": "jwt"}}, "admin": {"passwordSecretRef": {"name": "luna", "key": "admin"}}});
    let table = [
        (Component::Bot, vec!["VITTE_DATABASE_URL", "VITTE_SECRET_LUNA_TOKEN", "VITTE_WEBHOOK_SECRET"]),
        (Component::Api, vec!["VITTE_DATABASE_URL", "VITTE_SECRET_LUNA_JWT", "VITTE_SECRET_LUNA_TOKEN"]),
        (Component::Worker, vec!["VITTE_DATABASE_URL", "VITTE_SECRET_LUNA_LLM", "VITTE_SECRET_LUNA_TOKEN"]),
        (Component::Admin, vec!["VITTE_DATABASE_URL", "VITTE_SECRET_LUNA_ADMIN", "VITTE_SECRET_LUNA_TOKEN"]),
    ];
    for (component, expected) in table {
        assert_eq!(variables(component, spec()), expected, "{component}");
    }
    let valid = validate(&bot(spec()), &found()).unwrap();
    assert_eq!(valid.migrate.secrets.keys().collect::<Vec<_>>(), ["VITTE_DATABASE_URL"]);
    assert_eq!(valid.inputs[&Component::Api].config_maps, Vec::<String>::new());
    assert_eq!(valid.inputs[&Component::Worker].config_maps, ["personas"]);
}

#[test]
fn a_changed_value_changes_the_digest_of_those_who_use_it_alone() {
    let digests = |found: &Found| {
        let valid = validate(&bot(json!({})), found).unwrap();
        valid
            .inputs
            .into_iter()
            .map(|(component, inputs)| (component, inputs.digest.unwrap()))
            .collect::<BTreeMap<_, _>>()
    };
    let before = digests(&found());
    let mut changed = found();
    if let Some(SecretFound::Keys(keys)) = changed.secrets.get_mut("luna") {
        keys.insert("llm".to_owned(), "another".to_owned());
        keys.insert("unused".to_owned(), "new".to_owned());
    }
    let after = digests(&changed);
    let rolled: Vec<_> =
        before.iter().filter(|(component, digest)| after[component] != **digest).map(|(c, _)| *c).collect();
    assert_eq!(rolled, [Component::Worker]);
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let mut found = found();
    found.secrets.insert("luna".to_owned(), SecretFound::Keys([("token".to_owned(), "d".to_owned())].into()));
    found.config_maps.insert("personas".to_owned(), None);
    let invalid = validate(&bot(json!({"monitoring": {"sentryDsnSecretRef": {"name": "away", "key": "dsn"}}})), &found)
        .unwrap_err();
    let missing: Vec<String> = invalid.missing.iter().map(ToString::to_string).collect();
    assert_eq!(
        missing,
        [
            "there is no ConfigMap personas (spec.modules.companion.personasConfigMapRef)",
            "there is no Secret away (spec.monitoring.sentryDsnSecretRef)",
            "Secret luna has no key database-url (spec.database.urlSecretRef)",
            "Secret luna has no key llm (spec.modules.companion.llm.apiKeySecretRef)",
        ]
    );
}

#[test]
fn a_bot_in_a_cluster_needs_a_database() {
    let said = findings(json!({"database": null}), &found());
    assert!(said.iter().any(|text| text.starts_with("spec.database:") && text.contains("embedded: {}")), "{said:?}");
}

/// Its pods would refuse to start, one after the other; its Services would never be taken.
#[test]
fn a_module_that_pods_do_not_have_and_a_name_that_services_may_not_have_are_refused() {
    let repairs = json!({"modules": {"repairs": {"admins": [1], "timezone": "UTC", "currency": "RUB"}}});
    let told = "spec.modules.repairs: this version does not have the module yet; allowed: companion, habits";
    assert_eq!(findings(repairs, &found()), [told]);
    let mut named = bot(json!({}));
    named.metadata.name = Some("1luna".to_owned());
    let invalid = validate(&named, &found()).unwrap_err();
    assert!(invalid.findings.iter().any(|finding| finding.path == "metadata.name"), "{invalid:?}");
}

#[test]
fn what_the_operator_makes_is_never_missing() {
    let spec = json!({"database": {"urlSecretRef": null, "embedded": {}}, "redis": {"embedded": {}}});
    let valid = validate(&bot(spec), &found()).unwrap();
    let secrets = &valid.inputs[&Component::Bot].secrets;
    assert_eq!(secrets["VITTE_DATABASE_URL"].name, "luna-postgres");
    assert_eq!(secrets["VITTE_REDIS_URL"].name, "luna-redis");
    // A migration has nothing to do with Redis.
    assert!(!valid.migrate.secrets.contains_key("VITTE_REDIS_URL"));
}

#[test]
fn a_cloudnativepg_cluster_brings_its_own_secret() {
    let spec = || json!({"database": {"urlSecretRef": null, "cluster": {"name": "pg"}}});
    let invalid = validate(&bot(spec()), &found()).unwrap_err();
    assert_eq!(invalid.missing[0].to_string(), "there is no Secret pg-app (spec.database.cluster)");
    let mut found = found();
    found.secrets.insert("pg-app".to_owned(), SecretFound::Keys([("uri".to_owned(), "d".to_owned())].into()));
    let valid = validate(&bot(spec()), &found).unwrap();
    assert_eq!(valid.migrate.secrets["VITTE_DATABASE_URL"], SecretKeyRef { name: "pg-app".into(), key: "uri".into() });
}

#[test]
fn a_volume_whose_password_is_gone_is_not_given_a_new_one() {
    let spec = || json!({"database": {"urlSecretRef": null, "embedded": {}}});
    let mut found = found();
    found.claims.insert("luna-postgres".to_owned());
    assert!(findings(spec(), &found)[0].contains("its password is gone"));
    found.generated.insert("luna-postgres".to_owned(), generated(&[("password", "p"), ("url", "u")], &[]));
    assert!(validate(&bot(spec()), &found).is_ok());
}

#[test]
fn a_secret_of_somebody_elses_is_not_overwritten() {
    let mut found = found();
    found.generated.clear();
    found.secrets.insert("luna-webhook".to_owned(), SecretFound::Keys(BTreeMap::new()));
    assert!(findings(json!({}), &found)[0].contains("that it did not make"));
}

#[test]
fn two_keys_that_would_share_a_variable_are_refused() {
    let mut found = found();
    found.secrets.insert("luna-x".to_owned(), SecretFound::Keys([("key".to_owned(), "d".to_owned())].into()));
    found.secrets.insert("luna".to_owned(), {
        let keys = ["token", "database-url", "x-key"];
        SecretFound::Keys(keys.into_iter().map(|key| (key.to_owned(), "d".to_owned())).collect())
    });
    let spec = json!({
        "modules": {"companion": {"llm": {"apiKeySecretRef": {"name": "luna", "key": "x-key"}}}},
        "monitoring": {"sentryDsnSecretRef": {"name": "luna-x", "key": "key"}},
    });
    assert!(findings(spec, &found)[0].contains("are both given to pods as VITTE_SECRET_LUNA_X_KEY"));
}

#[test]
fn a_variable_of_a_component_may_not_hide_one_of_the_operators() {
    let spec = json!({"components": {"bot": {"env": [{"name": "VITTE_DATABASE_URL", "value": "x"}]}}});
    assert!(findings(spec, &found())[0].contains("choose another name"));
}

#[test]
fn personas_that_no_pod_could_read_are_found_before_pods_start() {
    let mut found = found();
    found.config_maps.insert("personas".to_owned(), Some([("luna.yaml".to_owned(), "name: [".to_owned())].into()));
    assert!(!findings(json!({}), &found).is_empty());
    let spec = json!({"modules": {"companion": {"defaultPersona": "mira"}}});
    let said = findings(spec, &crate::fixtures::found());
    assert!(said[0].contains("no persona mira") && said[0].ends_with("allowed: luna"), "{said:?}");
}

#[test]
fn without_a_cluster_to_look_into_every_key_counts_as_there_and_nothing_is_digested() {
    let mut found = found();
    found.secrets.insert("luna".to_owned(), SecretFound::Unseen);
    let valid = validate(&bot(json!({})), &found).unwrap();
    assert_eq!(valid.inputs[&Component::Bot].digest, None);
}

#[test]
fn the_webhooks_address_is_the_one_that_the_spec_says() {
    let at = |spec| webhook(&bot(spec).spec);
    assert_eq!(at(json!({})).unwrap().url.as_deref(), Some("https://luna.example.org/telegram/webhook"));
    let given = json!({"telegram": {"apiUrl": "http://sim:8081", "webhook": {"host": null, "url": "http://luna-bot:8080/hook"}}});
    let target = at(given).unwrap();
    assert_eq!((target.url.as_deref(), target.path.as_str()), (Some("http://luna-bot:8080/hook"), "/hook"));
    assert_eq!(at(json!({"telegram": {"updates": "Polling"}})), None);
}
