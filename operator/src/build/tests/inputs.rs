//! What a component is given, and what replaces its pods.

use serde_json::{Value, json};
use vitte_crds::Source;

use super::*;
use crate::upgrade::Task;

fn full(over: &Value) -> Value {
    let mut spec = json!({
        "admin": {"passwordSecretRef": {"name": "luna", "key": "admin"}},
        "api": {"jwtSecretRef": {"name": "luna", "key": "jwt"}, "botKeySecretRef": {"name": "luna", "key": "bot-key"}},
        "redis": {"urlSecretRef": {"name": "luna", "key": "redis-url"}},
        "monitoring": {"sentryDsnSecretRef": {"name": "luna", "key": "sentry"}},
    });
    for (key, value) in over.as_object().unwrap() {
        match (spec.get_mut(key).and_then(Value::as_object_mut), value) {
            (Some(section), Value::Object(fields)) => section.extend(fields.clone()),
            _ => spec[key] = value.clone(),
        }
    }
    spec
}

#[test]
fn each_component_holds_only_the_secrets_that_it_uses() {
    let built = World::new(full(&json!({}))).build();
    let own = |component: Component| -> Vec<&str> {
        let plain = ["VITTE_GRACE", "VITTE_LOG_FORMAT", "VITTE_SCHEMA_WAIT"];
        let common = ["VITTE_DATABASE_URL", "VITTE_REDIS_URL", "VITTE_SECRET_LUNA_SENTRY", "VITTE_SECRET_LUNA_TOKEN"];
        let variables = built.variables(component);
        assert!(common.iter().chain(&plain).all(|name| variables.contains(name)), "{component}: {variables:?}");
        variables.into_iter().filter(|name| !common.contains(name) && !plain.contains(name)).collect()
    };
    assert_eq!(own(Component::Bot), ["VITTE_WEBHOOK_SECRET"]);
    assert_eq!(own(Component::Worker), ["VITTE_SECRET_LUNA_LLM"]);
    assert_eq!(own(Component::Api), ["VITTE_SECRET_LUNA_BOT_KEY", "VITTE_SECRET_LUNA_JWT"]);
    assert_eq!(own(Component::Admin), ["VITTE_SECRET_LUNA_ADMIN"]);
}

/// Which components' pods are replaced when the spec changes so.
#[test]
fn a_change_replaces_only_the_pods_of_components_that_read_it() {
    use Component::*;
    let rows: Vec<(Value, &[Component])> = vec![
        (json!({"components": {"api": {"replicas": 3}}}), &[]),
        (
            json!({"components": {"worker": {"autoscaling": {"maxReplicas": 9, "targetCPUUtilizationPercentage": 50}}}}),
            &[],
        ),
        (json!({"rollout": {"minReadySeconds": 9, "progressDeadlineSeconds": 99}}), &[]),
        (json!({"migrations": {"timeoutSeconds": 60}}), &[]),
        (json!({"networkPolicy": {"enabled": false}}), &[]),
        (json!({"monitoring": {"serviceMonitor": true, "rules": true, "dashboards": true}}), &[]),
        (json!({"api": {"host": "api.example.org", "tlsSecretName": "t"}}), &[]),
        (json!({"telegram": {"webhook": {"host": "luna.example.org", "ingressClassName": "nginx"}}}), &[]),
        (json!({"telegram": {"webhook": {"host": "other.example.org"}}}), &[Bot]),
        (json!({"telegram": {"webhook": {"host": "luna.example.org", "maxConnections": 7}}}), &[Bot]),
        (json!({"components": {"api": {"annotations": {"a": "b"}}}}), &[Api]),
        (json!({"components": {"worker": {"resources": {"limits": {"memory": "1Gi"}}}}}), &[Worker]),
        (json!({"limits": {"messagesPerMinute": 3}}), &[Bot]),
        (json!({"api": {"requestsPerMinute": 3}}), &[Api]),
        (json!({"data": {"keepSentDays": 3}}), &[Worker]),
        (json!({"modules": {"companion": {"llm": {"model": "other"}}}}), &[Worker]),
        (json!({"modules": {"companion": {"llm": {"apiKeySecretRef": {"name": "luna", "key": "jwt"}}}}}), &[Worker]),
        (json!({"api": {"jwtSecretRef": {"name": "luna", "key": "admin"}}}), &[Api]),
        (json!({"languages": ["en"]}), &[Bot, Api, Worker, Admin]),
        (json!({"version": "0.2.0"}), &[Bot, Api, Worker, Admin]),
        (json!({"monitoring": {"logLevel": "debug"}}), &[Bot, Api, Worker, Admin]),
    ];
    let before = World::new(full(&json!({}))).build();
    for (change, wanted) in rows {
        let after = World::new(full(&change)).build();
        assert_eq!(rolled(&before, &after), wanted.iter().copied().collect(), "{change}");
        if wanted.is_empty() {
            assert_eq!(
                before.of(Kind::ConfigMap),
                after
                    .0
                    .iter()
                    .filter(|w| w.kind == Kind::ConfigMap && w.json["immutable"] == true)
                    .map(|w| w.name.as_str())
                    .collect::<Vec<_>>(),
                "{change}"
            );
        }
    }
}

#[test]
fn another_persona_replaces_the_pods_that_read_personas() {
    let before = World::new(full(&json!({}))).build();
    let mut world = World::new(full(&json!({})));
    let personas = world.found.config_maps.get_mut("personas").unwrap().as_mut().unwrap();
    for text in personas.values_mut() {
        *text = text.replace("A friend.", "A good friend.");
    }
    let wanted: BTreeSet<Component> = before
        .0
        .iter()
        .filter(|w| w.kind == Kind::ConfigMap)
        .filter_map(|w| {
            let file = w.json["data"]["bot.yaml"].as_str().unwrap();
            file.contains("A friend.")
                .then(|| Component::ALL.into_iter().find(|c| w.name.contains(c.as_str())).unwrap())
        })
        .collect();
    assert_eq!(rolled(&before, &world.build()), wanted);
    assert!(
        wanted.contains(&Component::Bot) && wanted.contains(&Component::Worker) && !wanted.contains(&Component::Api)
    );
}

#[test]
fn another_value_of_a_secret_replaces_the_pods_that_use_it() {
    use crate::dereference::SecretFound;
    let before = World::new(full(&json!({}))).build();
    let rows: [(&str, &[Component]); 5] = [
        ("llm", &[Component::Worker]),
        ("jwt", &[Component::Api]),
        ("admin", &[Component::Admin]),
        ("token", &Component::ALL),
        ("database-url", &Component::ALL),
    ];
    for (key, wanted) in rows {
        let mut world = World::new(full(&json!({})));
        let Some(SecretFound::Keys(keys)) = world.found.secrets.get_mut("luna") else { panic!() };
        keys.insert(key.to_owned(), "another".to_owned());
        assert_eq!(rolled(&before, &world.build()), wanted.iter().copied().collect(), "{key}");
    }
}

/// What a pod reads must be what a pod accepts.
#[test]
fn every_configuration_file_is_a_valid_manifest_without_a_secret_in_it() {
    let gateway = json!({"telegram": {"webhook": {"host": null, "gatewayRef": {"name": "public"}}}});
    let polling = json!({"telegram": {"webhook": null, "updates": "Polling"}});
    let embedded =
        json!({"database": {"urlSecretRef": null, "embedded": {}}, "redis": {"urlSecretRef": null, "embedded": {}}});
    for change in [json!({}), gateway, polling, embedded] {
        let built = World::new(full(&change)).build();
        for component in Component::ALL {
            let file = built.config(component);
            let bundle = vitte_crds::load(&[Source::new("bot.yaml", file)])
                .unwrap_or_else(|problems| panic!("{component} of {change}: {problems:?}\n{file}"));
            assert_eq!(bundle.bot.metadata.name, "luna");
            assert_eq!(bundle.config_maps.contains_key("personas"), file.contains("A friend."), "{component}");
            assert!(!file.contains("random-"), "{component}");
        }
    }
}

#[test]
fn a_configuration_says_what_the_manifest_says_but_not_its_defaults() {
    let spec = full(&json!({"limits": {"messagesPerMinute": 3}, "database": {"poolSize": 9}}));
    let built = World::new(spec).build();
    let file = built.config(Component::Bot);
    let bundle = vitte_crds::load(&[Source::new("bot.yaml", file)]).unwrap();
    assert_eq!(bundle.bot.spec.limits.messages_per_minute, 3);
    assert_eq!(bundle.bot.spec.limits.messages_per_hour, 100);
    assert_eq!(bundle.bot.spec.database.unwrap().pool_size, 9);
    for default in ["messagesPerHour", "statementTimeoutSeconds", "temperature", "hibernated", "rollout"] {
        assert!(!file.contains(default), "{default} in\n{file}");
    }
}

#[test]
fn the_migration_has_another_name_exactly_when_it_would_do_something_else() {
    let name = |spec: Value| Task::expand(&World::new(spec).valid()).name;
    let first = name(json!({}));
    assert!(first.starts_with("luna-migrate-") && first.len() == "luna-migrate-".len() + 10, "{first}");
    for same in [json!({"limits": {"messagesPerMinute": 3}}), json!({"migrations": {"timeoutSeconds": 60}})] {
        assert_eq!(name(same.clone()), first, "{same}");
    }
    let other_database = json!({"database": {"urlSecretRef": {"name": "luna", "key": "redis-url"}}});
    for other in [json!({"version": "0.2.0"}), json!({"image": {"repository": "example.org/vitte"}}), other_database] {
        assert_ne!(name(other.clone()), first, "{other}");
    }
    let retried = Valid { retry: Some("again".to_owned()), ..World::new(json!({})).valid() };
    assert_ne!(Task::expand(&retried).name, first);
}
