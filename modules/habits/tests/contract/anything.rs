//! Whatever a client sends, the answer is one that the document names, and of the form that it says; what goes by the
//! document is taken, and what does not is not.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};
use reqwest::header::HeaderValue;
use reqwest::{Method, Response};
use serde_json::{Map, Value, json};

use crate::document::{Document, Measure, Operation, written};
use crate::request::{Id, Request, Shown, request};
use crate::world::{Api, BOT_KEY, Person, said};

const ROUNDS: usize = 1_200;
/// So many more while something has not come up yet: what is drawn by chance may be long in coming.
const MORE_ROUNDS: usize = 6_000;
/// Each has to come up.
const STATUSES: [u16; 9] = [200, 201, 204, 400, 401, 403, 404, 409, 422];
/// A person may have switched themselves off, and would get no other token.
const ROUNDS_OF_A_TOKEN: usize = 100;

/// Says after a failure how to draw the same requests again.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the same requests again: PROPTEST_RNG_SEED={}", self.0);
        }
    }
}

/// A server, who asks it, and what they have there.
struct Client<'a> {
    api: &'a Api,
    token: String,
    habits: Vec<i64>,
    somebodys: i64,
}

impl Client<'_> {
    fn id(&self, id: &Id) -> String {
        match id {
            Id::Mine(_) if self.habits.is_empty() => "0".to_owned(),
            Id::Mine(which) => which.get(&self.habits).to_string(),
            Id::Somebodys => self.somebodys.to_string(),
            Id::Written(text) => (*text).to_owned(),
        }
    }

    async fn send(&self, operation: &Operation, id: &str, request: &Request) -> Response {
        // Every byte as its number: what stands in the query is what was meant.
        let pair = |(name, value): &(&str, &str)| {
            format!("{name}={}", value.bytes().map(|b| format!("%{b:02X}")).collect::<String>())
        };
        let query = request.query.iter().map(pair).collect::<Vec<_>>().join("&") + request.rest;
        let slash = if request.slash { "/" } else { "" };
        let path = format!("{}{slash}?{query}", operation.path.replace("{id}", id));
        let mut sent = self.api.request(operation.method.clone(), &path);
        let (header, right, secret) = match operation.security.as_deref() {
            Some("bot_key") => ("x-bot-api-key", BOT_KEY.to_owned(), BOT_KEY),
            _ => ("authorization", format!("{}{}", request.bearer, self.token), self.token.as_str()),
        };
        let shown = match request.shown {
            Shown::Right => Some(right.into_bytes()),
            Shown::Wrong(pattern) => Some(pattern.iter().flat_map(|b| with_secret(*b, secret)).collect()),
            Shown::Nothing => None,
        };
        let shown = shown.map(|value| (header, value));
        let others = request.headers.iter().map(|(name, value)| (*name, value.to_vec()));
        for (name, value) in others.chain(shown) {
            sent = sent.header(name, HeaderValue::from_bytes(&value).unwrap());
        }
        if let Some(body) = &request.body {
            sent = sent.body(body.clone());
        }
        sent.send().await.unwrap()
    }

    /// What a request that was taken has changed.
    fn follow(&mut self, operation: &Operation, id: &str, answer: &Value) {
        if operation.method == Method::DELETE {
            self.habits.retain(|habit| habit.to_string() != id);
        } else if operation.method == Method::POST && operation.path.ends_with("/habits") {
            self.habits.push(answer["id"].as_i64().unwrap());
        }
    }

    async fn log_in_anew(&mut self) {
        self.api.clock.advance(Duration::from_secs(1));
        let now = Person { api: self.api, token: self.token.clone() };
        said(now.patch("/users/me", json!({"is_active": true})).await, 200).await;
        if let Some(habit) = self.habits.first() {
            // One in the archive: the last may have been reopened or deleted. So may this one, by another form of its id.
            now.patch(&format!("/habits/{habit}"), json!({"is_active": false})).await;
        }
        self.token = self.api.person(7).await.token;
    }
}

fn with_secret(byte: u8, secret: &str) -> Vec<u8> {
    if byte == b'*' { secret.as_bytes().to_vec() } else { vec![byte] }
}

/// Does all that is sent go by the document?
fn fits(
    document: &Document,
    operation: &Operation,
    id: &str,
    request: &Request,
    measure: Measure,
) -> Result<(), String> {
    let digits = id.strip_prefix('-').unwrap_or(id);
    if operation.path.contains("{id}") && (digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit())) {
        return Err(format!("{id} is no integer"));
    }
    for (name, schema) in &operation.query {
        // Of one name the last counts.
        let sent = request.query.iter().rfind(|(sent, _)| sent == name);
        let value = sent.map(|(_, text)| written(text, schema));
        value.map_or(Ok(()), |value| document.fits(schema, &value, measure))?;
    }
    if operation.body.is_null() {
        return Ok(());
    }
    let body: Value = serde_json::from_slice(request.body.as_deref().unwrap_or_default()).map_err(|e| e.to_string())?;
    // What a schema cannot say: which zones there are, and that PostgreSQL keeps no NUL.
    let zone = body["timezone"].as_str().filter(|zone| zone.parse::<chrono_tz::Tz>().is_err());
    let mut texts = body.as_object().into_iter().flat_map(Map::values).filter_map(Value::as_str);
    if measure == Measure::Sent && (zone.is_some() || texts.any(|text| text.contains('\0'))) {
        return Err(format!("{zone:?} or a NUL in {body}"));
    }
    document.fits(&operation.body, &body, measure)
}

/// A problem as the document describes it, of this status, that names nothing but what can be asked.
fn is_problem(document: &Document, operation: &Operation, status: u16, value: &Value) -> Result<(), String> {
    let described = &operation.responses["default"]["content"]["application/problem+json"]["schema"];
    document.fits(described, value, Measure::Answered)?;
    let known: Vec<String> = document.fields(&operation.body);
    let named = value["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_known = |field: &str| {
        ["id", "body", "query"].contains(&field)
            || known.iter().chain(operation.query.iter().map(|(name, _)| name)).any(|name| name == field)
    };
    if let Some(unknown) = named.iter().find(|error| !is_known(error["field"].as_str().unwrap())) {
        return Err(format!("{unknown} is of no field"));
    }
    match status {
        _ if value["status"] != status => Err("its status is another".to_owned()),
        422 if named.is_empty() => Err("it names no field".to_owned()),
        _ => Ok(()),
    }
}

/// Breaks with any input that becomes a 500, with any answer that the document does not describe, with any request that
/// goes by the document and is refused as not valid, and with any that is taken although it does not.
#[tokio::test]
async fn no_request_is_answered_otherwise_than_the_document_says() {
    let api = Api::start().await;
    let document = Document(said(api.send(Method::GET, "/api/v1/openapi.json", &[], None).await, 200).await);
    let operations = document.operations();
    let (ann, bob) = (api.person(7).await, api.person(8).await);
    let habits = vec![ann.habit("Run").await, ann.habit("Rest").await];
    said(ann.patch(&format!("/habits/{}", habits[1]), json!({"is_active": false})).await, 200).await;
    let mut client = Client { api: &api, token: ann.token, habits, somebodys: bob.habit("Swim").await };

    let mut config = ProptestConfig::default();
    if config.rng_seed == RngSeed::Random {
        let drawn = any::<u64>().new_tree(&mut TestRunner::new(config.clone())).unwrap().current();
        config.rng_seed = RngSeed::Fixed(drawn);
    }
    let RngSeed::Fixed(seed) = config.rng_seed else { unreachable!("it was drawn") };
    let _seed = Seed(seed);
    let mut runner = TestRunner::new(config);
    let requests = request();
    let (mut seen, mut succeeded) = (BTreeSet::new(), BTreeSet::new());
    for round in 1..=ROUNDS + MORE_ROUNDS {
        if round > ROUNDS && STATUSES.iter().all(|s| seen.contains(s)) && succeeded.len() == operations.len() {
            break;
        }
        if round % ROUNDS_OF_A_TOKEN == 0 {
            client.log_in_anew().await;
        }
        let request = requests.new_tree(&mut runner).unwrap().current();
        let operation = request.operation.get(&operations);
        let id = client.id(&request.id);
        let answer = client.send(operation, &id, &request).await;
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let text = answer.text().await.unwrap();
        let (method, path) = (&operation.method, &operation.path);
        let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default());
        let what = format!("{method} {path} of {id}: {status} {text} to {body}, {request:?}");
        assert!(operation.may_answer(status), "{what}");
        seen.insert(status);
        let value = if status == 204 { Value::Null } else { serde_json::from_str(&text).expect(&what) };
        let unknown = operation.security.is_some() && !matches!(request.shown, Shown::Right);
        let refusal = if operation.security.as_deref() == Some("bot_key") { 403 } else { 401 };
        assert_eq!(unknown, status == refusal && refused_by_name(&value), "{what}");
        if status >= 300 {
            assert_eq!(headers["content-type"], "application/problem+json", "{what}");
            assert_eq!(headers.contains_key("www-authenticate"), status == 401, "{what}");
            is_problem(&document, operation, status, &value).unwrap_or_else(|why| panic!("{why}; {what}"));
            if status == 422 {
                let fitting = fits(&document, operation, &id, &request, Measure::Sent);
                assert!(fitting.is_err(), "it goes by the document, and was not taken; {what}");
            }
            continue;
        }
        succeeded.insert((method.as_str(), path.as_str()));
        fits(&document, operation, &id, &request, Measure::Taken)
            .unwrap_or_else(|why| panic!("{why}, and was taken; {what}"));
        if status == 204 {
            assert_eq!(text, "", "{what}");
        } else {
            assert_eq!(headers["content-type"], "application/json", "{what}");
            let described = &operation.responses[&status.to_string()]["content"]["application/json"]["schema"];
            document.fits(described, &value, Measure::Answered).unwrap_or_else(|why| panic!("{why}; {what}"));
        }
        client.follow(operation, &id, &value);
    }
    for status in STATUSES {
        assert!(seen.contains(&status), "{status} among {seen:?}: the requests are too tame");
    }
    assert_eq!(succeeded.len(), operations.len(), "some are never answered: {succeeded:?}");
}

/// Is it for the token's or key's sake?
fn refused_by_name(value: &Value) -> bool {
    value["status"] == 401 || value["detail"].as_str().is_some_and(|detail| detail.contains("X-BOT-API-KEY"))
}
