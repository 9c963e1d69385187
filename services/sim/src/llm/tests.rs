use std::time::Duration;

use serde_json::{Value, json};

use super::stream::{Completion, Step};
use super::*;
use crate::SimConfig;

/// A world with its model on a loopback port.
struct World {
    sim: Sim,
    base: String,
    client: reqwest::Client,
}

impl World {
    async fn new() -> Self {
        let sim = Sim::open(SimConfig::default()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/sim/llm/v1", listener.local_addr().unwrap());
        let served = router(sim.clone());
        tokio::spawn(async move { axum::serve(listener, served).await });
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        Self { sim, base, client }
    }

    fn fault(&self, fault: Value) {
        self.sim.world().faults.add(serde_json::from_value(fault).unwrap()).unwrap();
    }

    async fn post(&self, key: &str, body: &Value) -> reqwest::Response {
        let url = format!("{}/chat/completions", self.base);
        self.client.post(url).bearer_auth(key).json(body).send().await.unwrap()
    }

    async fn ask(&self, stream: bool) -> reqwest::Response {
        self.post("key", &question(stream)).await
    }
}

fn question(stream: bool) -> Value {
    json!({
        "model": FAST_MODEL,
        "messages": [
            {"role": "system", "content": "You are Luna."},
            {"role": "user", "content": [{"type": "text", "text": "Hello!"}]},
        ],
        "stream": stream,
        "stream_options": {"include_usage": true},
    })
}

/// The events of a stream, parsed; `[DONE]` is a string.
fn events(body: &str) -> Vec<Value> {
    body.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data)))
        .collect()
}

fn said(events: &[Value]) -> String {
    events.iter().filter_map(|e| e["choices"][0]["delta"]["content"].as_str()).collect()
}

#[tokio::test]
async fn the_streamed_and_the_whole_answer_are_the_same() {
    let world = World::new().await;
    let whole: Value = world.ask(false).await.json().await.unwrap();
    let text = whole["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.contains("Luna"), "{text}");

    let response = world.ask(true).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let events = events(&response.text().await.unwrap());
    assert_eq!(said(&events), text);
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    let [.., finish, usage, done] = events.as_slice() else { unreachable!("{events:?}") };
    assert_eq!(finish["choices"][0]["finish_reason"], "stop");
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"], whole["usage"]);
    assert_eq!(done, "[DONE]");
    let tokens = u64::try_from(text.chars().count().div_ceil(4)).unwrap();
    assert_eq!(whole["usage"]["completion_tokens"], tokens);
}

#[tokio::test]
async fn a_wrong_key_or_body_is_refused_in_openais_form() {
    let world = World::new().await;
    let cases = [
        ("", question(false), 401, "API key"),
        ("invalid", question(false), 401, "API key"),
        ("key", json!({"model": "m"}), 400, "'messages'"),
        ("key", json!({"messages": []}), 400, "'messages'"),
        ("key", json!({"messages": [{"role": "king", "content": ""}]}), 400, "messages[0].role"),
        ("key", json!({"messages": [{"role": "user", "content": 7}]}), 400, "messages[0].content"),
    ];
    for (key, body, status, words) in cases {
        let response = world.post(key, &body).await;
        assert_eq!(response.status(), status, "{body}");
        let error: Value = response.json().await.unwrap();
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
        assert!(error["error"]["code"].is_string() && error["error"]["type"].is_string());
    }
}

#[tokio::test]
async fn a_429_carries_retry_after_and_happens_once() {
    let world = World::new().await;
    world.fault(json!({"method": "chat/completions", "status": 429, "retry_after": 7, "times": 1}));
    let response = world.ask(true).await;
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(world.ask(true).await.status(), 200);
}

#[tokio::test]
async fn an_error_comes_inside_a_stream_that_began_well() {
    let world = World::new().await;
    world.fault(json!({"method": "chat/completions", "mode": "error_in_stream", "status": 503, "times": 2}));
    let response = world.ask(true).await;
    assert_eq!(response.status(), 200);
    let events = events(&response.text().await.unwrap());
    assert!(!said(&events).is_empty());
    assert_eq!(events.last().unwrap()["error"]["code"], 503);

    let whole: Value = world.ask(false).await.json().await.unwrap();
    assert_eq!(whole["error"]["code"], 503);
}

#[tokio::test]
async fn a_broken_stream_ends_without_its_end() {
    let world = World::new().await;
    world.fault(json!({"method": "chat/completions", "mode": "broken_stream", "times": 1}));
    let mut response = world.ask(true).await;
    let mut received = Vec::new();
    let error = loop {
        match response.chunk().await {
            Ok(Some(bytes)) => received.extend_from_slice(&bytes),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert!(error.is_some(), "the body must not end properly");
    let received = String::from_utf8(received).unwrap();
    assert!(!said(&events(&received)).is_empty() && !received.contains("[DONE]"));
}

#[tokio::test]
async fn silence_follows_the_first_words_and_ends_with_the_world() {
    let world = World::new().await;
    world.fault(json!({"method": "chat/completions", "mode": "silence", "times": 1}));
    let mut response = world.ask(true).await;
    let mut received = String::new();
    while said(&events(&received)).is_empty() {
        received.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
    }
    world.sim.close();
    // Nothing more, and no wait of ten minutes: the client's own limit would fail this.
    while let Ok(Some(bytes)) = response.chunk().await {
        received.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    assert!(!received.contains("[DONE]"));
}

#[test]
fn a_demo_answer_takes_less_than_three_seconds() {
    for text in ["Hello", "tell me a story", "Расскажи сказку"] {
        let body = json!({"model": MODEL, "messages": [{"role": "user", "content": text}], "stream": true});
        let request = Request::read(body.to_string().as_bytes()).unwrap();
        let steps = Completion::new(&request, 0).events(None, SILENCE);
        let waits: Vec<_> = steps.iter().filter_map(|s| if let Step::Wait(d) = s { Some(*d) } else { None }).collect();
        assert!(waits.iter().sum::<Duration>() < Duration::from_secs(3));
        assert!(waits.len() > 5, "told word by word");
    }
}

#[test]
fn an_answer_longer_than_its_limit_is_cut_and_says_so() {
    let body = json!({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2});
    let request = Request::read(body.to_string().as_bytes()).unwrap();
    let steps = Completion::new(&request, 0).whole(None, SILENCE);
    let Some(Step::Send(sent)) = steps.last() else { unreachable!("{steps:?}") };
    let sent: Value = serde_json::from_str(sent).unwrap();
    assert_eq!(sent["choices"][0]["finish_reason"], "length");
    assert_eq!(sent["choices"][0]["message"]["content"].as_str().unwrap().chars().count(), 8);
}
