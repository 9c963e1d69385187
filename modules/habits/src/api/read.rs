//! What a request begins with.

use sqlx::PgConnection;
use vitte_platform::http::Problem;
use vitte_platform::http::api::Caller;

use crate::model::Person;
use crate::settings::HabitsSettings;
use crate::store;

/// The person whom the token speaks for.
pub async fn person(c: &mut PgConnection, settings: &HabitsSettings, caller: Caller) -> Result<Person, Problem> {
    store::person(c, settings, caller.user_id).await?.ok_or_else(Caller::unknown)
}
