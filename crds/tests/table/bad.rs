//! The bad rows.

use super::{Bad, By, Changes};

const BESIDE: &str = "has no effect beside url, which is the whole address: write one of the two";

/// A whole backup, around its schedule.
macro_rules! backup {
    ($schedule:literal) => {
        concat!(
            r#"{"schedule": ""#,
            $schedule,
            r#"", "s3": {"bucket": "luna", "accessKeyIdSecretRef": {"name": "b", "key": "i"},
                "secretAccessKeySecretRef": {"name": "b", "key": "k"}}}"#
        )
    };
}

/// What to change, where it is wrong, and what load and the rule in CEL both say about it.
const ROWS: &[(Changes, &str, &str)] = &[
    (&[("/metadata/name", r#""a23456789-123456789-123456789-1234567890x""#)], "metadata.name", "40 characters"),
    (&[("/metadata/name", r#""luna.bot""#)], "metadata.name", "lower-case letters, digits and \"-\""),
    // How a version comes in.
    (
        &[("/spec/rollout", r#"{"progressDeadlineSeconds": 60, "minReadySeconds": 60}"#)],
        "spec.rollout.minReadySeconds",
        "a pod that must be ready for so long never is within progressDeadlineSeconds",
    ),
    // The default of the other.
    (
        &[("/spec/rollout", r#"{"minReadySeconds": 300}"#)],
        "spec.rollout.minReadySeconds",
        "a pod that must be ready for so long never is within progressDeadlineSeconds",
    ),
    // Where updates arrive.
    (
        &[("/spec/telegram/webhook", "null")],
        "spec.telegram",
        "updates: Webhook needs to know where Telegram delivers: write webhook: {host: bot.example.org}, or updates: Polling",
    ),
    (
        &[("/spec/telegram/webhook", r#"{"maxConnections": 4}"#)],
        "spec.telegram.webhook",
        "says not where Telegram delivers: write host, url or gatewayRef",
    ),
    (
        &[("/spec/telegram/webhook", r#"{"url": "http://luna.example.org/hook"}"#)],
        "spec.telegram.webhook.url",
        "Telegram delivers over https only: write https://, or name another server in apiUrl",
    ),
    (
        &[
            ("/spec/telegram/webhook", r#"{"url": "http://luna.example.org/hook"}"#),
            ("/spec/telegram/apiUrl", r#""https://api.telegram.org/""#),
        ],
        "spec.telegram.webhook.url",
        "Telegram delivers over https only",
    ),
    (
        &[("/spec/telegram/webhook", r#"{"url": "https://luna.example.org:9443/hook"}"#)],
        "spec.telegram.webhook.url",
        "Telegram does not deliver to ",
    ),
    (
        &[("/spec/telegram/webhook", r#"{"url": "https://[2001:db8::1]:44/hook"}"#)],
        "spec.telegram.webhook.url",
        "Telegram does not deliver to ",
    ),
    (
        &[("/spec/telegram/webhook", r#"{"url": "https://luna.example.org", "host": "luna.example.org"}"#)],
        "spec.telegram.webhook.host",
        BESIDE,
    ),
    (
        &[("/spec/telegram/webhook", r#"{"url": "https://luna.example.org", "gatewayRef": {"name": "g"}}"#)],
        "spec.telegram.webhook.gatewayRef",
        BESIDE,
    ),
    (
        &[("/spec/telegram/webhook", r#"{"url": "https://luna.example.org", "ingressClassName": "nginx"}"#)],
        "spec.telegram.webhook.ingressClassName",
        BESIDE,
    ),
    (
        &[("/spec/telegram/webhook", r#"{"url": "https://luna.example.org", "tlsSecretName": "tls"}"#)],
        "spec.telegram.webhook.tlsSecretName",
        BESIDE,
    ),
    (
        &[("/spec/telegram/webhook", r#"{"url": "https://luna.example.org", "annotations": {"a": "b"}}"#)],
        "spec.telegram.webhook.annotations",
        BESIDE,
    ),
    (
        &[
            ("/spec/telegram/updates", r#""Polling""#),
            ("/spec/components/bot", r#"{"autoscaling": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 70}}"#),
        ],
        "spec.components.bot.autoscaling",
        "only one pod polls at a time, so more of them take no load off: write replicas: 2 for a quick takeover, or \
         updates: Webhook",
    ),
    // Where the data live.
    (
        &[("/spec/database", r#"{"poolSize": 9}"#)],
        "spec.database",
        "needs exactly one of urlSecretRef, embedded and cluster",
    ),
    (
        &[("/spec/database", r#"{"embedded": {}, "cluster": {"name": "pg"}}"#)],
        "spec.database",
        "needs exactly one of urlSecretRef, embedded and cluster",
    ),
    (&[("/spec/redis", "{}")], "spec.redis", "needs exactly one of urlSecretRef and embedded"),
    (
        &[("/spec/database", r#"{"embedded": {"storage": "0Gi"}}"#)],
        "spec.database.embedded.storage",
        "is nothing: write an amount, like 5Gi",
    ),
    (
        &[("/spec/redis", r#"{"embedded": {"memory": 0}}"#)],
        "spec.redis.embedded.memory",
        "is nothing: write an amount, like 128Mi",
    ),
    (
        &[("/spec/migrations", r#"{"backup": "Required"}"#)],
        "spec.migrations.backup",
        "needs spec.backup, which says where backups go: write it, or migrations: {backup: None}",
    ),
    // What it can do.
    (&[("/spec/modules", "{}")], "spec.modules", "needs at least one module, or the bot can do nothing"),
    (
        &[(
            "/spec/modules/companion",
            r#"{"llm": {"baseUrl": "http://m", "model": "m"}, "personasConfigMapRef": {"name": "p"}, "voice": {}}"#,
        )],
        "spec.modules.companion.voice",
        "has neither speechUrl nor transcriptionUrl: write one of them, or leave voice out",
    ),
    // Who reaches it.
    (
        &[("/spec/admin", r#"{"host": "admin.example.org"}"#)],
        "spec.admin.host",
        "would open the administrators' pages to everybody: write passwordSecretRef: {name: ..., key: ...}",
    ),
    (
        &[("/spec/api", r#"{"host": "api.example.org"}"#)],
        "spec.api.host",
        "needs a key to sign its tokens: write jwtSecretRef: {name: ..., key: ...}",
    ),
    (
        &[("/spec/api", r#"{"host": "luna.example.org", "jwtSecretRef": {"name": "a", "key": "b"}}"#)],
        "spec.api.host",
        "is the host of spec.telegram.webhook.host too: each needs its own",
    ),
    (
        &[("/spec/admin", r#"{"host": "luna.example.org", "passwordSecretRef": {"name": "a", "key": "b"}}"#)],
        "spec.admin.host",
        "is the host of spec.telegram.webhook.host too: each needs its own",
    ),
    (
        &[
            ("/spec/api", r#"{"host": "x.example.org", "jwtSecretRef": {"name": "a", "key": "b"}}"#),
            ("/spec/admin", r#"{"host": "x.example.org", "passwordSecretRef": {"name": "a", "key": "b"}}"#),
        ],
        "spec.admin.host",
        "is the host of spec.api.host too: each needs its own",
    ),
    (
        &[("/spec/limits", r#"{"messagesPerMinute": 20, "messagesPerHour": 10}"#)],
        "spec.limits.messagesPerMinute",
        "20 a minute can never be reached at 10 an hour: write 10 or less",
    ),
    // How it runs.
    (
        &[(
            "/spec/components/api",
            r#"{"replicas": 2, "autoscaling": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 70}}"#,
        )],
        "spec.components.api.replicas",
        "contradicts autoscaling: write one of the two",
    ),
    (
        &[(
            "/spec/components/api",
            r#"{"autoscaling": {"minReplicas": 4, "maxReplicas": 3, "targetCPUUtilizationPercentage": 70}}"#,
        )],
        "spec.components.api.autoscaling.minReplicas",
        "minReplicas 4 is above maxReplicas 3: write a smaller or equal one",
    ),
    (
        &[("/spec/components/api", r#"{"autoscaling": {"maxReplicas": 3, "targetQueueLength": 7}}"#)],
        "spec.components.api.autoscaling.targetQueueLength",
        "only the worker has a queue: write targetCPUUtilizationPercentage",
    ),
    (
        &[("/spec/components/worker", r#"{"autoscaling": {"maxReplicas": 3}}"#)],
        "spec.components.worker.autoscaling",
        "has nothing to aim for: write targetCPUUtilizationPercentage or targetQueueLength",
    ),
    (
        &[("/spec/components/admin", r#"{"autoscaling": {"maxReplicas": 3}}"#)],
        "spec.components.admin.autoscaling",
        "has nothing to aim for: write targetCPUUtilizationPercentage",
    ),
    (
        &[("/spec/components/bot", r#"{"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "512Mi"}}}"#)],
        "spec.components.bot.resources.requests.memory",
        "requests 1Gi, more than the limit 512Mi: write 512Mi or less",
    ),
    (
        &[("/spec/components/bot", r#"{"resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1900m"}}}"#)],
        "spec.components.bot.resources.requests.cpu",
        "requests 2, more than the limit 1900m: write 1900m or less",
    ),
    (
        &[("/spec/components/bot", r#"{"env": [{"name": "A"}]}"#)],
        "spec.components.bot.env[0]",
        "needs exactly one of value and valueFrom",
    ),
    (
        &[("/spec/components/bot", r#"{"env": [{"name": "A", "valueFrom": {}}]}"#)],
        "spec.components.bot.env[0].valueFrom",
        "needs exactly one of secretKeyRef and configMapKeyRef",
    ),
    (
        &[("/spec/components/bot", r#"{"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}"#)],
        "spec.components.bot.tolerations[0]",
        "operator: Exists takes every value: leave value out, or write operator: Equal",
    ),
    (
        &[("/spec/components/bot", r#"{"tolerations": [{"value": "b"}]}"#)],
        "spec.components.bot.tolerations[0]",
        "without a key every taint is tolerated: write the key, or operator: Exists",
    ),
    (
        &[("/spec/components/bot", r#"{"tolerations": [{"key": "a", "tolerationSeconds": 5}]}"#)],
        "spec.components.bot.tolerations[0]",
        "tolerationSeconds only counts with effect: NoExecute: write that, or leave it out",
    ),
    // Times.
    (&[("/spec/backup", backup!("0 25 * * *"))], "spec.backup.schedule", "is no schedule"),
    (&[("/spec/backup", backup!("0 3 L * *"))], "spec.backup.schedule", "is no schedule"),
    (&[("/spec/backup", backup!("0 3 * * 7"))], "spec.backup.schedule", "is no schedule"),
    (
        &[(
            "/spec/modules/repairs",
            r#"{"admins": [1], "timezone": "UTC", "currency": "RUB", "quietHours": "22:00-22:00"}"#,
        )],
        "spec.modules.repairs.quietHours",
        "begins and ends at the same time: write two different ones, like 22:00-09:00",
    ),
    (
        &[(
            "/spec/modules/companion",
            r#"{"llm": {"baseUrl": "http://m", "model": "m"}, "personasConfigMapRef": {"name": "p"},
                                          "retention": {"quietHours": "09:00-09:00"}}"#,
        )],
        "spec.modules.companion.retention.quietHours",
        "begins and ends at the same time",
    ),
    // Whom it may reach.
    (
        &[("/spec/networkPolicy", r#"{"egressTo": [{"cidr": "10.0.0.0/33"}]}"#)],
        "spec.networkPolicy.egressTo[0].cidr",
        "is no address block",
    ),
    (
        &[("/spec/networkPolicy", r#"{"egressTo": [{"cidr": "10.0.0.0/8", "podLabels": {"a": "b"}}]}"#)],
        "spec.networkPolicy.egressTo[0]",
        "is an address block and labels at once: write two entries",
    ),
    (
        &[("/spec/networkPolicy", r#"{"ingressFrom": [{"ports": []}]}"#)],
        "spec.networkPolicy.ingressFrom[0]",
        "names nobody: write cidr, namespaceLabels, podLabels or ports",
    ),
];

/// Rows that load refuses by the schema, and the API server by a rule.
const TWICE: &[(Changes, &str)] = &[
    (&[("/spec/languages", r#"["ru", "ru"]"#)], "spec.languages[1]"),
    (
        &[(
            "/spec/modules/companion",
            r#"{"llm": {"baseUrl": "http://m", "model": "m", "fallbackModels": ["a", "b", "a"]},
                "personasConfigMapRef": {"name": "p"}}"#,
        )],
        "spec.modules.companion.llm.fallbackModels[2]",
    ),
];

/// Rows that each side refuses in its own words: what [`vitte_crds::load`] says, and what the API server says.
const BY_SCHEMA: &[(Changes, &str, &str, &str)] = &[
    (
        &[("/spec/modules/habits", r#"{"endOfDay": "06:01"}"#)],
        "spec.modules.habits.endOfDay",
        "a time from 00:00 to 06:00",
        "should match",
    ),
    (
        &[("/spec/modules/habits", r#"{"catchUpMinutes": 4}"#)],
        "spec.modules.habits.catchUpMinutes",
        "5",
        "greater than or equal to 5",
    ),
    (
        &[("/spec/modules/habits", r#"{"habitsPerPerson": 1001}"#)],
        "spec.modules.habits.habitsPerPerson",
        "1000",
        "less than or equal to 1000",
    ),
    (
        &[("/spec/api", r#"{"tokenLifetimeMinutes": 0}"#)],
        "spec.api.tokenLifetimeMinutes",
        "1",
        "greater than or equal to 1",
    ),
    (
        &[("/spec/components/bot", r#"{"env": [{"name": "A", "value": "x"}, {"name": "A", "value": "y"}]}"#)],
        "spec.components.bot.env[1].name",
        "is set twice",
        "Duplicate value",
    ),
    (
        &[("/spec/modules/repairs", r#"{"admins": [1, 1], "timezone": "UTC", "currency": "RUB"}"#)],
        "spec.modules.repairs.admins[1]",
        "is in the list already",
        "Duplicate value",
    ),
    (
        &[("/spec/telegram/webhook/host", r#""https://luna.example.org""#)],
        "spec.telegram.webhook.host",
        "has the wrong form",
        "should match",
    ),
    (&[("/spec/telegram/updates", r#""Poling""#)], "spec.telegram.updates", "did you mean Polling", "supported values"),
    (
        &[("/spec/telegram/webhook/maxConnections", "101")],
        "spec.telegram.webhook.maxConnections",
        "is too large",
        "less than or equal to 100",
    ),
    (
        &[("/spec/database", r#"{"embedded": {"storage": "lots"}}"#)],
        "spec.database.embedded.storage",
        "has the wrong form",
        "should match",
    ),
    (
        &[("/spec/database", r#"{"embedded": {"storage": -1}}"#)],
        "spec.database.embedded.storage",
        "-1 is too small",
        "greater than or equal to 0",
    ),
    (&[("/spec/version", "null")], "spec.version", "is missing", "Required value"),
    (&[("/spec/telegram/tokenSecretRef", "null")], "spec.telegram.tokenSecretRef", "is missing", "Required value"),
    (&[("/spec/languages", "[]")], "spec.languages", "is empty", "should have at least 1 items"),
    (
        &[("/spec/networkPolicy", r#"{"egressTo": [{"podLabels": {"a": "b c"}}]}"#)],
        "spec.networkPolicy.egressTo[0].podLabels.a",
        "has the wrong form",
        "should match",
    ),
];

/// Every bad row: those above, and some whose texts are too long or look too much like secrets to be written down.
pub fn bad() -> Vec<Bad> {
    let mut all: Vec<Bad> =
        ROWS.iter().map(|&(changes, path, told)| Bad { changes, path, told, by: By::Rule }).collect();
    all.extend(BY_SCHEMA.iter().map(|&(changes, path, told, said)| Bad { changes, path, told, by: By::Schema(said) }));
    let by = By::RuleSaying("has something twice: write each once");
    all.extend(TWICE.iter().map(|&(changes, path)| Bad { changes, path, told: "is in the list already", by }));
    let zones: [(Changes, &str); 2] = [
        (
            &[("/spec/modules/repairs", r#"{"admins": [1], "timezone": "Europe/Moskow", "currency": "RUB"}"#)],
            "spec.modules.repairs.timezone",
        ),
        (&[("/spec/backup", backup!("0 3 * * *")), ("/spec/backup/timezone", r#""Local""#)], "spec.backup.timezone"),
    ];
    all.extend(zones.map(|(changes, path)| Bad { changes, path, told: "time zone", by: By::ServersRule }));

    let long = format!(r#"{{"{}": "x"}}"#, "k".repeat(318));
    for (pointer, path) in [
        ("/spec/components/bot/annotations", "spec.components.bot.annotations"),
        ("/spec/components/worker/nodeSelector", "spec.components.worker.nodeSelector"),
        ("/spec/telegram/webhook/annotations", "spec.telegram.webhook.annotations"),
    ] {
        let changes = leak(vec![(pointer, long.clone())]);
        all.push(Bad { changes, path, told: "has a key of more than 317 characters", by: By::Rule });
    }

    // Put together here, so that no file holds one.
    let token = format!("{}:{}", 123_456_789, "A".repeat(35));
    let key = format!("sk-or-v1-{}", "0".repeat(40));
    let env = |value: &str| format!(r#"[{{"name": "A", "value": "{value}"}}]"#);
    for (pointer, value, path, told) in [
        ("/spec/components/bot/env", env(&token), "spec.components.bot.env[0].value", "looks like a bot token"),
        ("/spec/components/bot/env", env(&key), "spec.components.bot.env[0].value", "looks like an API key"),
        (
            "/spec/components/bot/env",
            env("postgres://luna:hunter2@db/luna"),
            "spec.components.bot.env[0].value",
            "is an address with a password",
        ),
        (
            "/spec/telegram/apiUrl",
            format!(r#""https://t.example.org/bot{token}""#),
            "spec.telegram.apiUrl",
            "looks like a bot token",
        ),
        (
            "/spec/telegram/tokenSecretRef/key",
            format!(r#""{key}""#),
            "spec.telegram.tokenSecretRef.key",
            "looks like an API key",
        ),
        (
            "/spec/components/bot/annotations",
            format!(r#"{{"a": "{token}"}}"#),
            "spec.components.bot.annotations.a",
            "looks like a bot token",
        ),
    ] {
        all.push(Bad { changes: leak(vec![(pointer, value)]), path, told, by: By::Rule });
    }
    all
}

/// Rows that are made at run time live as long as the test.
fn leak(changes: Vec<(&'static str, String)>) -> Changes {
    let changes: Vec<(&str, &str)> =
        changes.into_iter().map(|(pointer, value)| (pointer, &*Box::leak(value.into_boxed_str()))).collect();
    Box::leak(changes.into_boxed_slice())
}
