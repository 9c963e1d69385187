//! Pods (pure): which are worth a line, and what that line says.

use serde_json::Value;

use super::model::PodView;
use crate::object::{self, int, owned, text};

impl PodView {
    /// Whether it will not become ready by waiting alone.
    pub fn is_stuck(&self) -> bool {
        const STUCK: [&str; 9] = [
            "CrashLoopBackOff",
            "ImagePullBackOff",
            "ErrImagePull",
            "ErrImageNeverPull",
            "InvalidImageName",
            "CreateContainerConfigError",
            "CreateContainerError",
            "Unschedulable",
            "Failed",
        ];
        STUCK.contains(&self.reason.as_str())
    }
}

/// `None`: it is ready, or has done its work.
pub fn pod_view(pod: &Value) -> Option<PodView> {
    let phase = text(pod, "/status/phase").unwrap_or("Pending");
    let is_ready = object::holds(pod, "Ready").is_some()
        || object::condition(pod, "Ready").is_some_and(|ready| ready["status"] == "True");
    if phase == "Succeeded" || (is_ready && pod.pointer("/metadata/deletionTimestamp").is_none()) {
        return None;
    }
    let containers =
        object::items(pod, "/status/initContainerStatuses").chain(object::items(pod, "/status/containerStatuses"));
    let containers: Vec<&Value> = containers.collect();
    let restarts = containers.iter().filter_map(|c| int(c, "/restartCount")).sum();
    let waiting = containers.iter().find_map(|c| c.pointer("/state/waiting"));
    let ended = containers.iter().find_map(|c| c.pointer("/state/terminated").filter(|t| t["exitCode"] != 0));
    let before = containers.iter().find_map(|c| c.pointer("/lastState/terminated"));
    let last = ended.or(before);
    let unscheduled = object::condition(pod, "PodScheduled").filter(|condition| condition["status"] == "False");
    let (reason, message) = if pod.pointer("/metadata/deletionTimestamp").is_some() {
        ("Terminating".to_owned(), None)
    } else if let Some(waiting) = waiting {
        (owned(waiting, "/reason").unwrap_or_else(|| "Waiting".to_owned()), owned(waiting, "/message"))
    } else if let Some(unscheduled) = unscheduled {
        (owned(unscheduled, "/reason").unwrap_or_else(|| "Unschedulable".to_owned()), owned(unscheduled, "/message"))
    } else if let Some(ended) = ended {
        (owned(ended, "/reason").unwrap_or_else(|| "Error".to_owned()), None)
    } else if phase == "Running" {
        ("NotReady".to_owned(), None)
    } else {
        (owned(pod, "/status/reason").unwrap_or_else(|| phase.to_owned()), owned(pod, "/status/message"))
    };
    Some(PodView {
        name: object::name(pod).to_owned(),
        reason,
        message,
        restarts,
        exit_code: last.and_then(|last| int(last, "/exitCode")),
        last_words: last.and_then(|last| text(last, "/message")).map(end_of).filter(|words| !words.is_empty()),
    })
}

/// The last lines of a text, and of a long line its end: what a process says last is why it ended.
fn end_of(text: &str) -> String {
    const LINES: usize = 3;
    const LONGEST: usize = 400;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let end = lines[lines.len().saturating_sub(LINES)..].join("\n");
    let skip = end.chars().count().saturating_sub(LONGEST);
    end.chars().skip(skip).collect()
}
