//! The forms that strings of the manifest take, as regular expressions.
//!
//! They end up in the JSON schema and in the custom resource definition, so they keep to what both the
//! `regex` crate and Kubernetes' RE2 understand. [`explain`] puts each into words for error messages:
//! nobody should have to read a regular expression to repair a manifest.

use serde_json::{Value as Json, json};

/// A Kubernetes object's name (RFC 1123 subdomain), as Secrets and ConfigMaps have it.
pub const OBJECT_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// RFC 1123 label: names of bots and namespaces.
pub const DNS_LABEL: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// A key of a Secret or ConfigMap.
pub const DATA_KEY: &str = r"^[-._a-zA-Z0-9]+$";
/// A host name with at least two labels, without port or scheme.
pub const HOST: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$";
/// An absolute address over HTTP or HTTPS, without user, query or fragment.
pub const HTTP_URL: &str = r#"^https?://([A-Za-z0-9.\-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?(/[!-"$->A-~]*)?$"#;
/// A path below a host.
pub const URL_PATH: &str = r"^/[A-Za-z0-9._~/\-]*$";
/// A container image without tag.
pub const IMAGE_REPOSITORY: &str =
    r"^[a-z0-9]([a-z0-9._\-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]([a-z0-9._\-]*[a-z0-9])?)*$";
/// A container image, tag or digest included.
pub const IMAGE: &str = r"^[a-z0-9][A-Za-z0-9._/:@\-]*$";
/// A tag of a container image.
pub const IMAGE_TAG: &str = r"^[A-Za-z0-9_][A-Za-z0-9._\-]*$";
/// A Kubernetes quantity.
pub const QUANTITY: &str = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$";
/// A stretch of the day in 24-hour time; it may pass midnight.
pub const QUIET_HOURS: &str = r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$";
/// A time of day from midnight to six in the morning.
pub const END_OF_DAY: &str = r"^(0[0-5]:[0-5][0-9]|06:00)$";
/// An IANA zone's name by shape; whether it exists is checked by the rules.
pub const TIME_ZONE: &str = r"^[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*$";
/// Five fields of cron by shape; the rules check what they mean.
pub const CRON: &str = r"^[!-~]+ [!-~]+ [!-~]+ [!-~]+ [!-~]+$";
/// An ISO 4217 currency code.
pub const CURRENCY: &str = r"^[A-Z]{3}$";
/// An environment variable's name.
pub const ENV_NAME: &str = r"^[A-Za-z_][A-Za-z0-9_]*$";
/// An address block.
pub const CIDR: &str = r"^[0-9a-fA-F.:]+/[0-9]{1,3}$";
/// A persona's id: the stem of its file.
pub const PERSONA_ID: &str = r"^[a-z0-9][a-z0-9_\-]*$";

/// A label's value, which may be empty.
pub const LABEL_VALUE: &str = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$";

/// The schema of the values in a mapping of labels.
pub(crate) fn label_value() -> Json {
    json!({"type": "string", "maxLength": 63, "pattern": LABEL_VALUE})
}

/// The schema of the values in a mapping of annotations.
pub(crate) fn annotation_value() -> Json {
    json!({"type": "string", "maxLength": 8192})
}

/// What a pattern asks for, in words and with an example.
#[must_use]
pub fn explain(pattern: &str) -> Option<&'static str> {
    Some(match pattern {
        OBJECT_NAME => {
            "lower-case letters, digits, \"-\" and \".\", beginning and ending with a letter or digit, like luna-secrets"
        }
        DNS_LABEL => "lower-case letters, digits and \"-\", beginning and ending with a letter or digit, like luna",
        DATA_KEY => "letters, digits, \"-\", \"_\" and \".\", like database-url",
        HOST => "a host name without scheme, port or path, like luna.example.org",
        HTTP_URL => "an address like https://host/path, without user, query or fragment",
        URL_PATH => "a path like /telegram/webhook",
        IMAGE_REPOSITORY => "an image without tag, like ghcr.io/vitte/vitte (the tag is spec.version)",
        IMAGE => "an image with its tag, like postgres:17",
        IMAGE_TAG => "letters, digits, \".\", \"_\" and \"-\", like 0.1.0",
        QUANTITY => "a Kubernetes quantity, like 500m, 1, 512Mi or 5Gi",
        QUIET_HOURS => "from-to in 24-hour time, like 22:00-09:00",
        END_OF_DAY => "a time from 00:00 to 06:00",
        TIME_ZONE => "an IANA time zone, like Europe/Moscow",
        CRON => "five fields of cron separated by one space, like 0 3 * * *",
        CURRENCY => "three capital letters (ISO 4217), like RUB",
        ENV_NAME => "letters, digits and \"_\", not beginning with a digit, like RUST_LOG",
        CIDR => "an address block, like 10.0.0.0/8",
        LABEL_VALUE => {
            "up to 63 letters, digits, \"-\", \"_\" and \".\", beginning and ending with a letter or digit, like ingress-nginx"
        }
        PERSONA_ID => "lower-case letters, digits, \"-\" and \"_\", like luna",
        _ => return None,
    })
}
