//! `POST /habits/{id}/executions`: what became of a habit today.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use vitte_platform::http::Problem;
use vitte_platform::http::api::{ApiState, Body, Caller, PathId};

use super::Settings;
use super::view::{ExecutionStatus, ExecutionView};
use crate::domain::Status;
use crate::store::{self, Mark};

/// What became of the habit today.
#[derive(Serialize, ToSchema)]
pub struct MarkToday {
    status: ExecutionStatus,
}

fn status(value: &Value) -> Result<Status, String> {
    match value.as_str() {
        Some("pending") => Ok(Status::Pending),
        Some("done") => Ok(Status::Done),
        Some("not_done") => Ok(Status::NotDone),
        _ => Err("is none of: pending, done, not_done".to_owned()),
    }
}

/// Say what became of a habit today
///
/// One a habit and day: the second call of a day changes it. Today is the person's. The mark that reaches the target
/// archives the habit.
#[utoipa::path(post, path = "/habits/{id}/executions", tag = "executions", request_body = MarkToday,
    params(("id" = i64, Path, description = "The habit")),
    responses(
        (status = 201, description = "What is known of today now", body = ExecutionView),
        (status = 400, description = "The habit is archived"),
        (status = 401, description = "No token, or one that is not valid any more"),
        (status = 403, description = "Somebody else's habit"),
        (status = 404, description = "No such habit"),
        (status = 422, description = "A field is not valid; `errors` names it"),
    ), security(("bearer" = [])))]
pub async fn mark(
    caller: Caller,
    PathId(id): PathId,
    State(api): State<ApiState>,
    Extension(settings): Settings,
    body: Body,
) -> Result<(StatusCode, Json<ExecutionView>), Problem> {
    let status = body.read(|fields| fields.required("status", status))?;
    let now = api.clock.now();
    let mut tx = api.begin().await?;
    let marked = store::mark_today(&mut tx, &settings, caller.user_id, id, Mark::Status(status), now).await;
    let marked = api.end(tx, marked).await?;
    let execution = marked.execution.ok_or_else(Problem::internal)?;
    Ok((StatusCode::CREATED, Json(execution.into())))
}
