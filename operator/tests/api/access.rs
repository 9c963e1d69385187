//! The operator may do what it does, and nothing more: its rules against its calls.
//!
//! That it may do what it does is part of every test here, since each operator acts under these rules alone.

use std::collections::BTreeSet;

use kube::api::DeleteParams;
use serde_json::{Value, json};
use vitte_operator::names::ANNOTATION_ROTATE;
use vitte_operator::objects::Kind;
use vitte_operator::rbac;
use vitte_operator::settings::Scope;

use crate::harness::manifests::{luna_with, secrets};
use crate::harness::operator::{Operator, lease};
use crate::harness::wire::{Disturbance, Fault, Seen, Wire};
use crate::harness::world::World;

/// One thing that a rule allows or a call needs.
type Permission = (String, String, String);

fn allowed(scope: &Scope) -> BTreeSet<Permission> {
    let mut all = BTreeSet::new();
    for rule in rbac::rules(scope) {
        let rule = json!(rule.policy_rule());
        for group in rule["apiGroups"].as_array().into_iter().flatten() {
            for resource in rule["resources"].as_array().into_iter().flatten() {
                for verb in rule["verbs"].as_array().unwrap() {
                    let text = |value: &Value| value.as_str().unwrap().to_owned();
                    all.insert((text(verb), text(group), text(resource)));
                }
            }
        }
    }
    all
}

fn needed(seen: &[Seen]) -> BTreeSet<Permission> {
    let mut all = BTreeSet::new();
    for Seen { call, status, .. } in seen {
        if call.resource.starts_with('/') {
            continue;
        }
        all.insert((call.verb.to_owned(), call.group.clone(), call.resource.clone()));
        // An apply that makes the object needs both: the API server asks again when it finds nothing to patch.
        if call.verb == "patch" && *status == Some(201) {
            all.insert(("create".to_owned(), call.group.clone(), call.resource.clone()));
        }
    }
    all
}

/// The kinds that a cluster may lack, as any cluster with their operators has them; what is in them nobody here reads.
async fn with_optional_kinds(world: &World) {
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_optional()) {
        let (group, version, name, plural) = kind.coordinates();
        let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}"),
                "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in of a test"}},
            "spec": {
                "group": group, "scope": "Namespaced",
                "names": {"kind": name, "plural": plural, "singular": name.to_lowercase()},
                "versions": [{"name": version, "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
            },
        });
        world.cluster.apply(&definition).await;
        let crds = world.cluster.api(&definition);
        world
            .until(crds, &format!("{plural}.{group}"), "is served", |crd| {
                let conditions = crd.and_then(|crd| crd["status"]["conditions"].as_array());
                conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Established" && c["status"] == "True"))
            })
            .await;
    }
}

/// A life with everything in it, and all that the operator asked of the API server meanwhile.
async fn a_whole_life(world: &World) -> Vec<Seen> {
    let lease = lease(world);
    let wire = Wire::new();
    let operator = Operator::with(world, wire.clone(), |settings| settings.lease = Some(lease));
    let everything = luna_with(
        &world.telegram,
        json!({
            "telegram": {"webhook": {"host": "luna.example.org", "gatewayRef": {"name": "gateway"}}},
            "database": {"urlSecretRef": null, "embedded": {"storage": "1Gi", "retain": "Delete"}},
            "redis": {"urlSecretRef": null, "embedded": {}},
            "migrations": {"timeoutSeconds": 10},
            "api": {"host": "api.luna.example.org", "jwtSecretRef": {"name": "luna", "key": "jwt"}},
            "admin": {"passwordSecretRef": {"name": "luna", "key": "admin-password"}},
            "components": {
                "bot": {"autoscaling": {"minReplicas": 2, "maxReplicas": 4, "targetCPUUtilizationPercentage": 70}},
                "worker": {"autoscaling": {"minReplicas": 1, "maxReplicas": 4, "targetQueueLength": 50}},
            },
            "monitoring": {"serviceMonitor": true, "rules": true, "dashboards": true},
        }),
    );
    world.apply(everything).await;
    world.ready("luna").await;
    // A failed migration's words are read from its pod.
    let why = "no such column".to_owned();
    world.kubelet.ordain("migrate", crate::harness::kubelet::Fate::Fails(why)).await;
    world.patch_bot("luna", json!({"spec": {"version": "0.2.0"}})).await;
    world.until_bot("luna", "has failed", |bot| bot["status"]["migration"]["phase"] == "Failed").await;
    world.kubelet.ordain("migrate", crate::harness::kubelet::Fate::Good).await;
    world.patch_bot("luna", json!({"spec": {"version": "0.1.0"}})).await;
    world.ready("luna").await;
    // More revisions than are kept.
    for messages in 1..=6 {
        world.patch_bot("luna", json!({"spec": {"limits": {"messagesPerMinute": messages}}})).await;
        world.ready("luna").await;
    }
    world.annotate("luna", ANNOTATION_ROTATE, "now").await;
    world.until_child(Kind::Secret, "luna-webhook", "is rotated", |s| s["data"]["previous"].is_string()).await;
    world.ready("luna").await;
    // A secret that somebody else made first is read, not overwritten.
    let conflict = Disturbance::DoneThenRefuse(409, "AlreadyExists");
    wire.fault(Fault { verb: Some("create"), resource: Some("secrets"), times: 1, what: conflict });
    world.api(Kind::Secret).delete("luna-webhook", &DeleteParams::default()).await.unwrap();
    world.until_child(Kind::Secret, "luna-webhook", "is there again", |_| true).await;
    world.secret("luna", &secrets(&world.token)).await;
    // All that can be switched off again.
    let plain = json!({"spec": {
        "telegram": {"updates": "Polling", "webhook": null},
        "redis": null,
        "api": null, "admin": null,
        "components": null,
        "monitoring": null,
        "networkPolicy": {"enabled": false},
    }});
    world.patch_bot("luna", plain).await;
    world.ready("luna").await;
    operator.settled(world, "luna").await;
    world.delete_bot("luna").await;
    world.until_bot_gone("luna").await;
    operator.idle().await;
    operator.stop().await.unwrap();
    wire.seen()
}

#[tokio::test]
async fn every_rule_is_needed_and_every_call_is_allowed() {
    let world = World::new().await;
    with_optional_kinds(&world).await;
    let seen = a_whole_life(&world).await;
    let refused: Vec<_> = seen.iter().filter(|seen| seen.status == Some(403)).map(|seen| seen.call.words()).collect();
    assert_eq!(refused, Vec::<String>::new(), "refused by the API server");
    let (allowed, needed) = (allowed(&Scope::Namespaces(vec![world.namespace.clone()])), needed(&seen));
    let unused: Vec<_> = allowed.difference(&needed).collect();
    assert_eq!(unused, Vec::<&Permission>::new(), "allowed and never used");
    let beyond: Vec<_> = needed.difference(&allowed).collect();
    assert_eq!(beyond, Vec::<&Permission>::new(), "used and not allowed");
}

#[test]
fn no_rule_reads_more_than_it_names() {
    for scope in [Scope::Cluster, Scope::Namespaces(vec!["a".to_owned()])] {
        for (verb, group, resource) in allowed(&scope) {
            assert!(verb != "*" && group != "*" && resource != "*", "{verb} {group} {resource}");
            assert!(!matches!(verb.as_str(), "escalate" | "bind" | "impersonate"), "{verb} {resource}");
            if scope == Scope::Cluster && resource == "secrets" {
                assert!(!matches!(verb.as_str(), "list" | "watch"), "at cluster scope Secrets are read one by one");
            }
        }
    }
}
