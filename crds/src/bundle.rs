//! A manifest with the Secrets and ConfigMaps that came with it.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::manifest::VitteBot;
use crate::persona::{Persona, Personas};
use crate::problem::Problem;
use crate::refs::{ObjectRef, SecretKeyRef};

/// A text to read, and what to call it in messages.
#[derive(Clone)]
pub struct Source {
    /// The file's path, as the person wrote it.
    pub name: String,
    /// The file's content.
    pub text: String,
}

impl Source {
    /// A text and its name.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

impl fmt::Debug for Source {
    /// The text may hold Secrets, so it is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Secrets by name, then by key. `Debug` never shows a value.
pub type Secrets = BTreeMap<String, BTreeMap<String, SecretString>>;
/// ConfigMaps by name, then by key.
pub type ConfigMaps = BTreeMap<String, BTreeMap<String, String>>;

/// A checked manifest and what came with it.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The manifest, with all defaults filled in.
    pub bot: VitteBot,
    /// The Secrets of the files. Ask [`Bundle::secret`] rather than looking here: the environment counts too.
    pub secrets: Secrets,
    /// The ConfigMaps of the files.
    pub config_maps: ConfigMaps,
}

impl Bundle {
    /// The value that a reference names: the environment variable [`env_name`] if it is set, else the last file
    /// that has it. Line ends at its end are cut off, since files and `echo` add them; an empty value counts as
    /// missing, so that a template can leave the line in place.
    ///
    /// `env` looks a variable up; it is passed in so that tests need no process environment.
    #[must_use]
    pub fn secret(&self, r: &SecretKeyRef, env: &dyn Fn(&str) -> Option<String>) -> Option<SecretString> {
        let usable = |value: &str| {
            let value = value.trim_end_matches(['\r', '\n']);
            (!value.is_empty()).then(|| SecretString::from(value.to_owned()))
        };
        let from_env = env(&env_name(&r.name, &r.key)).map(SecretString::from);
        from_env
            .and_then(|value| usable(value.expose_secret()))
            .or_else(|| self.secrets.get(&r.name)?.get(&r.key).and_then(|value| usable(value.expose_secret())))
    }

    /// The personas of a ConfigMap, `None` when no file has it.
    ///
    /// # Errors
    /// Everything that is wrong with any of them. [`crate::load`] checked the ones that the manifest names.
    pub fn personas(&self, r: &ObjectRef) -> Option<Result<Vec<Persona>, Vec<Problem>>> {
        let files = self.config_maps.get(&r.name)?;
        Some(Personas::parse(&format!("ConfigMap {}", r.name), files))
    }
}

/// The environment variable that holds one key of a Secret: `VITTE_SECRET_<NAME>_<KEY>` in capitals, with `_` for
/// everything that is neither letter nor digit. `luna` and `database-url` give `VITTE_SECRET_LUNA_DATABASE_URL`.
#[must_use]
pub fn env_name(name: &str, key: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }
    };
    format!("VITTE_SECRET_{name}_{key}").chars().map(plain).collect()
}
