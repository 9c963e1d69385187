//! What the pods of a Job tell (pure): why none of them has started, and their last words.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

/// Whether a Job at work has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A container runs, or has run.
    Begun,
    /// None ever did: why, once there is more to say than that it is about to.
    Not(Option<String>),
}

/// Whether a container of these pods ever ran, and what keeps them from it: `ImagePullBackOff: Back-off pulling image ...`.
/// `None`: there are none.
#[must_use]
pub fn start(pods: &[Pod]) -> Option<Start> {
    if pods.is_empty() {
        return None;
    }
    if containers(pods).any(|(_, container)| has_run(container)) {
        return Some(Start::Begun);
    }
    let held_up = containers(pods).find_map(|(_, container)| held_up(container));
    Some(Start::Not(held_up.or_else(|| pods.iter().find_map(unscheduled))))
}

/// What is to be remembered after another look. A Job's pods go a moment before its time is told to be over. And the
/// kubelet says the same in turns, now that it cannot pull an image and now that it waits with the next attempt: a status
/// that followed it would be written at each look.
#[must_use]
pub fn remembered(before: Option<Start>, now: Option<Start>) -> Start {
    match (before, now) {
        (Some(Start::Not(Some(before))), Some(Start::Not(Some(now)))) if kind(&before) == kind(&now) => {
            Start::Not(Some(before))
        }
        (_, Some(now)) => now,
        (before, None) => before.unwrap_or(Start::Not(None)),
    }
}

/// The last words of an ended Job: of the newest pod that ended as the Job did, or else of the newest that had any.
/// Empty: it ended without. `None`: no pod is left that could tell.
#[must_use]
pub fn last_words(pods: &[Pod], failed: bool) -> Option<String> {
    let mut ended: Vec<(&Pod, &ContainerStateTerminated)> = containers(pods)
        .filter_map(|(pod, container)| Some((pod, container.state.as_ref()?.terminated.as_ref()?)))
        .collect();
    ended.sort_by_key(|(pod, _)| std::cmp::Reverse(pod.metadata.creation_timestamp.clone()));
    let words = |end: &ContainerStateTerminated| end.message.as_deref().unwrap_or_default().trim().to_owned();
    let as_the_job = ended.iter().filter(|(_, end)| (end.exit_code != 0) == failed).map(|(_, end)| words(end));
    let any = ended.iter().map(|(_, end)| words(end));
    as_the_job.chain(any).find(|words| !words.is_empty()).or_else(|| (!ended.is_empty()).then(String::new))
}

fn containers(pods: &[Pod]) -> impl Iterator<Item = (&Pod, &ContainerStatus)> {
    pods.iter().flat_map(|pod| {
        let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
        statuses.into_iter().flatten().map(move |container| (pod, container))
    })
}

fn has_run(container: &ContainerStatus) -> bool {
    let ran =
        |state: &k8s_openapi::api::core::v1::ContainerState| state.running.is_some() || state.terminated.is_some();
    container.restart_count > 0 || [&container.state, &container.last_state].into_iter().flatten().any(ran)
}

fn held_up(container: &ContainerStatus) -> Option<String> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason =
        waiting.reason.as_deref().filter(|reason| !["ContainerCreating", "PodInitializing"].contains(reason))?;
    Some(told(reason, waiting.message.as_deref()))
}

fn unscheduled(pod: &Pod) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let scheduled = conditions.iter().find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
    Some(told(scheduled.reason.as_deref()?, scheduled.message.as_deref()))
}

fn told(reason: &str, message: Option<&str>) -> String {
    message.map_or_else(|| reason.to_owned(), |message| format!("{reason}: {message}"))
}

fn kind(told: &str) -> &str {
    match told.split(':').next().unwrap_or_default() {
        "ErrImagePull" => "ImagePullBackOff",
        reason => reason,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(created: &str, state: &Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"creationTimestamp": format!("2026-01-01T00:00:{created}Z")},
            "status": {"containerStatuses": [{"name": "migrate", "image": "i", "imageID": "", "ready": false,
                "restartCount": 0, "state": state}]}}))
        .unwrap()
    }

    fn ended(created: &str, code: i32, words: &str) -> Pod {
        pod(created, &json!({"terminated": {"exitCode": code, "message": words}}))
    }

    fn waits(reason: &str, message: &str) -> Pod {
        pod("00", &json!({"waiting": {"reason": reason, "message": message}}))
    }

    #[test]
    fn what_keeps_a_pod_from_starting_is_told_and_what_is_only_about_to_start_is_not() {
        let not = |why: &str| Some(Start::Not(Some(why.to_owned())));
        assert_eq!(start(&[]), None);
        assert_eq!(start(&[waits("ContainerCreating", "")]), Some(Start::Not(None)));
        assert_eq!(start(&[waits("ImagePullBackOff", "no such tag")]), not("ImagePullBackOff: no such tag"));
        let nowhere: Pod = serde_json::from_value(json!({"status": {"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]}}))
        .unwrap();
        assert_eq!(start(&[nowhere]), not("Unschedulable: 0/1 nodes"));
        // The second pod of a Job whose first one ran and failed.
        assert_eq!(start(&[ended("00", 1, ""), waits("ErrImagePull", "no answer")]), Some(Start::Begun));
        assert_eq!(start(&[pod("00", &json!({"running": {}}))]), Some(Start::Begun));
    }

    #[test]
    fn what_the_kubelet_says_in_turns_is_remembered_as_it_was_first_said() {
        let said = |reason: &str| start(&[waits(reason, reason)]);
        let first = said("ErrImagePull");
        let after = |now| Some(remembered(first.clone(), now));
        assert_eq!(after(said("ImagePullBackOff")), first);
        assert_eq!(after(said("CreateContainerError")), said("CreateContainerError"));
        assert_eq!(after(None), first, "its pods are gone");
        assert_eq!(after(Some(Start::Begun)), Some(Start::Begun));
        assert_eq!(remembered(None, None), Start::Not(None));
    }

    #[test]
    fn the_last_words_are_those_of_the_newest_pod_that_ended_as_its_job_did() {
        let words = |pods: &[Pod], failed| last_words(pods, failed);
        let some = |text: &str| Some(text.to_owned());
        let replaced = waits("ContainerCreating", "");
        let older = ended("01", 1, "lock timeout");
        let newer = ended("02", 1, " column in use \n");
        assert_eq!(words(&[older.clone(), newer.clone(), replaced.clone()], true), some("column in use"));
        assert_eq!(words(&[ended("01", 0, "newer"), newer.clone()], false), some("newer"));
        // Killed without a word: then what another one said.
        assert_eq!(words(&[older, ended("03", 137, "")], true), some("lock timeout"));
        assert_eq!(words(&[ended("01", 0, "")], false), some(""));
        assert_eq!((words(&[replaced], true), words(&[], true)), (None, None));
    }
}
