//! When there is what.

use serde_json::{Value, json};

use super::*;
use crate::upgrade::Task;

fn everything() -> Value {
    json!({
        "admin": {"passwordSecretRef": {"name": "luna", "key": "admin"}, "host": "admin.example.org"},
        "api": {"host": "api.example.org", "jwtSecretRef": {"name": "luna", "key": "jwt"}},
        "redis": {"embedded": {}},
        "database": {"urlSecretRef": null, "embedded": {"retain": "Delete"}},
        "components": {
            "bot": {"autoscaling": {"minReplicas": 2, "maxReplicas": 4, "targetCPUUtilizationPercentage": 60},
                "env": [{"name": "EMPTY", "value": ""}, {"name": "VITTE_GRACE", "value": "1"}],
                "tolerations": [{"operator": "Exists", "key": ""}],
                "resources": {"limits": {"memory": "1024Mi"}}},
            "worker": {"autoscaling": {"maxReplicas": 3, "targetQueueLength": 10}},
            "api": {"replicas": 2, "resources": {}},
        },
        "monitoring": {"serviceMonitor": true, "rules": true, "dashboards": true,
            "otlpEndpoint": "http://collector.telemetry.svc:4318"},
        "networkPolicy": {"ingressFrom": [{"ports": [8080]}], "egressTo": [{"podLabels": {"app": "x"}}]},
        "rollout": {"minReadySeconds": 0},
    })
}

/// One row: what the spec says, the kind that it is about, and the objects of that kind.
type Row = (Value, Kind, &'static [&'static str]);

#[test]
fn each_object_is_there_exactly_when_it_is_needed() {
    use Kind::*;
    let scaled = |autoscaling: Value| json!({"components": {"worker": {"autoscaling": autoscaling}}});
    let rows: Vec<Row> = vec![
        (json!({}), PodDisruptionBudget, &[]),
        (json!({"components": {"api": {"replicas": 2}}}), PodDisruptionBudget, &["luna-api"]),
        (json!({"components": {"api": {"replicas": 0}}}), PodDisruptionBudget, &[]),
        (
            scaled(json!({"minReplicas": 2, "maxReplicas": 3, "targetQueueLength": 5})),
            PodDisruptionBudget,
            &["luna-worker"],
        ),
        (scaled(json!({"minReplicas": 1, "maxReplicas": 3, "targetQueueLength": 5})), PodDisruptionBudget, &[]),
        (json!({}), HorizontalPodAutoscaler, &[]),
        (
            scaled(json!({"maxReplicas": 3, "targetCPUUtilizationPercentage": 50})),
            HorizontalPodAutoscaler,
            &["luna-worker"],
        ),
        (scaled(json!({"maxReplicas": 3, "targetQueueLength": 5})), HorizontalPodAutoscaler, &[]),
        (scaled(json!({"maxReplicas": 3, "targetQueueLength": 5})), ScaledObject, &["luna-worker"]),
        (scaled(json!({"maxReplicas": 3, "targetQueueLength": 5})), TriggerAuthentication, &["luna-worker"]),
        (scaled(json!({"maxReplicas": 3, "targetCPUUtilizationPercentage": 50})), ScaledObject, &[]),
        (json!({}), Ingress, &["luna-bot"]),
        (json!({"telegram": {"webhook": {"host": null, "url": "https://x.example.org/hook"}}}), Ingress, &[]),
        (json!({"telegram": {"webhook": null, "updates": "Polling"}}), Ingress, &[]),
        (json!({"telegram": {"webhook": {"gatewayRef": {"name": "public"}}}}), Ingress, &[]),
        (json!({"telegram": {"webhook": {"gatewayRef": {"name": "public"}}}}), HttpRoute, &["luna-bot"]),
        (json!({}), HttpRoute, &[]),
        (json!({"telegram": {"webhook": null, "updates": "Polling"}}), Secret, &[]),
        (json!({}), Secret, &["luna-webhook"]),
        (json!({}), Service, &["luna-bot", "luna-api"]),
        (json!({"telegram": {"webhook": null, "updates": "Polling"}}), Service, &["luna-api"]),
        (json!({"monitoring": {"serviceMonitor": true}}), Service, &["luna-bot", "luna-api", "luna-worker"]),
        (json!({}), ServiceMonitor, &[]),
        (json!({"monitoring": {"serviceMonitor": true}}), ServiceMonitor, &["luna"]),
        (json!({"monitoring": {"rules": true}}), PrometheusRule, &["luna"]),
        (json!({"networkPolicy": {"enabled": false}}), NetworkPolicy, &[]),
        (json!({}), Deployment, &["luna-bot", "luna-api", "luna-worker"]),
        (json!({"database": {"urlSecretRef": null, "embedded": {}}}), StatefulSet, &["luna-postgres"]),
        (json!({"database": {"urlSecretRef": null, "embedded": {}}}), PersistentVolumeClaim, &["luna-postgres"]),
        (json!({"redis": {"embedded": {}}}), StatefulSet, &["luna-redis"]),
        (json!({"redis": {"embedded": {}}}), PersistentVolumeClaim, &[]),
    ];
    for (spec, kind, wanted) in rows {
        assert_eq!(World::new(spec.clone()).build().of(kind), wanted, "{kind} of {spec}");
    }
}

#[test]
fn administrators_have_pages_only_behind_a_password() {
    let spec = json!({"admin": {"passwordSecretRef": {"name": "luna", "key": "admin"}}});
    assert!(World::new(spec).build().of(Kind::Deployment).contains(&"luna-admin"));
    assert!(World::new(json!({})).build().0.iter().all(|wanted| wanted.name != "luna-admin"));
}

#[test]
fn a_queue_that_nothing_can_read_is_scaled_on_cpu() {
    let autoscaling = json!({"maxReplicas": 3, "targetQueueLength": 5});
    let spec = json!({"components": {"worker": {"autoscaling": autoscaling}}});
    let built = World::new(spec).without(&[Kind::ScaledObject]).build();
    assert_eq!(built.of(Kind::TriggerAuthentication).len() + built.of(Kind::ScaledObject).len(), 0);
    let hpa = built.get(Kind::HorizontalPodAutoscaler, "luna-worker");
    assert_eq!(hpa.pointer("/spec/metrics/0/resource/target/averageUtilization"), Some(&json!(70)));
    assert_eq!(built.mode(Kind::HorizontalPodAutoscaler, "luna-worker"), Mode::Apply(HPA_FIELD_MANAGER));
}

#[test]
fn a_kind_that_the_cluster_lacks_is_named_and_not_built() {
    let spec = json!({
        "telegram": {"webhook": {"gatewayRef": {"name": "public"}}},
        "monitoring": {"serviceMonitor": true, "rules": true},
    });
    let world = World::new(spec).without(&Kind::ALL);
    let built = world.build();
    let optional = |wanted: &&Wanted| wanted.kind.is_optional();
    assert_eq!(built.0.iter().filter(optional).count(), 0);
    let lacking: Vec<Kind> = lacking(&world.valid(), &world.found.apis).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(lacking, [Kind::HttpRoute, Kind::ServiceMonitor, Kind::PrometheusRule]);
    assert_eq!(super::lacking(&world.valid(), &World::new(json!({})).found.apis), []);
}

#[test]
fn an_autoscaler_owns_the_count_and_hibernation_takes_all_pods_away() {
    let replicas = |built: &Built, name: &str| built.get(Kind::Deployment, name)["spec"].get("replicas").cloned();
    let built = World::new(everything()).build();
    assert_eq!(replicas(&built, "luna-bot"), None);
    assert_eq!(replicas(&built, "luna-api"), Some(json!(2)));

    let mut asleep = everything();
    asleep["hibernated"] = json!(true);
    let built = World::new(asleep).build();
    for name in built.of(Kind::Deployment) {
        assert_eq!(replicas(&built, name), Some(json!(0)), "{name}");
    }
    for name in built.of(Kind::StatefulSet) {
        assert_eq!(built.get(Kind::StatefulSet, name)["spec"]["replicas"], json!(0), "{name}");
    }
    for kind in [Kind::HorizontalPodAutoscaler, Kind::ScaledObject, Kind::PodDisruptionBudget, Kind::Job] {
        assert_eq!(built.of(kind), Vec::<&str>::new(), "{kind}");
    }
    // The data and the webhook stay.
    assert_eq!(built.of(Kind::PersistentVolumeClaim), ["luna-postgres"]);
    assert!(built.of(Kind::Ingress).contains(&"luna-bot"));
}

#[test]
fn only_the_exact_path_of_the_webhook_leads_to_the_bot_and_no_way_to_anybodys_metrics() {
    let built = World::new(everything()).build();
    let paths = |name: &str| built.get(Kind::Ingress, name).pointer("/spec/rules/0/http/paths").unwrap().clone();
    let brief = |paths: Value| -> Vec<String> {
        let paths = paths.as_array().unwrap().clone();
        paths.iter().map(|p| format!("{} {}", p["pathType"].as_str().unwrap(), p["path"].as_str().unwrap())).collect()
    };
    assert_eq!(brief(paths("luna-bot")), ["Exact /telegram/webhook"]);
    assert_eq!(brief(paths("luna-api")), ["Prefix /api", "Prefix /docs"]);
    assert_eq!(brief(paths("luna-admin")), ["Prefix /admin"]);
}

#[test]
fn objects_come_in_the_order_in_which_they_are_needed_and_each_once() {
    let built = World::new(everything()).build();
    let places: Vec<(Kind, &str)> = built.0.iter().map(|wanted| (wanted.kind, wanted.name.as_str())).collect();
    assert!(places.is_sorted_by_key(|(kind, _)| *kind));
    assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), places.len());
    assert!(places.len() > 40, "{}", places.len());
}

#[test]
fn nothing_is_built_that_the_api_server_would_drop_or_rewrite() {
    fn walk(path: &str, value: &Value, faults: &mut Vec<String>) {
        let empty = match value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            // An empty selector says something: all.
            Value::Object(fields) => fields.is_empty() && !path.ends_with("Selector"),
            _ => false,
        };
        if empty {
            faults.push(path.to_owned());
        }
        match value {
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, item)| walk(&format!("{path}/{i}"), item, faults));
            }
            Value::Object(fields) => fields.iter().for_each(|(k, v)| walk(&format!("{path}/{k}"), v, faults)),
            _ => {}
        }
        // Quantities.
        for list in ["requests", "limits"] {
            for amount in value.get(list).and_then(Value::as_object).into_iter().flat_map(|amounts| amounts.values()) {
                let text = amount.as_str().unwrap();
                if super::quantity::canonical(&vitte_crds::Quantity::new(text)).0 != text {
                    faults.push(format!("{path}/{list}: {text}"));
                }
            }
        }
    }
    for spec in [json!({}), everything()] {
        for wanted in World::new(spec).build().0 {
            let mut faults = Vec::new();
            walk("", &wanted.json, &mut faults);
            assert_eq!(faults, Vec::<String>::new(), "{} {}", wanted.kind, wanted.name);
        }
    }
}

#[test]
fn every_pod_is_restricted_and_no_variable_is_there_twice() {
    let world = World::new(everything());
    let valid = world.valid();
    let jobs = [Task::install(&valid), Task::expand(&valid), Task::contract(&valid)];
    let jobs = jobs.iter().map(|task| json(jobs::job(&valid, task)));
    let mut built = world.build();
    built.0.extend(jobs.map(|json| Wanted {
        kind: Kind::Job,
        name: json["metadata"]["name"].as_str().unwrap().to_owned(),
        json,
        mode: Mode::Create,
    }));
    let names: Vec<&str> = built.templates().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 9, "four components, two servers, three Jobs: {names:?}");
    for (name, template) in built.templates() {
        let pod = &template["spec"];
        let is = |pointer: &str| pod.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(is("/securityContext/runAsNonRoot"), json!(true), "{name}");
        assert_eq!(is("/securityContext/seccompProfile/type"), json!("RuntimeDefault"), "{name}");
        assert_eq!(is("/automountServiceAccountToken"), json!(false), "{name}");
        assert_eq!(is("/enableServiceLinks"), json!(false), "{name}");
        let account = is("/serviceAccountName");
        assert!(built.of(Kind::ServiceAccount).contains(&account.as_str().unwrap()), "{name}: {account}");
        for container in pod["containers"].as_array().unwrap() {
            let security = &container["securityContext"];
            assert_eq!(security["allowPrivilegeEscalation"], json!(false), "{name}");
            assert_eq!(security["readOnlyRootFilesystem"], json!(true), "{name}");
            assert_eq!(security["capabilities"], json!({"drop": ["ALL"]}), "{name}");
            let variables = container["env"].as_array().unwrap();
            let once: BTreeSet<&str> = variables.iter().map(|v| v["name"].as_str().unwrap()).collect();
            assert_eq!(once.len(), variables.len(), "{name}");
        }
    }
}

#[test]
fn what_the_operator_sets_cannot_be_unset_by_the_spec() {
    let built = World::new(everything()).build();
    let env = built.template(Component::Bot)["spec"]["containers"][0]["env"].as_array().unwrap();
    let grace = env.iter().find(|variable| variable["name"] == "VITTE_GRACE").unwrap();
    assert_eq!(grace["value"], json!("25"));
    assert!(env.contains(&json!({"name": "EMPTY"})));
}
