//! What the database knows of its stretched tables: typed reads under a given snapshot, the one writer of what batches
//! record, and facts of PostgreSQL's own catalog about stretched tables.
//!
//! Queries read through `systable_beginscan` with their own snapshot, never through SPI (design §4): hot and cold rows
//! then come from one snapshot, also in parallel workers, on standbys and in cursors.

pub mod abandoned;
pub mod changes;
pub mod duplicates;
pub mod filter;
pub mod formed;
pub mod keys;
pub mod method;
pub mod partitions;
pub mod record;
pub mod retire;
pub mod rows;
pub mod scan;
pub mod snapshot;
pub mod staged;
pub mod stretched;
pub mod tables;
mod totals;
pub mod triggers;
pub mod types;
mod visible;
pub mod way_back;
