//! The VitteBot manifest: its types, its rules, and how it is read.
//!
//! A manifest describes one Telegram bot. Files go into [`load`]; out comes a [`Bundle`], the typed manifest with
//! every default filled in and the Secrets and ConfigMaps that came with it, or every [`Problem`] at once, each with
//! its file, line and path, and what would be right. The types are plain serde and schemars structs, one file per
//! part of the spec; their bounds live in the JSON schema ([`json_schema`]), what a schema cannot say in [`rules`].
//!
//! What must never happen here: a secret in an error message or in `Debug` output, a manifest accepted that holds a
//! secret, input that takes unbounded time or memory, and any input or output but the arguments and the results.

pub mod access;
pub mod backup;
mod bundle;
mod card;
pub mod companion;
pub mod components;
pub mod crd;
pub mod database;
pub mod image;
pub mod limits;
mod load;
pub mod manifest;
pub mod modules;
pub mod monitoring;
pub mod network;
pub mod patterns;
pub mod payments;
pub mod persona;
mod problem;
pub mod quantity;
pub mod refs;
pub mod repairs;
pub mod rules;
mod schema;
mod sensitive;
mod shape;
pub mod status;
mod structural;
pub mod telegram;
pub mod upgrade;
pub mod uses;
mod yaml;

pub use bundle::{Bundle, ConfigMaps, Secrets, Source, env_name};
pub use crd::{PLURAL, custom_resource_definition};
pub use load::load;
pub use manifest::{API_VERSION, GROUP, KIND, Language, Metadata, Spec, VERSION, VitteBot};
pub use persona::Persona;
pub use problem::{Finding, Problem};
pub use quantity::Quantity;
pub use refs::{ConfigMapKeyRef, GatewayRef, ObjectRef, SecretKeyRef};
pub use secrecy::{ExposeSecret, SecretString};

/// The JSON schema of a whole manifest, for editors and for [`load`].
#[must_use]
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(VitteBot).to_value()
}
