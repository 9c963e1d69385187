//! What a bot says, in the person's language. Each module brings its own Fluent files (`texts/{en,ru}/*.ftl`); this is
//! how they are asked.

use std::borrow::Cow;
use std::collections::HashMap;

use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader, StaticLoader};

/// A module's texts.
pub type Bundle = std::sync::LazyLock<StaticLoader>;

/// The texts of one module in one language.
#[derive(Clone)]
pub struct Texts {
    bundle: &'static Bundle,
    language: LanguageIdentifier,
}

impl Texts {
    /// `language` is one of the bot's; a malformed tag reads as English.
    pub fn new(bundle: &'static Bundle, language: &str) -> Self {
        let language = language.parse().unwrap_or_else(|_| fluent_templates::langid!("en"));
        Self { bundle, language }
    }

    pub fn get(&self, key: &str) -> String {
        self.bundle.lookup(&self.language, key)
    }

    /// With values. They are put in as they are: escape what comes from people.
    pub fn with(&self, key: &str, values: &[(&'static str, FluentValue<'static>)]) -> String {
        let args: HashMap<Cow<'static, str>, FluentValue<'static>> =
            values.iter().map(|(name, value)| (Cow::Borrowed(*name), value.clone())).collect();
        self.bundle.lookup_with_args(&self.language, key, &args)
    }
}

/// The keys that a bundle has in a language: for the test that every language has every key.
pub fn keys(ftl: &str) -> Vec<&str> {
    ftl.lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_alphabetic()))
        .filter_map(|line| line.split_once('='))
        .map(|(key, _)| key.trim())
        .collect()
}
