//! All pages behind the guard, and the two things before it: the login and the style sheet.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware;
use axum::response::Redirect;
use axum::routing::{get, post};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::desk::Admin;
use crate::{guard, pages};

#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("a module's admin page cannot be at /admin/{0}: {1}")]
    Path(&'static str, &'static str),
}

/// Nothing but our own style sheet and forms to ourselves; no script at all.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";
const OWN: [&str; 8] = ["people", "outbox", "jobs", "updates", "login", "logout", "assets", ""];

pub fn build(admin: Admin) -> Result<Router, PageError> {
    for (n, page) in admin.modules.iter().enumerate() {
        if OWN.contains(&page.path) || admin.modules[..n].iter().any(|other| other.path == page.path) {
            return Err(PageError::Path(page.path, "somebody else has this path"));
        }
        if page.path.bytes().any(|b| !(b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')) {
            return Err(PageError::Path(page.path, "allowed are a-z, 0-9 and -"));
        }
    }
    let guarded = Router::new()
        .route("/admin", get(pages::overview::show))
        .route("/admin/", get(|| async { Redirect::permanent("/admin") }))
        .route("/admin/people", get(pages::people::list))
        .route("/admin/people/{id}", get(pages::person::show))
        .route("/admin/people/{id}/erase", post(pages::person::erase))
        .route("/admin/outbox", get(pages::outbox::pending))
        .route("/admin/outbox/dead", get(pages::outbox::dead))
        .route("/admin/outbox/replay", post(pages::outbox::replay))
        .route("/admin/jobs", get(pages::jobs::queue))
        .route("/admin/jobs/dead", get(pages::jobs::dead))
        .route("/admin/jobs/replay", post(pages::jobs::replay))
        .route("/admin/updates", get(pages::updates::list))
        .route("/admin/updates/{id}", get(pages::updates::show))
        .route("/admin/updates/{id}/replay", post(pages::updates::replay))
        .route("/admin/logout", post(guard::logout))
        .route("/admin/{*page}", get(pages::module::show))
        .route_layer(middleware::from_fn_with_state(admin.clone(), guard::enforce));
    let header = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    Ok(guarded
        .route("/admin/login", get(guard::login_page).post(guard::login))
        .route("/admin/assets/admin.css", get(pages::style))
        .layer(header(header::CONTENT_SECURITY_POLICY, POLICY))
        .layer(header(header::CACHE_CONTROL, "no-store"))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        // Not `no-referrer`: with it a browser hides the origin of our own forms, too.
        .layer(header(header::REFERRER_POLICY, "same-origin"))
        .layer(middleware::from_fn(pages::follow))
        .with_state(admin))
}
