//! Hooks that keep PostgreSQL and other commands from doing to a stretched table what cannot be done exactly (F9, C-5).
//!
//! `utility` holds the hooks. `classify` says what a statement would do to which table, and `stretch_core::command`
//! decides whether it may.

mod alter_table;
mod below;
mod classify;
mod copy;
mod databases;
mod drops;
pub mod dump;
mod foreign_keys;
mod new_partitions;
mod planned;
mod publish;
pub mod restoring;
mod row_types;
pub mod targets;
mod utility;

pub use planned::install as install_before_planning;
pub use utility::install;
