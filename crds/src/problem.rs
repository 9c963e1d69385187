//! What is wrong with a manifest: where, what, and what would be right.

use std::fmt;

/// One thing that is wrong. Its text never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file it is in, as the caller named it.
    pub source: String,
    /// Where inside the document, like `spec.telegram.webhook.maxConnections`; empty for the document itself.
    pub path: String,
    /// The line, counted from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub allowed: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if self.path.is_empty() {
            write!(f, ": {}", self.message)?;
        } else {
            write!(f, " {}: {}", self.path, self.message)?;
        }
        if let Some(allowed) = &self.allowed {
            write!(f, "; allowed: {allowed}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// A problem before it is known which file it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where inside the document.
    pub path: String,
    /// The line, where known already.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub allowed: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        self.allowed.iter().try_for_each(|allowed| write!(f, "; allowed: {allowed}"))
    }
}

impl Finding {
    /// A finding without a line.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), line: None, message: message.into(), allowed: None }
    }

    pub(crate) fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// What would be right.
    #[must_use]
    pub fn allowed(mut self, allowed: impl Into<String>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }

    pub(crate) fn within(self, source: &str) -> Problem {
        Problem {
            source: source.to_owned(),
            path: self.path,
            line: self.line,
            message: self.message,
            allowed: self.allowed,
        }
    }
}

/// The path of a key below another path. Keys that are no plain words stand in brackets.
pub(crate) fn child(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match (path.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{:?}]", crate::sensitive::show(key)),
    }
}

/// Whether `path` is `ancestor` or lies below it.
pub(crate) fn is_below(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor)
        .is_some_and(|rest| ancestor.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}
