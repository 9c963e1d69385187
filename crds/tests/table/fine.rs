//! Manifests that are refused by nobody, and changes of an object that is there already.

use super::Changes;

/// The nearest good neighbours of the bad rows.
pub const FINE: &[Changes] = &[
    &[],
    &[("/metadata/name", r#""a23456789-123456789-123456789-1234567890""#)],
    &[("/spec/telegram/updates", r#""Polling""#), ("/spec/telegram/webhook", "null")],
    &[("/spec/telegram/webhook", r#"{"url": "https://luna.example.org:8443/hook"}"#)],
    &[("/spec/telegram/webhook", r#"{"url": "https://luna.example.org/hook:9443/x"}"#)],
    &[("/spec/telegram/webhook", r#"{"url": "https://[2001:db8::1]:443/hook"}"#)],
    &[("/spec/telegram/webhook", r#"{"gatewayRef": {"name": "public", "namespace": "edge"}}"#)],
    &[("/spec/rollout", r#"{"progressDeadlineSeconds": 60, "minReadySeconds": 59}"#)],
    // A Bot API server of one's own takes what Telegram's does not.
    &[
        ("/spec/telegram/apiUrl", r#""http://telegram-bot-api:8081""#),
        ("/spec/telegram/webhook", r#"{"url": "http://luna.bots.svc:8080/hook"}"#),
    ],
    &[("/spec/database", r#"{"embedded": {}}"#), ("/spec/redis", r#"{"embedded": {"memory": "64Mi"}}"#)],
    &[("/spec/database", r#"{"embedded": {"storage": 1, "retain": "Delete"}}"#)],
    &[("/spec/database", r#"{"cluster": {"name": "luna-pg"}, "poolSize": 20}"#)],
    &[(
        "/spec/components",
        r#"{"worker": {"autoscaling": {"minReplicas": 3, "maxReplicas": 3, "targetQueueLength": 5}},
            "api": {"replicas": 0, "resources": {"requests": {"cpu": "0.5", "memory": "1Gi"},
                                                  "limits": {"cpu": "500m", "memory": 1073741824}}}}"#,
    )],
    &[(
        "/spec/components/bot",
        r#"{"env": [{"name": "A", "value": ""}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
            "tolerations": [{"operator": "Exists"}, {"key": "a", "effect": "NoExecute", "tolerationSeconds": 5}],
            "nodeSelector": {"kubernetes.io/arch": "amd64", "empty": ""},
            "affinity": {"podAffinity": {"anything": [1]}}}"#,
    )],
    &[("/spec/languages", r#"["en", "ru"]"#)],
    &[("/spec/modules/habits", r#"{"endOfDay": "06:00", "catchUpMinutes": 1440, "habitsPerPerson": 1}"#)],
    &[(
        "/spec/api",
        r#"{"jwtSecretRef": {"name": "l", "key": "j"}, "previousJwtSecretRef": {"name": "l", "key": "i"},
            "botKeySecretRef": {"name": "l", "key": "b"}, "previousBotKeySecretRef": {"name": "l", "key": "a"},
            "tokenLifetimeMinutes": 43200, "requestsPerMinute": 60000}"#,
    )],
    &[("/spec/limits", r#"{"messagesPerMinute": 100}"#)],
    &[(
        "/spec/backup",
        r#"{"schedule": "*/15 0-6,22 1 JAN-MAR MON-FRI", "timezone": "America/Argentina/Buenos_Aires",
            "s3": {"bucket": "luna", "accessKeyIdSecretRef": {"name": "b", "key": "i"},
                   "secretAccessKeySecretRef": {"name": "b", "key": "k"}}}"#,
    )],
    &[("/spec/modules/repairs", r#"{"admins": [1, 2], "timezone": "Etc/GMT+3", "currency": "RUB"}"#)],
    &[(
        "/spec/networkPolicy",
        r#"{"ingressFrom": [{"cidr": "2001:db8::/32"}, {"ports": [80]}, {"podLabels": {"app": "x"}, "namespaceLabels": {}}],
            "egressTo": [{"cidr": "10.1.2.3/8", "ports": [1, 2], "podLabels": {}}]}"#,
    )],
    // An explicit null is a field left out.
    &[("/spec/admin", r#"{"host": "admin.example.org", "passwordSecretRef": {"name": "luna", "key": "admin"}}"#)],
];

/// A change of an object that is there, and what refuses it, if anything does.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    pub from: Changes,
    pub to: Changes,
    pub refused: Option<&'static str>,
}

const EMBEDDED: Changes = &[("/spec/database", r#"{"embedded": {"storage": "5Gi"}}"#)];
const CLUSTER: Changes = &[("/spec/database", r#"{"cluster": {"name": "luna-pg"}}"#)];

pub const MOVES: &[Move] = &[
    Move { from: EMBEDDED, to: CLUSTER, refused: Some("the embedded database holds this bot's data") },
    Move { from: EMBEDDED, to: &[], refused: Some("the embedded database holds this bot's data") },
    Move { from: CLUSTER, to: EMBEDDED, refused: Some("the cluster holds this bot's data") },
    Move { from: CLUSTER, to: &[], refused: Some("the cluster holds this bot's data") },
    Move {
        from: CLUSTER,
        to: &[("/spec/database", r#"{"cluster": {"name": "other"}}"#)],
        refused: Some("the cluster holds this bot's data"),
    },
    Move {
        from: EMBEDDED,
        to: &[("/spec/database", r#"{"embedded": {"storage": "6Gi"}}"#)],
        refused: Some("the volume was made with another size"),
    },
    Move {
        from: EMBEDDED,
        to: &[("/spec/database", r#"{"embedded": {"storage": "5Gi", "storageClassName": "fast"}}"#)],
        refused: Some("the volume was made in another class"),
    },
    // Its image and what becomes of its volume may change, and a database of one's own is one's own affair.
    Move {
        from: EMBEDDED,
        to: &[("/spec/database", r#"{"poolSize": 9, "embedded": {"image": "postgres:17.6", "retain": "Delete"}}"#)],
        refused: None,
    },
    Move { from: &[], to: EMBEDDED, refused: None },
    Move { from: &[], to: CLUSTER, refused: None },
    Move {
        from: &[],
        to: &[("/spec/database", r#"{"urlSecretRef": {"name": "other", "key": "url"}}"#)],
        refused: None,
    },
];
