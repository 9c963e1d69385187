//! What every page gets: the owner's desk.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts as RequestParts;
use sqlx::PgPool;
use vitte_platform::clock::{Clock, Timestamp};
use vitte_platform::config::Config;
use vitte_platform::http::admin::{Ask, Page};
use vitte_platform::intake::Intake;
use vitte_platform::module::Registry;
use vitte_platform::outbox::Sender;
use vitte_platform::role::Ground;

use crate::auth::Auth;
use crate::pages::PageFailure;
use crate::view::{Frame, Link, When};

/// Everything that is made once. Cheap to clone.
#[derive(Clone)]
pub struct Admin(Arc<Inner>);

pub struct Inner {
    pub bot: String,
    pub bot_id: i64,
    pub languages: Vec<String>,
    pub pool: PgPool,
    pub clock: Arc<dyn Clock>,
    pub sender: Sender,
    pub intake: Arc<Intake>,
    pub auth: Auth,
    /// The modules' own pages.
    pub modules: Vec<Page>,
    pub registry: Registry,
}

pub struct Parts<'a> {
    pub config: &'a Config,
    pub registry: &'a Registry,
    pub ground: &'a Ground,
    pub sender: &'a Sender,
    pub intake: &'a Arc<Intake>,
}

impl Admin {
    pub fn new(parts: &Parts<'_>) -> Self {
        let Parts { config, registry, ground, sender, intake } = *parts;
        let bot_id = ground.telegram.bot_id();
        Self(Arc::new(Inner {
            bot: config.name.clone(),
            bot_id,
            languages: config.languages.clone(),
            pool: ground.pool.clone(),
            clock: ground.clock.clone(),
            sender: sender.clone(),
            intake: intake.clone(),
            auth: Auth::new(&config.name, bot_id, config.admin_password.clone(), ground.redis.clone()),
            modules: registry.modules().flat_map(|m| m.admin()).collect(),
            registry: registry.clone(),
        }))
    }
}

impl Deref for Admin {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Of this session: what a form has to carry to be believed.
#[derive(Clone)]
pub struct Token(pub String);

/// One request of somebody who may be here.
pub struct Desk {
    admin: Admin,
    token: Token,
    path: String,
}

impl Deref for Desk {
    type Target = Admin;
    fn deref(&self) -> &Admin {
        &self.admin
    }
}

impl Desk {
    /// The common frame around a page.
    pub fn frame(&self, title: &str) -> Frame {
        let own = [
            ("/admin", "Overview"),
            ("/admin/people", "People"),
            ("/admin/outbox", "Outbox"),
            ("/admin/jobs", "Jobs"),
            ("/admin/updates", "Updates"),
        ];
        let modules = self.admin.modules.iter().map(|p| (format!("/admin/{}", p.path), p.title.to_owned()));
        let nav = own.into_iter().map(|(href, title)| (href.to_owned(), title.to_owned())).chain(modules);
        let here = |href: &str| {
            if href == "/admin" {
                self.path == href
            } else {
                self.path == href || self.path.starts_with(&format!("{href}/"))
            }
        };
        Frame {
            bot: self.admin.bot.clone(),
            title: title.to_owned(),
            nav: nav.map(|(href, title)| Link { here: here(&href), href, title }).collect(),
            token: self.token.0.clone(),
            can_leave: self.admin.auth.asks(),
            refresh: None,
        }
    }

    /// What a module's page is drawn from.
    pub fn ask(&self) -> Ask {
        Ask { pool: self.admin.pool.clone(), now: self.now() }
    }

    pub fn now(&self) -> Timestamp {
        self.admin.clock.now()
    }

    pub fn when(&self, at: Timestamp) -> When {
        When::new(self.now(), at)
    }
}

impl FromRequestParts<Admin> for Desk {
    type Rejection = PageFailure;

    async fn from_request_parts(parts: &mut RequestParts, admin: &Admin) -> Result<Self, PageFailure> {
        // Put there by the guard: a route that forgot it is closed, not open.
        let token = parts.extensions.get::<Token>().cloned().ok_or(PageFailure::Forbidden)?;
        Ok(Self { admin: admin.clone(), token, path: parts.uri.path().to_owned() })
    }
}
