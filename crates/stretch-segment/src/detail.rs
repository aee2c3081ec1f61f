//! What the catalog keeps of a segment: columns, row groups, chunk ranges, pages, checksums, statistics and the footer.

mod codec;
mod pages;

pub use pages::{Page, Pages};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::error::SegmentError;
use crate::limits::{CHECKSUM_BYTES, MAX_COLUMNS, MAX_DECIMAL_PRECISION, MAX_ROW_GROUP_ROWS, MAX_ROWS};
use crate::stats::ColumnStats;
use crate::types::{StoredType, ValueForm};

/// One column of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDetail {
    pub field_id: i32,
    /// The column's name when the segment was made.
    pub name: String,
    pub stored: StoredType,
    pub form: ValueForm,
}

/// One column of one row group.
#[derive(Debug, Clone, PartialEq)]
pub struct ChunkDetail {
    /// Where the chunk begins in the object.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    /// The first 16 bytes of the SHA-256 of its bytes.
    pub checksum: [u8; CHECKSUM_BYTES],
    pub stats: ColumnStats,
    /// Its pages; none are known of segments of format version 1, which are read a chunk at a time.
    pub pages: Pages,
}

/// One row group: consecutive rows of the segment.
#[derive(Debug, Clone, PartialEq)]
pub struct RowGroupDetail {
    pub rows: u32,
    /// Row number, within the segment, of its first row.
    pub first_row: u32,
    /// One per column.
    pub chunks: Vec<ChunkDetail>,
}

/// All that a reader needs besides the chunks it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentDetail {
    pub columns: Vec<ColumnDetail>,
    pub row_groups: Vec<RowGroupDetail>,
    /// Per column, over all row groups.
    pub stats: Vec<ColumnStats>,
    /// The object's Parquet footer (Thrift, without length and magic number).
    pub footer: Bytes,
}

/// The first half of the SHA-256 of `bytes`.
pub(crate) fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let mut half = [0; CHECKSUM_BYTES];
    half.copy_from_slice(&digest[..CHECKSUM_BYTES]);
    half
}

impl SegmentDetail {
    /// Version of the binary layout that this build writes.
    pub const FORMAT_VERSION: u16 = 2;

    /// Rows of the segment.
    pub fn rows(&self) -> u64 {
        self.row_groups.iter().map(|g| u64::from(g.rows)).sum()
    }

    /// Does the detail agree with itself and with the limits?
    pub(crate) fn check(&self) -> Result<(), SegmentError> {
        let ensure = |ok: bool, what| {
            if ok {
                Ok(())
            } else {
                Err(SegmentError::CorruptDetail(what))
            }
        };
        ensure(self.columns.len() <= MAX_COLUMNS, "too many columns")?;
        ensure(
            self.stats.len() == self.columns.len(),
            "statistics do not match the columns",
        )?;
        for column in &self.columns {
            if let StoredType::Decimal128 { precision, scale } = column.stored {
                let ok = (1..=MAX_DECIMAL_PRECISION).contains(&precision) && scale <= precision;
                ensure(ok, "a decimal's precision or scale is out of range")?;
            }
        }
        let mut next_row = 0u64;
        for group in &self.row_groups {
            ensure(
                group.chunks.len() == self.columns.len(),
                "chunks do not match the columns",
            )?;
            ensure(
                (1..=MAX_ROW_GROUP_ROWS).contains(&group.rows),
                "a row group's number of rows is out of range",
            )?;
            ensure(u64::from(group.first_row) == next_row, "row groups are not consecutive")?;
            next_row += u64::from(group.rows);
            for chunk in &group.chunks {
                let end = chunk.offset.checked_add(chunk.len);
                ensure(
                    end.is_some_and(|end| end <= i64::MAX as u64),
                    "a chunk's range is out of range",
                )?;
                ensure(chunk.stats.null_count <= group.rows.into(), "more nulls than rows")?;
                chunk
                    .pages
                    .check(chunk.len, group.rows)
                    .map_err(SegmentError::CorruptDetail)?;
            }
        }
        ensure(next_row <= MAX_ROWS.into(), "too many rows")
    }
}

#[cfg(test)]
mod tests;
