//! `POST /auth/token`: a program that holds the shared key gets a token for a person of Telegram's.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use vitte_platform::clock::Timestamp;
use vitte_platform::http::Problem;
use vitte_platform::http::api::{ApiState, Body, BotKey, Patch, integer, text, zone};
use vitte_platform::people::{Change, People};

/// Who is to be spoken for. At first sight the person is made, with this zone; later only names are taken over.
#[derive(Serialize, ToSchema)]
pub struct Login {
    /// Telegram's id of the person.
    #[schema(minimum = 1)]
    telegram_id: i64,
    #[schema(max_length = 100)]
    username: Option<String>,
    #[schema(max_length = 100)]
    first_name: Option<String>,
    #[schema(max_length = 100)]
    last_name: Option<String>,
    /// IANA name.
    #[schema(max_length = 50, example = "Europe/Moscow")]
    timezone: Option<String>,
}

/// A token: show it as `Authorization: Bearer TOKEN`.
#[derive(Serialize, ToSchema)]
pub struct Token {
    access_token: String,
    #[schema(example = "bearer")]
    token_type: &'static str,
}

struct Person {
    telegram_id: i64,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    timezone: Option<String>,
}

/// Get a token for a person
#[utoipa::path(post, path = "/auth/token", tag = "auth", request_body = Login, responses(
    (status = 200, description = "A token", body = Token),
    (status = 400, description = "The person is switched off"),
    (status = 403, description = "The shared key is missing or wrong"),
    (status = 422, description = "A field is not valid; `errors` names it"),
), security(("bot_key" = [])))]
pub async fn issue(
    _: BotKey,
    State(api): State<ApiState>,
    Extension(people): Extension<People>,
    body: Body,
) -> Result<Json<Token>, Problem> {
    let person = body.read(|fields| {
        let telegram_id = fields.required("telegram_id", integer(1..=i64::MAX));
        let username = fields.optional("username", text(0..=100));
        let first_name = fields.optional("first_name", text(0..=100));
        let last_name = fields.optional("last_name", text(0..=100));
        let timezone = fields.optional("timezone", zone);
        Some(Person { telegram_id: telegram_id?, username, first_name, last_name, timezone })
    })?;
    let now = api.clock.now();
    let mut tx = api.pool.begin().await?;
    let id = meet(&mut tx, &person, now).await?;
    let named = |name: Option<String>| name.map_or(Patch::Keep, Patch::To);
    let change = Change {
        username: named(person.username),
        first_name: named(person.first_name),
        last_name: named(person.last_name),
        ..Change::default()
    };
    let user = people.change(&mut tx, id, &change, now).await?;
    let user = user.ok_or_else(|| Problem::not_found("the person"))?;
    tx.commit().await?;
    people.forget(user.id).await;
    if !user.is_active {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "inactive-user", "the person is switched off"));
    }
    let Some(access_token) = api.auth.token(user.id, now) else {
        // Without a key that signs there is no shared key either: nobody should come here.
        tracing::error!("no key signs the API's tokens: name one as spec.api.jwtSecretRef");
        return Err(Problem::unavailable());
    };
    Ok(Json(Token { access_token, token_type: "bearer" }))
}

/// The person's id; made at first sight.
async fn meet(c: &mut PgConnection, person: &Person, now: Timestamp) -> sqlx::Result<i64> {
    let known: Option<i64> = sqlx::query_scalar("SELECT id FROM users WHERE telegram_id = $1")
        .bind(person.telegram_id)
        .fetch_optional(&mut *c)
        .await?;
    if let Some(id) = known {
        return Ok(id);
    }
    sqlx::query_scalar(
        "INSERT INTO users (telegram_id, username, first_name, last_name, timezone, created_at, updated_at)
         VALUES ($1, $2, $3, $4, coalesce($5, 'UTC'), $6, $6)
         ON CONFLICT (telegram_id) DO UPDATE SET telegram_id = excluded.telegram_id RETURNING id",
    )
    .bind(person.telegram_id)
    .bind(&person.username)
    .bind(&person.first_name)
    .bind(&person.last_name)
    .bind(&person.timezone)
    .bind(now)
    .fetch_one(c)
    .await
}
