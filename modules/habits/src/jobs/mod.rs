//! What the worker does for habits: one job a file.

mod calendar;
mod export;
mod remind;
mod summary;

pub use calendar::Calendar;
pub use export::Export;
pub use remind::{Remind, Reminding, Told, due_in, schedule};
pub(crate) use summary::schedule as summary_schedule;
pub use summary::{Summarise, summary_in};
