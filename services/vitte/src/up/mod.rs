//! `vitte up FILE`: a bot on this machine, all of it, in one process.
//!
//! ```text
//!  manifest -> private PostgreSQL and Redis -> migrations -> front door (with the simulated world)
//!           -> bot, worker, api, admin: the same `run` functions as in pods -> one table of what is where
//! ```
//! Telegram and the model are simulated each on its own where the manifest's token or key is missing. A signal stops
//! everything within five seconds; nothing is left behind, and everything said is found again.

mod front;
mod plan;
mod table;

use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vitte_crds::uses::Role;
use vitte_local::{DataDir, LocalError, Postgres, PostgresOptions, Redis, RedisOptions};
use vitte_migrate::Action;
use vitte_platform::config::{Config, Updates};
use vitte_platform::http::{Door, Part};
use vitte_platform::module::Registry;
use vitte_platform::role::Ground;
use vitte_sim::Sim;

use crate::cli::{Logs, Up};
use crate::{Refused, manifest, registry, roles, settings, signals};
use plan::Plan;

/// From the first signal to the end of the roles; PostgreSQL and Redis need a second more.
const GRACE: Duration = Duration::from_secs(3);
/// Until every role has handed its routes in.
const START: Duration = Duration::from_secs(60);

/// What was started for this run alone.
#[derive(Default)]
struct Servers {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    /// Held to the end: one `up` a folder.
    _data: Option<DataDir>,
}

impl Servers {
    /// Ends when one of them has ended by itself, with what to say of it.
    async fn died(&mut self) -> anyhow::Error {
        let postgres = async {
            match &mut self.postgres {
                Some(postgres) => (postgres.died().await, postgres.log().to_owned()),
                None => std::future::pending().await,
            }
        };
        let redis = async {
            match &mut self.redis {
                Some(redis) => (redis.died().await, redis.log().to_owned()),
                None => std::future::pending().await,
            }
        };
        let (name, (status, log)) = tokio::select! {
            end = postgres => ("PostgreSQL", end),
            end = redis => ("Redis", end),
        };
        anyhow::anyhow!("{name} ended by itself ({status}); its log is {}", log.display())
    }

    async fn stop(self) {
        let postgres = async {
            if let Some(postgres) = self.postgres {
                postgres.stop().await;
            }
        };
        let redis = async {
            if let Some(redis) = self.redis {
                redis.stop().await;
            }
        };
        tokio::join!(postgres, redis);
    }
}

pub async fn run(args: Up, logs: &Logs) -> anyhow::Result<()> {
    let bundle = manifest::read(&args.source)?;
    if !args.listen.ip().is_loopback() {
        return Err(Refused(format!(
            "--listen {} is not loopback; `vitte up` has no login. Allowed: 127.0.0.1:PORT or [::1]:PORT",
            args.listen
        ))
        .into());
    }
    let guard = roles::install_logs(logs, "warn,vitte=info", Some(&bundle), "up")?;
    let stop = CancellationToken::new();
    signals::install(stop.clone()).context("cannot listen for signals")?;
    let listener = roles::listen(args.listen).await?;
    let address = listener.local_addr().context("no local address")?;
    let data = DataDir::open(&args.data_dir).map_err(refused)?;
    let mut servers = Servers::default();
    // Dropped on the way out of any error, the servers end too.
    let (database_url, redis_url) = start_servers(&mut servers, &args, &bundle, &data).await?;
    servers._data = Some(data);

    let plan = Plan::new(&bundle, &args, address).await?;
    let parts = settings::Parts {
        token: plan.token.clone(),
        api_url: plan.api_url.clone(),
        updates: plan.updates.clone(),
        database_url,
        redis_url,
        schema_wait: Duration::from_secs(10),
        grace: GRACE,
        admin_password: None,
        api: plan.api.clone(),
    };
    let config = settings::config(&bundle, parts, &args.tuning);
    let registry = registry::registry(&bundle, &config, &Role::SERVING, plan.model_url.as_deref())?;
    vitte_migrate::run(&config.database, Action::Up(None)).await?;

    let result = serve(&plan, &config, registry, listener, &mut servers, &stop).await;
    stop.cancel();
    servers.stop().await;
    guard.close().await;
    result
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn refused(error: LocalError) -> Refused {
    Refused(error.to_string())
}

async fn start_servers(
    servers: &mut Servers,
    args: &Up,
    bundle: &vitte_crds::Bundle,
    data: &DataDir,
) -> Result<(String, Option<String>), Refused> {
    let given = args.connections.database_url.as_deref();
    let named = bundle.bot.spec.database.as_ref().and_then(|d| d.url_secret_ref.as_ref());
    let database_url = if given.is_some() || named.is_some_and(|r| bundle.secret(r, &manifest::environment).is_some()) {
        settings::database_url(bundle, given)?
    } else {
        let postgres = Postgres::start(PostgresOptions::new(data.postgres())).await.map_err(refused)?;
        let url = postgres.url().to_owned();
        servers.postgres = Some(postgres);
        url
    };
    let given = args.connections.redis_url.as_deref();
    let named = bundle.bot.spec.redis.as_ref().and_then(|r| r.url_secret_ref.as_ref());
    let redis_url = if given.is_some() || named.is_some_and(|r| bundle.secret(r, &manifest::environment).is_some()) {
        settings::redis_url(bundle, given)?
    } else {
        let redis = Redis::start(RedisOptions::new(data.redis())).await.map_err(refused)?;
        let url = redis.url().to_owned();
        servers.redis = Some(redis);
        Some(url)
    };
    Ok((database_url, redis_url))
}

/// Roles and front door until `stop`, or until one of them fails.
async fn serve(
    plan: &Plan,
    config: &Config,
    registry: Registry,
    listener: tokio::net::TcpListener,
    servers: &mut Servers,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let address = listener.local_addr().context("no local address")?;
    let ground = Ground::new(config, "up")?;
    let webhook_path = match &config.updates {
        Updates::Webhook { path, .. } => Some(path.clone()),
        Updates::Polling(_) => None,
    };
    let front = front::Front::new(address, plan.routes(), ground.health.router(), webhook_path);
    // The door closes last: what the roles still say on their way out reaches the simulated world.
    let door_stop = CancellationToken::new();
    let mut door = tokio::spawn(front.clone().serve(listener, door_stop.clone()));
    let world = plan.sim.clone().map(|sim: Sim| {
        let stop = door_stop.clone();
        tokio::spawn(async move { sim.run(stop).await })
    });

    let (parts, mut handed_in) = mpsc::channel::<Part>(8);
    let mut roles = JoinSet::new();
    let spawn = |roles: &mut JoinSet<_>, name: &'static str| {
        let (config, registry, stop) = (config.clone(), registry.clone(), stop.child_token());
        let door = Door::Front(parts.clone());
        roles.spawn(roles::run(name, config, registry, door, stop));
    };
    let names = ["bot", "worker", "api", "admin"];
    names.iter().for_each(|name| spawn(&mut roles, name));

    let mut waiting = names.len();
    let mut result = Ok(());
    let started = tokio::time::sleep(START);
    tokio::pin!(started);
    loop {
        tokio::select! {
            Some(part) = handed_in.recv() => {
                front.add(part.role, part.router);
                waiting -= 1;
                if waiting == 0 {
                    ground.health.set_serving(true);
                    table::print(plan, config, address);
                }
            }
            Some(ended) = roles.join_next() => {
                if stop.is_cancelled() {
                    break;
                }
                result = ended.context("a role panicked").and_then(|r| r);
                stop.cancel();
                break;
            }
            _ = &mut door => {
                result = Err(anyhow::anyhow!("the front door closed"));
                break;
            }
            () = &mut started, if waiting > 0 => {
                result = Err(anyhow::anyhow!("{waiting} roles did not start within {START:?}"));
                break;
            }
            reason = servers.died() => {
                result = Err(reason);
                break;
            }
            () = stop.cancelled() => break,
        }
    }
    ground.health.set_serving(false);
    stop.cancel();
    let all = async { while roles.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE + Duration::from_millis(500), all).await.is_err() {
        tracing::warn!("a role did not end in time");
    }
    door_stop.cancel();
    if let Some(sim) = &plan.sim {
        sim.close();
    }
    let _ = tokio::time::timeout(Duration::from_millis(500), &mut door).await;
    if let Some(world) = world {
        let _ = tokio::time::timeout(Duration::from_millis(500), world).await;
    }
    ground.pool.close().await;
    result
}
