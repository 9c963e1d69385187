//! What every service and every module stands on.
//!
//! An update enters through [`intake`], is answered in one transaction (a [`turn::Turn`]), and what must arrive leaves
//! through the [`outbox`]; work for later is a job ([`jobs`]). Everything else here serves those three.
//!
//! Nothing here knows a module: modules depend on the platform, never the other way round. Clock and random come in
//! as parameters, so that tests own both.

pub mod cache;
pub mod clock;
pub mod config;
pub mod conversations;
pub mod database;
pub mod grace;
pub mod http;
pub mod intake;
pub mod jobs;
pub mod limits;
pub mod module;
pub mod outbox;
pub mod people;
pub mod redis;
pub mod role;
pub mod routing;
pub mod telegram;
pub mod telemetry;
pub mod texts;
pub mod turn;
pub mod users;
