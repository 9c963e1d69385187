//! The resource changed property by property as its schema allows, and as it does not; each time the state before
//! comes back.

use std::sync::Arc;

use futures::StreamExt;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use crate::harness::manifests::luna_with;
use crate::harness::operator::Operator;
use crate::harness::snapshot::Snapshot;
use crate::harness::world::{World, has};

/// Worlds that share the mutations.
const WORLDS: usize = 5;

/// How the API server refuses an apply with a value of another type: with code 500.
const MISTYPED: &str = "failed to create typed patch object";
/// Counts the templates that a Deployment ever had.
const REVISION: Option<&str> = Some("deployment.kubernetes.io/revision");

/// A place in the spec and what is put there; `Null` takes it away.
#[derive(Clone, Debug)]
struct Mutation {
    path: Vec<String>,
    value: Value,
}

impl Mutation {
    fn apply_to(&self, bot: &Value) -> Value {
        let mut bot = bot.clone();
        let mut place = &mut bot["spec"];
        for key in &self.path[..self.path.len() - 1] {
            if !place[key].is_object() {
                place[key] = json!({});
            }
            place = &mut place[key];
        }
        let last = self.path.last().unwrap();
        if self.value.is_null() {
            place.as_object_mut().unwrap().remove(last);
        } else {
            place[last] = self.value.clone();
        }
        bot
    }
}

/// Values at and over the edges of a schema, and one of another type.
fn values(schema: &Value) -> Vec<Value> {
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().cloned().chain([json!("NoSuchWord")]).collect();
    }
    let edge = |key: &str| schema[key].as_f64().map(|number| number as i64);
    match schema["type"].as_str() {
        Some("integer") => {
            let (least, most) = (edge("minimum").unwrap_or(0), edge("maximum").unwrap_or(1_000));
            vec![json!(least), json!(most), json!(least - 1), json!(most.saturating_add(1)), json!("three")]
        }
        Some("number") => vec![json!(edge("minimum").unwrap_or(0)), json!(edge("maximum").unwrap_or(1) + 1)],
        Some("boolean") => vec![json!(true), json!(false), json!("yes")],
        Some("string") => {
            let longest = edge("maxLength").and_then(|most| usize::try_from(most).ok()).unwrap_or(4_096);
            vec![
                json!("other"),
                json!("x".repeat(longest + 1)),
                json!(""),
                json!("Ünicode\u{1F319} \"quoted\""),
                json!(5),
            ]
        }
        Some("array") => vec![json!([]), json!("a text"), Value::Null],
        Some("object") => vec![json!({}), json!([]), Value::Null],
        _ => vec![json!("other"), json!({"unknown": 1}), Value::Null],
    }
}

/// Depth first through the schema; what holds others is changed whole as well.
fn collect(schema: &Value, path: &[String], found: &mut Vec<Mutation>) {
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        let path: Vec<String> = path.iter().cloned().chain([name.clone()]).collect();
        found.extend(values(below).into_iter().map(|value| Mutation { path: path.clone(), value }));
        collect(below, &path, found);
    }
}

/// About 200 of them, spread evenly over the schema.
fn mutations() -> Vec<Mutation> {
    let definition = vitte_crds::custom_resource_definition();
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut all = Vec::new();
    collect(schema, &[], &mut all);
    // The address of Telegram is the tests' own.
    all.retain(|mutation| !mutation.path.join(".").starts_with("telegram.apiUrl"));
    let every = all.len().div_ceil(210);
    // Right in themselves, and naming what is not there.
    let astray = [
        ("modules.companion.defaultPersona", json!("nobody")),
        ("modules.companion.personasConfigMapRef", json!({"name": "nowhere"})),
        ("telegram.tokenSecretRef", json!({"name": "nowhere", "key": "token"})),
    ];
    let astray = astray.map(|(path, value)| Mutation { path: path.split('.').map(str::to_owned).collect(), value });
    all.into_iter().step_by(every.max(1)).chain(astray).collect()
}

fn base(world: &World) -> Value {
    luna_with(
        &world.telegram,
        json!({
            "api": {"host": "api.luna.example.org", "jwtSecretRef": {"name": "luna", "key": "jwt"}},
            "components": {
                "bot": {"resources": {"requests": {"cpu": "50m", "memory": "32Mi"}}, "annotations": {"a": "b"}},
                "worker": {"replicas": 2},
            },
            "monitoring": {"logLevel": "info"},
            "networkPolicy": {"enabled": true},
        }),
    )
}

/// What became of the mutations.
#[derive(Debug, Default)]
struct Tally {
    refused: usize,
    told: usize,
    taken: usize,
    wrong: Vec<String>,
}

/// One mutation, and the way back.
async fn mutate(
    world: &World,
    operator: &Operator,
    mutation: &Mutation,
    base: &Value,
    end: &Snapshot,
    tally: &Mutex<Tally>,
) {
    let complain = async |why: String| tally.lock().await.wrong.push(format!("{mutation:?}: {why}"));
    match world.try_apply(mutation.apply_to(base)).await {
        Err(kube::Error::Api(status)) if (400..500).contains(&status.code) || status.message.starts_with(MISTYPED) => {
            tally.lock().await.refused += 1;
            return;
        }
        Err(error) => return complain(error.to_string()).await,
        Ok(applied) => {
            let generation = applied["metadata"]["generation"].clone();
            let seen = |bot: &Value| bot["status"]["observedGeneration"] == generation;
            let bot = world.until_bot("luna", &format!("is seen with {mutation:?}"), seen).await;
            operator.idle().await;
            let stalled = has(&bot, "Stalled", "True") || has(&bot, "SecretsReady", "False");
            let mut tally = tally.lock().await;
            if stalled { tally.told += 1 } else { tally.taken += 1 }
        }
    }
    let restored = match world.try_apply(base.clone()).await {
        Ok(_) => world.serves_as(end, REVISION).await,
        Err(error) => Err(error.to_string()),
    };
    if let Err(why) = restored {
        complain(why).await;
    }
    if operator.is_over() {
        complain("the operator ended".to_owned()).await;
    }
}

#[tokio::test]
async fn every_change_that_the_schema_can_say_is_refused_or_told_of_or_done_and_the_way_back_is_open() {
    let all = Arc::new(Mutex::new(mutations().into_iter()));
    let count = mutations().len();
    assert!((150..=250).contains(&count), "{count} mutations");
    let first = World::new().await;
    let tally = Mutex::new(Tally::default());
    let worlds = (0..WORLDS).map(|_| async {
        let world = first.another().await;
        let operator = Operator::start(&world);
        let base = base(&world);
        world.apply(base.clone()).await;
        world.ready("luna").await;
        operator.settled(&world, "luna").await;
        let end = world.snapshot_of_what_serves().await;
        loop {
            let next = all.lock().await.next();
            let Some(mutation) = next else { break };
            mutate(&world, &operator, &mutation, &base, &end, &tally).await;
            if tally.lock().await.wrong.len() > 3 {
                break;
            }
        }
        // Nothing of all that is left behind.
        operator.settled(&world, "luna").await;
        if let Err(why) = world.serves_as(&end, REVISION).await {
            tally.lock().await.wrong.push(why);
        }
    });
    futures::stream::iter(worlds).buffer_unordered(WORLDS).collect::<Vec<()>>().await;
    let tally = tally.into_inner();
    assert!(tally.wrong.is_empty(), "{}", tally.wrong.join("\n\n"));
    // The generator still reaches all three sorts.
    assert!(tally.refused > 20 && tally.taken > 20 && tally.told >= 2, "{tally:?}");
}

#[test]
fn a_mutation_makes_its_way_and_takes_away() {
    let bot = json!({"spec": {"a": {"b": 1}}});
    let at = |path: &[&str], value: Value| Mutation { path: path.iter().map(|p| (*p).to_owned()).collect(), value };
    assert_eq!(at(&["c", "d"], json!(2)).apply_to(&bot), json!({"spec": {"a": {"b": 1}, "c": {"d": 2}}}));
    assert_eq!(at(&["a", "b"], Value::Null).apply_to(&bot), json!({"spec": {"a": Map::new()}}));
}
