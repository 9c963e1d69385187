//! Events in the bot's namespace, by which `kubectl describe` tells the bot's story.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use crate::door;
use crate::metrics::Metrics;
use crate::names::FIELD_MANAGER;
use crate::status::{self, Severity};

/// The API server refuses longer notes.
const LONGEST_NOTE: usize = 1000;

/// Writes events. One that cannot be written is counted, and nothing else suffers.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
    metrics: Arc<Metrics>,
}

impl Events {
    #[must_use]
    pub fn new(client: Client, identity: &str, metrics: Arc<Metrics>) -> Self {
        let reporter =
            Reporter { controller: format!("vitte.dev/{FIELD_MANAGER}"), instance: Some(identity.to_owned()) };
        Self { recorder: Recorder::new(client, reporter), metrics }
    }

    pub async fn tell(&self, about: &ObjectReference, events: &[status::Event]) {
        for event in events {
            let event = Event {
                type_: match event.severity {
                    Severity::Normal => EventType::Normal,
                    Severity::Warning => EventType::Warning,
                },
                reason: event.reason.clone(),
                note: Some(cut(&event.note, LONGEST_NOTE).to_owned()),
                action: "Reconcile".to_owned(),
                secondary: None,
            };
            match self.recorder.publish(&event, about).await {
                Ok(()) => {}
                // The bot or its namespace is going, or another wrote the same: nobody misses this event.
                Err(kube::Error::Api(status))
                    if status.code == 404 || status.code == 409 || is_terminating(&status) => {}
                Err(error) if door::is_shut(&error) => return,
                Err(error) => {
                    self.metrics.events_failed.inc();
                    tracing::debug!(%error, reason = event.reason, "event not written");
                }
            }
        }
    }
}

/// Whether the API server refuses because the namespace is being removed.
#[must_use]
pub fn is_terminating(status: &kube::core::Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    status.code == 403 && causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}

/// At most so many bytes of a text, whole characters.
fn cut(text: &str, longest: usize) -> &str {
    let mut end = text.len().min(longest);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_cut_between_characters() {
        assert_eq!(cut("abc", 10), "abc");
        assert_eq!(cut("ab\u{1F319}", 4), "ab");
        assert_eq!(cut("ab\u{1F319}", 6), "ab\u{1F319}");
    }
}
