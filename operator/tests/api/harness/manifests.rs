//! The bot of these tests, and what it needs: a companion by webhook with a database and a Redis of somebody's own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::telegram::Telegram;

/// The keys of the Secret `luna`.
pub fn secrets(token: &str) -> BTreeMap<String, String> {
    let pairs = [
        ("token", token),
        ("database-url", "postgres://luna@db:5432/luna"),
        ("redis-url", "redis://cache:6379/0"),
        ("llm", "a-key"),
        ("speech", "another-key"),
        ("jwt", "a-jwt-secret-of-some-length-for-luna"),
        ("bot-key", "a-bot-key-of-some-length-for-luna"),
        ("admin-password", "a-password-for-luna"),
        ("yookassa-shop", "1"),
        ("yookassa-key", "a-shop-key"),
        ("sentry-dsn", "https://key@sentry.example.org/1"),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

pub fn personas() -> Value {
    persona("Luna is an amateur astronomer who answers briefly.")
}

pub fn persona(description: &str) -> Value {
    let luna =
        format!("name: {{ru: Луна, en: Luna}}\ndescription: {description}\nfirstMes: {{ru: Привет!, en: Hi!}}\n");
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "luna-personas"}, "data": {"luna.yaml": luna}})
}

pub fn luna(telegram: &Telegram) -> Value {
    let key = |key: &str| json!({"name": "luna", "key": key});
    json!({
        "apiVersion": "vitte.dev/v1alpha1",
        "kind": "VitteBot",
        "metadata": {"name": "luna"},
        "spec": {
            "version": "0.1.0",
            "telegram": {
                "tokenSecretRef": key("token"),
                "updates": "Webhook",
                "webhook": {"host": "luna.example.org"},
                "apiUrl": telegram.url(),
            },
            "database": {"urlSecretRef": key("database-url")},
            "redis": {"urlSecretRef": key("redis-url")},
            "modules": {"companion": {
                "llm": {"baseUrl": "https://llm.example.org/v1", "model": "some/model", "apiKeySecretRef": key("llm")},
                "personasConfigMapRef": {"name": "luna-personas"},
            }},
            "migrations": {"backup": "None"},
            "rollout": {"minReadySeconds": 0},
        },
    })
}

/// The same with parts of its spec replaced, as a JSON merge patch.
pub fn luna_with(telegram: &Telegram, spec: Value) -> Value {
    let mut bot = luna(telegram);
    merge(&mut bot["spec"], spec);
    bot
}

/// JSON merge patch (RFC 7396).
pub fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(&key);
        } else {
            merge(&mut target[key], value);
        }
    }
}
