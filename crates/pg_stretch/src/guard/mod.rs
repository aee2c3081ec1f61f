//! Hooks that keep PostgreSQL and other commands from doing to a stretched table what cannot be done exactly.

mod ours;

pub use ours::{is_ours, ours};
