//! The administrators' view: how reminders do, and what one person has. Names of habits are shown to nobody but the
//! bot's owner, who is asked for a password; everything from people is escaped.

mod overview;
mod person;

use std::sync::Arc;

use vitte_platform::http::admin::{Ask, Page};

use crate::NAME;
use crate::settings::HabitsSettings;

/// The module's page, and its part of each person's.
pub fn page(settings: &HabitsSettings) -> Page {
    let settings = settings.clone();
    Page {
        path: NAME,
        title: "Habits",
        draw: Arc::new(|ask: Ask| Box::pin(overview::draw(ask))),
        person: Some(Arc::new(move |ask: Ask, id: i64| {
            let settings = settings.clone();
            Box::pin(async move { person::draw(ask, &settings, id).await })
        })),
    }
}
