//! The operator: every `VitteBot` in a cluster becomes the objects that it needs, stays so, and says truthfully how it
//! is.
//!
//! One reconcile is five phases, each a file. Only the first and the fourth touch the cluster; their types make the
//! order the only possible one:
//!
//! 1. [`dereference`] reads what the spec names and what runs now: [`dereference::Found`].
//! 2. [`validate`] (pure) makes of both a complete, checked [`validate::Valid`], or says everything that is wrong.
//! 3. [`plan`] (pure) decides what is next and why, of upgrades by [`upgrade`]; [`build`] (pure) makes the objects.
//! 4. [`apply`] brings them into the cluster in order, and removes what is no longer wanted.
//! 5. [`status`] (pure) says how it is; it is written only when it changed.
//!
//! What must never happen: a write when nothing changed; a value of a Secret in memory longer than its digest takes, in
//! a log or in an object that is no Secret; one broken resource that stops another; a write after the lease is lost.

pub mod apply;
pub mod build;
pub mod cache;
pub mod calls;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod controller;
pub mod dereference;
pub mod door;
pub mod events;
#[cfg(test)]
mod fixtures;
pub mod http;
pub mod leader;
pub mod logs;
pub mod metrics;
pub mod names;
pub mod objects;
pub mod plan;
pub mod probe;
pub mod rbac;
pub mod render;
pub mod resource;
pub mod settings;
pub mod status;
pub mod telegram;
pub mod upgrade;
pub mod validate;

pub use controller::run;
