//! The time between being told to stop and the end. Each step of the end takes a part of what is left, so that however
//! many there are, and whichever of them takes long, together they stay within the whole.

use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug, Clone, Copy)]
pub struct Grace(Instant);

impl Grace {
    /// From now on.
    pub fn begins(whole: Duration) -> Self {
        Self(Instant::now() + whole)
    }

    /// One `n`th of what is left.
    pub fn part(self, n: u32) -> Duration {
        self.0.saturating_duration_since(Instant::now()) / n
    }
}
