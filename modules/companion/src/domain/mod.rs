//! What the model is told and what is kept of its words. Pure: no I/O, no clock, no random.

mod prompt;
mod sentence;
mod tokens;

use serde::Serialize;

pub use prompt::{Person, prompt};
pub use sentence::{head, whole_sentences};
pub use tokens::tokens;

/// Who said something in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    Person,
    Persona,
}

/// Something said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub by: Speaker,
    pub text: String,
}

/// A line as the model reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    pub role: Role,
    pub content: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    System,
    User,
    Assistant,
}
