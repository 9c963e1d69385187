//! A path under `/api/v1`, and `/healthcheck`, are the same with and without a slash at their end: clients write both.
//! Taken away before routing, so that a route is declared once and counted once.

use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// The request without the slash.
pub fn trim(mut request: Request) -> Request {
    if let Some(uri) = trimmed(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

fn trimmed(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let shorter = path.strip_suffix('/')?;
    if shorter != "/healthcheck" && !shorter.starts_with("/api/v1/") {
        return None;
    }
    let whole = match uri.query() {
        Some(query) => format!("{shorter}?{query}"),
        None => shorter.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(whole).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slash_at_the_end_of_an_api_path_goes_and_nothing_else() {
        let trim = |uri: &'static str| trimmed(&Uri::from_static(uri)).map(|uri| uri.to_string());
        assert_eq!(trim("/api/v1/habits/?limit=2").as_deref(), Some("/api/v1/habits?limit=2"));
        assert_eq!(trim("/api/v1/habits/7/executions/").as_deref(), Some("/api/v1/habits/7/executions"));
        assert_eq!(trim("http://127.0.0.1:80/healthcheck/").as_deref(), Some("http://127.0.0.1:80/healthcheck"));
        for same in ["/api/v1/habits", "/docs/", "/", "/api/v1/", "/healthcheck"] {
            assert_eq!(trim(same), None, "{same}");
        }
    }
}
