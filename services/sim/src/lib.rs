//! The simulated world: a Telegram with its people, and a model, good enough that programs written
//! for the real ones work against it unchanged.
//!
//! ```text
//! bot  --/bot<token>/<method>-->  botapi  --\                     /-->  webhook --POST--> bot
//!                                            >-- world (journal) --
//! person, test, page  --/sim/*-->  person --/                     \-->  person: long poll, events
//! ```
//! - `botapi`: Telegram's HTTP interface; `person`: what people do and see, and what tests ask.
//! - `world`: the state and its rules, without I/O but its `journal`; `webhook`: deliveries.
//! - `entities`: Telegram's markup; `llm`: the model; `page`: the chat page.
//!
//! Must never happen here: an update lost once a person was told its id, an answer given before it
//! is in the journal, two updates of a chat on their way by webhook at once.

mod botapi;
mod chance;
mod clock;
mod config;
mod entities;
mod entry;
mod files;
mod inspect;
mod journal;
mod llm;
mod model;
mod page;
mod person;
mod sim;
mod webhook;
mod world;

pub use config::{SimConfig, SimError};
pub use sim::Sim;
