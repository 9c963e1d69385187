//! How much one world carries; run with `cargo test --release -p vitte-sim --test load -- --ignored --nocapture`.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::time::Instant;

use common::World;
use futures::StreamExt as _;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a check"]
async fn messages_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::at(dir.path()).await;
    for chat in 1..=100 {
        world.says(chat, "hello").await;
    }
    let began = Instant::now();
    let calls = futures::stream::iter(0..20_000_i64)
        .map(|n| world.ok("sendMessage", json!({"chat_id": n % 100 + 1, "text": "hi", "disable_notification": true})));
    calls.buffer_unordered(32).for_each(|_| async {}).await;
    println!("{:.0} sendMessage a second, client and journal included", 20_000.0 / began.elapsed().as_secs_f64());
}
