//! What Prometheus' operator and Grafana read: a ServiceMonitor and a dashboard. Alerts: see `alerts`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Context, HTTP_NAME, MONITORING, alerts, custom, meta};
use crate::names::{LABEL_BOT, LABEL_COMPONENT, child};
use crate::objects::Kind;

const DASHBOARD: &str = include_str!("../../dashboards/vitte.json");
/// The label by which Grafana's sidecar finds dashboards.
const DASHBOARD_LABEL: (&str, &str) = ("grafana_dashboard", "1");

/// All components' metrics, with the labels `bot` and `component`, by which alerts and dashboards choose.
#[must_use]
pub fn service_monitor(ctx: Context<'_>) -> Option<Value> {
    if !ctx.is_scraped() {
        return None;
    }
    let metadata = meta::owned(ctx.valid, ctx.valid.name.clone(), MONITORING);
    let labels = [(LABEL_BOT, "bot"), (LABEL_COMPONENT, "component")];
    let relabelings = labels.map(|(label, name)| {
        let source = format!("__meta_kubernetes_service_label_{}", label.replace(['.', '/', '-'], "_"));
        json!({"action": "replace", "sourceLabels": [source], "targetLabel": name})
    });
    let endpoint = json!({
        "port": HTTP_NAME, "path": "/metrics", "interval": "30s", "scrapeTimeout": "10s", "relabelings": relabelings,
    });
    let spec = json!({"selector": meta::any_of(&ctx.valid.name, ctx.components()), "endpoints": [endpoint]});
    Some(custom(Kind::ServiceMonitor, &metadata, &spec))
}

/// The dashboard of this bot.
#[must_use]
pub fn dashboard(ctx: Context<'_>) -> Option<ConfigMap> {
    let valid = ctx.valid;
    if !valid.spec.monitoring.dashboards {
        return None;
    }
    let mut metadata = meta::owned(valid, child(&valid.name, "dashboard"), MONITORING);
    metadata.labels.get_or_insert_default().insert(DASHBOARD_LABEL.0.to_owned(), DASHBOARD_LABEL.1.to_owned());
    // Grafana tells dashboards apart by their uid: at most 40 characters.
    let uid = hex::encode(&Sha256::digest(format!("{}/{}", valid.namespace, valid.name))[..8]);
    let content = DASHBOARD
        .replace("@UID@", &format!("vitte-{uid}"))
        .replace(
            "@TITLE@",
            &match valid.namespace.as_str() {
                "" => valid.name.clone(),
                namespace => format!("{namespace}/{}", valid.name),
            },
        )
        // Inside of JSON's own quotes.
        .replace("@SERIES@", &alerts::series(ctx).replace('"', "\\\""));
    Some(ConfigMap {
        metadata,
        data: Some(BTreeMap::from([(format!("{}-vitte.json", valid.name), content)])),
        ..ConfigMap::default()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::build::tests::World;

    const METRICS: &str = include_str!("../../../docs/metrics.md");

    /// Every metric of ours that an expression names.
    fn named(text: &str) -> BTreeSet<&str> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let metrics = words.filter(|word| word.starts_with("vitte_") && !word.starts_with("vitte_dev"));
        metrics.map(|word| word.trim_end_matches("_bucket")).collect()
    }

    fn expressions(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| expressions(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
            _ => {}
        }
    }

    fn world() -> World {
        World::new(json!({
            "monitoring": {"serviceMonitor": true, "rules": true, "dashboards": true},
            "redis": {"urlSecretRef": {"name": "luna", "key": "redis-url"}},
            "telegram": {"webhook": null, "updates": "Polling"},
        }))
    }

    fn dashboard_of(world: &World) -> Value {
        let built = world.build();
        let data = &built.get(Kind::ConfigMap, "luna-dashboard")["data"];
        serde_json::from_str(data["luna-vitte.json"].as_str().unwrap()).unwrap()
    }

    #[test]
    fn alerts_and_dashboard_name_metrics_that_exist_and_this_bot_alone() {
        let built = world().build();
        let mut all = Vec::new();
        expressions(built.get(Kind::PrometheusRule, "luna"), &mut all);
        let alerts = all.len();
        expressions(&dashboard_of(&world()), &mut all);
        assert!(alerts > 15 && all.len() > alerts + 20, "{alerts} of {}", all.len());
        for expression in &all {
            assert!(expression.contains(r#"{bot="luna",namespace="bots""#), "{expression}");
            for metric in named(expression) {
                assert!(METRICS.contains(&format!("| `{metric}` |")), "{metric} in {expression}");
            }
            let balance =
                |open: char, close: char| expression.matches(open).count() == expression.matches(close).count();
            assert!(balance('(', ')') && balance('{', '}') && balance('[', ']'), "{expression}");
        }
    }

    #[test]
    fn every_alert_is_explained() {
        const PAGE: &str = include_str!("../../../docs/monitoring.md");
        let built = world().build();
        let rules = &built.get(Kind::PrometheusRule, "luna")["spec"]["groups"][0]["rules"];
        for rule in rules.as_array().unwrap() {
            let name = rule["alert"].as_str().unwrap();
            assert!(PAGE.contains(&format!("| {name} |")), "{name} is not in docs/monitoring.md");
        }
    }

    #[test]
    fn the_dashboard_shows_every_metric() {
        let mut all = Vec::new();
        expressions(&dashboard_of(&world()), &mut all);
        let shown: BTreeSet<&str> = all.iter().flat_map(|expression| named(expression)).collect();
        let documented = METRICS.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let missing: Vec<&str> = documented.map(|(name, _)| name).filter(|name| !shown.contains(name)).collect();
        // Exceptions are few and say why.
        assert_eq!(missing, ["vitte_outbox_plain_text_total"], "a curiosity of markup, and no reason to act");
    }

    #[test]
    fn no_placeholder_of_the_dashboard_is_left() {
        let text = dashboard_of(&world()).to_string();
        for placeholder in ["@UID@", "@TITLE@", "@SERIES@"] {
            assert!(DASHBOARD.contains(placeholder) && !text.contains(placeholder), "{placeholder}");
        }
    }
}
