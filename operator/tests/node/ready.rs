//! How few pods of each component were ready at any moment, by every change that the API server told of.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use kube::runtime::watcher::{self, Event, watcher};
use tokio::task::JoinHandle;

use crate::node::Node;

/// The label that says what a pod is for.
pub const COMPONENT: &str = "app.kubernetes.io/component";

#[derive(Default)]
struct Notes {
    /// Those that are ready and not on their way out: component by name.
    ready: BTreeMap<String, String>,
    least: BTreeMap<String, usize>,
    settled: bool,
}

/// Takes notes until dropped.
pub struct Ready {
    notes: Arc<Mutex<Notes>>,
    task: JoinHandle<()>,
}

impl Drop for Ready {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Ready {
    pub fn watch(node: &Node, namespace: &str, bot: &str) -> Self {
        let pods: Api<Pod> = Api::namespaced(node.client.clone(), namespace);
        let only = watcher::Config::default().labels(&format!("vitte.dev/bot={bot}"));
        let notes = Arc::new(Mutex::new(Notes::default()));
        let kept = notes.clone();
        let task = tokio::spawn(async move {
            let mut events = watcher(pods, only).boxed();
            while let Some(event) = events.next().await {
                match event {
                    Ok(event) => kept.lock().unwrap().take(event),
                    Err(error) => panic!("pods cannot be watched: {error}"),
                }
            }
        });
        Self { notes, task }
    }

    /// The fewest ready pods of a component since the last time that this was asked.
    pub fn fewest(&self, component: &str) -> usize {
        assert!(!self.task.is_finished(), "the watch of pods has ended");
        let mut notes = self.notes.lock().unwrap();
        let now = notes.count(component);
        notes.least.insert(component.to_owned(), now).unwrap_or(now)
    }
}

impl Notes {
    fn take(&mut self, event: Event<Pod>) {
        match event {
            Event::Init => {
                self.settled = false;
                self.ready.clear();
            }
            Event::InitApply(pod) | Event::Apply(pod) => self.see(&pod),
            Event::InitDone => self.settled = true,
            Event::Delete(pod) => {
                self.ready.remove(pod.metadata.name.as_deref().unwrap_or_default());
            }
        }
        if !self.settled {
            return;
        }
        let known: Vec<String> = self.ready.values().chain(self.least.keys()).cloned().collect();
        for component in known {
            let count = self.count(&component);
            let least = self.least.entry(component).or_insert(count);
            *least = count.min(*least);
        }
    }

    fn see(&mut self, pod: &Pod) {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let component = pod.metadata.labels.as_ref().and_then(|labels| labels.get(COMPONENT)).cloned();
        if is_ready(pod) {
            self.ready.insert(name, component.unwrap_or_default());
        } else {
            self.ready.remove(&name);
        }
    }

    fn count(&self, component: &str) -> usize {
        self.ready.values().filter(|of| *of == component).count()
    }
}

/// One that is on its way out serves what it has, and gets no more.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.into_iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True");
    ready && pod.metadata.deletion_timestamp.is_none()
}
