//! `/admin/<path>`: the modules' own pages, in the common frame.

use askama::Template;
use axum::extract::Path;
use vitte_platform::database;
use vitte_platform::telemetry::trace;

use super::{PageFailure, PageResult, render};
use crate::desk::Desk;
use crate::view::Frame;

#[derive(Template)]
#[template(path = "module.html")]
struct ModulePage {
    frame: Frame,
    /// HTML that the module has escaped.
    body: String,
}

pub async fn show(desk: Desk, Path(path): Path<String>) -> PageResult {
    let page = desk.modules.iter().find(|p| p.path == path).ok_or(PageFailure::NotFound)?;
    let body = (page.draw)(desk.ask()).await.map_err(|error| {
        let trace_id = trace::current_or_new();
        tracing::error!(trace_id, page = page.path, error = format!("{error:#}"), "a module's page failed");
        if database::is_transient_chain(&error) { PageFailure::Away } else { PageFailure::Broken }
    })?;
    Ok(render(&ModulePage { frame: desk.frame(page.title), body }))
}
