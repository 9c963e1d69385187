//! A container whose log is read.

use futures::io::{AsyncBufRead, AsyncBufReadExt, Lines};
use k8s_openapi::jiff::Timestamp;
use kube::api::LogParams;
use serde_json::Value;

use super::{component, tail};
use crate::cli::Logs;
use crate::cluster::Cluster;
use crate::fault::in_words;
use crate::object;

/// One container, as long as it is not restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub pod: String,
    pub container: String,
    pub component: String,
    /// Before each line: `bot/x2k9d`.
    pub prefix: String,
    /// Another one after each restart.
    pub id: String,
    /// It says nothing more.
    pub over: bool,
    previous: bool,
}

/// The containers of a pod that have a log: those that run or ran. `previous`: those that were restarted.
pub fn of(pod: &Value, previous: bool) -> Vec<Source> {
    let name = object::name(pod);
    let component = component(pod);
    let suffix = name.rsplit('-').next().unwrap_or(name);
    let statuses =
        object::items(pod, "/status/initContainerStatuses").chain(object::items(pod, "/status/containerStatuses"));
    let pointer = if previous { "/lastState/terminated" } else { "/state" };
    let with_log = statuses.filter(|status| {
        let state = status.pointer(pointer);
        state.is_some_and(|state| previous || state.get("running").is_some() || state.get("terminated").is_some())
            || (!previous && status.pointer("/lastState/terminated").is_some())
    });
    let several =
        object::items(pod, "/spec/containers").count() + object::items(pod, "/spec/initContainers").count() > 1;
    with_log
        .map(|status| {
            let container = object::owned(status, "/name").unwrap_or_default();
            let inside = if several { format!("/{container}") } else { String::new() };
            let restarts = object::int(status, "/restartCount").unwrap_or_default();
            let uid = object::text(pod, "/metadata/uid").unwrap_or_default();
            Source {
                prefix: format!("{component}/{suffix}{inside}"),
                id: format!("{uid}/{container}/{restarts}"),
                over: status.pointer("/state/running").is_none(),
                pod: name.to_owned(),
                component: component.to_owned(),
                container,
                previous,
            }
        })
        .collect()
}

/// Lines with their times.
pub type Reader = Lines<Box<dyn AsyncBufRead + Send + Unpin>>;

impl Source {
    /// `from`: the last line that was seen, instead of what the person asked for.
    ///
    /// # Errors
    /// In words, with the pod's name.
    pub async fn open(
        &self,
        cluster: &Cluster,
        asked: &Logs,
        follow: bool,
        from: Option<Timestamp>,
    ) -> Result<Reader, String> {
        let since = asked.since.map(|since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        let params = LogParams {
            container: Some(self.container.clone()),
            follow,
            previous: self.previous,
            since_seconds: since.filter(|_| from.is_none()),
            since_time: from,
            tail_lines: if from.is_some() { None } else { tail(asked) },
            timestamps: true,
            ..LogParams::default()
        };
        match cluster.pods(&cluster.namespace).log_stream(&self.pod, &params).await {
            Ok(stream) => {
                let stream: Box<dyn AsyncBufRead + Send + Unpin> = Box::new(stream);
                Ok(stream.lines())
            }
            Err(error) => Err(format!("{} ({}): {}", self.pod, self.container, in_words(&error))),
        }
    }
}

/// The kubelet's time, and the line as the container wrote it.
pub fn split(line: &str) -> (Option<Timestamp>, &str) {
    match line.split_once(' ') {
        Some((time, rest)) if let Ok(time) = time.parse() => (Some(time), rest),
        // An empty line has its time alone.
        _ => match line.parse() {
            Ok(time) => (Some(time), ""),
            Err(_) => (None, line),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(status: &Value) -> Value {
        json!({
            "metadata": {"name": "luna-bot-7d9c5b6f4-x2k9d", "uid": "u", "labels": {"app.kubernetes.io/component": "bot"}},
            "spec": {"containers": [{"name": "bot"}]},
            "status": {"containerStatuses": [status]},
        })
    }

    #[test]
    fn a_container_that_waits_for_its_image_has_no_log() {
        assert_eq!(of(&pod(&json!({"name": "bot", "state": {"waiting": {"reason": "ErrImagePull"}}})), false), []);
    }

    #[test]
    fn one_that_runs_or_crashed_has_one_and_a_restart_makes_another() {
        let runs = of(&pod(&json!({"name": "bot", "restartCount": 0, "state": {"running": {}}})), false);
        let crashed =
            json!({"name": "bot", "restartCount": 1, "state": {"waiting": {}}, "lastState": {"terminated": {}}});
        let crashed = of(&pod(&crashed), false);
        assert_eq!((runs[0].prefix.as_str(), runs.len(), crashed.len()), ("bot/x2k9d", 1, 1));
        assert_ne!(runs[0].id, crashed[0].id);
        assert_eq!(of(&pod(&json!({"name": "bot", "state": {"running": {}}})), true), [], "nothing before");
    }

    #[test]
    fn the_time_before_a_line_is_not_part_of_it() {
        let (time, text) = split("2026-01-01T12:00:00.5Z {\"a\": 1}");
        assert_eq!((time.map(|t| t.as_millisecond() % 1000), text), (Some(500), "{\"a\": 1}"));
        assert_eq!(split("no time here"), (None, "no time here"));
        assert_eq!(split("2026-01-01T12:00:00Z").1, "");
    }
}
