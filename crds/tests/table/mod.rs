//! Broken VitteBots, and who refuses them with which words: one table for [`vitte_crds::load`], for the rules in CEL
//! run on this side, and for a real API server. Beside them good ones, at the very edge of what is refused.

use serde_json::{Value as Json, json};

/// Changes to a good manifest: a JSON pointer each, and what stands there afterwards; `null` removes.
pub type Changes = &'static [(&'static str, &'static str)];

/// Who refuses a manifest on the API server's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A rule in CEL, with the words of the row.
    Rule,
    /// A rule in CEL, with other words than load's.
    RuleSaying(&'static str),
    /// A rule in CEL that uses what only the API server knows: time zones.
    ServersRule,
    /// The schema, in Kubernetes' own words.
    Schema(&'static str),
}

/// A manifest with one mistake.
#[derive(Clone, Copy, Debug)]
pub struct Bad {
    pub changes: Changes,
    /// Where [`vitte_crds::load`] finds it.
    pub path: &'static str,
    /// What both say, or what their messages share.
    pub told: &'static str,
    pub by: By,
}

/// The object that every row changes.
pub fn good() -> Json {
    json!({
        "apiVersion": "vitte.dev/v1alpha1",
        "kind": "VitteBot",
        "metadata": {"name": "luna"},
        "spec": {
            "version": "0.1.0",
            "telegram": {
                "tokenSecretRef": {"name": "luna", "key": "token"},
                "webhook": {"host": "luna.example.org"},
            },
            "database": {"urlSecretRef": {"name": "luna", "key": "database-url"}},
            "modules": {"habits": {}},
        },
    })
}

pub fn changed(changes: Changes) -> Json {
    let mut bot = good();
    apply(&mut bot, changes);
    bot
}

pub fn apply(bot: &mut Json, changes: Changes) {
    for (pointer, value) in changes {
        let value: Json = serde_json::from_str(value).unwrap_or_else(|error| unreachable!("{value}: {error}"));
        let mut at = &mut *bot;
        let steps: Vec<&str> = pointer.trim_start_matches('/').split('/').collect();
        let (last, way) = steps.split_last().unwrap();
        for step in way {
            at = at.as_object_mut().unwrap().entry(*step).or_insert_with(|| json!({}));
        }
        let at = at.as_object_mut().unwrap();
        if value.is_null() {
            at.remove(*last);
        } else {
            at.insert((*last).to_owned(), value);
        }
    }
}

mod bad;
mod fine;

pub use bad::bad;
pub use fine::{FINE, MOVES};
