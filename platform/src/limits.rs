//! How much one person may ask: so many a minute and an hour, counted over all processes in Redis, in this process
//! alone while Redis is away.
//!
//! A window begins with a person's first message and ends a minute, or an hour, later. Both are counted by one script
//! call, and nothing is counted when one of them refuses. What comes again after it was counted (an update whose
//! database was away) passes: refused, it would be acknowledged, and nobody would ever answer it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::redis::{Redis, Script};

#[derive(Debug, Clone, Copy)]
pub struct LimitSettings {
    /// Zero: no limit.
    pub per_minute: u32,
    pub per_hour: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self { per_minute: 10, per_hour: 100 }
    }
}

/// What a person gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    /// The first refusal of a row: say so once, kindly.
    Refused {
        retry_after: Duration,
    },
    /// Refused again since: say nothing.
    Silent {
        retry_after: Duration,
    },
}

/// Fixed windows whose length begins with a person's first message. Returns {state, milliseconds}: 0 allowed, 1
/// refused for the first time in the window, 2 refused again. KEYS[1] prefix; ARGV per minute, per hour, and what is
/// counted: its id, or nothing. Ids are kept for an hour after the first; a set of few integers is an array to Redis.
static COUNT: Script = Script::new(
    "local counted, id = KEYS[1] .. ':counted', ARGV[3]
     if id ~= '' and redis.call('SISMEMBER', counted, id) == 1 then return {0, 0} end
     local wait = 0
     local windows = {{KEYS[1] .. ':m', tonumber(ARGV[1]), 60000}, {KEYS[1] .. ':h', tonumber(ARGV[2]), 3600000}}
     for _, w in ipairs(windows) do
       if w[2] > 0 and tonumber(redis.call('GET', w[1]) or '0') >= w[2] then
         wait = math.max(wait, redis.call('PTTL', w[1]))
       end
     end
     if wait > 0 then
       if redis.call('SET', KEYS[1] .. ':said', '1', 'NX', 'PX', wait) then return {1, wait} end
       return {2, wait}
     end
     for _, w in ipairs(windows) do
       if w[2] > 0 and redis.call('INCR', w[1]) == 1 then redis.call('PEXPIRE', w[1], w[3]) end
     end
     if id ~= '' then
       redis.call('SADD', counted, id)
       if redis.call('SCARD', counted) == 1 then redis.call('PEXPIRE', counted, 3600000) end
     end
     return {0, 0}",
);

/// People remembered in process while Redis is away.
const REMEMBERED: usize = 10_000;
/// Ids remembered of each of them: what is tried again was counted lately.
const IDS: usize = 16;

pub struct Limits {
    settings: LimitSettings,
    redis: Option<Redis>,
    prefix: String,
    local: Mutex<HashMap<i64, Local>>,
}

struct Local {
    minute: (Instant, u32),
    hour: (Instant, u32),
    said_until: Option<Instant>,
    counted: VecDeque<i64>,
}

impl Limits {
    pub fn new(bot_id: i64, scope: &str, settings: LimitSettings, redis: Option<Redis>) -> Self {
        Self { settings, redis, prefix: format!("vitte:{bot_id}:limit:{scope}"), local: Mutex::default() }
    }

    /// Counts one request of somebody.
    pub async fn count(&self, person: i64) -> Verdict {
        self.count_one(person, None).await
    }

    /// Counts one message of a person, whatever number of times it comes: `id` is the same then.
    pub async fn count_once(&self, person: i64, id: i64) -> Verdict {
        self.count_one(person, Some(id)).await
    }

    async fn count_one(&self, person: i64, id: Option<i64>) -> Verdict {
        let LimitSettings { per_minute, per_hour } = self.settings;
        if per_minute == 0 && per_hour == 0 {
            return Verdict::Allowed;
        }
        if let Some(redis) = &self.redis {
            let key = format!("{}:{{{person}}}", self.prefix);
            let id = id.map(|id| id.to_string()).unwrap_or_default();
            let args = [per_minute.to_string(), per_hour.to_string(), id];
            if let Some((state, millis)) = redis.eval::<(u8, u64)>(&COUNT, &key, &args).await {
                let retry_after = Duration::from_millis(millis);
                return match state {
                    0 => Verdict::Allowed,
                    1 => Verdict::Refused { retry_after },
                    _ => Verdict::Silent { retry_after },
                };
            }
        }
        self.count_here(person, id, Instant::now())
    }

    fn count_here(&self, person: i64, id: Option<i64>, now: Instant) -> Verdict {
        const MINUTE: Duration = Duration::from_secs(60);
        const HOUR: Duration = Duration::from_secs(3600);
        let mut people = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        if people.len() >= REMEMBERED && !people.contains_key(&person) {
            people.retain(|_, p| now.duration_since(p.hour.0) < HOUR);
            if people.len() >= REMEMBERED {
                // Forgetting is kinder than refusing.
                people.clear();
            }
        }
        let entry = people.entry(person).or_insert_with(|| Local {
            minute: (now, 0),
            hour: (now, 0),
            said_until: None,
            counted: VecDeque::new(),
        });
        if id.is_some_and(|id| entry.counted.contains(&id)) {
            return Verdict::Allowed;
        }
        let mut wait = Duration::ZERO;
        let windows =
            [(&mut entry.minute, self.settings.per_minute, MINUTE), (&mut entry.hour, self.settings.per_hour, HOUR)];
        for (window, limit, length) in windows {
            if now.duration_since(window.0) >= length {
                *window = (now, 0);
            }
            if limit > 0 && window.1 >= limit {
                wait = wait.max(length.saturating_sub(now.duration_since(window.0)));
            }
        }
        if wait.is_zero() {
            entry.minute.1 += 1;
            entry.hour.1 += 1;
            if let Some(id) = id {
                entry.counted.truncate(IDS - 1);
                entry.counted.push_front(id);
            }
            return Verdict::Allowed;
        }
        if entry.said_until.is_some_and(|until| until > now) {
            return Verdict::Silent { retry_after: wait };
        }
        entry.said_until = Some(now + wait);
        Verdict::Refused { retry_after: wait }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits() -> Limits {
        Limits::new(1, "messages", LimitSettings { per_minute: 10, per_hour: 100 }, None)
    }

    #[test]
    fn the_eleventh_message_of_a_minute_is_answered_once_and_then_there_is_silence() {
        let (limits, now) = (limits(), Instant::now());
        for _ in 0..10 {
            assert_eq!(limits.count_here(1, None, now), Verdict::Allowed);
        }
        assert!(matches!(limits.count_here(1, None, now), Verdict::Refused { .. }));
        assert!(matches!(limits.count_here(1, None, now), Verdict::Silent { .. }));
        assert_eq!(limits.count_here(2, None, now), Verdict::Allowed, "another person is not meant");
        assert_eq!(limits.count_here(1, None, now + Duration::from_secs(60)), Verdict::Allowed);
    }

    #[test]
    fn what_was_counted_passes_again_uncounted_and_what_was_refused_does_not() {
        let (limits, now) = (limits(), Instant::now());
        for id in 0..10 {
            assert_eq!(limits.count_here(1, Some(id), now), Verdict::Allowed);
            assert_eq!(limits.count_here(1, Some(id), now), Verdict::Allowed);
        }
        assert!(matches!(limits.count_here(1, Some(10), now), Verdict::Refused { .. }));
        assert!(matches!(limits.count_here(1, Some(10), now), Verdict::Silent { .. }));
        assert_eq!(limits.count_here(1, Some(9), now), Verdict::Allowed);
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more_than_its_limit(steps in prop::collection::vec(0u64..30_000, 1..400)) {
            let (limits, mut now) = (limits(), Instant::now());
            let start = now;
            let mut allowed = Vec::new();
            for step in steps {
                now += Duration::from_millis(step);
                if limits.count_here(1, None, now) == Verdict::Allowed {
                    allowed.push(now.duration_since(start).as_secs());
                }
            }
            for (i, at) in allowed.iter().enumerate() {
                // Fixed windows: any stretch of a window's length touches at most two of them.
                let minute = allowed[i..].iter().filter(|t| **t < at + 60).count();
                let hour = allowed[i..].iter().filter(|t| **t < at + 3600).count();
                prop_assert!(minute <= 20 && hour <= 200);
            }
        }
    }
}
