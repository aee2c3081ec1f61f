//! Row identities: what stands for a cold row where a plan names rows by their place in a heap.

use crate::pg::error::{Error, Result};
use pgrx::pg_sys;
use stretch_segment::limits::MAX_ROWS;

/// Offsets of heap tuples never reach this number (MaxHeapTuplesPerPage is 291), so a cold row's identity is never
/// that of a hot one.
const FIRST_OFFSET: u64 = 300;
/// Offsets per block; the highest stays below those with a special meaning in itemptr.h.
const OFFSETS: u64 = 65_000;

/// Bits of a row number within its segment.
const ROW_BITS: u32 = MAX_ROWS.ilog2();

/// The row identity of row `row` in the `segment`-th segment of the manifest's list.
pub fn identity(segment: usize, row: u32) -> (u32, u16) {
    let number = ((segment as u64) << ROW_BITS) + u64::from(row);
    ((number / OFFSETS) as u32, (FIRST_OFFSET + number % OFFSETS) as u16)
}

/// The segment and row of a row identity; `None` for that of a heap row.
pub fn cold_row(block: u32, offset: u16) -> Option<(usize, u32)> {
    let offset = u64::from(offset).checked_sub(FIRST_OFFSET)?;
    let number = u64::from(block) * OFFSETS + offset;
    Some(((number >> ROW_BITS) as usize, number as u32 & (MAX_ROWS - 1)))
}

/// What an identity in a plan's row says.
pub fn identity_of(tid: pg_sys::ItemPointerData) -> Result<(usize, u32)> {
    let block = (u32::from(tid.ip_blkid.bi_hi) << 16) | u32::from(tid.ip_blkid.bi_lo);
    cold_row(block, tid.ip_posid).ok_or_else(|| Error::internal("the identity of a cold row is that of a hot one"))
}
