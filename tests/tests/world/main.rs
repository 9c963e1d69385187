//! The simulated world as others see it: a client that somebody else wrote, and a person in a browser.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod chat_page;
mod page;
mod scripted;
mod teloxide;
mod teloxide_bot;
