//! Why a command was not done, in words that help whoever typed it.

use std::error::Error as _;

use kube::core::Status;

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The person can mend the command.
    #[error("{0}")]
    Usage(String),
    /// The API server, or the way to it.
    #[error("{0}")]
    Failed(String),
    #[error("output: {0}")]
    Output(#[from] std::io::Error),
}

impl Fault {
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) | Self::Output(_) => 3,
        }
    }

    /// `doing`: what was to be done, as in "cannot list pods in namespace bots".
    #[must_use]
    pub fn of(doing: &str, error: &kube::Error) -> Self {
        Self::Failed(format!("cannot {doing}: {}", in_words(error)))
    }
}

/// An error of the API server, or of the way to it.
#[must_use]
pub fn in_words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => refusal(status),
        kube::Error::Auth(error) => format!("the credentials of the kubeconfig cannot be had: {error}"),
        kube::Error::HyperError(_) | kube::Error::Service(_) => {
            format!("the API server cannot be reached: {}", innermost(error))
        }
        other => other.to_string(),
    }
}

fn refusal(status: &Status) -> String {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let causes: Vec<String> = causes.map(|cause| format!("\n  {}: {}", cause.field, cause.message)).collect();
    let said = &status.message;
    match status.code {
        401 => "the API server does not know these credentials (expired? kubectl get ns tells the same)".to_owned(),
        403 if said.contains("admission webhook") => said.clone(),
        403 => format!("you are not allowed to: {said}"),
        404 => format!("not found: {said}"),
        409 => format!("somebody else changed it at the same moment; try again ({said})"),
        422 if causes.is_empty() => format!("the API server finds it invalid: {said}"),
        422 => format!("the API server finds it invalid:{}", causes.concat()),
        429 => "the API server has too much to do; try again later".to_owned(),
        500.. => format!("the API server fails: {said}"),
        _ => said.clone(),
    }
}

/// Wrappers say where it happened, the innermost error says what.
fn innermost(error: &kube::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    match error.source() {
        Some(_) => deepest.to_string(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(code: u16, message: &str) -> Status {
        Status { code, message: message.to_owned(), ..Status::default() }
    }

    #[test]
    fn a_refusal_says_what_and_what_to_do() {
        let words = |code| refusal(&status(code, "said"));
        assert_eq!(words(403), "you are not allowed to: said");
        assert!(words(401).contains("does not know these credentials"));
        assert!(words(409).contains("try again"));
        assert_eq!(words(503), "the API server fails: said");
    }

    #[test]
    fn an_invalid_object_names_each_field() {
        let invalid = json!({"code": 422, "message": "long", "reason": "Invalid",
            "details": {"causes": [{"field": "spec.paused", "message": "no", "reason": ""}]}});
        let invalid: Status = serde_json::from_value(invalid).unwrap();
        assert_eq!(refusal(&invalid), "the API server finds it invalid:\n  spec.paused: no");
    }
}
