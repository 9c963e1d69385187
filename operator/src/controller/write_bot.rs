//! What the operator writes to the bot itself: its status, and the finalizer.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource};
use serde_json::json;
use vitte_crds::status::{Condition, ConditionType, Status};

use crate::cache::BotKey;
use crate::clock;
use crate::cluster::Cluster;
use crate::names::{FIELD_MANAGER, FINALIZER};
use crate::resource::VitteBot;
use crate::status::{self, Outcome};

impl Cluster {
    fn api(&self, key: &BotKey) -> Api<VitteBot> {
        Api::namespaced(self.client.clone(), &key.namespace)
    }

    /// Writes the status if it is another, and tells of each transition once.
    ///
    /// # Errors
    /// When the API server does not take it. A bot that is gone is none.
    pub async fn write_status(&self, key: &BotKey, bot: &VitteBot, outcome: &Outcome<'_>) -> kube::Result<()> {
        let new = status::status(bot, outcome, clock::now());
        if bot.status.as_ref() == Some(&new) {
            return Ok(());
        }
        let uid = bot.metadata.uid.clone().unwrap_or_default();
        // Those of others are theirs to write: what was read of them may be old by now.
        let is_ours = |condition: &Condition| ConditionType::ALL.iter().any(|kind| kind.as_str() == condition.type_);
        let conditions = new.conditions.iter().filter(|condition| is_ours(condition)).cloned().collect();
        let ours = Status { conditions, ..new.clone() };
        // With the uid, a successor of the same name is not given this one's status.
        let body = json!({"apiVersion": vitte_crds::API_VERSION, "kind": vitte_crds::KIND,
            "metadata": {"name": key.name, "uid": uid}, "status": ours});
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let written = match self.api(key).patch_status(&key.name, &params, &Patch::Apply(&body)).await {
            Ok(written) => written,
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
            Err(error) => return Err(error),
        };
        self.metrics.writes.with_label_values(&[vitte_crds::KIND, "status"]).inc();
        let told = status::transitions(bot.status.as_ref(), &new);
        self.bots.wrote(key, &uid, written.metadata.resource_version.as_deref(), Some(new));
        self.events.tell(&bot.object_ref(&()), &told).await;
        Ok(())
    }

    /// Adds or removes the finalizer, if that is not how it is.
    ///
    /// # Errors
    /// When the API server does not take it. A bot that is gone is none.
    pub async fn set_finalizer(&self, key: &BotKey, meta: &ObjectMeta, there: bool) -> kube::Result<()> {
        if has_finalizer(meta) == there {
            return Ok(());
        }
        let uid = meta.uid.clone().unwrap_or_default();
        let others = meta.finalizers.iter().flatten().filter(|name| *name != FINALIZER).cloned();
        let finalizers: Vec<String> = others.chain(there.then(|| FINALIZER.to_owned())).collect();
        // The version: the list is replaced whole, and must not undo what another added meanwhile. A conflict means that
        // the watch is about to tell of something newer.
        let body =
            json!({"metadata": {"finalizers": finalizers, "resourceVersion": meta.resource_version, "uid": uid}});
        match self.api(key).patch_metadata(&key.name, &PatchParams::default(), &Patch::Merge(&body)).await {
            Ok(written) => {
                self.metrics.writes.with_label_values(&[vitte_crds::KIND, "patch"]).inc();
                self.bots.wrote(key, &uid, written.metadata.resource_version.as_deref(), None);
                Ok(())
            }
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether the bot's removal waits for the operator.
#[must_use]
pub fn has_finalizer(meta: &ObjectMeta) -> bool {
    meta.finalizers.iter().flatten().any(|name| name == FINALIZER)
}
