//! The operator in a cluster whose pods really run: from `kubectl apply` to an answer in the chat, and away again.
//!
//! Run through `tools/with-node` after `tests/cluster/images`; the operator, the simulated world, the bot, its
//! PostgreSQL and Redis are all pods, in namespaces that enforce the `restricted` standard.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod connections;
mod crowd;
mod first_round;
mod forward;
mod node;
mod policies;
mod ready;
mod upgrades;
mod world;
