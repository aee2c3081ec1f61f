//! The sizes that the demo measures.

/// Bytes of backups before and after.
#[derive(Default)]
pub struct Sizes {
    pub dump_before: u64,
    pub dump_after: u64,
    pub base_before: u64,
    pub base_after: u64,
    pub remote: u64,
}
