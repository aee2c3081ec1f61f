//! What a reader did, in numbers only: no value of a row.

/// Counters of one scan, over all its rescans.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    pub segments: u64,
    pub segments_pruned: u64,
    pub row_groups: u64,
    pub row_groups_pruned: u64,
    /// Pages of data, of all columns, in the row groups that were read.
    pub pages: u64,
    /// Rows of row groups that are read, which conditions ruled out before values were made of them: by the statistics
    /// of their pages, or one by one.
    pub rows_pruned: u64,
    /// What travelled from the endpoint.
    pub remote_bytes: u64,
    /// What the segment cache had.
    pub cached_bytes: u64,
    pub staged_bytes: u64,
    pub requests: u64,
    pub tombstones: u64,
}
