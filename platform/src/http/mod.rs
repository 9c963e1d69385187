//! What every service's HTTP has in common: health, metrics, problems, and the door it is served through.

pub mod admin;
pub mod api;
mod door;
mod health;
mod problem;
mod serve;

pub use door::{Door, Part, Served};
pub use health::Health;
pub use problem::Problem;
