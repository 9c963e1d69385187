//! The door of the pages: session, and for everything that changes something the same origin and the session's token.

use axum::Form;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::auth::{Answer, COOKIE, TERM};
use crate::desk::{Admin, Token};
use crate::pages::{PageFailure, render};
use crate::view::LoginPage;

/// A form of these pages is some lines.
const FORM: usize = 64 * 1024;

#[derive(Deserialize)]
struct Carried {
    #[serde(default)]
    token: String,
}

/// The middleware in front of every page.
pub async fn enforce(State(admin): State<Admin>, mut request: Request, next: Next) -> Response {
    let Some(session) = admin.auth.session(cookie(request.headers()), admin.clock.now()) else {
        return Redirect::to("/admin/login").into_response();
    };
    if !request.method().is_safe() {
        if !same_origin(request.headers()) {
            tracing::warn!("a change from another site was refused");
            return PageFailure::Forbidden.into_response();
        }
        let (parts, body) = request.into_parts();
        let Ok(bytes) = to_bytes(body, FORM).await else {
            return PageFailure::Wrong("the form is too large".to_owned()).into_response();
        };
        let mut copy = Request::new(Body::from(bytes.clone()));
        *copy.method_mut() = parts.method.clone();
        *copy.headers_mut() = parts.headers.clone();
        let carried = Form::<Carried>::from_request(copy, &()).await;
        if !carried.is_ok_and(|form| admin.auth.believes(&session, &form.token)) {
            return PageFailure::Forbidden.into_response();
        }
        request = Request::from_parts(parts, Body::from(bytes));
    }
    request.extensions_mut().insert(Token(admin.auth.token(&session)));
    next.run(request).await
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    all.flat_map(|v| v.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// What the browser says about where a form comes from; one that says nothing is not believed.
fn same_origin(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    let (Some(origin), Some(host)) = (text(header::ORIGIN), text(header::HOST)) else { return false };
    origin.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(host))
}

/// Whose tries are counted together: what the nearest proxy saw, else all.
fn client(headers: &HeaderMap) -> i64 {
    let seen = headers.get_all("x-forwarded-for").iter().next_back().and_then(|v| v.to_str().ok());
    let Some(address) = seen.and_then(|v| v.rsplit(',').next()) else { return 0 };
    let digest = Sha256::digest(address.trim());
    digest[..8].try_into().map_or(0, i64::from_be_bytes)
}

fn set_cookie(headers: &HeaderMap, value: &str, seconds: i64) -> String {
    let https = headers.get("x-forwarded-proto").is_some_and(|p| p == "https");
    let secure = if https { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/admin; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

pub async fn login_page(State(admin): State<Admin>, headers: HeaderMap) -> Response {
    if admin.auth.session(cookie(&headers), admin.clock.now()).is_some() {
        return Redirect::to("/admin").into_response();
    }
    render(&LoginPage { bot: &admin.bot, wrong: None })
}

#[derive(Deserialize)]
pub struct Password {
    #[serde(default)]
    password: String,
}

pub async fn login(State(admin): State<Admin>, headers: HeaderMap, Form(form): Form<Password>) -> Response {
    if !same_origin(&headers) {
        return PageFailure::Forbidden.into_response();
    }
    let again = |status: axum::http::StatusCode, wrong: String| {
        (status, render(&LoginPage { bot: &admin.bot, wrong: Some(wrong) })).into_response()
    };
    match admin.auth.enter(client(&headers), &form.password, admin.clock.now()).await {
        Answer::Welcome(session) => {
            ([(header::SET_COOKIE, set_cookie(&headers, &session, TERM))], Redirect::to("/admin")).into_response()
        }
        Answer::Wrong => {
            tracing::warn!("a wrong password at the admin pages");
            again(axum::http::StatusCode::UNAUTHORIZED, "This is not the password.".to_owned())
        }
        Answer::TooMany(wait) => {
            let seconds = wait.as_secs().max(1);
            let mut response = again(
                axum::http::StatusCode::TOO_MANY_REQUESTS,
                format!("Too many tries. Come again in {seconds} seconds."),
            );
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
    }
}

pub async fn logout(headers: HeaderMap) -> Response {
    ([(header::SET_COOKIE, set_cookie(&headers, "", 0))], Redirect::to("/admin/login")).into_response()
}
