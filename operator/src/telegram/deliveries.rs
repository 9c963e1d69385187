//! Whether deliveries to a webhook fail (pure), from what Telegram says at one look after another.
//!
//! Telegram tells how many updates wait and when a delivery failed last, not whether another one came through: with a busy
//! bot some always wait, and now and then one fails. So it takes several looks to tell: something waits, it never grows
//! less, and another delivery has failed meanwhile.

use std::time::{Duration, Instant};

use crate::dereference::WebhookSeen;

/// How long nothing may be delivered before it is told.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// A failure that is older is no reason to look closer, in seconds.
const RECENT: i64 = 600;

/// A time in which nothing was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standstill {
    since: Instant,
    /// The most updates that waited.
    waiting: i64,
    /// Of the last failure when it began.
    error_at: i64,
}

/// What was seen of one webhook so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deliveries {
    standstill: Option<Standstill>,
    fail: bool,
}

impl Deliveries {
    /// As a former process left it.
    #[must_use]
    pub fn remembered(fail: bool) -> Self {
        Self { standstill: None, fail }
    }

    /// Whether it is worth looking again soon.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.standstill.is_some()
    }

    /// Takes one look in; says whether deliveries fail. `at`: seconds since 1970.
    pub fn look(&mut self, seen: &WebhookSeen, patience: Duration, now: Instant, at: i64) -> bool {
        let recent = seen.last_error_at.filter(|error_at| at - error_at < RECENT);
        let waits = seen.pending_updates;
        self.standstill = match (self.standstill, recent) {
            // Some came through, or there is nothing to deliver.
            (Some(standstill), _) if waits < standstill.waiting => None,
            (_, None) => None,
            _ if waits <= 0 => None,
            (Some(standstill), Some(_)) => Some(Standstill { waiting: waits, ..standstill }),
            (None, Some(error_at)) => Some(Standstill { since: now, waiting: waits, error_at }),
        };
        self.fail = self.standstill.is_some_and(|standstill| {
            let again = recent.is_some_and(|error_at| error_at > standstill.error_at);
            self.fail || (again && now.duration_since(standstill.since) >= patience)
        });
        self.fail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_767_268_800;

    fn seen(pending_updates: i64, last_error_at: Option<i64>) -> WebhookSeen {
        let last_error = last_error_at.map(|_| "Wrong response from the webhook: 502 Bad Gateway".to_owned());
        WebhookSeen { url: "https://h/p".to_owned(), pending_updates, last_error, last_error_at, fails: false }
    }

    /// Looks at these times (seconds after noon), with so many waiting and the last failure then; what each says.
    fn told(mut deliveries: Deliveries, looks: &[(u64, i64, i64)]) -> Vec<bool> {
        let begin = Instant::now();
        let look = |&(after, waiting, failed): &(u64, i64, i64)| {
            let (now, at) = (begin + Duration::from_secs(after), NOON + i64::try_from(after).unwrap());
            deliveries.look(&seen(waiting, Some(NOON + failed)), PATIENCE, now, at)
        };
        looks.iter().map(look).collect()
    }

    #[test]
    fn deliveries_fail_when_over_half_a_minute_nothing_comes_through_and_more_fail() {
        let looks = [(0, 1, -1), (10, 1, 8), (29, 2, 20), (31, 2, 20), (60, 9, 55)];
        assert_eq!(told(Deliveries::default(), &looks), [false, false, false, true, true]);
    }

    #[test]
    fn deliveries_of_a_busy_bot_may_fail_now_and_then() {
        // Some wait at every look, and there is always a failure of a moment ago.
        let looks = [(0, 3, -1), (20, 5, 19), (40, 4, 39), (60, 5, 59), (80, 2, 79), (100, 2, 79), (400, 2, 79)];
        assert!(told(Deliveries::default(), &looks).iter().all(|fail| !fail));
        // One failure, and no other one since.
        assert!(told(Deliveries::default(), &[(0, 1, -1), (40, 1, -1), (90, 1, -1)]).iter().all(|fail| !fail));
        // A failure of long ago.
        assert!(told(Deliveries::default(), &[(0, 1, -700), (40, 1, -700)]).iter().all(|fail| !fail));
    }

    #[test]
    fn deliveries_are_well_again_as_soon_as_something_comes_through() {
        let looks = [(0, 5, -1), (31, 5, 30), (40, 4, 30), (80, 4, 30)];
        assert_eq!(told(Deliveries::default(), &looks), [false, true, false, false]);
        assert_eq!(told(Deliveries::default(), &[(0, 5, -1), (31, 5, 30), (40, 0, 30)]), [false, true, false]);
    }

    #[test]
    fn what_a_former_process_told_holds_until_something_comes_through() {
        let looks = [(0, 5, -1), (10, 5, -1), (20, 0, -1), (30, 5, 25)];
        assert_eq!(told(Deliveries::remembered(true), &looks), [true, true, false, false]);
    }
}
