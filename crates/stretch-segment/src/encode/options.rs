//! What a caller may say of how a segment is encoded.

use std::num::NonZeroUsize;

use parquet::basic::ZstdLevel;

use crate::error::SegmentError;
use crate::limits::{
    DEFAULT_PAGE_ROWS, DEFAULT_ROW_GROUP_BYTES, DEFAULT_ROW_GROUP_ROWS, DEFAULT_ZSTD_LEVEL, MAX_ROW_GROUP_BYTES,
    MAX_ROW_GROUP_ROWS,
};

/// How to encode. The defaults are those of [`crate::limits`].
#[derive(Debug, Clone)]
pub struct EncodeOptions {
    /// A row group ends after this many rows, 1 to [`MAX_ROW_GROUP_ROWS`].
    pub row_group_rows: u32,
    /// A row group ends before the row that would bring its uncompressed values above this many bytes,
    /// 1 to [`MAX_ROW_GROUP_BYTES`]. A larger row has a group of its own.
    pub row_group_bytes: usize,
    /// A page ends after about this many rows, at least 1; earlier where its values are large.
    pub page_rows: u32,
    /// zstd's compression level, 1 to 22.
    pub zstd_level: i32,
    /// Threads that encode, the caller's among them.
    pub threads: NonZeroUsize,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        EncodeOptions {
            row_group_rows: DEFAULT_ROW_GROUP_ROWS,
            row_group_bytes: DEFAULT_ROW_GROUP_BYTES,
            page_rows: DEFAULT_PAGE_ROWS,
            zstd_level: DEFAULT_ZSTD_LEVEL,
            threads: NonZeroUsize::MIN,
        }
    }
}

impl EncodeOptions {
    /// Whether each has a sensible meaning.
    /// Errors: [`SegmentError::BadOption`].
    pub(super) fn check(&self) -> Result<(), SegmentError> {
        if !(1..=MAX_ROW_GROUP_ROWS).contains(&self.row_group_rows) {
            return Err(SegmentError::BadOption("row_group_rows"));
        }
        if !(1..=MAX_ROW_GROUP_BYTES).contains(&self.row_group_bytes) {
            return Err(SegmentError::BadOption("row_group_bytes"));
        }
        if self.page_rows == 0 {
            return Err(SegmentError::BadOption("page_rows"));
        }
        if ZstdLevel::try_new(self.zstd_level).is_err() {
            return Err(SegmentError::BadOption("zstd_level"));
        }
        Ok(())
    }
}
