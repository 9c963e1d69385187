//! Where nothing changed, nothing is written.

use serde_json::json;

use crate::harness::manifests::{luna, luna_with, secrets};
use crate::harness::operator::Operator;
use crate::harness::telegram::Telegram;
use crate::harness::world::World;

/// Everything that a bot can have of Kubernetes' own kinds.
fn rich(world: &World) -> serde_json::Value {
    luna_with(
        &world.telegram,
        json!({
            "database": {"urlSecretRef": null, "embedded": {"storage": "1Gi"}},
            "redis": {"urlSecretRef": null, "embedded": {}},
            "api": {"host": "api.luna.example.org", "jwtSecretRef": {"name": "luna", "key": "jwt"}},
            "admin": {"host": "admin.luna.example.org", "passwordSecretRef": {"name": "luna", "key": "admin-password"}},
            "components": {
                "bot": {"autoscaling": {"minReplicas": 2, "maxReplicas": 4, "targetCPUUtilizationPercentage": 70}},
                "worker": {"replicas": 3},
            },
            "networkPolicy": {"enabled": true},
        }),
    )
}

#[tokio::test]
async fn the_second_apply_and_ten_reconciles_write_nothing_and_change_no_version() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(rich(&world)).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    let (versions, written) = (world.versions().await, operator.wire.everything_written().len());

    world.apply(rich(&world)).await;
    for _ in 0..10 {
        operator.reconcile(&world, "luna").await;
    }
    assert_eq!(operator.wire.everything_written()[written..], []);
    assert_eq!(world.versions().await, versions);
}

#[tokio::test]
async fn a_fresh_operator_finds_all_as_it_should_be_and_writes_nothing() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(rich(&world)).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    operator.stop().await.unwrap();
    let versions = world.versions().await;

    let second = Operator::start(&world);
    for _ in 0..3 {
        second.reconcile(&world, "luna").await;
    }
    assert_eq!(second.wire.everything_written(), []);
    assert_eq!(world.versions().await, versions);
}

#[tokio::test]
async fn two_bots_in_one_namespace_do_not_touch_each_other() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    let versions = world.versions().await;

    world.secret("two", &secrets(&Telegram::new_token())).await;
    let token = json!({"name": "two", "key": "token"});
    let polls = json!({"telegram": {"tokenSecretRef": token, "updates": "Polling", "webhook": null}});
    let mut other = luna_with(&world.telegram, polls);
    other["metadata"]["name"] = json!("luna-two");
    world.apply(other).await;
    world.ready("luna-two").await;
    world.delete_bot("luna-two").await;
    world.until_bot_gone("luna-two").await;
    operator.settled(&world, "luna").await;
    let after = world.versions().await;
    let changed: Vec<_> = versions.iter().filter(|(place, version)| after.get(*place) != Some(*version)).collect();
    // Telling pods' names apart is the controllers' business: only what the operator writes is compared.
    assert_eq!(changed, Vec::<(&String, &String)>::new());
}
