//! Typed reads of the catalog under a given snapshot, and the names of its tables.
//!
//! Queries read through `systable_beginscan` with their own snapshot, never through SPI (design §4): hot and cold rows
//! then come from one snapshot, also in parallel workers, on standbys and in cursors.

pub mod rows;
pub mod scan;
pub mod tables;
mod visible;
