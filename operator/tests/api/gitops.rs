//! Argo CD's view: the health script of the documentation, run as Argo CD runs it.

use mlua::{Lua, LuaSerdeExt};
use serde_json::{Value, json};

use crate::harness::kubelet::Fate;
use crate::harness::manifests::luna;
use crate::harness::operator::Operator;
use crate::harness::world::{World, has};

const SCRIPT: &str = include_str!("../../../docs/argocd-health.lua");

/// Status and message, as `argocd-cm`'s `resource.customizations.health.vitte.dev_VitteBot` gives them.
fn health(object: &Value) -> (String, String) {
    let lua = Lua::new();
    let null = mlua::SerializeOptions::new().serialize_none_to_null(false).serialize_unit_to_null(false);
    let value = lua.to_value_with(object, null).unwrap();
    lua.globals().set("obj", value).unwrap();
    let found: mlua::Table = lua.load(SCRIPT).eval().unwrap();
    (found.get("status").unwrap(), found.get::<Option<String>>("message").unwrap().unwrap_or_default())
}

#[test]
fn every_state_has_the_health_that_argo_cd_shows_for_it() {
    let bot = |observed: i64, spec: Value, conditions: &[(&str, &str)]| {
        let message = |kind: &str| format!("{kind}, in words");
        let conditions: Vec<Value> = conditions
            .iter()
            .map(|(kind, status)| json!({"type": kind, "status": status, "message": message(kind)}))
            .collect();
        json!({"metadata": {"generation": 2}, "spec": spec,
            "status": {"observedGeneration": observed, "conditions": conditions, "message": "in short"}})
    };
    let none = json!({});
    let cases = [
        (json!({"metadata": {"generation": 1}, "spec": {}}), "Progressing"),
        (bot(1, none.clone(), &[("Ready", "True")]), "Progressing"),
        (bot(2, none.clone(), &[("Ready", "True"), ("Reconciling", "False"), ("Stalled", "False")]), "Healthy"),
        (bot(2, none.clone(), &[("Ready", "False"), ("Reconciling", "True"), ("Stalled", "False")]), "Progressing"),
        (bot(2, none.clone(), &[("Ready", "False"), ("Reconciling", "False"), ("Stalled", "True")]), "Degraded"),
        (bot(2, none.clone(), &[("Ready", "False"), ("Reconciling", "False")]), "Degraded"),
        (bot(2, json!({"paused": true}), &[("Ready", "True"), ("Paused", "True")]), "Suspended"),
        (bot(2, json!({"hibernated": true}), &[("Ready", "False"), ("Reconciling", "False")]), "Suspended"),
    ];
    for (object, expected) in cases {
        assert_eq!(health(&object).0, expected, "{object}");
    }
    let deleting = json!({"metadata": {"generation": 2, "deletionTimestamp": "2026-01-01T00:00:00Z"}, "spec": {}});
    assert_eq!(health(&deleting).0, "Progressing");
}

#[tokio::test]
async fn argo_cd_sees_a_bot_come_up_break_and_recover() {
    let world = World::new().await;
    let _operator = Operator::start(&world);
    world.kubelet.ordain("worker", Fate::Hangs).await;
    let first = world.apply(luna(&world.telegram)).await;
    assert_eq!(health(&first).0, "Progressing");
    let waits = |bot: &Value| bot["status"]["components"]["worker"]["desired"] == 1;
    assert_eq!(health(&world.until_bot("luna", "waits for its worker", waits).await).0, "Progressing");
    world.kubelet.ordain("worker", Fate::Good).await;
    assert_eq!(health(&world.ready("luna").await).0, "Healthy");
    world.patch_bot("luna", json!({"spec": {"modules": {"companion": {"defaultPersona": "nobody"}}}})).await;
    let broken = world.until_bot("luna", "is stalled", |bot| has(bot, "Stalled", "True")).await;
    let (status, message) = health(&broken);
    assert_eq!(status, "Degraded");
    assert!(message.contains("nobody"), "{message}");
    world.patch_bot("luna", json!({"spec": {"modules": {"companion": {"defaultPersona": null}}}})).await;
    assert_eq!(health(&world.ready("luna").await).0, "Healthy");
}
