//! What things are called: components, objects, labels, annotations, field managers. One place, since builders, tests,
//! documentation and people's queries agree on them.

use std::fmt;

/// Owns every field that the operator writes, but for those below.
pub const FIELD_MANAGER: &str = "vitte-operator";
/// Owns HorizontalPodAutoscalers, so that a look at `managedFields` tells who scales.
pub const HPA_FIELD_MANAGER: &str = "vitte-operator-hpa";
/// Holds `spec.replicas` of a Deployment from the moment that an autoscaler takes over until the autoscaler writes it:
/// a field without any owner would fall back to 1.
pub const HANDOVER_FIELD_MANAGER: &str = "vitte-operator-handover";

/// Removes the webhook before the resource goes.
pub const FINALIZER: &str = "vitte.dev/webhook";

/// The recommended labels (<https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/>).
pub const LABEL_NAME: &str = "app.kubernetes.io/name";
pub const LABEL_INSTANCE: &str = "app.kubernetes.io/instance";
pub const LABEL_COMPONENT: &str = "app.kubernetes.io/component";
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
pub const LABEL_PART_OF: &str = "app.kubernetes.io/part-of";
/// `app.kubernetes.io/name` of everything that belongs to a bot.
pub const APP: &str = "vitte";
/// The bot's name, on every child: what the operator watches by.
pub const LABEL_BOT: &str = "vitte.dev/bot";

/// Digest of the object as it was applied last: tells a field that the operator no longer wants from one that others
/// added.
pub const ANNOTATION_APPLIED: &str = "vitte.dev/applied";
/// On pod templates: digest of the values of the Secrets that this component uses.
pub const ANNOTATION_SECRETS: &str = "vitte.dev/secrets";
/// On the bot: another value than before makes a new webhook secret.
pub const ANNOTATION_ROTATE: &str = "vitte.dev/rotate-webhook-secret";
/// On the webhook's Secret: the value of [`ANNOTATION_ROTATE`] that was acted on.
pub const ANNOTATION_ROTATED: &str = "vitte.dev/rotated";
/// On the webhook's Secret: when that was (RFC 3339).
pub const ANNOTATION_ROTATED_AT: &str = "vitte.dev/rotated-at";
/// On the bot: another value than before lets a failed migration run again.
pub const ANNOTATION_RETRY: &str = "vitte.dev/retry-migration";
/// On the bot: name, number or version of a revision that served; another value than before lets that one serve again.
pub const ANNOTATION_ROLLBACK: &str = "vitte.dev/rollback-to";

/// The part of a bot that runs as a Deployment of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    Bot,
    Api,
    Worker,
    Admin,
}

impl Component {
    pub const ALL: [Self; 4] = [Self::Bot, Self::Api, Self::Worker, Self::Admin];

    /// As in the manifest, in labels and as the role of the executable.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `luna-worker`: the Deployment, Service, autoscaler and so on of one component.
#[must_use]
pub fn child(bot: &str, part: impl fmt::Display) -> String {
    format!("{bot}-{part}")
}
