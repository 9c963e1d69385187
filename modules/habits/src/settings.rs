//! What the manifest says of habits.

use std::time::Duration;

use chrono::NaiveTime;
use vitte_crds::modules::Habits as Section;

/// The bot's own; a person may set some of it for themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HabitsSettings {
    /// Until when after midnight a day goes on.
    pub end_of_day: NaiveTime,
    /// A reminder that is later than this is not sent any more.
    pub catch_up: Duration,
    /// Habits of one person, archived ones included.
    pub habits_per_person: i64,
}

impl HabitsSettings {
    /// As in the manifest, whose rules have checked the forms and bounds.
    pub fn from_manifest(section: &Section) -> Self {
        let minutes = u64::try_from(section.catch_up_minutes).unwrap_or(0);
        Self {
            end_of_day: NaiveTime::parse_from_str(&section.end_of_day, "%H:%M").unwrap_or(NaiveTime::MIN),
            catch_up: Duration::from_secs(60 * minutes),
            habits_per_person: i64::from(section.habits_per_person),
        }
    }
}

impl Default for HabitsSettings {
    fn default() -> Self {
        Self::from_manifest(&Section::default())
    }
}
