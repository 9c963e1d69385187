//! From the manifest to what the roles run with.

use std::time::Duration;

use vitte_crds::telegram::Updates as UpdatesMode;
use vitte_crds::uses::Role;
use vitte_crds::{Bundle, SecretKeyRef, SecretString, env_name};
use vitte_platform::config::{Config, Updates};
use vitte_platform::database::DatabaseSettings;
use vitte_platform::http::api::ApiSettings;
use vitte_platform::intake::polling::PollingSettings;
use vitte_platform::jobs::JobSettings;
use vitte_platform::limits::LimitSettings;
use vitte_platform::outbox::{GateSettings, OutboxSettings, Retention};

use crate::Refused;
use crate::cli::{Connections, Tuning};
use crate::manifest::environment;

/// The value that a reference names, or a message that says where it was looked for.
pub fn secret(bundle: &Bundle, reference: &SecretKeyRef, path: &str) -> Result<SecretString, Refused> {
    bundle.secret(reference, &environment).ok_or_else(|| missing(reference, path))
}

pub fn optional_secret(
    bundle: &Bundle,
    reference: Option<&SecretKeyRef>,
    path: &str,
) -> Result<Option<SecretString>, Refused> {
    reference.map(|r| secret(bundle, r, path)).transpose()
}

fn missing(reference: &SecretKeyRef, path: &str) -> Refused {
    let SecretKeyRef { name, key } = reference;
    Refused(format!(
        "{path} names key {key:?} of Secret {name:?}, which is not there; \
         give it as {}, in a Secret document of the manifest's file, or in --secrets FILE",
        env_name(name, key)
    ))
}

/// How long to wait and what to listen on are the mains' own.
pub struct Parts {
    pub token: SecretString,
    pub api_url: String,
    pub updates: Updates,
    pub database_url: String,
    pub redis_url: Option<String>,
    pub schema_wait: Duration,
    pub grace: Duration,
    pub admin_password: Option<SecretString>,
    pub api: ApiSettings,
}

pub fn config(bundle: &Bundle, parts: Parts, tuning: &Tuning) -> Config {
    let spec = &bundle.bot.spec;
    let database = spec.database.as_ref();
    let mut settings = DatabaseSettings::new(parts.database_url);
    if let Some(database) = database {
        settings.pool_size = database.connections();
        if i64::from(settings.pool_size) > i64::from(database.pool_size) {
            let (asked, used) = (database.pool_size, settings.pool_size);
            tracing::warn!(asked, used, "spec.database.poolSize is too small for a process to work with");
        }
        settings.statement_timeout = seconds(database.statement_timeout_seconds);
    }
    let mut outbox = OutboxSettings::default();
    if tuning.chat_rate != 1 {
        let rate = f64::from(tuning.chat_rate);
        let interval = if tuning.chat_rate == 0 { Duration::ZERO } else { Duration::from_secs_f64(1.0 / rate) };
        outbox.chat_interval = interval;
        outbox.group_interval = outbox.group_interval.min(interval.saturating_mul(3));
    }
    Config {
        name: bundle.bot.metadata.name.clone(),
        api_url: parts.api_url,
        token: parts.token,
        updates: parts.updates,
        languages: spec.languages.iter().map(|l| l.code().to_owned()).collect(),
        database: settings,
        redis_url: parts.redis_url,
        limits: LimitSettings {
            per_minute: u32::try_from(spec.limits.messages_per_minute).unwrap_or(10),
            per_hour: u32::try_from(spec.limits.messages_per_hour).unwrap_or(100),
        },
        rate: GateSettings { per_second: tuning.send_rate },
        outbox,
        jobs: JobSettings::default(),
        retention: Retention { updates: days(spec.data.keep_updates_days), sent: days(spec.data.keep_sent_days) },
        schema_wait: parts.schema_wait,
        grace: parts.grace,
        admin_password: parts.admin_password,
        api: parts.api,
    }
}

pub fn seconds(n: i32) -> Duration {
    Duration::from_secs(u64::try_from(n).unwrap_or(0))
}

fn days(n: i32) -> Duration {
    Duration::from_secs(24 * 3600 * u64::try_from(n).unwrap_or(1))
}

/// A pod's configuration: nothing is simulated, everything that the manifest names for this role must be there. What
/// only other roles read is not asked for: the pod was not given it.
pub fn pod(
    bundle: &Bundle,
    role: Role,
    connections: &Connections,
    tuning: &Tuning,
    schema_wait: Duration,
    grace: Duration,
) -> Result<Config, Refused> {
    let spec = &bundle.bot.spec;
    let database_url = database_url(bundle, connections.database_url.as_deref())?;
    let redis_url = redis_url(bundle, connections.redis_url.as_deref())?;
    let token = secret(bundle, &spec.telegram.token_secret_ref, "spec.telegram.tokenSecretRef")?;
    let updates = match spec.telegram.updates {
        UpdatesMode::Polling => Updates::Polling(PollingSettings::default()),
        UpdatesMode::Webhook if role == Role::Bot => webhook(bundle)?,
        UpdatesMode::Webhook => elsewhere(bundle),
    };
    let password = spec.admin.password_secret_ref.as_ref().filter(|_| role == Role::Admin);
    let password = optional_secret(bundle, password, "spec.admin.passwordSecretRef")?;
    let api = if role == Role::Api { api(bundle, Vec::new(), Vec::new())? } else { ApiSettings::default() };
    let api_url = spec.telegram.api_url.clone();
    let parts =
        Parts { token, api_url, updates, database_url, redis_url, schema_wait, grace, admin_password: password, api };
    Ok(config(bundle, parts, tuning))
}

/// The REST API's keys. `signing` and `shared`: where the manifest names none.
pub fn api(bundle: &Bundle, signing: Vec<SecretString>, shared: Vec<SecretString>) -> Result<ApiSettings, Refused> {
    let api = &bundle.bot.spec.api;
    let keys = |named: [(&Option<SecretKeyRef>, &str); 2], otherwise| {
        let named = named.into_iter().filter_map(|(reference, path)| Some((reference.as_ref()?, path)));
        let found = named.map(|(reference, path)| secret(bundle, reference, path)).collect::<Result<Vec<_>, _>>()?;
        Ok::<_, Refused>(if found.is_empty() { otherwise } else { found })
    };
    let jwt = [
        (&api.jwt_secret_ref, "spec.api.jwtSecretRef"),
        (&api.previous_jwt_secret_ref, "spec.api.previousJwtSecretRef"),
    ];
    let bot = [
        (&api.bot_key_secret_ref, "spec.api.botKeySecretRef"),
        (&api.previous_bot_key_secret_ref, "spec.api.previousBotKeySecretRef"),
    ];
    let minutes = u64::try_from(api.token_lifetime_minutes).unwrap_or(60);
    let token_lifetime = Duration::from_secs(60 * minutes);
    let limits = LimitSettings { per_minute: u32::try_from(api.requests_per_minute).unwrap_or(600), per_hour: 0 };
    let (signing_keys, bot_keys) = (keys(jwt, signing)?, keys(bot, shared)?);
    let settings = ApiSettings { signing_keys, bot_keys, token_lifetime, limits };
    settings.check().map_err(|e| Refused(format!("spec.api: {e}")))?;
    Ok(settings)
}

/// How updates arrive, for a role that does not take them.
fn elsewhere(bundle: &Bundle) -> Updates {
    let path = bundle.bot.spec.telegram.webhook_path().to_owned();
    Updates::Webhook { url: None, path, secrets: Vec::new(), max_connections: 1 }
}

/// The operator keeps the webhook's secret in a Secret and gives it by the environment; while it rotates, the previous
/// one too.
fn webhook(bundle: &Bundle) -> Result<Updates, Refused> {
    let telegram = &bundle.bot.spec.telegram;
    let current = environment("VITTE_WEBHOOK_SECRET").filter(|s| !s.is_empty()).ok_or_else(|| {
        Refused(
            "updates arrive by webhook, whose secret is not there; set VITTE_WEBHOOK_SECRET \
             (1 to 256 of A-Z a-z 0-9 _ -), or spec.telegram.updates: Polling"
                .to_owned(),
        )
    })?;
    let previous = environment("VITTE_WEBHOOK_SECRET_PREVIOUS").filter(|s| !s.is_empty());
    let valid = |s: &str| s.len() <= 256 && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if !valid(&current) {
        return Err(Refused("VITTE_WEBHOOK_SECRET is not valid; allowed: 1 to 256 of A-Z a-z 0-9 _ -".to_owned()));
    }
    let path = telegram.webhook_path().to_owned();
    let hook = telegram.webhook.as_ref();
    let url = hook.and_then(|w| w.url.clone().or_else(|| w.host.as_ref().map(|host| format!("https://{host}{path}"))));
    let max_connections = hook.map_or(40, |w| u32::try_from(w.max_connections).unwrap_or(40));
    let secrets = [Some(current), previous].into_iter().flatten().map(SecretString::from).collect();
    Ok(Updates::Webhook { url, path, secrets, max_connections })
}

pub fn database_url(bundle: &Bundle, given: Option<&str>) -> Result<String, Refused> {
    use vitte_crds::ExposeSecret;
    if let Some(url) = given {
        return Ok(url.to_owned());
    }
    let reference = bundle.bot.spec.database.as_ref().and_then(|d| d.url_secret_ref.as_ref());
    let Some(reference) = reference else {
        return Err(Refused(
            "no database is named: set VITTE_DATABASE_URL, or spec.database.urlSecretRef in the manifest".to_owned(),
        ));
    };
    Ok(secret(bundle, reference, "spec.database.urlSecretRef")?.expose_secret().to_owned())
}

pub fn redis_url(bundle: &Bundle, given: Option<&str>) -> Result<Option<String>, Refused> {
    use vitte_crds::ExposeSecret;
    if let Some(url) = given {
        return Ok(Some(url.to_owned()));
    }
    let reference = bundle.bot.spec.redis.as_ref().and_then(|r| r.url_secret_ref.as_ref());
    let url = optional_secret(bundle, reference, "spec.redis.urlSecretRef")?;
    Ok(url.map(|u| u.expose_secret().to_owned()))
}
