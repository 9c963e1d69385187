//! Telegram's Bot API: what comes in ([`incoming`]), what goes out ([`outgoing`]), and the client between.
//!
//! Incoming updates are read into small types of our own that take only the fields Vitte uses. Typed clients lag
//! behind the API (unknown kinds and contents become errors there); here an update's raw JSON is kept as it came, and
//! what is not understood is stored and counted instead of lost.

pub mod client;
pub mod incoming;
pub mod outgoing;

pub use client::{ApiError, Telegram};
pub use incoming::{Chat, ChatKind, Event, Update};
pub use outgoing::{Button, Keyboard, Message};
