//! The client against an endpoint on loopback that behaves as badly as real ones do.

use std::sync::Mutex;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::domain::Role;

/// How an answer's body ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Closed,
    /// The connection is cut inside the body.
    Cut,
    /// Nothing more comes, and the connection stays.
    Silent,
}

/// The endpoint's one answer, and what it was asked.
struct Endpoint {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    pieces: Vec<Vec<u8>>,
    end: End,
    asked: Mutex<Option<(HeaderMap, Value)>>,
}

const SSE: (&str, &str) = ("content-type", "text/event-stream");
const JSON: (&str, &str) = ("content-type", "application/json");

impl Endpoint {
    fn streams(text: &str) -> Self {
        // A byte at a time: every frame and every character is split.
        let pieces = text.bytes().map(|byte| vec![byte]).collect();
        Self { status: 200, headers: vec![SSE], pieces, end: End::Closed, asked: Mutex::default() }
    }

    fn says(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Self {
        let headers = headers.iter().copied().chain([JSON]).collect();
        Self { status, headers, pieces: vec![body.into()], end: End::Closed, asked: Mutex::default() }
    }

    fn ending(self, end: End) -> Self {
        Self { end, ..self }
    }

    /// All that the client makes of it.
    async fn heard(self) -> (Vec<Event>, Option<ModelError>) {
        self.heard_with(|_| {}).await.0
    }

    async fn heard_with(
        self,
        set: impl FnOnce(&mut CompanionSettings),
    ) -> ((Vec<Event>, Option<ModelError>), (HeaderMap, Value)) {
        let endpoint = Arc::new(self);
        let router = Router::new().route("/v1/chat/completions", post(answer)).with_state(endpoint.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let mut settings = CompanionSettings {
            base_url,
            model: "first".into(),
            fallback_models: Vec::new(),
            api_key: Some(SecretString::from("key")),
            temperature: 0.5,
            max_tokens: 7,
            history_messages: 4,
            first_token_timeout: Duration::from_secs(20),
            silence_timeout: Duration::from_secs(20),
            total_timeout: Duration::from_secs(20),
            draft_interval: Duration::ZERO,
        };
        set(&mut settings);
        let client = OpenAi::new(&settings).unwrap();
        let lines = vec![Line { role: Role::User, content: "hi".into() }];
        let mut words = client.answer(lines);
        let (mut events, mut error) = (Vec::new(), None);
        while let Some(event) = words.next().await {
            match event {
                Ok(event) => events.push(event),
                Err(e) => {
                    assert!(error.is_none(), "two errors");
                    error = Some(e);
                }
            }
        }
        drop(words);
        server.abort();
        let asked = endpoint.asked.lock().unwrap().take().unwrap_or_default();
        ((events, error), asked)
    }
}

async fn answer(State(endpoint): State<Arc<Endpoint>>, headers: HeaderMap, body: Bytes) -> Response {
    *endpoint.asked.lock().unwrap() = Some((headers, serde_json::from_slice(&body).unwrap()));
    let pieces = endpoint.pieces.clone().into_iter().map(Ok::<_, std::io::Error>);
    let end = match endpoint.end {
        End::Closed => stream::empty().boxed(),
        // Hyper sends what it has when the body is not ready, and drops it when the body fails.
        End::Cut => stream::once(async {
            tokio::task::yield_now().await;
            Err(std::io::Error::other("cut"))
        })
        .boxed(),
        End::Silent => stream::pending().boxed(),
    };
    // Between two pieces others run, so that pieces leave one by one.
    let pieces = stream::iter(pieces).then(|piece| async {
        tokio::task::yield_now().await;
        piece
    });
    let mut response = Response::builder().status(endpoint.status);
    for (name, value) in &endpoint.headers {
        response = response.header(*name, *value);
    }
    response.body(Body::from_stream(pieces.chain(end))).unwrap()
}

fn chunk(text: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"delta": {"content": text}}]}))
}

const FINISHED: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"\"},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str =
    "data: {\"model\":\"second\",\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":3}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn text(events: &[Event]) -> String {
    events.iter().filter_map(|e| if let Event::Words(w) = e { Some(w.as_str()) } else { None }).collect()
}

fn spent(events: &[Event]) -> Option<&Usage> {
    events.iter().find_map(|e| if let Event::Usage(u) = e { Some(u) } else { None })
}

#[tokio::test]
async fn words_split_inside_characters_keep_alives_and_late_usage_are_read() {
    let body =
        [": PROCESSING\n\n", &chunk("Привет, "), ": still here\n\n", &chunk("мир 🎈"), FINISHED, USAGE, DONE].concat();
    let (events, error) = Endpoint::streams(&body).heard().await;
    assert_eq!((text(&events).as_str(), error), ("Привет, мир 🎈", None));
    let usage = Usage { model: "second".into(), prompt_tokens: 11, completion_tokens: 3 };
    assert_eq!(spent(&events), Some(&usage));
}

#[tokio::test]
async fn the_request_is_what_the_endpoint_understands() {
    let body = [chunk("x").as_str(), DONE].concat();
    let set = |s: &mut CompanionSettings| s.fallback_models = vec!["second".into()];
    let (_, (headers, asked)) = Endpoint::streams(&body).heard_with(set).await;
    assert_eq!(headers["authorization"], "Bearer key");
    let expected = json!({
        "model": "first", "models": ["first", "second"], "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.5, "max_tokens": 7, "stream": true, "stream_options": {"include_usage": true},
    });
    assert_eq!(asked, expected);
    let (_, (headers, asked)) = Endpoint::streams(&body).heard_with(|s| s.api_key = None).await;
    assert!(!headers.contains_key("authorization") && asked.get("models").is_none(), "{asked}");
}

#[tokio::test]
async fn a_stream_that_is_cut_or_closed_early_is_broken_after_words_and_away_before() {
    for end in [End::Cut, End::Closed] {
        let (events, error) = Endpoint::streams(&chunk("Hello. Ho")).ending(end).heard().await;
        assert_eq!(text(&events), "Hello. Ho");
        assert!(matches!(error, Some(ModelError::Broken(_))), "{error:?}");
        let (events, error) = Endpoint::streams(": wait\n\n").ending(end).heard().await;
        assert!(events.is_empty() && matches!(error, Some(ModelError::Away { .. })), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_finished_is_whole_even_if_its_end_mark_never_comes() {
    let body = [chunk("Hello.").as_str(), FINISHED].concat();
    for end in [End::Cut, End::Closed, End::Silent] {
        let endpoint = Endpoint::streams(&body).ending(end);
        let ((events, error), _) = endpoint.heard_with(|s| s.silence_timeout = Duration::from_millis(50)).await;
        assert_eq!((text(&events).as_str(), error), ("Hello.", None));
    }
}

#[tokio::test]
async fn silence_after_words_is_a_broken_stream_and_silence_before_them_is_away() {
    let quick = |s: &mut CompanionSettings| {
        s.silence_timeout = Duration::from_millis(50);
        s.first_token_timeout = Duration::from_secs(20);
    };
    let ((events, error), _) = Endpoint::streams(&chunk("Hello.")).ending(End::Silent).heard_with(quick).await;
    assert_eq!((text(&events).as_str(), error), ("Hello.", Some(ModelError::Broken("silence".into()))));
    let slow = |s: &mut CompanionSettings| s.first_token_timeout = Duration::from_millis(50);
    let ((events, error), _) = Endpoint::streams(": wait\n\n").ending(End::Silent).heard_with(slow).await;
    assert_eq!((events, error), (vec![], Some(ModelError::away("no words in time"))));
}

#[tokio::test]
async fn a_whole_answer_has_a_limit_however_busily_it_comes() {
    let all = |s: &mut CompanionSettings| {
        s.silence_timeout = Duration::from_secs(3600);
        s.total_timeout = Duration::from_millis(50);
    };
    let heard = Endpoint::streams(&chunk("Hello.")).ending(End::Silent).heard_with(all);
    let ((_, error), _) = tokio::time::timeout(Duration::from_secs(20), heard).await.unwrap();
    assert_eq!(error, Some(ModelError::Broken("the answer took too long".into())));
}

#[tokio::test]
async fn an_error_inside_a_success_is_what_its_code_says() {
    let fault =
        r#"{"error":{"code":429,"message":"slow down"},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}"#;
    let limited = |error: &Option<ModelError>| matches!(error, Some(ModelError::Away { limited: true, .. }));
    let event = format!("data: {fault}\n\n");
    let (_, error) = Endpoint::streams(&event).heard().await;
    assert!(limited(&error), "as an event: {error:?}");
    let (_, error) = Endpoint::says(200, &[], fault).heard().await;
    assert!(limited(&error), "as a body: {error:?}");
    let (events, error) = Endpoint::streams(&[chunk("Hello."), event].concat()).heard().await;
    assert_eq!(text(&events), "Hello.");
    assert!(matches!(error, Some(ModelError::Broken(_))), "after words: {error:?}");
}

#[tokio::test]
async fn a_refusal_is_sorted_by_its_status_and_carries_the_asked_wait() {
    let body = r#"{"error":{"message":"no"}}"#;
    let (_, error) = Endpoint::says(429, &[("retry-after", "7")], body).heard().await;
    let wait = Some(Duration::from_secs(7));
    assert_eq!(error, Some(ModelError::Away { reason: "429 no".into(), limited: true, retry_after: wait }));
    let (_, error) = Endpoint::says(402, &[], body).heard().await;
    assert_eq!(error, Some(ModelError::Account { status: 402, message: "no".into() }));
    let (_, error) = Endpoint::says(403, &[], body).heard().await;
    assert_eq!(error, Some(ModelError::Moderated("no".into())));
    let (_, error) = Endpoint::says(502, &[], "<html>Bad Gateway</html>").heard().await;
    assert!(matches!(error, Some(ModelError::Away { limited: false, .. })), "{error:?}");
}

#[tokio::test]
async fn an_endpoint_that_does_not_stream_is_heard_too() {
    let body = r#"{"model":"m","choices":[{"message":{"content":"Hello."},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let (events, error) = Endpoint::says(200, &[], body).heard().await;
    assert_eq!((text(&events).as_str(), error), ("Hello.", None));
    assert!(events.contains(&Event::Cut) && spent(&events).is_some(), "{events:?}");
    let (_, error) = Endpoint::says(200, &[], "{}").heard().await;
    assert_eq!(error, Some(ModelError::away("an empty answer")));
}

#[tokio::test]
async fn nobody_listening_is_away_and_the_key_is_not_in_the_error() {
    let settings = |s: &mut CompanionSettings| s.base_url = "http://127.0.0.1:1/v1".into();
    let ((_, error), _) = Endpoint::streams("").heard_with(settings).await;
    let error = error.unwrap();
    assert!(matches!(error, ModelError::Away { .. }), "{error:?}");
    assert!(!error.to_string().contains("127.0.0.1:1/"), "{error}");
}

#[tokio::test]
async fn an_endless_line_is_given_up_before_it_fills_the_memory() {
    let mut endpoint = Endpoint::streams("data: ");
    endpoint.pieces.extend(std::iter::repeat_n(vec![b'x'; 1 << 20], 5));
    let (_, error) = endpoint.ending(End::Silent).heard().await;
    assert!(matches!(&error, Some(ModelError::Away { reason, .. }) if reason.contains("more than")), "{error:?}");
}
