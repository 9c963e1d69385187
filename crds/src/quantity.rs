//! Kubernetes quantities: `500m`, `1`, `512Mi`, `5Gi`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::patterns::QUANTITY;

/// An amount of CPU, memory or storage, kept as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Quantity(String);

impl Quantity {
    /// Takes any text; whether it is a quantity is the schema's question.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The amount in thousandths of its unit (so that `500m` CPU is 500), rounded up; `None` when it is no quantity
    /// or too large to count.
    #[must_use]
    pub fn thousandths(&self) -> Option<u128> {
        let split = self.0.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(self.0.len());
        let (number, suffix) = self.0.split_at(split);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || whole.len() > 18 || fraction.len() > 9 || fraction.contains('.') {
            return None;
        }
        // In billionths first, so that a fraction such as 0.5Gi stays exact until the end.
        let billionths = format!("{whole}{fraction:0<9}").parse::<u128>().ok()?;
        let factor: u128 = match suffix {
            "m" => return Some(billionths.div_ceil(1_000_000_000)),
            "" => 1,
            "k" => 10u128.pow(3),
            "M" => 10u128.pow(6),
            "G" => 10u128.pow(9),
            "T" => 10u128.pow(12),
            "P" => 10u128.pow(15),
            "E" => 10u128.pow(18),
            "Ki" => 1 << 10,
            "Mi" => 1 << 20,
            "Gi" => 1 << 30,
            "Ti" => 1 << 40,
            "Pi" => 1 << 50,
            "Ei" => 1 << 60,
            _ => return None,
        };
        billionths.checked_mul(factor).map(|value| value.div_ceil(1_000_000))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // `cpu: 1` is as common as `cpu: "1"`.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum IntOrString {
            Int(u64),
            String(String),
        }
        Ok(Self(match IntOrString::deserialize(deserializer)? {
            IntOrString::Int(number) => number.to_string(),
            IntOrString::String(text) => text,
        }))
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An amount of CPU, memory or storage, like 500m, 1, 512Mi or 5Gi.",
            "x-kubernetes-int-or-string": true,
            "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}],
            "pattern": QUANTITY,
            "maxLength": 24,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_counted_in_thousandths() {
        let table = [
            ("500m", Some(500)),
            ("1", Some(1_000)),
            ("0.5", Some(500)),
            ("1.5k", Some(1_500_000)),
            ("1Ki", Some(1_024_000)),
            ("0.5Gi", Some(536_870_912_000)),
            ("0.0001", Some(1)),
            ("0", Some(0)),
            ("", None),
            ("Gi", None),
            ("1.2.3", None),
            ("5Xi", None),
            ("-1", None),
            ("9999999999999999999", None),
        ];
        for (text, amount) in table {
            assert_eq!(Quantity::new(text).thousandths(), amount, "{text}");
        }
    }

    #[test]
    fn the_largest_amounts_do_not_overflow() {
        for suffix in ["E", "Ei"] {
            let _ = Quantity::new(format!("{}{suffix}", "9".repeat(18))).thousandths();
        }
    }
}
