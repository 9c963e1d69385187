//! A rule as the API server evaluates it: an expression in CEL (Common Expression Language), and where it stands.
//!
//! Each stands beside the Rust rule that it repeats. The API server sees defaults filled in, as Rust does, and runs
//! expressions only on objects whose single fields fit the schema.

use serde_json::{Value as Json, json};

/// One entry of `x-kubernetes-validations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cel {
    /// Where in the schema, like `spec.components.*.env[]`: `*` is every property, `[]` every item of a list. Empty is
    /// the root.
    pub at: &'static str,
    /// The expression; `self` is the value at that place.
    pub rule: String,
    /// What to write instead.
    pub message: String,
    /// The same with the numbers of the case, as an expression.
    pub expression: Option<String>,
    /// The field below `at` that the message is about, like `.webhook.url`.
    pub field: Option<String>,
}

impl Cel {
    pub(crate) fn new(at: &'static str, rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { at, rule: rule.into(), message: message.into(), expression: None, field: None }
    }

    pub(crate) fn about(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    pub(crate) fn saying(mut self, expression: impl Into<String>) -> Self {
        self.expression = Some(expression.into());
        self
    }

    /// As the custom resource definition has it.
    pub(crate) fn to_json(&self) -> Json {
        let mut rule = json!({"rule": self.rule, "message": self.message});
        if let Some(expression) = &self.expression {
            rule["messageExpression"] = expression.as_str().into();
        }
        if let Some(field) = &self.field {
            rule["fieldPath"] = field.as_str().into();
        }
        rule
    }
}
