//! Who may call whom, by evaluating the rules that are built.

use serde_json::{Value, json};

use super::*;

/// The TCP ports that a part may call anywhere, and those that it may call at particular peers.
fn egress(built: &Built, part: &str) -> (BTreeSet<i64>, Vec<(Value, Vec<i64>)>) {
    let rules = built.get(Kind::NetworkPolicy, &format!("luna-{part}"))["spec"]["egress"].as_array().cloned();
    let (mut anywhere, mut peers) = (BTreeSet::new(), Vec::new());
    for rule in rules.unwrap_or_default() {
        let ports = rule["ports"].as_array().cloned().unwrap_or_default();
        let ports = ports.iter().filter(|p| p["protocol"] == "TCP").map(|p| p["port"].as_i64().unwrap());
        match rule.get("to").and_then(Value::as_array) {
            None => anywhere.extend(ports),
            Some(to) => peers.extend(to.iter().map(|peer| (peer.clone(), ports.clone().collect()))),
        }
    }
    (anywhere, peers)
}

fn ingress(built: &Built, part: &str) -> Vec<Value> {
    let rules = built.get(Kind::NetworkPolicy, &format!("luna-{part}"))["spec"]["ingress"].as_array().cloned();
    rules.unwrap_or_default()
}

#[test]
fn every_pod_of_the_bot_is_refused_everything_that_no_rule_allows() {
    let built = World::new(json!({})).build();
    let deny = &built.get(Kind::NetworkPolicy, "luna-default-deny")["spec"];
    assert_eq!(deny["podSelector"], json!({"matchLabels": {"vitte.dev/bot": "luna"}}));
    assert_eq!(deny["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!((deny.get("ingress"), deny.get("egress")), (None, None));
    for (name, template) in built.templates() {
        assert_eq!(template["metadata"]["labels"]["vitte.dev/bot"], "luna", "{name}");
    }
}

#[test]
fn each_part_may_call_only_what_it_needs() {
    let spec = json!({
        "redis": {"urlSecretRef": {"name": "luna", "key": "redis-url"}},
        "modules": {"companion": {"llm": {"baseUrl": "http://model.ai.svc:11434/v1"}}},
    });
    let built = World::new(spec).build();
    let model = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ai"}}});
    assert_eq!(egress(&built, "bot"), (BTreeSet::from([53, 443, 5432, 6379]), vec![]));
    assert_eq!(egress(&built, "worker"), (BTreeSet::from([53, 443, 5432, 6379]), vec![(model, vec![11434])]));
    assert_eq!(egress(&built, "api"), (BTreeSet::from([53, 5432, 6379]), vec![]));
    assert_eq!(egress(&built, "migrate"), (BTreeSet::from([53, 5432]), vec![]));
}

#[test]
fn embedded_servers_are_called_by_this_bots_pods_alone_and_call_nobody() {
    let spec = json!({
        "database": {"urlSecretRef": null, "embedded": {}}, "redis": {"embedded": {}},
        "components": {"worker": {"autoscaling": {"maxReplicas": 3, "targetQueueLength": 5}}},
    });
    let world = World::new(spec);
    let built = world.build();
    let postgres =
        json!({"podSelector": {"matchLabels": {"app.kubernetes.io/component": "postgres", "vitte.dev/bot": "luna"}}});
    let redis =
        json!({"podSelector": {"matchLabels": {"app.kubernetes.io/component": "redis", "vitte.dev/bot": "luna"}}});
    assert_eq!(egress(&built, "migrate"), (BTreeSet::from([53]), vec![(postgres.clone(), vec![5432])]));
    assert_eq!(egress(&built, "api").1, [(postgres, vec![5432]), (redis, vec![6379])]);
    assert_eq!((egress(&built, "postgres").0, egress(&built, "redis").0), (BTreeSet::new(), BTreeSet::new()));

    let clients = |rules: Vec<Value>| {
        assert_eq!(rules.len(), 1);
        let selector = rules[0]["from"][0]["podSelector"].clone();
        assert_eq!(selector["matchLabels"], json!({"vitte.dev/bot": "luna"}));
        (
            selector["matchExpressions"][0]["values"].clone(),
            rules[0]["ports"][0]["port"].clone(),
            rules[0]["from"].as_array().unwrap().len(),
        )
    };
    // The second peer is KEDA, which asks for the queue's length.
    assert_eq!(clients(ingress(&built, "postgres")), (json!(["bot", "api", "worker", "migrate"]), json!(5432), 2));
    assert_eq!(clients(ingress(&built, "redis")), (json!(["bot", "api", "worker"]), json!(6379), 1));
    let without = world.without(&[Kind::ScaledObject]).build();
    assert_eq!(clients(ingress(&without, "postgres")).2, 1);
}

#[test]
fn a_cloudnative_cluster_is_allowed_by_its_own_label() {
    let mut world = World::new(json!({"database": {"urlSecretRef": null, "cluster": {"name": "pg"}}}));
    let keys = BTreeMap::from([("uri".to_owned(), "digest".to_owned())]);
    world.found.secrets.insert("pg-app".to_owned(), crate::dereference::SecretFound::Keys(keys));
    let pods = json!({"podSelector": {"matchLabels": {"cnpg.io/cluster": "pg"}}});
    assert_eq!(egress(&world.build(), "migrate"), (BTreeSet::from([53]), vec![(pods, vec![5432])]));
}

#[test]
fn only_components_with_a_face_are_called_and_only_by_those_who_are_named() {
    let anybody = json!([{"ports": [{"port": 8080, "protocol": "TCP"}]}]);
    let nobody = json!([]);
    let rows = [
        (json!({}), [&anybody, &nobody, &nobody]),
        (json!({"telegram": {"webhook": null, "updates": "Polling"}}), [&nobody, &nobody, &nobody]),
        (
            json!({"api": {"host": "api.example.org", "jwtSecretRef": {"name": "luna", "key": "jwt"}}}),
            [&anybody, &anybody, &nobody],
        ),
    ];
    for (spec, wanted) in rows {
        let built = World::new(spec.clone()).build();
        let rules = ["bot", "api", "worker"].map(|part| Value::Array(ingress(&built, part)));
        assert_eq!(rules.each_ref(), wanted, "{spec}");
    }
    let peer = json!({"namespaceLabels": {"kubernetes.io/metadata.name": "front"}});
    let built = World::new(json!({"networkPolicy": {"ingressFrom": [peer]}})).build();
    let from = json!([{
        "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "front"}}}],
        "ports": [{"port": 8080, "protocol": "TCP"}],
    }]);
    assert_eq!(Value::Array(ingress(&built, "bot")), from);
}

#[test]
fn prometheus_may_scrape_what_it_is_to_scrape() {
    let built = World::new(json!({"monitoring": {"serviceMonitor": true}})).build();
    for part in ["api", "worker"] {
        let rules = ingress(&built, part);
        assert_eq!(rules.len(), 1, "{part}");
        let label = json!({"matchLabels": {"app.kubernetes.io/name": "prometheus"}});
        assert_eq!(rules[0]["from"][0]["podSelector"], label, "{part}");
        assert_eq!(rules[0]["ports"][0]["port"], json!(8080), "{part}");
    }
}

#[test]
fn what_the_spec_allows_besides_is_allowed_to_every_part_that_calls_anybody() {
    let egress_to = json!([{"cidr": "10.0.0.0/8", "ports": [6432]}, {"podLabels": {"app": "x"}}, {"ports": [9000]}]);
    let built = World::new(json!({"networkPolicy": {"egressTo": egress_to}})).build();
    for part in ["bot", "api", "worker", "migrate"] {
        let wanted = [
            (json!({"ipBlock": {"cidr": "10.0.0.0/8"}}), vec![6432]),
            (json!({"podSelector": {"matchLabels": {"app": "x"}}}), vec![]),
            (json!({"podSelector": {}}), vec![9000]),
        ];
        assert_eq!(egress(&built, part).1, wanted, "{part}");
    }
}
