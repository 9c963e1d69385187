//! Holds back writes that somebody undoes at once.
//!
//! An admission webhook or another controller may change a field of ours after every write. Writing it back on every
//! event would be a loop without end and without pause; so the first correction is made at once, and each further one
//! after a longer wait, until the object stays as it is wanted for a while.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::clock::backoff;
use crate::objects::Kind;

/// Peace for so long ends a fight.
const PEACE: Duration = Duration::from_secs(600);
const BASE: Duration = Duration::from_secs(1);
const MAX: Duration = Duration::from_secs(300);

#[derive(Debug)]
struct Fight {
    corrections: u32,
    last: Instant,
    not_before: Instant,
}

/// The corrections of one bot's objects.
#[derive(Debug, Default)]
pub struct Fights(HashMap<(Kind, String), Fight>);

impl Fights {
    /// Whether an object that differs though nothing new is wanted may be corrected now; otherwise when.
    ///
    /// # Errors
    /// How long to wait, and how many corrections there were.
    pub fn correct(&mut self, kind: Kind, name: &str, now: Instant) -> Result<(), (Duration, u32)> {
        self.0
            .retain(|_, fight| now.duration_since(fight.last) < PEACE.max(fight.not_before.duration_since(fight.last)));
        let fight =
            self.0.entry((kind, name.to_owned())).or_insert(Fight { corrections: 0, last: now, not_before: now });
        if now < fight.not_before {
            return Err((fight.not_before - now, fight.corrections));
        }
        fight.corrections += 1;
        fight.last = now;
        fight.not_before = now + backoff(fight.corrections, BASE, MAX);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_correction_is_made_at_once_and_each_next_one_later() {
        let mut fights = Fights::default();
        let mut now = Instant::now();
        let mut longest = Duration::ZERO;
        for round in 1..=10 {
            assert_eq!(fights.correct(Kind::Service, "s", now), Ok(()), "round {round}");
            let (wait, corrections) = fights.correct(Kind::Service, "s", now).unwrap_err();
            assert_eq!(corrections, round);
            longest = longest.max(wait);
            now += wait;
        }
        assert!(longest > Duration::from_secs(60), "{longest:?}");
        assert_eq!(fights.correct(Kind::Service, "other", now), Ok(()));
        now += PEACE;
        fights.correct(Kind::Service, "s", now).unwrap();
        let (wait, corrections) = fights.correct(Kind::Service, "s", now).unwrap_err();
        assert_eq!((corrections, wait <= BASE), (1, true));
    }
}
