//! What people type, read: times, dates, numbers, places. Pure, in both languages at once, whatever the person's own.
//!
//! A reader never guesses: what can be meant in two ways is `None`, and the conversation asks again.

pub mod date;
pub mod number;
pub mod place;
pub mod time;
mod words;
