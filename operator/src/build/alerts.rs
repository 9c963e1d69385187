//! Alerts for Prometheus' operator: what a person should look at, and where. `docs/monitoring.md` says what to do.
//!
//! The labels `bot` and `component` are the ServiceMonitor's. `critical`: people notice now; `warning`: they will, or a
//! few do.

use serde_json::{Value, json};
use vitte_crds::telegram::Updates;

use super::{Context, MONITORING, custom, meta};
use crate::names::Component;
use crate::objects::Kind;

/// One alert, its numbers filled in.
struct Alert {
    name: &'static str,
    severity: &'static str,
    /// In PromQL.
    when: String,
    /// How long it must hold, in minutes; 0: it is told at once.
    minutes: u32,
    summary: String,
    description: &'static str,
}

#[must_use]
pub fn prometheus_rule(ctx: Context<'_>) -> Option<Value> {
    if !ctx.valid.spec.monitoring.rules || !ctx.found.apis.has(Kind::PrometheusRule) {
        return None;
    }
    let rules: Vec<Value> = alerts(ctx).into_iter().map(|alert| rule(ctx, alert)).collect();
    let metadata = meta::owned(ctx.valid, ctx.valid.name.clone(), MONITORING);
    let group = format!("vitte-{}", ctx.valid.name);
    Some(custom(Kind::PrometheusRule, &metadata, &json!({"groups": [{"name": group, "rules": rules}]})))
}

/// `bot="luna",namespace="bots"`: chooses this bot's series. Names are DNS labels, so nothing needs escaping.
pub fn series(ctx: Context<'_>) -> String {
    let bot = format!("bot={:?}", ctx.valid.name);
    match ctx.valid.namespace.as_str() {
        "" => bot,
        namespace => format!("{bot},namespace={namespace:?}"),
    }
}

fn rule(ctx: Context<'_>, alert: Alert) -> Value {
    let Alert { name, severity, when, minutes, summary, description } = alert;
    let mut rule = json!({
        "alert": name,
        "expr": when,
        "labels": {"severity": severity, "bot": ctx.valid.name},
        "annotations": {"summary": format!("{}: {summary}", ctx.valid.name), "description": description},
    });
    if minutes > 0 {
        rule["for"] = json!(format!("{minutes}m"));
    }
    rule
}

fn alerts(ctx: Context<'_>) -> Vec<Alert> {
    let one = &series(ctx);
    let mut alerts = Vec::new();
    // A sleeping bot is down by wish.
    if !ctx.valid.spec.hibernated {
        alerts.extend(ctx.components().map(|component| down(one, component)));
    }
    alerts.extend(updates(ctx, one));
    alerts.extend(sending(one));
    alerts.extend(jobs(ctx, one));
    alerts.extend(model(ctx, one));
    alerts.extend(processes(ctx, one));
    alerts
}

fn down(one: &str, component: Component) -> Alert {
    let severity = match component {
        Component::Bot | Component::Worker => "critical",
        Component::Api | Component::Admin => "warning",
    };
    Alert {
        name: "VitteComponentDown",
        severity,
        when: format!(r#"absent(up{{{one},component="{component}"}} == 1)"#),
        minutes: 5,
        summary: format!("no {component} answers"),
        description: "No pod of this component could be scraped for five minutes. See the VitteBot's conditions, then \
                      the pods' events and last messages.",
    }
}

fn updates(ctx: Context<'_>, one: &str) -> Vec<Alert> {
    let mut alerts = vec![
        Alert {
            name: "VitteUpdatesRefused",
            severity: "critical",
            when: format!(r#"sum(rate(vitte_updates_total{{{one},outcome="retry"}}[5m])) > 0"#),
            minutes: 5,
            summary: "updates cannot be stored".to_owned(),
            description: "The bot tells Telegram to repeat its updates, because the database is away or too slow. \
                          Nothing is lost for a day; people wait.",
        },
        Alert {
            name: "VitteUpdatesDead",
            severity: "warning",
            when: format!(r#"sum(increase(vitte_updates_total{{{one},outcome="dead"}}[15m])) > 0"#),
            minutes: 0,
            summary: "an update could not be handled".to_owned(),
            description: "A handler failed and the person got an apology. The admin page Updates shows it with its error \
                          and replays it.",
        },
        Alert {
            name: "VitteTurnsSlow",
            severity: "warning",
            when: format!("histogram_quantile(0.99, sum by (le) (rate(vitte_turn_seconds_bucket{{{one}}}[5m]))) > 1"),
            minutes: 10,
            summary: "updates take more than a second".to_owned(),
            description: "One update in a hundred takes over a second to commit. Look at the database: locks, its disk, \
                          connections.",
        },
    ];
    if ctx.valid.spec.telegram.updates == Updates::Polling {
        alerts.push(Alert {
            name: "VittePollingFails",
            severity: "critical",
            when: format!("sum(increase(vitte_poll_errors_total{{{one}}}[10m])) > 10"),
            minutes: 5,
            summary: "Telegram does not give its updates".to_owned(),
            description: "getUpdates fails again and again: Telegram is away, the token was revoked, or somebody else \
                          polls or has a webhook with the same token. The bot's log says which.",
        });
    }
    alerts
}

fn sending(one: &str) -> Vec<Alert> {
    let messages = |result: &str, minutes: u32| {
        format!(r#"sum(increase(vitte_outbox_messages_total{{{one},result="{result}"}}[{minutes}m]))"#)
    };
    vec![
        Alert {
            name: "VitteOutboxStuck",
            severity: "critical",
            when: format!(r#"max(vitte_stored{{{one},what="outbox_pending"}}) > 0 and {} == 0"#, messages("sent", 10)),
            minutes: 10,
            summary: "messages wait and none leaves".to_owned(),
            description: "Telegram is away or has frozen the bot (429), or no process sends. Messages keep their order \
                          and leave when it is over.",
        },
        Alert {
            name: "VitteMessagesDead",
            severity: "warning",
            when: format!(
                "{dead} > 5 and {dead} / ({dead} + {sent}) > 0.05",
                dead = messages("dead", 15),
                sent = messages("sent", 15)
            ),
            minutes: 5,
            summary: "more than 5 % of messages are given up".to_owned(),
            description: "Telegram refuses them for good. People who blocked the bot are counted too; the admin page \
                          Outbox shows each with its reason.",
        },
    ]
}

fn jobs(ctx: Context<'_>, one: &str) -> Vec<Alert> {
    let runs =
        |result: &str| format!(r#"sum by (name) (increase(vitte_jobs_total{{{one},result="{result}"}}[15m])) > 0"#);
    let scaling = ctx.settings(Component::Worker).autoscaling.as_ref();
    let most = scaling.and_then(|s| Some(s.target_queue_length?.saturating_mul(s.max_replicas))).unwrap_or(500);
    vec![
        Alert {
            name: "VitteJobsDead",
            severity: "warning",
            when: runs("dead"),
            minutes: 0,
            summary: "jobs {{ $labels.name }} are given up".to_owned(),
            description: "They failed as often as they may. The admin page Jobs shows each with its error and replays \
                          it.",
        },
        Alert {
            name: "VitteJobsLost",
            severity: "warning",
            when: runs("lost"),
            minutes: 0,
            summary: "workers vanish in jobs {{ $labels.name }}".to_owned(),
            description: "A worker did not end or renew a job in time, and another took it over: it was killed (memory?) \
                          or stood still (CPU limit?).",
        },
        Alert {
            name: "VitteQueueLong",
            severity: "warning",
            when: format!(r#"max(vitte_stored{{{one},what="jobs_waiting"}}) > {most}"#),
            minutes: 15,
            summary: format!("more than {most} jobs wait"),
            description: "More work comes than the workers do. Raise spec.components.worker, or find what slows them: \
                          the model, a picture server, the database.",
        },
    ]
}

fn model(ctx: Context<'_>, one: &str) -> Vec<Alert> {
    let Some(companion) = &ctx.valid.spec.modules.companion else { return Vec::new() };
    let slow = companion.llm.first_token_timeout_seconds / 2;
    let requests = |result: &str| format!("sum(rate(vitte_model_requests_total{{{one}{result}}}[10m]))");
    let mut alerts = vec![Alert {
        name: "VitteModelFails",
        severity: "critical",
        when: format!("{} / {} > 0.5", requests(r#",result!="ok""#), requests("")),
        minutes: 10,
        summary: "the language model fails more often than not".to_owned(),
        description: "Requests end by result in vitte_model_requests_total: limited and refused are the endpoint's \
                      words (quota, key), away is the network. Jobs repeat; people wait.",
    }];
    // Half of a timeout of a second is no number to compare with.
    if slow > 0 {
        alerts.push(Alert {
            name: "VitteModelSlow",
            severity: "warning",
            when: format!(
                "histogram_quantile(0.9, sum by (le) (rate(vitte_model_first_token_seconds_bucket{{{one}}}[10m]))) > {slow}"
            ),
            minutes: 10,
            summary: format!("the language model takes more than {slow} s to begin"),
            description: "One answer in ten begins later than half of firstTokenTimeoutSeconds. Try another model or \
                          endpoint.",
        });
    }
    alerts
}

fn processes(ctx: Context<'_>, one: &str) -> Vec<Alert> {
    let errors = r#"status="5xx""#;
    let requests = |more: &str| format!("sum by (role) (rate(vitte_http_requests_total{{{one}{more}}}[10m]))");
    let mut alerts = vec![
        Alert {
            name: "VitteHttpFails",
            severity: "warning",
            when: format!("{} / {} > 0.05", requests(&format!(",{errors}")), requests("")),
            minutes: 10,
            summary: "more than 5 % of requests to {{ $labels.role }} fail".to_owned(),
            description: "Answers 5xx. Each has a trace id, by which the log tells the cause.",
        },
        Alert {
            name: "VitteRestarts",
            severity: "warning",
            when: format!("sum by (component, pod) (changes(process_start_time_seconds{{{one}}}[30m])) > 2"),
            minutes: 0,
            summary: "{{ $labels.pod }} starts again and again".to_owned(),
            description: "kubectl describe pod says why it ended: its last message, or that it had too little memory.",
        },
    ];
    if ctx.valid.spec.redis.is_some() {
        alerts.push(Alert {
            name: "VitteRedisAway",
            severity: "warning",
            when: format!("sum(rate(vitte_redis_errors_total{{{one}}}[5m])) > 0.1"),
            minutes: 10,
            summary: "Redis does not answer".to_owned(),
            description: "Nobody notices: caches miss, limits are counted in each process. Mend it before a restart of \
                          the database meets cold caches.",
        });
    }
    for component in ctx.components() {
        let Some(limit) = super::pods::memory_limit(ctx, component).filter(|limit| *limit > 0) else { continue };
        alerts.push(Alert {
            name: "VitteMemoryHigh",
            severity: "warning",
            when: format!(
                r#"max by (pod) (process_resident_memory_bytes{{{one},component="{component}"}}) > {}"#,
                limit / 10 * 9
            ),
            minutes: 10,
            summary: "{{ $labels.pod }} uses over 90 % of its memory".to_owned(),
            description: "It is killed at 100 %. Raise the component's resources.limits.memory.",
        });
    }
    alerts
}
