//! The executable: `vitte up` as a person starts it, and the roles as pods run them, killed at random.
#![expect(clippy::unwrap_used, reason = "tests")]

mod companion;
mod consumers;
mod ends;
mod habits;
mod kills;
mod pods;
mod refusals;
mod up;
