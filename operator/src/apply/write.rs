//! One object: read, written or removed.

use std::sync::Arc;

use axum::http::Request;
use kube::Resource;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::client::Client;
use kube::core::Status;
use serde_json::{Value, json};

use super::{ObjectError, Reason};
use crate::cache::child::Child;
use crate::cache::store::Store;
use crate::door;
use crate::events::is_terminating;
use crate::metrics::Metrics;
use crate::names::{FIELD_MANAGER, HANDOVER_FIELD_MANAGER};
use crate::objects::{Kind, Live};

/// Writes one bot's objects; each answer goes into the cache at once.
pub struct Writer<'a> {
    pub client: &'a Client,
    pub namespace: &'a str,
    pub store: &'a Store,
    pub metrics: &'a Metrics,
}

/// What became of a creation.
pub enum Created {
    New(Live),
    /// One of this name was there.
    Exists,
}

impl Writer<'_> {
    fn api(&self, kind: Kind) -> Api<Child> {
        Api::namespaced_with(self.client.clone(), self.namespace, &kind.api_resource())
    }

    /// The object as it is now, into the cache too.
    pub async fn look(&self, kind: Kind, name: &str) -> kube::Result<Option<Live>> {
        let Some(child) = self.api(kind).get_opt(name).await? else { return Ok(None) };
        Ok(Some(self.keep(kind, child)))
    }

    pub async fn apply(&self, kind: Kind, name: &str, manager: &str, json: &Value) -> kube::Result<Live> {
        let params = PatchParams::apply(manager).force();
        let child = self.api(kind).patch(name, &params, &Patch::Apply(json)).await?;
        self.count(kind, "apply");
        Ok(self.keep(kind, child))
    }

    /// A Deployment's count, under the name of one who holds it until an autoscaler takes it. With `unless_changed`, a
    /// conflict when the Deployment is no longer as `live` has it: another count may have been written since.
    pub async fn hold_replicas(&self, live: &Live, replicas: i32, unless_changed: bool) -> kube::Result<Live> {
        let kind = Kind::Deployment;
        let mut json = json!({"apiVersion": kind.api_version(), "kind": kind.to_string(), "metadata": {"name": live.name},
            "spec": {"replicas": replicas}});
        if unless_changed && let Some(version) = live.at("/metadata/resourceVersion") {
            json["metadata"]["resourceVersion"] = version.clone();
        }
        self.apply(kind, &live.name, HANDOVER_FIELD_MANAGER, &json).await
    }

    pub async fn create(&self, kind: Kind, json: &Value) -> kube::Result<Created> {
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let url = Child::url_path(&kind.api_resource(), Some(self.namespace));
        let body = serde_json::to_vec(json).map_err(kube::Error::SerdeError)?;
        let request: Request<Vec<u8>> =
            kube::core::Request::new(url).create(&params, body).map_err(kube::Error::BuildRequest)?;
        match self.client.request::<Child>(request).await {
            Ok(child) => {
                self.count(kind, "create");
                Ok(Created::New(self.keep(kind, child)))
            }
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(Created::Exists),
            Err(error) => Err(error),
        }
    }

    /// Writes the whole object; a conflict when it is no longer of the version that the object names.
    pub async fn replace(&self, kind: Kind, name: &str, json: &Value) -> kube::Result<Live> {
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let url = Child::url_path(&kind.api_resource(), Some(self.namespace));
        let body = serde_json::to_vec(json).map_err(kube::Error::SerdeError)?;
        let request: Request<Vec<u8>> =
            kube::core::Request::new(url).replace(name, &params, body).map_err(kube::Error::BuildRequest)?;
        let child = self.client.request::<Child>(request).await?;
        self.count(kind, "update");
        Ok(self.keep(kind, child))
    }

    /// Removes exactly this object, not a successor of its name.
    pub async fn delete(&self, live: &Live) -> kube::Result<()> {
        let uid = live.text("/metadata/uid").unwrap_or_default().to_owned();
        let params = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            preconditions: Some(Preconditions { uid: Some(uid.clone()), resource_version: None }),
            ..DeleteParams::default()
        };
        match self.api(live.kind).delete(&live.name, &params).await {
            Ok(answer) => {
                self.count(live.kind, "delete");
                match answer.left() {
                    // It waits for a finalizer.
                    Some(child) => {
                        self.keep(live.kind, child);
                    }
                    None => self.store.own_deletion(live.kind, self.namespace, &live.name, &uid),
                }
            }
            Err(kube::Error::Api(status)) if status.code == 404 => {
                self.store.own_deletion(live.kind, self.namespace, &live.name, &uid);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn count(&self, kind: Kind, verb: &str) {
        self.metrics.writes.with_label_values(&[kind.coordinates().2, verb]).inc();
    }

    fn keep(&self, kind: Kind, child: Child) -> Live {
        let live = live(kind, child.clone());
        // Secrets are not watched as children: they are read anew every time.
        if kind != Kind::Secret {
            self.store.own(kind, child);
        }
        live
    }
}

fn live(kind: Kind, child: Child) -> Live {
    let name = child.name().to_owned();
    // Bytes that were JSON a moment ago.
    let json = serde_json::from_slice(&child.into_json()).unwrap_or_default();
    Live { kind, name, json: Arc::new(json) }
}

/// What an error means for the object's owner.
#[must_use]
pub fn error(kind: Kind, name: &str, error: &kube::Error) -> ObjectError {
    const LONGEST: usize = 500;
    let (reason, message) = match error {
        kube::Error::Api(status) => {
            let reason = reason(status);
            let said = match (reason, kind) {
                (Reason::Terminating, _) => "the namespace is being removed".to_owned(),
                // What the API server says of a Secret may hold what is in it.
                (_, Kind::Secret) => format!("the API server answers {} {}", status.code, status.reason),
                (Reason::Immutable, _) => format!(
                    "it has a field that cannot be changed once it is there; delete {kind} {name}, and the operator \
                     makes it anew: {}",
                    status.message
                ),
                _ => status.message.clone(),
            };
            (reason, said)
        }
        other if door::is_shut(other) => {
            (Reason::Failed, "this process lost its lease; another one goes on".to_owned())
        }
        other => (Reason::Failed, other.to_string()),
    };
    let message = if message.chars().count() > LONGEST {
        message.chars().take(LONGEST).chain("...".chars()).collect()
    } else {
        message
    };
    ObjectError { kind, name: name.to_owned(), reason, message }
}

fn reason(status: &Status) -> Reason {
    match status.code {
        _ if is_terminating(status) => Reason::Terminating,
        422 if is_immutable(&status.message) => Reason::Immutable,
        400 | 405 | 413 | 415 | 422 => Reason::Invalid,
        403 => Reason::Forbidden,
        409 => Reason::Conflict,
        _ => Reason::Failed,
    }
}

fn is_immutable(message: &str) -> bool {
    message.contains("immutable") || message.contains("updates to statefulset spec for fields other than")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, message: &str) -> kube::Error {
        kube::Error::Api(Status::failure(message, "Invalid").with_code(code).boxed())
    }

    #[test]
    fn an_immutable_field_is_told_with_what_to_do_and_is_not_tried_again() {
        let error = error(Kind::StatefulSet, "luna-redis", &refused(422, "spec.selector: field is immutable"));
        assert_eq!(error.reason, Reason::Immutable);
        assert!(error.reason.needs_person());
        assert!(error.message.contains("delete StatefulSet luna-redis"), "{error}");
    }

    #[test]
    fn conflicts_and_outages_are_tried_again_and_refusals_wait_for_a_person() {
        for (code, again) in
            [(409, true), (429, true), (500, true), (503, true), (400, false), (403, false), (422, false)]
        {
            assert_eq!(!error(Kind::Service, "s", &refused(code, "no")).reason.needs_person(), again, "{code}");
        }
    }

    #[test]
    fn nothing_that_the_api_server_says_of_a_secret_is_repeated() {
        let error = error(Kind::Secret, "luna-postgres", &refused(422, "data.password: Invalid value: hunter2"));
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
