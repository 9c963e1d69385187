//! What is real and what is simulated in this run.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use vitte_crds::{Bundle, ExposeSecret, SecretKeyRef, SecretString};
use vitte_platform::clock::random_hex;
use vitte_platform::config::Updates;
use vitte_platform::http::api::ApiSettings;
use vitte_platform::intake::polling::PollingSettings;
use vitte_platform::telegram::Telegram;
use vitte_platform::telegram::client::{ApiError, http_client, object};
use vitte_sim::{Sim, SimConfig};

use crate::cli::Up;
use crate::manifest::environment;
use crate::{Refused, settings};

/// The simulated bot's token. Its form is Telegram's, its value no secret.
const SIMULATED_TOKEN: &str = "100001:simulated-token-of-a-bot-on-laptop0";
/// What programs show to `vitte up` where the manifest names no other key.
const SHARED_KEY: &str = "simulated";
const LIMIT: Duration = Duration::from_secs(10);

pub struct Plan {
    pub token: SecretString,
    pub api_url: String,
    pub updates: Updates,
    /// Telegram, the model, or both.
    pub sim: Option<Sim>,
    pub telegram_simulated: bool,
    /// Where the model is, if it is simulated.
    pub model_url: Option<String>,
    /// `@name` of the real bot.
    pub username: Option<String>,
    pub api: ApiSettings,
    /// The API's shared key, where it is the word that everybody knows.
    pub known_key: Option<&'static str>,
}

impl Plan {
    pub async fn new(bundle: &Bundle, args: &Up, address: SocketAddr) -> Result<Self, Refused> {
        let telegram = &bundle.bot.spec.telegram;
        let token = bundle.secret(&telegram.token_secret_ref, &environment);
        let companion = bundle.bot.spec.modules.companion.as_ref();
        // A reference to a key that is missing: simulated. No reference: an endpoint that needs no key.
        let key = companion.and_then(|c| c.llm.api_key_secret_ref.as_ref());
        let model_simulated = key.is_some_and(|r| bundle.secret(r, &environment).is_none());
        let telegram_simulated = token.is_none();
        let sim = if telegram_simulated || model_simulated {
            let config = SimConfig {
                data_dir: Some(args.data_dir.join("sim")),
                token: Some(SIMULATED_TOKEN.to_owned()),
                bot_username: format!("{}_bot", bundle.bot.metadata.name.replace('-', "_")),
                bot_name: title(&bundle.bot.metadata.name),
                ..SimConfig::default()
            };
            Some(Sim::open(config).map_err(|e| Refused(format!("the simulated world: {e}")))?)
        } else {
            None
        };
        let model_url = model_simulated.then(|| format!("http://{address}/sim/llm/v1"));
        let (token, api_url, updates, username) = match token {
            Some(token) => {
                let username = real_telegram(&telegram.api_url, &token, args.take_over).await?;
                (token, telegram.api_url.clone(), Updates::Polling(PollingSettings::default()), username)
            }
            None => {
                let token = SecretString::from(SIMULATED_TOKEN.to_owned());
                let updates = match telegram.updates {
                    vitte_crds::telegram::Updates::Polling => Updates::Polling(PollingSettings::default()),
                    vitte_crds::telegram::Updates::Webhook => webhook(bundle, &args.data_dir, address)?,
                };
                (token, format!("http://{address}"), updates, None)
            }
        };
        let api = api(bundle, &args.data_dir)?;
        let known_key = api.bot_keys.iter().any(|key| key.expose_secret() == SHARED_KEY).then_some(SHARED_KEY);
        Ok(Self { token, api_url, updates, sim, telegram_simulated, model_url, username, api, known_key })
    }

    /// The simulated world's routes: all of them, or only the model's.
    pub fn routes(&self) -> Router {
        match &self.sim {
            Some(sim) if self.telegram_simulated => sim.router(),
            Some(sim) => Router::new().nest_service("/sim/llm", only_model(sim)).fallback(in_telegram(self)),
            None => Router::new().fallback(in_telegram(self)),
        }
    }
}

fn only_model(sim: &Sim) -> Router {
    // Nested routes lose their prefix; the model's router expects it.
    let router = sim.router();
    Router::new().fallback(move |mut request: axum::extract::Request| {
        let router = router.clone();
        async move {
            use tower::ServiceExt;
            let path = format!("/sim/llm{}", request.uri().path_and_query().map_or("/", |p| p.as_str()));
            if let Ok(uri) = path.parse() {
                *request.uri_mut() = uri;
            }
            router.oneshot(request).await
        }
    })
}

fn in_telegram(plan: &Plan) -> axum::routing::MethodRouter {
    let place = plan.username.as_ref().map_or_else(|| "Telegram".to_owned(), |name| format!("https://t.me/{name}"));
    axum::routing::get(move || {
        let text = format!("This bot talks at {place}. API: /docs, administration: /admin.\n");
        async move { text }
    })
}

/// A secret of this folder, made when first needed: 64 hex digits that outlive a restart.
fn kept(data_dir: &Path, name: &str) -> Result<SecretString, Refused> {
    let file = data_dir.join(name);
    if let Ok(secret) = std::fs::read_to_string(&file)
        && secret.len() == 64
    {
        return Ok(secret.into());
    }
    let secret = random_hex(32);
    std::fs::write(&file, &secret).map_err(|e| Refused(format!("cannot write {}: {e}", file.display())))?;
    Ok(secret.into())
}

/// The API's keys: the manifest's where their secrets are there. Else tokens are signed by one of this folder, and the
/// shared key is a word that everybody knows: the front door is this machine's alone.
fn api(bundle: &Bundle, data_dir: &Path) -> Result<ApiSettings, Refused> {
    let mut bundle = bundle.clone();
    let missing =
        |reference: &Option<SecretKeyRef>| reference.as_ref().is_some_and(|r| bundle.secret(r, &environment).is_none());
    let api = &bundle.bot.spec.api;
    let absent = [
        missing(&api.jwt_secret_ref),
        missing(&api.previous_jwt_secret_ref),
        missing(&api.bot_key_secret_ref),
        missing(&api.previous_bot_key_secret_ref),
    ];
    let api = &mut bundle.bot.spec.api;
    let all = [
        &mut api.jwt_secret_ref,
        &mut api.previous_jwt_secret_ref,
        &mut api.bot_key_secret_ref,
        &mut api.previous_bot_key_secret_ref,
    ];
    for (reference, _) in all.into_iter().zip(absent).filter(|(_, absent)| *absent) {
        *reference = None;
    }
    settings::api(&bundle, vec![kept(data_dir, "jwt-secret")?], vec![SHARED_KEY.to_owned().into()])
}

/// The simulated Telegram posts to our own front door, as the real one would. Its secret outlives a restart: Telegram
/// never tells the one it has.
fn webhook(bundle: &Bundle, data_dir: &Path, address: SocketAddr) -> Result<Updates, Refused> {
    let secret = kept(data_dir, "webhook-secret")?;
    let telegram = &bundle.bot.spec.telegram;
    let path = telegram.webhook_path().to_owned();
    let max_connections = telegram.webhook.as_ref().map_or(40, |w| u32::try_from(w.max_connections).unwrap_or(40));
    let url = Some(format!("http://{address}{path}"));
    Ok(Updates::Webhook { url, path, secrets: vec![secret], max_connections })
}

/// A real bot is polled from here, unless its updates already go elsewhere.
async fn real_telegram(api_url: &str, token: &SecretString, take_over: bool) -> Result<Option<String>, Refused> {
    let refused = |e: &dyn std::fmt::Display| Refused(format!("Telegram at {api_url}: {e}"));
    let http = http_client().map_err(|e| refused(&e))?;
    let telegram = Telegram::new(http, api_url, token.clone()).map_err(|e| refused(&e))?;
    let me = telegram.get_me(LIMIT).await.map_err(|e| match e {
        ApiError::Unauthorized => refused(&"it does not know this bot token; look at @BotFather"),
        other => refused(&other),
    })?;
    let info = telegram.webhook_info(LIMIT).await.map_err(|e| refused(&e))?;
    if !info.url.is_empty() {
        if !take_over {
            let name = me.username.as_deref().unwrap_or("this bot");
            return Err(Refused(format!(
                "@{name} has a webhook: its updates go to {}. Run `vitte up --take-over` to remove the webhook and \
                 take them here, or use another bot's token",
                host(&info.url)
            )));
        }
        let params = object(serde_json::json!({"drop_pending_updates": false}));
        telegram.call("deleteWebhook", &params, LIMIT).await.map_err(|e| refused(&e))?;
        tracing::warn!("the webhook was removed; its updates come here now");
    }
    Ok(me.username)
}

/// A webhook's path may be a secret; its host is not.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '@']).next().unwrap_or("").to_owned()
}

fn title(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
