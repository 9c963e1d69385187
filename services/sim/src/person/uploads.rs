//! Photos, voice notes and documents from a person, and files to look at.

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Which;
use super::act::{self, Said, Sender};
use super::problem::Problem;
use crate::Sim;
use crate::botapi::{Params, keep_upload};
use crate::entities::{parse_plain, utf16_len};
use crate::model::{Media, MediaKind};

const MAX_CAPTION: u32 = 1024;

/// `POST /sim/chats/{chat_id}/photo`
pub async fn photo(
    sim: State<Sim>,
    chat: Path<i64>,
    which: Query<Which>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    upload(sim.0, chat.0, which.0, MediaKind::Photo, request).await
}

/// `POST /sim/chats/{chat_id}/voice`
pub async fn voice(
    sim: State<Sim>,
    chat: Path<i64>,
    which: Query<Which>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    upload(sim.0, chat.0, which.0, MediaKind::Voice, request).await
}

/// `POST /sim/chats/{chat_id}/document`
pub async fn document(
    sim: State<Sim>,
    chat: Path<i64>,
    which: Query<Which>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    upload(sim.0, chat.0, which.0, MediaKind::Document, request).await
}

/// A multipart form: the file as `photo`, `voice` or `document` (or `file`), and perhaps `caption`,
/// `duration` and `from`, which is JSON.
async fn upload(sim: Sim, chat: i64, which: Which, kind: MediaKind, request: Request) -> Result<Json<Value>, Problem> {
    let mut form = Params::read(request).await?;
    let name = kind.name();
    let file = form.files.remove(name).or_else(|| form.files.remove("file"));
    let file = file.ok_or_else(|| Problem::bad(format!("{name}: expected a file in a multipart form")))?;
    let from: Option<Sender> = match form.text("from") {
        Some(from) => Some(serde_json::from_str(&from).map_err(|e| Problem::bad(format!("from: {e}")))?),
        None => None,
    };
    let (text, entities) = parse_plain(&form.text("caption").unwrap_or_default());
    if utf16_len(&text) > MAX_CAPTION {
        return Err(Problem::bad(format!("caption: at most {MAX_CAPTION} UTF-16 code units")));
    }
    let (bot, person) = {
        let mut world = sim.world();
        let bot = which.of(&world)?;
        act::check_room(&world, bot)?;
        (bot, act::enter(&mut world, bot, chat, from, None)?)
    };
    let kept = keep_upload(&sim, kind, file).await?;
    let duration = form.integer("duration").and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(kept.duration);
    let media = Some(Media { kind, file: kept.unique, duration });
    let sent = act::say(&mut sim.world(), bot, chat, person, Said { text, entities, media, reply_to: None })?;
    Ok(Json(json!({"update_id": sent.update_id, "message_id": sent.message_id})))
}

/// `GET /sim/files/{unique}`
pub async fn file(State(sim): State<Sim>, Path(unique): Path<String>) -> Result<Response, Problem> {
    let gone = || Problem::not_found("there is no such file, or it was dropped for newer ones");
    let meta = sim.world().files.get(&unique).cloned().ok_or_else(gone)?;
    let bytes = sim.files().get(&meta.unique).await.ok_or_else(gone)?;
    // Uploads are strangers' bytes on the page's own origin: only pictures and sound are shown there.
    let safe = ["image/png", "image/jpeg", "image/gif", "image/webp", "audio/ogg"].contains(&meta.mime.as_str());
    let mime = if safe { meta.mime.as_str() } else { "application/octet-stream" };
    let disposition = if safe { "inline" } else { "attachment" };
    let headers = [
        (header::CONTENT_TYPE, mime),
        (header::CONTENT_DISPOSITION, disposition),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable"),
    ];
    Ok((headers, bytes).into_response())
}
