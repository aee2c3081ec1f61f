//! Row identities as the server has them: what stands for a cold row where a plan names rows by their place in a heap.

use crate::pg::error::{Error, Result};
use pgrx::pg_sys;
use stretch_columns::identity::{ItemPointer, cold_row, identity};

/// What stands for row `row` of the `segment`-th segment of the manifest's list.
#[inline]
pub fn of(segment: usize, row: u32) -> Result<pg_sys::ItemPointerData> {
    let (bi_hi, bi_lo, ip_posid) = identity(segment, row)
        .map_err(|error| Error::internal(error.to_string()))?
        .words();
    Ok(pg_sys::ItemPointerData {
        ip_blkid: pg_sys::BlockIdData { bi_hi, bi_lo },
        ip_posid,
    })
}

/// The segment, by its number in the manifest's list, and the row that an identity in a plan's row stands for.
pub fn read(tid: pg_sys::ItemPointerData) -> Result<(usize, u32)> {
    let pointer = ItemPointer::from_words(tid.ip_blkid.bi_hi, tid.ip_blkid.bi_lo, tid.ip_posid);
    cold_row(pointer).map_err(|error| Error::internal(error.to_string()))
}
