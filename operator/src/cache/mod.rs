//! What runs now, as the API server's watches tell it.
//!
//! Watches feed [`Children`](store::Store) (objects with the label `vitte.dev/bot`) and hints about Secrets and
//! ConfigMaps that specs name ([`named`]); the operator's own writes go in at once, with what the API server answered.
//! Out come a bot's children, and the name of each bot to which something happened.
//!
//! What must never happen: an older event over a newer state; a child of a bot that is kept as more than its bytes of
//! JSON; a value of a Secret in here at all.

pub mod child;
pub mod discovery;
pub mod named;
pub mod packed;
pub mod store;
pub mod watches;

use std::fmt;

/// A bot's namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BotKey {
    pub namespace: String,
    pub name: String,
}

impl BotKey {
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for BotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
