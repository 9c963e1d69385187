//! Whatever a client sends, the answer is one that the document names, and of the form that it says.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::world::{Api, Person, is_instant, said};

/// Values of every kind, many of them near what is allowed.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|f| json!(f)),
        (-3i64..30).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[a-zа-я ]{250,260}".prop_map(Value::from),
        "([01][0-9]|2[0-4]):[0-6][0-9](:[0-6][0-9])?".prop_map(Value::from),
        prop::sample::select(vec!["done", "not_done", "pending", "skipped", "Europe/Moscow", "true", "21"])
            .prop_map(Value::from),
        Just(json!([])),
        Just(json!({"a": 1})),
    ]
}

const FIELDS: [&str; 14] = [
    "name",
    "description",
    "time_to_remind",
    "target_days",
    "is_active",
    "status",
    "telegram_id",
    "username",
    "first_name",
    "last_name",
    "timezone",
    "is_bot_blocked",
    "id",
    "unknown",
];

fn body() -> impl Strategy<Value = Value> {
    prop::collection::vec((prop::sample::select(FIELDS.to_vec()), value()), 0..8)
        .prop_map(|fields| Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>()))
}

/// A body that is right, with some of it replaced.
fn nearly() -> impl Strategy<Value = Value> {
    (body(), any::<bool>()).prop_map(|(noise, keep)| {
        let mut body = json!({"name": "Run", "time_to_remind": "09:00", "status": "done", "telegram_id": 7});
        if let (Some(fields), Value::Object(noise), true) = (body.as_object_mut(), noise, keep) {
            fields.extend(noise.into_iter().take(2));
        }
        body
    })
}

/// The statuses that the document names for an operation.
fn documented(document: &Value, path: &str, method: &Method) -> Vec<u16> {
    let operation = &document["paths"][path][method.as_str().to_lowercase()];
    let responses = operation["responses"].as_object().unwrap();
    responses.keys().filter_map(|status| status.parse().ok()).collect()
}

/// Does a value have the form that the schema gives? As far as this document's schemas go.
fn fits(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        return fits(document, document.pointer(&name[1..]).ok_or(name)?, value);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        fits(document, part, value)?;
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !types.contains(&is) {
        return Err(format!("{value} is no {types:?}"));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!("{value} is none of {allowed:?}"));
    }
    if let Some(why) = beyond(schema, value) {
        return Err(format!("{value} {why}"));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        value.get(name).ok_or(format!("{name} is missing in {value}"))?;
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        fits(document, &schema["properties"][name], inner)?;
    }
    for item in value.as_array().into_iter().flatten() {
        fits(document, &schema["items"], item)?;
    }
    Ok(())
}

/// What of a value's bounds or format is not kept.
fn beyond(schema: &Value, value: &Value) -> Option<&'static str> {
    let bound = |name: &str| schema[name].as_u64().and_then(|bound| usize::try_from(bound).ok());
    let wrong = |is: bool, why: &'static str| is.then_some(why);
    if let Some(text) = value.as_str() {
        let length = text.chars().count();
        let format = match schema["format"].as_str() {
            Some("date") => text.parse::<chrono::NaiveDate>().is_err().then_some("is no date"),
            Some("date-time") => wrong(!is_instant(value), "is no moment in UTC"),
            _ => None,
        };
        return format
            .or(wrong(bound("minLength").is_some_and(|least| length < least), "is too short"))
            .or(wrong(bound("maxLength").is_some_and(|most| length > most), "is too long"));
    }
    let number = value.as_i64()?;
    let small = schema["format"] == "int32" && i32::try_from(number).is_err();
    let least = schema["minimum"].as_i64().is_some_and(|least| number < least);
    wrong(small, "is no 32-bit number").or(wrong(least, "is below the least"))
}

/// Somebody's habit in the archive.
async fn rests(of: &Person<'_>) -> i64 {
    let id = of.habit("Rest").await;
    said(of.patch(&format!("/habits/{id}"), json!({"is_active": false})).await, 200).await;
    id
}

/// Breaks with any input that becomes a 500, and with any answer that the document does not describe.
#[tokio::test]
async fn no_request_is_answered_otherwise_than_the_document_says() {
    let api = Api::start().await;
    let document = said(api.send(Method::GET, "/api/v1/openapi.json", &[], None).await, 200).await;
    let (mut ann, bob) = (api.person(7).await, api.person(8).await);
    let (mut mine, bobs) = (ann.habit("Run").await, bob.habit("Swim").await);
    let mut archived = rests(&ann).await;
    let mut runner = TestRunner::deterministic();
    let operations = [
        (Method::POST, "/auth/token"),
        (Method::GET, "/users/me"),
        (Method::PATCH, "/users/me"),
        (Method::POST, "/habits"),
        (Method::GET, "/habits"),
        (Method::GET, "/habits/{id}"),
        (Method::PATCH, "/habits/{id}"),
        (Method::POST, "/habits/{id}/executions"),
        (Method::DELETE, "/habits/{id}"),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..720 {
        if round % 240 == 0 {
            // Another token each time: at the usual limits a client may ask 600 times a minute.
            api.clock.advance(std::time::Duration::from_secs(1));
            ann = api.person(7).await;
        }
        let (method, path) = &operations[round % operations.len()];
        let known = documented(&document, &format!("/api/v1{path}"), method);
        let ids =
            [mine, bobs, archived, 0].map(|id| id.to_string()).into_iter().chain(["x".to_owned(), "9".repeat(30)]);
        let id = prop::sample::select(ids.collect::<Vec<_>>()).new_tree(&mut runner).unwrap().current();
        let body = if round % 3 == 0 {
            body().new_tree(&mut runner).unwrap().current()
        } else {
            nearly().new_tree(&mut runner).unwrap().current()
        };
        let query = if *path == "/habits" && *method == Method::GET {
            let pairs =
                prop::sample::select(vec!["skip=1", "limit=0", "limit=x", "active_only=", "skip=%00", "a&&=", ""]);
            format!("?{}", pairs.new_tree(&mut runner).unwrap().current())
        } else {
            String::new()
        };
        let sent = format!("{}{query}", path.replace("{id}", &id));
        let body = if *method == Method::DELETE { Value::Null } else { body };
        let nobody = Person { api: &api, token: "none.at.all".to_owned() };
        let answer = match *path {
            "/auth/token" => api.login(&body).await,
            _ if round % 31 == 0 => nobody.ask(method.clone(), &sent, Some(body.clone())).await,
            _ if body.is_null() => ann.ask(method.clone(), &sent, None).await,
            _ => ann.ask(method.clone(), &sent, Some(body.clone())).await,
        };
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        let what = format!("{method} {sent} {body}: {status} {text}");
        // An id that is no number is 422 wherever there is one; Ann may have switched herself off.
        assert!(known.contains(&status) || (status == 422 && id == "x"), "{what}");
        seen.insert(status);
        if status == 204 {
            assert_eq!(text, "", "{what}");
            match () {
                () if id == mine.to_string() => mine = ann.habit("Run").await,
                () => archived = rests(&ann).await,
            }
            continue;
        }
        let value: Value = serde_json::from_str(&text).unwrap();
        let operation = &document["paths"][format!("/api/v1{path}")][method.as_str().to_lowercase()];
        let described = if status < 300 {
            operation["responses"][status.to_string()]["content"]["application/json"]["schema"].clone()
        } else {
            json!({"$ref": "#/components/schemas/Problem"})
        };
        fits(&document, &described, &value).unwrap_or_else(|why| panic!("{why}; {what}"));
        let asked = &operation["requestBody"]["content"]["application/json"]["schema"];
        if status < 300 && !asked.is_null() {
            fits(&document, asked, &body).unwrap_or_else(|why| panic!("{why}, and was taken; {what}"));
        }
    }
    for status in [200, 201, 204, 400, 401, 403, 404, 422] {
        assert!(seen.contains(&status), "{status} among {seen:?}: the requests are too tame");
    }
}
