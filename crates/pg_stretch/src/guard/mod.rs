//! Hooks that keep PostgreSQL and other commands from doing to a stretched table what cannot be done exactly (F9, C-5).
//!
//! `classify` turns statements into aims, `stretch_core::command` decides, `utility` holds the hooks.

mod alter_table;
mod classify;
mod constraints;
mod copy;
mod databases;
mod drops;
pub mod dump;
mod ours;
mod publish;
pub mod restoring;
mod row_types;
pub mod targets;
mod triggers;
mod utility;

pub use ours::{is_ours, ours};
pub use triggers::{PREFIXES as TRIGGER_PREFIXES, arguments as trigger_arguments, is_ours as is_our_trigger};
pub use utility::install;
