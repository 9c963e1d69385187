//! What is measured
