//! What an operator of the bot wants to know of reminders without opening the admin pages.

use std::sync::LazyLock;

use vitte_platform::telemetry::metrics::{Histogram, IntCounterVec, module};

use crate::jobs::Told;

pub struct Metrics {
    reminders: IntCounterVec,
    /// From the moment that a person chose to the reminder's row in the outbox.
    pub delay: Histogram,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    module(|b| {
        let metrics = Metrics {
            reminders: b.counters(
                "vitte_habits_reminders_total",
                "Reminders that came due, by what became of them: sent, late (more than five minutes; it says so), needless (done already, skipped, on vacation), expired (too late to be of use), unreachable (the person has blocked the bot).",
                &["outcome"],
            ),
            delay: b.histogram(
                "vitte_habits_reminder_delay_seconds",
                "From the moment of a reminder to its row in the outbox, in seconds, of those that were sent.",
                &[1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0],
            ),
        };
        // Served as zero from the start: a rate needs two values.
        metrics.count(Told::default());
        metrics
    })
});

pub fn metrics() -> &'static Metrics {
    &METRICS
}

impl Metrics {
    /// After the batch is committed.
    pub fn count(&self, told: Told) {
        // What is put off comes due again.
        let Told { sent, late, needless, expired, unreachable, put_off: _, full: _ } = told;
        let all = [
            ("sent", sent),
            ("late", late),
            ("needless", needless),
            ("expired", expired),
            ("unreachable", unreachable),
        ];
        for (outcome, count) in all {
            self.reminders.with_label_values(&[outcome]).inc_by(u64::try_from(count).unwrap_or(0));
        }
    }
}
