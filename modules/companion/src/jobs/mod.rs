//! What the worker does for a companion: one job a file.

mod answer;
mod listen;
mod preview;

pub use answer::{Answer, Answering};
