//! Requests as no client should send them, and nearly as one should.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// What a field may hold.
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

/// Values of every kind.
fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|f| json!(f)),
        ".{0,12}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({"a": 1})),
    ]
}

/// Values about the border of what a field may hold.
fn near(field: &str) -> BoxedStrategy<Value> {
    let one_of = |values: Vec<Value>| select(values).boxed();
    let letters = |lengths: [usize; 4]| {
        (select(lengths.to_vec()), select(vec!["a", "я", "👍", " "])).prop_map(|(n, letter)| letter.repeat(n).into())
    };
    match field {
        "name" => prop_oneof![4 => letters([1, 30, 255, 256]), 1 => select(vec![json!(""), json!("a\0b")])].boxed(),
        "description" => letters([0, 1, 10_000, 10_001]).boxed(),
        "username" | "first_name" | "last_name" => letters([0, 1, 100, 101]).boxed(),
        "time_to_remind" => "([01][0-9]|2[0-4]|7):[0-6][0-9](:[0-6][0-9])?".prop_map(Value::from).boxed(),
        "target_days" | "telegram_id" => one_of(vec![
            json!(1),
            json!(21),
            json!("21"),
            json!(" 7 "),
            json!(21.0),
            json!(21.5),
            json!("21.0"),
            json!(0),
            json!(-1),
            json!(i32::MAX),
            json!(i64::from(i32::MAX) + 1),
            json!(u64::MAX),
        ]),
        "is_active" | "is_bot_blocked" => {
            one_of(vec![json!(true), json!(false), json!("y"), json!("FALSE"), json!(1), json!(2), json!("maybe")])
        }
        "status" => one_of(vec![json!("done"), json!("not_done"), json!("pending"), json!("skipped"), json!("DONE")]),
        "timezone" => one_of(vec![json!("Europe/Moscow"), json!("Pacific/Chatham"), json!("Mars/Base"), json!("")]),
        _ => anything().boxed(),
    }
}

/// A body that is right, with any of it replaced or left out.
fn fields() -> impl Strategy<Value = Value> {
    let field = select(FIELDS.to_vec());
    let noise = field.prop_flat_map(|name| (Just(name), prop_oneof![4 => near(name), 1 => anything()]));
    (prop::collection::vec(noise, 0..4), prop::option::weighted(0.1, select(FIELDS.to_vec()))).prop_map(
        |(noise, without)| {
            let right = [
                ("name", json!("Run")),
                ("time_to_remind", json!("09:00")),
                ("status", json!("done")),
                ("telegram_id", json!(7)),
            ];
            let all = right.into_iter().chain(noise).filter(|(name, _)| Some(*name) != without);
            Value::Object(all.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
        },
    )
}

/// What is no object, no JSON, or no text.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&[u8]> = vec![
        b"",
        b"null",
        b"[]",
        b"{",
        b"{}{}",
        b"\xef\xbb\xbf{}",
        b"{\"name\": \"\xff\"}",
        br#"{"name": "\ud800"}"#,
        br#"{"target_days": 1e999}"#,
        br#"{"name": "a", "name": 1, "time_to_remind": "09:00"}"#,
        b"name=Run&time_to_remind=09:00",
    ];
    prop_oneof![
        3 => select(known).prop_map(<[u8]>::to_vec),
        2 => prop::collection::vec(any::<u8>(), 0..40),
        1 => Just("[".repeat(10_000).into_bytes()),
        3 => (fields(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(fields, at, byte)| {
            let mut bytes = fields.to_string().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        }),
    ]
}

#[derive(Debug, Clone)]
pub enum Id {
    Mine(prop::sample::Index),
    Somebodys,
    /// As it stands in the path.
    Written(&'static str),
}

/// What a request shows in its header.
#[derive(Debug, Clone)]
pub enum Shown {
    Right,
    /// With `*` for the token or key.
    Wrong(&'static [u8]),
    Nothing,
}

/// What is sent, but for what only a running server knows.
#[derive(Debug, Clone)]
pub struct Request {
    pub operation: prop::sample::Index,
    pub id: Id,
    pub slash: bool,
    pub query: Vec<(&'static str, &'static str)>,
    /// What follows the query, and is nothing.
    pub rest: &'static str,
    pub shown: Shown,
    /// How the word before a right token is written.
    pub bearer: &'static str,
    pub body: Option<Vec<u8>>,
    pub headers: Vec<(&'static str, &'static [u8])>,
}

fn id() -> impl Strategy<Value = Id> {
    let none = ["0", "-1", "007", "999999999999999999999999999999"];
    let wrong = ["x", "1.0", "+1", "0x1", "%FF", "%00", "%20", "%2F", "%D9%A1", "-"];
    prop_oneof![
        6 => any::<prop::sample::Index>().prop_map(Id::Mine),
        1 => Just(Id::Somebodys),
        1 => select(none.to_vec()).prop_map(Id::Written),
        1 => select(wrong.to_vec()).prop_map(Id::Written),
    ]
}

fn shown() -> impl Strategy<Value = Shown> {
    let wrong: Vec<&[u8]> =
        vec![b"", b"*x", b"Bearer", b"Bearer ", b"Bearer *x", b"Basic *", b"Bearer\t*", b"Bearer a.b.c", b"\xff\xfe"];
    prop_oneof![20 => Just(Shown::Right), 2 => select(wrong).prop_map(Shown::Wrong), 1 => Just(Shown::Nothing)]
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, &'static [u8])>> {
    let types: Vec<&[u8]> = vec![
        b"application/json",
        b"text/plain",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data",
        b"application/json; charset=utf-16",
        b"",
        b"\xff",
    ];
    let header = prop_oneof![
        4 => select(types).prop_map(|kind| ("content-type", kind)),
        1 => select(vec![
            ("accept", &b"text/html"[..]),
            ("content-encoding", b"gzip"),
            ("x-request-id", b"\xff"),
            ("traceparent", b"00-x-y-z"),
            ("x-forwarded-for", b"not, an, address"),
        ]),
    ];
    prop::collection::vec(header, 0..3)
}

prop_compose! {
    pub fn request()(
        operation in any::<prop::sample::Index>(),
        (id, slash) in (id(), any::<bool>()),
        query in prop::collection::vec((
            select(vec!["skip", "limit", "active_only", "unknown"]),
            select(vec!["1", "0", "-1", "200", "201", " 5", "+7", "1.0", "x", "", "true", "false", "no", "\0",
                "9223372036854775807", "9223372036854775808"]),
        ), 0..3),
        rest in select(vec!["", "", "", "&&", "&=", "&a", "&b=%FF", "&b=%ZZ"]),
        (shown, bearer) in (shown(), select(vec!["Bearer ", "bearer ", "BEARER  "])),
        body in prop_oneof![
            12 => fields().prop_map(|fields| Some(fields.to_string().into_bytes())),
            2 => bytes().prop_map(Some),
            1 => Just(None),
        ],
        headers in headers(),
    ) -> Request {
        Request { operation, id, slash, query, rest, shown, bearer, body, headers }
    }
}
