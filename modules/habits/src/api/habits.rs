//! `/habits`: made, listed, shown, changed, deleted; each person's own.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::NaiveTime;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use vitte_platform::http::Problem;
use vitte_platform::http::api::{ApiState, Body, Caller, Pairs, PathId, boolean, integer, text, time};

use super::view::{HabitView, HabitWithExecutions};
use super::{Settings, read};
use crate::model::{NewHabit, TARGET_DAYS};
use crate::store::{self, Changes, Page};

const NAME: std::ops::RangeInclusive<usize> = 1..=255;
const DESCRIPTION: std::ops::RangeInclusive<usize> = 0..=10_000;
const DAYS: std::ops::RangeInclusive<i64> = 1..=i32::MAX as i64;
/// Habits of a list, unless it is asked for more or fewer.
const PAGE: i64 = 100;
/// The latest executions are shown with a habit: some ten years of days.
const EXECUTIONS: i64 = 4_000;

fn days(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// A habit to be made: daily, with one reminder.
#[derive(Serialize, ToSchema)]
pub struct CreateHabit {
    #[schema(min_length = 1, max_length = 255)]
    name: String,
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// `HH:MM` or `HH:MM:SS`, in the person's zone.
    #[schema(value_type = String, example = "09:00", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")]
    time_to_remind: NaiveTime,
    /// Done so many times in a row, it is archived.
    #[schema(minimum = 1, default = json!(TARGET_DAYS))]
    target_days: Option<i32>,
}

/// Make a habit
#[utoipa::path(post, path = "/habits", tag = "habits", request_body = CreateHabit, responses(
    (status = 201, description = "The habit", body = HabitView),
    (status = 401, description = "No token, or one that is not valid any more"),
    (status = 409, description = "The person has as many habits as one may have"),
    (status = 422, description = "A field is not valid; `errors` names it"),
), security(("bearer" = [])))]
pub async fn create(
    caller: Caller,
    State(api): State<ApiState>,
    Extension(settings): Settings,
    body: Body,
) -> Result<(StatusCode, Json<HabitView>), Problem> {
    let new = body.read(|fields| {
        let name = fields.required("name", text(NAME));
        let description = fields.optional("description", text(DESCRIPTION));
        let time_to_remind = fields.required("time_to_remind", time);
        let target_days = fields.optional("target_days", integer(DAYS)).map_or(TARGET_DAYS, days);
        Some(NewHabit { description, target_days, ..NewHabit::daily(name?, time_to_remind?) })
    })?;
    let mut tx = api.begin().await?;
    let made = store::create(&mut tx, &settings, caller.user_id, new, api.clock.now()).await;
    let (habit, person) = api.end(tx, made).await?;
    Ok((StatusCode::CREATED, Json(HabitView::new(habit, &person))))
}

/// Which habits.
#[derive(Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListHabits {
    /// So many from the beginning are left out.
    #[param(minimum = 0, default = 0, required = false)]
    skip: i64,
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = json!(PAGE), required = false)]
    limit: i64,
    /// Without the archived ones.
    #[param(default = true, required = false)]
    active_only: bool,
}

/// The person's habits, oldest first
#[utoipa::path(get, path = "/habits", tag = "habits", params(ListHabits), responses(
    (status = 200, description = "Habits", body = Vec<HabitView>),
    (status = 401, description = "No token, or one that is not valid any more"),
    (status = 422, description = "A parameter is not valid; `errors` names it"),
), security(("bearer" = [])))]
pub async fn list(
    caller: Caller,
    State(api): State<ApiState>,
    Extension(settings): Settings,
    query: Pairs,
) -> Result<Json<Vec<HabitView>>, Problem> {
    let page = query.read(|fields| {
        let skip = fields.optional("skip", integer(0..=i64::MAX)).unwrap_or(0);
        let limit = fields.optional("limit", integer(1..=200)).unwrap_or(PAGE);
        let active_only = fields.optional("active_only", boolean).unwrap_or(true);
        Some(Page { skip, limit, active_only })
    })?;
    let mut connection = api.pool.acquire().await?;
    let person = read::person(&mut connection, &settings, caller).await?;
    let habits = store::list(&mut connection, &person, page, api.clock.now()).await?;
    Ok(Json(habits.into_iter().map(|habit| HabitView::new(habit, &person)).collect()))
}

/// A habit with what became of it
#[utoipa::path(get, path = "/habits/{id}", tag = "habits",
    params(("id" = i64, Path, description = "The habit")),
    responses(
        (status = 200, description = "The habit", body = HabitWithExecutions),
        (status = 401, description = "No token, or one that is not valid any more"),
        (status = 403, description = "Somebody else's habit"),
        (status = 404, description = "No such habit"),
        (status = 422, description = "The id is no whole number"),
    ), security(("bearer" = [])))]
pub async fn show(
    caller: Caller,
    PathId(id): PathId,
    State(api): State<ApiState>,
    Extension(settings): Settings,
) -> Result<Json<HabitWithExecutions>, Problem> {
    let mut connection = api.pool.acquire().await?;
    let person = read::person(&mut connection, &settings, caller).await?;
    let habit = store::get(&mut connection, &person, id, api.clock.now()).await?;
    let mut executions = store::executions(&mut connection, id, EXECUTIONS).await?;
    executions.reverse();
    Ok(Json(HabitWithExecutions::new(habit, &person, executions)))
}

/// What may be changed; what is left out stays, and `null` empties the description.
#[derive(Serialize, ToSchema)]
pub struct ChangeHabit {
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// `HH:MM` or `HH:MM:SS`, in the person's zone.
    #[schema(value_type = Option<String>, example = "09:00", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")]
    time_to_remind: Option<NaiveTime>,
    #[schema(minimum = 1)]
    target_days: Option<i32>,
    /// False archives the habit, true reopens it.
    is_active: Option<bool>,
}

/// Change a habit
#[utoipa::path(patch, path = "/habits/{id}", tag = "habits", request_body = ChangeHabit,
    params(("id" = i64, Path, description = "The habit")),
    responses(
        (status = 200, description = "The habit as changed", body = HabitView),
        (status = 401, description = "No token, or one that is not valid any more"),
        (status = 403, description = "Somebody else's habit"),
        (status = 404, description = "No such habit"),
        (status = 422, description = "A field is not valid; `errors` names it"),
    ), security(("bearer" = [])))]
pub async fn change(
    caller: Caller,
    PathId(id): PathId,
    State(api): State<ApiState>,
    Extension(settings): Settings,
    body: Body,
) -> Result<Json<HabitView>, Problem> {
    let changes = body.read(|fields| {
        Some(Changes {
            name: fields.optional("name", text(NAME)),
            description: fields.patch("description", text(DESCRIPTION)),
            time_to_remind: fields.optional("time_to_remind", time),
            target_days: fields.optional("target_days", integer(DAYS)).map(days),
            is_active: fields.optional("is_active", boolean),
            ..Changes::default()
        })
    })?;
    let mut tx = api.pool.begin().await?;
    let person = read::person(&mut tx, &settings, caller).await?;
    let habit = store::update(&mut tx, &person, id, changes, api.clock.now()).await?;
    tx.commit().await?;
    Ok(Json(HabitView::new(habit, &person)))
}

/// Delete a habit with what became of it
#[utoipa::path(delete, path = "/habits/{id}", tag = "habits",
    params(("id" = i64, Path, description = "The habit")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, description = "No token, or one that is not valid any more"),
        (status = 403, description = "Somebody else's habit"),
        (status = 404, description = "No such habit"),
        (status = 422, description = "The id is no whole number"),
    ), security(("bearer" = [])))]
pub async fn remove(
    caller: Caller,
    PathId(id): PathId,
    State(api): State<ApiState>,
    Extension(settings): Settings,
) -> Result<StatusCode, Problem> {
    let mut tx = api.pool.begin().await?;
    let person = read::person(&mut tx, &settings, caller).await?;
    store::delete(&mut tx, &person, id, api.clock.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
