//! Updates that the database answered and did not get through: a statement over its limit, a lock not had in time.
//!
//! That may pass, so such an update comes again, as with a database that is away. One that never gets through must not
//! come for ever: polled, it would hold up the offset and with it everybody's updates. What is counted here lives in
//! this process, and is looked at only after a failure.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::IntakeError;

/// How often an update is tried before it is buried.
const TRIES: u32 = 5;
/// Updates remembered; those of a database that gets nothing through are soon as many as come.
const REMEMBERED: usize = 2_000;

#[derive(Default)]
pub(super) struct Tries(Mutex<HashMap<i64, u32>>);

impl Tries {
    /// Counts one more failure of an update. `Err`: it may come again; `Ok`: it has had its tries.
    pub fn over(&self, update_id: i64, reason: &str) -> Result<(), IntakeError> {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= REMEMBERED && !tries.contains_key(&update_id) {
            // Some get more tries than they should.
            tries.clear();
        }
        let count = tries.entry(update_id).or_insert(0);
        *count += 1;
        if *count < TRIES { Err(IntakeError::Unavailable(reason.to_owned())) } else { Ok(()) }
    }

    /// The update has its outcome.
    pub fn forget(&self, update_id: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&update_id);
    }
}

/// Does the error say that the database is there and did not get this one through? Statement timeout (57014), lock
/// timeout (55P03), deadlock and other rollbacks (class 40), idle in the transaction for too long (25P03).
pub(super) fn is_stuck(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    error.code().is_some_and(|code| matches!(code.as_ref(), "57014" | "55P03" | "25P03") || code.starts_with("40"))
}

/// [`is_stuck`] anywhere in a chain of causes.
pub(super) fn is_stuck_chain(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<sqlx::Error>()).any(is_stuck)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_has_five_tries_and_others_have_their_own() {
        let tries = Tries::default();
        for _ in 1..TRIES {
            assert!(tries.over(1, "slow").is_err());
        }
        assert!(tries.over(2, "slow").is_err());
        assert!(tries.over(1, "slow").is_ok());
        assert!(tries.over(1, "slow").is_ok(), "burying it failed: it is tried again");
        tries.forget(1);
        assert!(tries.over(1, "slow").is_err());
    }
}
