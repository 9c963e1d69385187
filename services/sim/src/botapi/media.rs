//! Files on their way into the world: uploaded, named by id, or fetched from an address.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use super::answer::ApiError;
use super::params::{Params, Upload};
use crate::Sim;
use crate::entry::Entry;
use crate::files::MAX_FILE;
use crate::inspect;
use crate::model::{FileMeta, MediaKind};
use crate::world::render::unique_of;

const MAX_PHOTO: usize = 10 * 1024 * 1024;

/// A file that the world has.
pub struct Kept {
    pub unique: String,
    /// Seconds, of sound.
    pub duration: u32,
}

/// The file of sendPhoto, sendVoice or sendDocument.
pub async fn from_bot(sim: &Sim, params: &Params, kind: MediaKind) -> Result<Kept, ApiError> {
    if let Some(upload) = params.files.get(kind.name()) {
        return keep_upload(sim, kind, upload.clone()).await;
    }
    let given = params.text(kind.name()).filter(|given| !given.is_empty());
    let given = given.ok_or_else(|| ApiError::bad(format!("there is no {} in the request", kind.name())))?;
    if let Some(name) = given.strip_prefix("attach://") {
        let upload = params.files.get(name).cloned();
        let upload = upload.ok_or_else(|| ApiError::bad(format!("can't find file to attach: \"{name}\"")))?;
        return keep_upload(sim, kind, upload).await;
    }
    if given.starts_with("http://") || given.starts_with("https://") {
        let upload = fetch(sim, &given).await?;
        return keep_upload(sim, kind, upload).await;
    }
    let world = sim.world();
    let file = unique_of(&given).and_then(|unique| world.files.get(unique));
    let file = file.ok_or_else(|| ApiError::bad("wrong file identifier/HTTP URL specified"))?;
    if kind == MediaKind::Photo && file.width == 0 {
        return Err(ApiError::bad("can't use file of type Document as Photo"));
    }
    Ok(Kept { unique: file.unique.clone(), duration: file.duration })
}

/// Stores an upload: first its bytes, then what is known about it.
///
/// # Errors
/// Empty, too large, or not what it is sent as.
pub async fn keep_upload(sim: &Sim, kind: MediaKind, upload: Upload) -> Result<Kept, ApiError> {
    let Upload { name, mime, bytes } = upload;
    if bytes.is_empty() {
        return Err(ApiError::bad("file must be non-empty"));
    }
    if bytes.len() > MAX_FILE {
        return Err(ApiError::too_large());
    }
    let picture = inspect::picture_size(&bytes);
    if kind == MediaKind::Photo {
        if bytes.len() > MAX_PHOTO {
            return Err(ApiError::bad("file is too big"));
        }
        let (width, height) = picture.ok_or_else(|| ApiError::bad("IMAGE_PROCESS_FAILED"))?;
        if width == 0 || height == 0 || width + height > 10_000 || width.max(height) > width.min(height) * 20 {
            return Err(ApiError::bad("PHOTO_INVALID_DIMENSIONS"));
        }
    }
    let duration = inspect::ogg_seconds(&bytes).unwrap_or(0);
    let (width, height) = picture.unwrap_or_default();
    let unique = URL_SAFE_NO_PAD.encode(uuid::Uuid::new_v4().as_bytes());
    let size = bytes.len() as u64;
    let mime = inspect::mime(&bytes).map(str::to_owned).or(mime).unwrap_or_else(|| "application/octet-stream".into());
    let gone = sim.files().put(&unique, bytes).await?;
    let mut world = sim.world();
    let number = world.file_number();
    let path = path(kind, number, &mime, name.as_deref());
    let meta = FileMeta { unique: unique.clone(), path, name, mime, size, width, height, duration };
    let mut entries: Vec<Entry> = gone.into_iter().map(|unique| Entry::FileGone { unique }).collect();
    entries.push(Entry::File(meta));
    world.commit(entries)?;
    Ok(Kept { unique, duration })
}

fn path(kind: MediaKind, number: u64, mime: &str, name: Option<&str>) -> String {
    let (folder, usual) = match kind {
        MediaKind::Photo => ("photos", "jpg"),
        MediaKind::Voice => ("voice", "oga"),
        MediaKind::Document => ("documents", "bin"),
    };
    let plain = |extension: &&str| extension.len() <= 8 && extension.bytes().all(|b| b.is_ascii_alphanumeric());
    let own = name.and_then(|name| Some(name.rsplit_once('.')?.1)).filter(plain);
    let extension = match mime {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/webp" => "webp",
        "image/gif" => "gif",
        _ if kind == MediaKind::Document => own.unwrap_or(usual),
        _ => usual,
    };
    format!("{folder}/file_{number}.{extension}")
}

/// A file by its address, as Telegram fetches it for a bot.
async fn fetch(sim: &Sim, url: &str) -> Result<Upload, ApiError> {
    let failed = || ApiError::bad("failed to get HTTP URL content");
    let mut response = sim.client().get(url).send().await.map_err(|_| failed())?;
    if !response.status().is_success() {
        return Err(failed());
    }
    let mime = response.headers().get("content-type").and_then(|kind| Some(kind.to_str().ok()?.to_owned()));
    let name = url.split(['?', '#']).next().and_then(|path| path.rsplit('/').next()).map(str::to_owned);
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| failed())? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_FILE {
            return Err(ApiError::bad("file is too big"));
        }
    }
    Ok(Upload { name, mime, bytes: Bytes::from(bytes) })
}
