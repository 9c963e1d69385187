//! The store's errors, as statuses.

use axum::http::StatusCode;
use vitte_platform::http::Problem;
use vitte_platform::http::api::Caller;

use crate::store::HabitError;

impl From<HabitError> for Problem {
    fn from(error: HabitError) -> Self {
        let told = error.to_string();
        match error {
            HabitError::Missing => Problem::not_found("the habit"),
            HabitError::Foreign => Problem::new(StatusCode::FORBIDDEN, "forbidden", told),
            HabitError::Inactive => Problem::new(StatusCode::BAD_REQUEST, "inactive-habit", told),
            HabitError::TooMany(_) => Problem::new(StatusCode::CONFLICT, "too-many-habits", told),
            HabitError::NoPerson => Caller::unknown(),
            HabitError::Database(error) => error.into(),
        }
    }
}
