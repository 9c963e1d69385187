//! The configuration file of each component: the manifest reduced to what this component reads, and the ConfigMaps that
//! it uses, in one immutable ConfigMap that is named by its content.
//!
//! What a component does not read is not in its file, so that changing it leaves that component's pods alone. The file
//! is JSON, which every YAML reader reads, because its bytes must not depend on a library's taste in layout; and what
//! has its default is left out, so that a newer operator's new settings neither restart pods nor confuse older images.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use vitte_crds::access::{Admin, Api};
use vitte_crds::companion::{Companion, Llm, Voice};
use vitte_crds::components::Components;
use vitte_crds::database::Database;
use vitte_crds::image::Image;
use vitte_crds::limits::{Data, Limits};
use vitte_crds::modules::Modules;
use vitte_crds::monitoring::Monitoring;
use vitte_crds::network::NetworkPolicy;
use vitte_crds::payments::Payments;
use vitte_crds::telegram::{Telegram, Updates, Webhook};
use vitte_crds::upgrade::{Migrations, Rollout};
use vitte_crds::{ObjectRef, SecretKeyRef, Spec};

use super::meta;
use crate::names::{Component, child};
use crate::validate::Valid;

/// The file's name in the ConfigMap and in the pod.
pub const FILE: &str = "bot.yaml";
/// Stands where a manifest must say something that this component does not read.
const UNREAD: &str = "unread";

static SCHEMA: LazyLock<Value> = LazyLock::new(vitte_crds::json_schema);

/// The ConfigMap of one component; `None`: it is there since a former revision, and nobody has its content.
#[must_use]
pub fn config_map(valid: &Valid, component: Component) -> Option<ConfigMap> {
    if !valid.config_names.is_empty() {
        return None;
    }
    let content = content(valid, component);
    Some(ConfigMap {
        metadata: meta::owned(valid, name_of(valid, component, &content), component.as_str()),
        data: Some(BTreeMap::from([(FILE.to_owned(), content)])),
        immutable: Some(true),
        ..ConfigMap::default()
    })
}

/// The name of that ConfigMap.
#[must_use]
pub fn config_map_name(valid: &Valid, component: Component) -> String {
    let known = valid.config_names.get(&component).cloned();
    known.unwrap_or_else(|| name_of(valid, component, &content(valid, component)))
}

fn name_of(valid: &Valid, component: Component, content: &str) -> String {
    let hash = hex::encode(&Sha256::digest(content)[..4]);
    child(&valid.name, format_args!("{component}-{hash}"))
}

/// A spec as JSON in which only what differs from its default is said.
#[must_use]
pub fn without_defaults(spec: &Spec) -> Value {
    let mut whole = json!({"spec": spec});
    leave_out_defaults(&mut whole, &SCHEMA);
    whole["spec"].take()
}

fn content(valid: &Valid, component: Component) -> String {
    let mut manifest = json!({
        "apiVersion": vitte_crds::API_VERSION,
        "kind": vitte_crds::KIND,
        "metadata": {"name": valid.name},
        "spec": read_by(valid, component),
    });
    leave_out_defaults(&mut manifest, &SCHEMA);
    let used = valid.inputs.get(&component).map(|inputs| inputs.config_maps.as_slice()).unwrap_or_default();
    let config_maps = used
        .iter()
        .filter_map(|name| Some((name, valid.config_maps.get(name)?)))
        .map(|(name, data)| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}));
    let documents: Vec<String> =
        std::iter::once(manifest).chain(config_maps).map(|document| format!("{document:#}\n")).collect();
    documents.join("---\n")
}

/// The part of the spec that a component reads. Taken apart field by field: whoever adds one decides here.
fn read_by(valid: &Valid, component: Component) -> Spec {
    let Spec {
        version: _,
        image: _,
        telegram,
        database,
        redis: _, // its address comes by the environment
        languages,
        modules,
        api,
        admin,
        payments,
        limits,
        components: _,
        migrations: _,
        rollout: _,
        backup: _,
        monitoring,
        network_policy: _,
        data,
        paused: _,
        hibernated: _,
    } = valid.spec.clone();
    Spec {
        // The image knows its own.
        version: UNREAD.to_owned(),
        image: Image::default(),
        telegram: telegram_of(telegram, component),
        database: database.as_ref().map(database_of),
        redis: None,
        languages,
        modules: modules_of(modules, valid, component),
        api: if component == Component::Api { api_of(api) } else { Api::default() },
        admin: if component == Component::Admin { admin_of(admin) } else { Admin::default() },
        payments: if component == Component::Admin { Payments::default() } else { payments },
        limits: if component == Component::Bot { limits } else { Limits::default() },
        components: Components::default(),
        migrations: Migrations::default(),
        rollout: Rollout::default(),
        backup: None,
        monitoring: monitoring_of(monitoring, component),
        network_policy: NetworkPolicy::default(),
        data: if component == Component::Worker { data } else { Data::default() },
        paused: false,
        hibernated: false,
    }
}

fn telegram_of(telegram: Telegram, component: Component) -> Telegram {
    let Telegram { token_secret_ref, updates, webhook, api_url } = telegram;
    let takes = component == Component::Bot && updates == Updates::Webhook;
    let webhook = webhook.filter(|_| takes).map(|webhook| {
        let Webhook { host, url, gateway_ref, path, max_connections, .. } = webhook;
        // A Gateway is the operator's business, but a webhook must say something of where it is.
        let gateway_ref = gateway_ref.filter(|_| host.is_none() && url.is_none());
        Webhook { host, url, gateway_ref, path, max_connections, ..Webhook::default() }
    });
    // Who takes no updates is told the way that needs no further words.
    let updates = if webhook.is_some() { updates } else { Updates::Polling };
    Telegram { token_secret_ref, updates, webhook, api_url }
}

fn database_of(database: &Database) -> Database {
    let Database { url_secret_ref: _, embedded: _, cluster: _, pool_size, statement_timeout_seconds } = database;
    let (pool_size, statement_timeout_seconds) = (*pool_size, *statement_timeout_seconds);
    let address = SecretKeyRef { name: "environment".to_owned(), key: "VITTE_DATABASE_URL".to_owned() };
    Database { url_secret_ref: Some(address), embedded: None, cluster: None, pool_size, statement_timeout_seconds }
}

fn modules_of(modules: Modules, valid: &Valid, component: Component) -> Modules {
    let Modules { companion, habits, repairs } = modules;
    let companion = companion.map(|companion| {
        let Companion { llm, personas_config_map_ref, default_persona, images, voice, retention } = companion;
        let talks = valid.inputs.get(&component).is_some_and(|i| i.config_maps.contains(&personas_config_map_ref.name));
        if component == Component::Worker {
            return Companion { llm, personas_config_map_ref, default_persona, images, voice, retention };
        }
        // Only the worker calls the model.
        let llm = no_llm();
        if !talks {
            let personas_config_map_ref = ObjectRef { name: UNREAD.to_owned() };
            return Companion {
                llm,
                personas_config_map_ref,
                default_persona: None,
                images: None,
                voice: None,
                retention: None,
            };
        }
        let voice = voice.map(|voice| Voice { api_key_secret_ref: None, ..voice });
        Companion { llm, personas_config_map_ref, default_persona, images, voice, retention }
    });
    Modules { companion, habits, repairs }
}

fn no_llm() -> Llm {
    // The defaults are those of the schema, and so are left out of the file.
    Llm {
        base_url: "http://unread.invalid".to_owned(),
        model: UNREAD.to_owned(),
        fallback_models: Vec::new(),
        api_key_secret_ref: None,
        temperature: 0.8,
        max_tokens: 800,
        history_messages: 40,
        first_token_timeout_seconds: 45,
        silence_timeout_seconds: 30,
        total_timeout_seconds: 180,
    }
}

fn api_of(api: Api) -> Api {
    let Api {
        host: _,
        ingress_class_name: _,
        tls_secret_name: _,
        jwt_secret_ref,
        previous_jwt_secret_ref,
        token_lifetime_minutes,
        bot_key_secret_ref,
        previous_bot_key_secret_ref,
        requests_per_minute,
    } = api;
    Api {
        jwt_secret_ref,
        previous_jwt_secret_ref,
        token_lifetime_minutes,
        bot_key_secret_ref,
        previous_bot_key_secret_ref,
        requests_per_minute,
        ..Api::default()
    }
}

fn admin_of(admin: Admin) -> Admin {
    let Admin { host: _, ingress_class_name: _, tls_secret_name: _, password_secret_ref } = admin;
    Admin { password_secret_ref, ..Admin::default() }
}

fn monitoring_of(monitoring: Monitoring, component: Component) -> Monitoring {
    let Monitoring {
        service_monitor: _,
        rules: _,
        dashboards: _,
        alerts_chat_id,
        sentry_dsn_secret_ref,
        otlp_endpoint,
        log_level,
    } = monitoring;
    let alerts_chat_id = alerts_chat_id.filter(|_| component == Component::Worker);
    Monitoring { alerts_chat_id, sentry_dsn_secret_ref, otlp_endpoint, log_level, ..Monitoring::default() }
}

/// Removes every field that has the default that its schema names. Defaults never change within an API version.
fn leave_out_defaults(value: &mut Value, schema: &Value) {
    let schema = resolve(schema);
    if let (Value::Array(items), Some(schema)) = (&mut *value, schema.get("items")) {
        items.iter_mut().for_each(|item| leave_out_defaults(item, schema));
        return;
    }
    let (Value::Object(fields), Some(properties)) = (value, schema.get("properties").and_then(Value::as_object)) else {
        return;
    };
    fields.retain(|name, value| properties.get(name).and_then(|p| p.get("default")) != Some(value));
    for (name, value) in fields.iter_mut() {
        if let Some(property) = properties.get(name) {
            leave_out_defaults(value, property);
        }
    }
}

/// Follows `$ref`, and takes the schema of an optional field out of its `anyOf`.
fn resolve(schema: &Value) -> &Value {
    let none = Map::new();
    let fields = schema.as_object().unwrap_or(&none);
    let variants = fields.get("anyOf").and_then(Value::as_array);
    let inner = fields.get("$ref").map(|_| schema).or_else(|| variants?.iter().find(|v| v.get("$ref").is_some()));
    let target = inner.and_then(|inner| inner.get("$ref")).and_then(Value::as_str).and_then(|r| r.strip_prefix('#'));
    target.and_then(|pointer| SCHEMA.pointer(pointer)).unwrap_or(schema)
}
