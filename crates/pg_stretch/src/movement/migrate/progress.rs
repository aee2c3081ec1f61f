//! What migration remembers of a table between batches.

use super::careful::Failures;
use crate::movement::trouble::Trouble;
use std::collections::HashSet;
use std::time::Instant;
use stretch_core::batch::LastScan;

/// What is remembered about one table between batches; lost with the worker, never needed for correctness.
#[derive(Default)]
pub struct Progress {
    /// First block of the next scan (F44).
    pub next_block: u32,
    /// Columns whose send function is not exact: they travel through the output function.
    pub through_output: HashSet<i32>,
    /// Rows that do not encode, skipped in this pass (F44).
    pub unfit: HashSet<(u32, u16)>,
    /// The filter fails on some rows.
    pub careful: bool,
    /// On which, in this pass.
    pub filter_failures: Failures,
    pub trouble: Trouble,
    pub eligible_since: Option<Instant>,
    pub last_scan: Option<LastScan>,
    /// The filter that the table had when the last scan began.
    pub scanned_with: Option<String>,
}
