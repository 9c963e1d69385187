//! The only place of this crate where chance comes from.
#![expect(clippy::disallowed_methods, reason = "the simulated world has its own one source of chance, here")]

use rand::Rng as _;

/// Around 1: stretches a pause, so that what failed together is not tried again together.
pub fn jitter() -> f64 {
    rand::rng().random_range(0.8..1.2)
}

/// The id of a callback query: digits, never the same twice.
pub fn query_id() -> String {
    rand::random::<u64>().to_string()
}
