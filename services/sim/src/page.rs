//! The chat page at `/`: files of `page/`, in the executable itself, so that it works offline.
//!
//! Requests for a path enter, a file with its type leaves, or 304 when the browser has it, or 404.
//! What must never happen here: a file from disk in a release, a script that is not one of ours
//! (the content security policy allows nothing else), and a page that another site can frame.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "page/"]
struct Files;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
    media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page, its styles, scripts and icon.
pub fn router() -> Router {
    Router::new()
        .route("/", get(|headers: HeaderMap| async move { serve("index.html", &headers) }))
        .route("/icon.svg", get(|headers: HeaderMap| async move { serve("icon.svg", &headers) }))
        .route(
            "/css/{file}",
            get(|Path(file): Path<String>, headers: HeaderMap| async move { serve(&format!("css/{file}"), &headers) }),
        )
        .route(
            "/js/{file}",
            get(|Path(file): Path<String>, headers: HeaderMap| async move { serve(&format!("js/{file}"), &headers) }),
        )
}

fn serve(path: &str, asked: &HeaderMap) -> Response {
    let Some(file) = Files::get(path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = etag(&file);
    let known = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().trim_start_matches("W/") == tag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, mime(path))], file.data).into_response()
    };
    let fixed: [(HeaderName, &str); 5] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Always asked for, seldom sent: a new build shows at once.
        (header::CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("permissions-policy"), "microphone=(self), camera=(), geolocation=()"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// By content, so that it is the same on every replica.
fn etag(file: &EmbeddedFile) -> String {
    let hash: String = file.metadata.sha256_hash().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hash}\"")
}

fn mime(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> String {
        String::from_utf8(Files::get(path).unwrap().data.to_vec()).unwrap()
    }

    #[test]
    fn everything_the_page_names_is_in_the_executable() {
        let index = text("index.html");
        let named: Vec<&str> = index
            .split(['"', '\''])
            .filter(|word| word.ends_with(".css") || word.ends_with(".js") || word.ends_with(".svg"))
            .collect();
        assert!(named.len() > 5, "{named:?}");
        for path in named {
            assert!(Files::get(path).is_some(), "index.html names {path}");
        }
        for script in Files::iter().filter(|path| path.ends_with(".js")) {
            for line in text(&script).lines().filter(|line| line.starts_with("import ")) {
                let path = line.split("\"./").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
                assert!(Files::get(&format!("js/{path}")).is_some(), "{script} imports {path}");
            }
        }
    }

    #[test]
    fn the_page_has_nothing_inline_and_nothing_from_elsewhere() {
        for path in Files::iter() {
            let text = text(&path);
            let foreign = text.replace("http://www.w3.org/", "").contains("://");
            assert!(!foreign, "{path} names another host");
            assert!(
                !text.contains("innerHTML =") && !text.contains("onclick=\"") && !text.contains("style=\""),
                "{path}"
            );
        }
        let inline = text("index.html").matches("<script").count() - text("index.html").matches("src=\"js/").count();
        assert_eq!(inline, 0);
    }

    #[test]
    fn a_file_comes_once_and_then_only_its_tag() {
        let first = serve("index.html", &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(first.headers()[header::CONTENT_SECURITY_POLICY], POLICY);
        let mut asked = HeaderMap::new();
        asked.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(serve("index.html", &asked).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(serve("js/none.js", &asked).status(), StatusCode::NOT_FOUND);
    }
}
