//! `GET` and `PATCH /users/me`: the person whom the token speaks for.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;
use vitte_platform::http::Problem;
use vitte_platform::http::api::{ApiState, Body, Caller, boolean, text, zone};
use vitte_platform::people::{Change, People};
use vitte_platform::users;

use super::view::UserView;

/// The person whom the token speaks for
#[utoipa::path(get, path = "/users/me", tag = "users", responses(
    (status = 200, description = "The person", body = UserView),
    (status = 401, description = "No token, or one that is not valid any more"),
), security(("bearer" = [])))]
pub async fn show(caller: Caller, State(api): State<ApiState>) -> Result<Json<UserView>, Problem> {
    let mut connection = api.pool.acquire().await?;
    let user = users::find(&mut connection, caller.user_id).await?.ok_or_else(Caller::unknown)?;
    Ok(Json(user.into()))
}

/// What may be changed; what is left out stays, and `null` empties a name.
#[derive(Serialize, ToSchema)]
pub struct ChangeUser {
    #[schema(max_length = 100)]
    username: Option<String>,
    #[schema(max_length = 100)]
    first_name: Option<String>,
    #[schema(max_length = 100)]
    last_name: Option<String>,
    /// IANA name. Days and reminders follow at once.
    #[schema(max_length = 50, example = "Europe/Moscow")]
    timezone: Option<String>,
    is_active: Option<bool>,
    is_bot_blocked: Option<bool>,
}

/// Change the person whom the token speaks for
#[utoipa::path(patch, path = "/users/me", tag = "users", request_body = ChangeUser, responses(
    (status = 200, description = "The person as changed", body = UserView),
    (status = 401, description = "No token, or one that is not valid any more"),
    (status = 422, description = "A field is not valid; `errors` names it"),
), security(("bearer" = [])))]
pub async fn change(
    caller: Caller,
    State(api): State<ApiState>,
    Extension(people): Extension<People>,
    body: Body,
) -> Result<Json<UserView>, Problem> {
    let change = body.read(|fields| {
        Some(Change {
            username: fields.patch("username", text(0..=100)),
            first_name: fields.patch("first_name", text(0..=100)),
            last_name: fields.patch("last_name", text(0..=100)),
            timezone: fields.optional("timezone", zone),
            is_active: fields.optional("is_active", boolean),
            is_bot_blocked: fields.optional("is_bot_blocked", boolean),
        })
    })?;
    let mut tx = api.pool.begin().await?;
    let user = people.change(&mut tx, caller.user_id, &change, api.clock.now()).await?;
    let user = user.ok_or_else(Caller::unknown)?;
    tx.commit().await?;
    people.forget(user.id).await;
    Ok(Json(user.into()))
}
