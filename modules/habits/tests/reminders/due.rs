//! What is due is told exactly once, and only to whom it is of use.

use vitte_habits::domain::{Schedule, Status, Weekdays};
use vitte_habits::model::NewHabit;
use vitte_habits::store::{self, Mark, Snoozed};
use vitte_habits::{Told, due_in};
use vitte_platform::people::Change;

use crate::world::{World, at, time};

const SENT: Told = Told { sent: 1, late: 0, needless: 0, expired: 0, unreachable: 0, put_off: 0, full: false };
const NEEDLESS: Told = Told { sent: 0, needless: 1, ..SENT };

/// Breaks without the lock on what is due (both send), or when the next time is written in another transaction than
/// the message.
#[tokio::test]
async fn of_four_schedulers_at_once_each_reminder_is_written_by_one() {
    let world = World::new().await;
    let person = async |n: i64| {
        let user = world.user(n, "Europe/Moscow").await;
        world.habit(user, "09:00:00", "2026-03-10T12:00:00Z").await;
    };
    for n in 1..=450 {
        person(n).await;
    }
    let now = at("2026-03-11T06:00:20Z");
    let look = async || {
        let mut taken = 0;
        loop {
            match due_in(&world.pool, &world.reminding, now, None).await.unwrap().taken() {
                0 => break taken,
                more => taken += more,
            }
        }
    };
    let taken = futures::future::join_all((0..4).map(|_| look())).await;
    assert_eq!(taken.iter().sum::<usize>(), 450, "{taken:?}");
    let mut chats: Vec<i64> = world.written().await.into_iter().map(|(chat, _)| chat).collect();
    chats.sort_unstable();
    assert_eq!(chats, (1..=450).collect::<Vec<_>>());
    assert_eq!(world.look("2026-03-11T06:01:00Z").await, Told::default(), "until tomorrow");
    assert_eq!(world.look("2026-03-12T06:00:00Z").await.sent, 450);
}

/// Breaks when a batch is counted that was not committed, or not at all.
#[tokio::test]
async fn what_became_of_reminders_and_how_late_they_were_is_served_as_metrics() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    world.habit(user, "09:00:00", "2026-03-10T12:00:00Z").await;
    let value = |series: &str| {
        let all = vitte_platform::telemetry::gather();
        let line = all.lines().find_map(|line| line.strip_prefix(series)?.trim().parse::<f64>().ok());
        line.unwrap_or_default()
    };
    let all = ["vitte_habits_reminders_total{outcome=\"sent\"}", "vitte_habits_reminder_delay_seconds_sum"];
    let before = all.map(value);
    assert_eq!(world.look("2026-03-11T09:00:20Z").await, SENT);
    let [sent, seconds] = all.map(value);
    // Other tests may count in the same process.
    assert!(sent >= before[0] + 1.0 && seconds >= before[1] + 20.0, "{sent} and {seconds} after {before:?}");
}

/// Breaks without `SKIP LOCKED`: the second waits for the first.
#[tokio::test]
async fn a_scheduler_that_dies_in_the_middle_leaves_the_reminder_to_the_next() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    world.habit(user, "09:00:00", "2026-03-10T12:00:00Z").await;
    let now = at("2026-03-11T09:00:00Z");
    let mut tx = world.pool.begin().await.unwrap();
    let due = store::due(&mut tx, world.settings(), now, 10).await.unwrap();
    store::fired(&mut tx, &due, now).await.unwrap();
    assert_eq!(world.look("2026-03-11T09:00:00Z").await, Told::default(), "it is in somebody's hands");
    tx.rollback().await.unwrap();
    assert_eq!(world.look("2026-03-11T09:01:00Z").await, SENT);
    assert_eq!(world.written().await.len(), 1);
}

/// Breaks without the catch-up window.
#[tokio::test]
async fn a_scheduler_away_sends_what_is_still_of_use_once_and_says_that_it_is_late() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    // Two reminders of one habit were missed: one message.
    let new =
        NewHabit { remind_at: vec![time("08:30:00"), time("09:00:00")], ..NewHabit::daily("Run", time("09:00:00")) };
    world.make(user, new, "2026-03-10T12:00:00Z").await;
    world.habit(user, "06:00:00", "2026-03-10T12:00:00Z").await;
    let told = world.look("2026-03-11T09:30:00Z").await;
    assert_eq!(told, Told { sent: 0, late: 1, expired: 1, ..Told::default() });
    let written = world.written().await;
    assert!(written.len() == 1 && written[0].1.contains("late"), "{written:?}");
    assert_eq!(world.look("2026-03-12T06:00:00Z").await, SENT, "the next day as ever");
    assert!(!world.written().await[1].1.contains("late"));
}

/// Breaks when only the first moment that was missed is looked at: it is of yesterday, and hides today's.
#[tokio::test]
async fn a_scheduler_away_for_a_day_still_sends_what_was_due_a_moment_ago() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    world.habit(user, "09:00:00", "2026-03-10T12:00:00Z").await;
    let told = world.look("2026-03-14T09:20:00Z").await;
    assert_eq!(told, Told { late: 1, ..Told::default() });
    assert_eq!(world.look("2026-03-14T09:21:00Z").await, Told::default());
    assert_eq!(world.look("2026-03-15T09:00:00Z").await, SENT);
    // One that came back too late for today's, too, tells of none.
    assert_eq!(world.look("2026-03-18T23:00:00Z").await, Told { expired: 1, ..Told::default() });
}

#[tokio::test]
async fn who_has_done_skipped_or_archived_it_or_is_on_vacation_is_not_reminded() {
    let world = World::new().await;
    let (made, morning) = ("2026-03-10T12:00:00Z", "2026-03-11T07:00:00Z");
    let due = "2026-03-11T09:00:00Z";
    for status in [Status::Done, Status::Skipped, Status::NotDone] {
        let user = world.user(10 + status as i64, "UTC").await;
        let habit = world.habit(user, "09:00:00", made).await;
        world.mark(user, habit.id, Mark::Status(status), morning).await;
        assert_eq!(world.look(due).await, NEEDLESS, "{status:?}");
    }
    let user = world.user(5, "UTC").await;
    let habit = world.habit(user, "09:00:00", made).await;
    world
        .done(async |c| {
            store::set_vacation(c, world.settings(), user, Some("2026-03-11".parse().unwrap()), at(made)).await
        })
        .await
        .unwrap();
    assert_eq!(world.look(due).await, NEEDLESS);
    let archive = store::Changes { is_active: Some(false), ..store::Changes::default() };
    let person = world.person(user).await;
    world.done(async |c| store::update(c, &person, habit.id, archive, at(due)).await).await.unwrap();
    let three = Told { sent: 3, ..Told::default() };
    assert_eq!(world.look("2026-03-12T09:00:00Z").await, three, "the archived one is not even looked at");
    assert!(!world.written().await.iter().any(|(chat, _)| *chat == 5));
}

#[tokio::test]
async fn a_habit_of_weekdays_is_reminded_of_on_them_and_one_of_so_many_times_until_the_week_is_full() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    let sunday = "2026-03-08T12:00:00Z";
    let tuesdays = Schedule::Days(Weekdays::new(0b10).unwrap());
    let habit =
        world.make(user, NewHabit { schedule: tuesdays, ..NewHabit::daily("Swim", time("09:00:00")) }, sunday).await;
    assert_eq!(habit.next_at, Some(at("2026-03-10T09:00:00Z")));
    let twice = NewHabit { schedule: Schedule::Weekly(2), ..NewHabit::daily("Run", time("10:00:00")) };
    let run = world.make(user, twice, sunday).await;
    let mut sent = Vec::new();
    for day in 9..=16 {
        let told = world.look(&format!("2026-03-{day:02}T10:00:00Z")).await;
        sent.push(told.sent + told.late);
        world.mark(user, run.id, Mark::Status(Status::Done), &format!("2026-03-{day:02}T11:00:00Z")).await;
    }
    // Monday: run. Tuesday: run and swim (an hour late). Then the week is full, until Monday.
    assert_eq!(sent, [1, 2, 0, 0, 0, 0, 0, 1]);
}

/// Breaks when a blocked person's reminders wait for them: they would all come at once.
#[tokio::test]
async fn who_has_blocked_the_bot_gets_nothing_and_after_that_the_next() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    world.habit(user, "09:00:00", "2026-03-10T12:00:00Z").await;
    let blocked = |yes| Change { is_bot_blocked: Some(yes), ..Change::default() };
    world.change(user, blocked(true), "2026-03-10T13:00:00Z").await;
    let unreachable = Told { unreachable: 1, ..Told::default() };
    assert_eq!(world.look("2026-03-11T09:00:00Z").await, unreachable);
    assert_eq!(world.look("2026-03-12T09:00:00Z").await, unreachable);
    world.change(user, blocked(false), "2026-03-12T10:00:00Z").await;
    assert_eq!(world.look("2026-03-12T10:01:00Z").await, Told::default());
    assert_eq!(world.look("2026-03-13T09:00:00Z").await, SENT);
}

#[tokio::test]
async fn in_an_hour_means_once_more_and_not_when_it_is_done_by_then() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    let habit = world.habit(user, "09:00:00", "2026-03-10T12:00:00Z").await;
    let person = world.person(user).await;
    let snooze = async |now: &str, until: &str| {
        let today = person.today(at(now));
        let snoozed = world.done(async |c| store::snooze(c, &person, habit.id, today, at(until), at(now)).await).await;
        assert_eq!(snoozed.unwrap().1, Snoozed::Until(at(until)));
    };
    assert_eq!(world.look("2026-03-11T09:00:00Z").await, SENT);
    snooze("2026-03-11T09:05:00Z", "2026-03-11T10:05:00Z").await;
    assert_eq!(world.look("2026-03-11T10:04:00Z").await, Told::default());
    assert_eq!(world.look("2026-03-11T10:05:00Z").await, SENT);
    assert_eq!(world.look("2026-03-11T20:00:00Z").await, Told::default(), "once");
    assert_eq!(world.look("2026-03-12T09:00:00Z").await, SENT);
    snooze("2026-03-12T09:05:00Z", "2026-03-12T10:05:00Z").await;
    world.mark(user, habit.id, Mark::Status(Status::Done), "2026-03-12T09:30:00Z").await;
    assert_eq!(world.look("2026-03-12T10:05:00Z").await, NEEDLESS);
}

/// Breaks when the message's language is the bot's first.
#[tokio::test]
async fn a_reminder_speaks_the_persons_language_and_no_markup_of_theirs() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    sqlx::query("UPDATE users SET client_language = 'ru-RU'").execute(&world.pool).await.unwrap();
    world.make(user, NewHabit::daily("<b>5 & 6", time("09:00:00")), "2026-03-10T12:00:00Z").await;
    assert_eq!(world.look("2026-03-11T09:00:00Z").await, SENT);
    let (_, text) = world.written().await.remove(0);
    assert!(text.contains("&lt;b&gt;5 &amp; 6") && text.contains("хороший день"), "{text}");
}

/// Breaks when a late reminder is repeated as the clock shows its time once more, and when who makes a habit between the
/// two passes of an hour waits for tomorrow.
#[tokio::test]
async fn in_an_hour_that_comes_twice_each_is_reminded_once_and_of_what_the_clock_is_yet_to_show() {
    let world = World::new().await;
    let user = world.user(5, "Europe/Berlin").await;
    // On 25 October it is half past two at 00:30 and at 01:30 in Greenwich.
    let before = world.habit(user, "02:30:00", "2026-10-24T12:00:00Z").await.id;
    assert_eq!(world.look("2026-10-25T01:05:00Z").await.late, 1);
    let between = world.habit(user, "02:30:00", "2026-10-25T01:10:00Z").await.id;
    assert_eq!(world.look("2026-10-25T01:29:00Z").await.taken(), 0);
    assert_eq!(world.look("2026-10-25T01:30:00Z").await.sent, 1);
    assert_eq!(world.look("2026-10-25T12:00:00Z").await.taken(), 0);
    let date = || "2026-10-25".to_owned();
    assert_eq!(world.reminded().await, [(before, date()), (between, date())]);
}
