//! One of several replicas works: whoever holds the Lease.
//!
//! As other controllers of Kubernetes do it: a holder writes its name and the time of each renewal; a standby that sees
//! the same record for the lease's whole duration, by its own clock, takes over. Clocks are never compared across
//! machines. The holder keeps its [`Gate`] open only until its own deadline, which ends well before anybody else may take
//! over; so two never write at one time, even if the holder was asleep.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use crate::clock::jitter;
use crate::door::Gate;
use crate::settings::LeaseSettings;

/// Takes, keeps and gives back the lease.
pub struct Elector {
    api: Api<Lease>,
    settings: LeaseSettings,
    identity: String,
    gate: Gate,
    seen: Option<Seen>,
    last_renewal: Option<Instant>,
}

/// Another's record, and since when it stands unchanged.
struct Seen {
    record: Record,
    since: Instant,
}

#[derive(Clone, PartialEq, Eq)]
struct Record {
    holder: String,
    renewed: Option<Timestamp>,
    transitions: i32,
}

/// The lease is another's, or could not be renewed in time.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    #[error("the lease {lease} is held by {holder} now")]
    Taken { lease: String, holder: String },
    #[error("the lease {lease} could not be renewed for {} s", .after.as_secs_f32())]
    Late { lease: String, after: Duration },
}

enum Turn {
    Ours,
    Theirs(String),
}

impl Elector {
    #[must_use]
    pub fn new(client: Client, settings: LeaseSettings, identity: String, gate: Gate) -> Self {
        let api = Api::namespaced(client, &settings.namespace);
        Self { api, settings, identity, gate, seen: None, last_renewal: None }
    }

    fn path(&self) -> String {
        format!("{}/{}", self.settings.namespace, self.settings.name)
    }

    /// Waits until the lease is ours; `false`: told to stop before.
    pub async fn acquire(&mut self, stop: &CancellationToken, seen: impl Fn()) -> bool {
        let mut holder = String::new();
        let mut failed = false;
        loop {
            match tokio::time::timeout(self.settings.renew_deadline, self.turn()).await {
                Ok(Ok(Turn::Ours)) => {
                    tracing::info!(lease = self.path(), identity = self.identity, "this process holds the lease");
                    seen();
                    return true;
                }
                Ok(Ok(Turn::Theirs(now))) => {
                    failed = false;
                    seen();
                    if holder != now {
                        tracing::info!(lease = self.path(), holder = now, "standing by");
                        holder = now;
                    }
                }
                Ok(Err(error)) => {
                    if !failed {
                        tracing::warn!(lease = self.path(), %error, "the lease cannot be read or taken");
                    }
                    failed = true;
                }
                Err(_) => failed = true,
            }
            tokio::select! {
                () = stop.cancelled() => return false,
                () = tokio::time::sleep(jitter(self.settings.retry)) => {}
            }
        }
    }

    /// Renews until the lease is lost.
    pub async fn hold(&mut self) -> Lost {
        loop {
            tokio::time::sleep(self.settings.retry).await;
            let last = *self.last_renewal.get_or_insert_with(Instant::now);
            let left = self.settings.renew_deadline.saturating_sub(last.elapsed());
            match tokio::time::timeout(left, self.turn()).await {
                Ok(Ok(Turn::Ours)) => {}
                Ok(Ok(Turn::Theirs(holder))) => {
                    self.gate.close();
                    return Lost::Taken { lease: self.path(), holder };
                }
                Ok(Err(error)) => tracing::warn!(lease = self.path(), %error, "the lease could not be renewed"),
                Err(_) => tracing::warn!(lease = self.path(), "the lease could not be renewed in time"),
            }
            // However quick the refusals are.
            if last.elapsed() >= self.settings.renew_deadline && self.last_renewal == Some(last) {
                self.gate.close();
                return Lost::Late { lease: self.path(), after: self.settings.renew_deadline };
            }
        }
    }

    /// Gives the lease back, so that a standby need not wait.
    ///
    /// # Errors
    /// When the API server does not take it; then a standby waits the whole duration.
    pub async fn release(&mut self) -> Result<(), kube::Error> {
        self.gate.close();
        let Some(mut lease) = self.api.get_opt(&self.settings.name).await? else { return Ok(()) };
        if record(&lease).holder != self.identity {
            return Ok(());
        }
        if let Some(spec) = lease.spec.as_mut() {
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(1);
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        self.api.replace(&self.settings.name, &PostParams::default(), &lease).await?;
        tracing::info!(lease = self.path(), "lease released");
        Ok(())
    }

    /// One look, and one try to take or renew.
    async fn turn(&mut self) -> Result<Turn, kube::Error> {
        // What follows is promised to last from before it was asked for.
        let asked = Instant::now();
        let Some(mut lease) = self.api.get_opt(&self.settings.name).await? else {
            let lease = Lease {
                metadata: ObjectMeta { name: Some(self.settings.name.clone()), ..ObjectMeta::default() },
                spec: Some(self.spec(None, 0)),
            };
            return match self.api.create(&PostParams::default(), &lease).await {
                Ok(_) => Ok(self.renewed(asked)),
                Err(kube::Error::Api(status)) if status.code == 409 => Ok(Turn::Theirs("another process".to_owned())),
                Err(error) => Err(error),
            };
        };
        let record = record(&lease);
        let ours = record.holder == self.identity;
        if !ours && !record.holder.is_empty() {
            let held = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or(0);
            let held = Duration::from_secs(u64::try_from(held).unwrap_or(0)).max(self.settings.duration);
            match &self.seen {
                Some(seen) if seen.record == record => {
                    if seen.since.elapsed() < held {
                        return Ok(Turn::Theirs(record.holder));
                    }
                }
                _ => {
                    let holder = record.holder.clone();
                    self.seen = Some(Seen { record, since: Instant::now() });
                    return Ok(Turn::Theirs(holder));
                }
            }
        }
        let acquired = if ours { lease.spec.as_ref().and_then(|spec| spec.acquire_time.clone()) } else { None };
        lease.spec = Some(self.spec(acquired, record.transitions + i32::from(!ours)));
        // `lease` carries its resourceVersion: of two that try, one gets a conflict.
        match self.api.replace(&self.settings.name, &PostParams::default(), &lease).await {
            Ok(_) => Ok(self.renewed(asked)),
            Err(kube::Error::Api(status)) if status.code == 409 && !ours => {
                Ok(Turn::Theirs("another process".to_owned()))
            }
            Err(error) => Err(error),
        }
    }

    fn renewed(&mut self, asked: Instant) -> Turn {
        self.seen = None;
        self.last_renewal = Some(asked);
        self.gate.open_until(asked + self.settings.renew_deadline);
        Turn::Ours
    }

    fn spec(&self, acquired: Option<MicroTime>, transitions: i32) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(i32::try_from(self.settings.duration.as_secs().max(1)).unwrap_or(i32::MAX)),
            acquire_time: Some(acquired.unwrap_or_else(|| now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }
}

fn record(lease: &Lease) -> Record {
    let spec = lease.spec.as_ref();
    Record {
        holder: spec.and_then(|spec| spec.holder_identity.clone()).unwrap_or_default(),
        renewed: spec.and_then(|spec| spec.renew_time.as_ref()).map(|time| time.0),
        transitions: spec.and_then(|spec| spec.lease_transitions).unwrap_or(0),
    }
}
