//! What a module adds to the admin pages: a page with a name, drawn by the module as HTML inside the common frame.

use std::sync::Arc;

use sqlx::PgPool;

use crate::module::BoxFuture;

type Draw = Arc<dyn Fn(PgPool) -> BoxFuture<'static, anyhow::Result<String>> + Send + Sync>;

/// A page under `/admin/<path>`.
#[derive(Clone)]
pub struct Page {
    /// One path segment.
    pub path: &'static str,
    pub title: &'static str,
    /// The page's body: HTML, with everything from outside escaped.
    pub draw: Draw,
}
