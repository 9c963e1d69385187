//! The pages, one a file, and how they end badly.

pub mod jobs;
pub mod module;
pub mod outbox;
pub mod overview;
pub mod people;
pub mod person;
pub mod updates;

use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::{MatchedPath, Request};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use tracing::Instrument;
use vitte_platform::database;
use vitte_platform::telemetry::{metrics, trace};

/// A page, from its database to its last byte.
const LIMIT: Duration = Duration::from_secs(20);

pub type PageResult = Result<Response, PageFailure>;

/// What an owner is told instead of a page.
#[derive(Debug)]
pub enum PageFailure {
    NotFound,
    /// From another site, or an old form.
    Forbidden,
    /// What was sent cannot be done.
    Wrong(String),
    /// The database is away.
    Away,
    /// Ours; the log knows it by its trace id.
    Broken,
}

impl From<sqlx::Error> for PageFailure {
    fn from(error: sqlx::Error) -> Self {
        let trace_id = trace::current_or_new();
        tracing::error!(trace_id, %error, "a page failed");
        if database::is_transient(&error) { PageFailure::Away } else { PageFailure::Broken }
    }
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage<'a> {
    title: &'a str,
    text: &'a str,
    trace_id: Option<String>,
}

impl IntoResponse for PageFailure {
    fn into_response(self) -> Response {
        let (status, title, text) = match &self {
            PageFailure::NotFound => {
                (StatusCode::NOT_FOUND, "Nothing here", "There is no such page, or it is gone by now.")
            }
            PageFailure::Forbidden => (
                StatusCode::FORBIDDEN,
                "Not done",
                "The form was old, or came from another site. Go back, load the page anew and try again.",
            ),
            PageFailure::Wrong(text) => (StatusCode::BAD_REQUEST, "Not done", text.as_str()),
            PageFailure::Away => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The database does not answer",
                "Nothing was changed. Try again in a moment.",
            ),
            PageFailure::Broken => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong here",
                "Nothing was changed. The log knows more.",
            ),
        };
        let trace_id = matches!(self, PageFailure::Away | PageFailure::Broken).then(trace::current_or_new);
        (status, render(&FailurePage { title, text, trace_id })).into_response()
    }
}

/// A template as a page.
pub fn render(page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a template failed");
            (StatusCode::INTERNAL_SERVER_ERROR, "something went wrong here\n").into_response()
        }
    }
}

pub async fn style() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "private, max-age=300")];
    (headers, include_str!("../../assets/admin.css")).into_response()
}

/// The outermost middleware: the trace, the limit, the count.
pub async fn follow(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let template = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let trace_id = trace::new_id();
    let span = trace::request(if request.method().is_safe() { "GET" } else { "POST" }, &template, &trace_id);
    let work = async {
        tokio::time::timeout(LIMIT, next.run(request)).await.unwrap_or_else(|_| PageFailure::Away.into_response())
    };
    let response = trace::within(trace_id, work).instrument(span).await;
    let class = match response.status().as_u16() / 100 {
        1 | 2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    };
    metrics().http_requests.with_label_values(&["admin", &template, class]).inc();
    metrics().http_seconds.with_label_values(&["admin", &template]).observe(started.elapsed().as_secs_f64());
    response
}

/// What a form names: the rows of a page at most.
#[derive(Debug, Deserialize)]
pub struct Chosen {
    #[serde(default)]
    ids: String,
}

impl Chosen {
    fn ids(&self) -> Result<Vec<i64>, PageFailure> {
        let ids: Result<Vec<i64>, _> = self.ids.split(',').map(|id| id.trim().parse()).collect();
        match ids {
            Ok(ids) if ids.len() <= crate::view::ROWS as usize => Ok(ids),
            _ => Err(PageFailure::Wrong("The form names no rows, or more than a page has.".to_owned())),
        }
    }
}

/// `?said=N` after a change: what was done.
#[derive(Debug, Default, Deserialize)]
pub struct Said {
    said: Option<i64>,
}

impl Said {
    /// "3 messages were put back."
    fn count(&self, one: &str, many: &str, done: &str) -> Option<String> {
        self.said.map(|n| match n {
            0 => format!("No {many} {done}: somebody was faster, or they are gone."),
            1 => format!("1 {one} {done}."),
            n => format!("{n} {many} {done}."),
        })
    }
}

/// Ids of the rows of a page, for one button over all of them.
fn joined(ids: impl Iterator<Item = i64>) -> String {
    ids.map(|id| id.to_string()).collect::<Vec<_>>().join(",")
}
