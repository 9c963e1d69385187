//! What a role needs to run, resolved and checked: no reference to a secret is left, no file, no variable.
//!
//! Made by the mains from the manifest, the secrets and the environment; roles only read it.

use std::time::Duration;

use secrecy::SecretString;

use crate::database::DatabaseSettings;
use crate::http::api::ApiSettings;
use crate::intake::polling::PollingSettings;
use crate::jobs::JobSettings;
use crate::limits::LimitSettings;
use crate::outbox::{GateSettings, OutboxSettings, Retention};

/// How updates arrive.
#[derive(Clone)]
pub enum Updates {
    Polling(PollingSettings),
    Webhook {
        /// Where Telegram posts to. `None`: nobody registers it from here.
        url: Option<String>,
        /// The path that this process serves.
        path: String,
        /// Accepted secrets, the current one first.
        secrets: Vec<SecretString>,
        max_connections: u32,
    },
}

/// One bot's configuration, the same for every role.
#[derive(Clone)]
pub struct Config {
    /// The manifest's name.
    pub name: String,
    pub api_url: String,
    pub token: SecretString,
    pub updates: Updates,
    /// In the manifest's order; the first is spoken to people whose own is not among them.
    pub languages: Vec<String>,
    pub database: DatabaseSettings,
    pub redis_url: Option<String>,
    pub limits: LimitSettings,
    pub rate: GateSettings,
    pub outbox: OutboxSettings,
    pub jobs: JobSettings,
    pub retention: Retention,
    /// The REST API's keys; only its role has any.
    pub api: ApiSettings,
    /// How long a role waits for the schema it needs.
    pub schema_wait: Duration,
    /// From SIGTERM to the end.
    pub grace: Duration,
    /// Names and password of the admin pages; `None`: no password is asked (loopback only).
    pub admin_password: Option<SecretString>,
}
