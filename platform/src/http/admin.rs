//! What a module adds to the admin pages: a page with a name, and a part of each person's page, drawn by the module as
//! HTML inside the common frame.

use std::sync::Arc;

use sqlx::PgPool;

use crate::clock::Timestamp;
use crate::module::BoxFuture;

/// What a page is drawn from.
#[derive(Clone)]
pub struct Ask {
    pub pool: PgPool,
    pub now: Timestamp,
}

type Draw = Arc<dyn Fn(Ask) -> BoxFuture<'static, anyhow::Result<String>> + Send + Sync>;
type DrawPerson = Arc<dyn Fn(Ask, i64) -> BoxFuture<'static, anyhow::Result<String>> + Send + Sync>;

/// A page under `/admin/<path>`.
#[derive(Clone)]
pub struct Page {
    /// One path segment.
    pub path: &'static str,
    pub title: &'static str,
    /// The page's body: HTML, with everything from outside escaped.
    pub draw: Draw,
    /// What the module knows of one person (our id), under its title on the person's own page: HTML, escaped; empty
    /// when there is nothing.
    pub person: Option<DrawPerson>,
}
