//! Row identities as the server has them: what stands for a cold row where a plan names rows by their place in a heap.

use crate::pg::error::{Error, Result};
use pgrx::pg_sys;
use stretch_columns::identity::{self, ItemPointer};

/// What stands for row `row` of the table's segment with this permanent number.
#[inline]
pub fn of(number: u32, row: u32) -> Result<pg_sys::ItemPointerData> {
    let pointer = identity::identity(number, row).map_err(|error| Error::internal(error.to_string()))?;
    Ok(server(pointer))
}

/// A place, or what stands for a cold row, as the server has it.
pub fn server(place: ItemPointer) -> pg_sys::ItemPointerData {
    let (bi_hi, bi_lo, ip_posid) = place.words();
    pg_sys::ItemPointerData {
        ip_blkid: pg_sys::BlockIdData { bi_hi, bi_lo },
        ip_posid,
    }
}

/// What stands for all rows of the table's segment with this permanent number, where rows are locked.
pub fn whole_segment(number: u32) -> Result<ItemPointer> {
    identity::whole_segment(number).map_err(|error| Error::internal(error.to_string()))
}

/// What stands for the right to wait for all rows of that segment.
pub fn wait_for_segment(number: u32) -> Result<ItemPointer> {
    identity::wait_for_segment(number).map_err(|error| Error::internal(error.to_string()))
}

/// The permanent number of the segment, and the row, that an identity stands for.
pub fn read(tid: pg_sys::ItemPointerData) -> Result<(u32, u32)> {
    identity::cold_row(pointer(&tid)).map_err(|error| Error::internal(error.to_string()))
}

/// Whether a row's place is that of a cold one.
#[inline]
pub fn is_cold(tid: &pg_sys::ItemPointerData) -> bool {
    identity::is_cold(pointer(tid))
}

/// The identity as block and offset.
#[inline]
pub fn pointer(tid: &pg_sys::ItemPointerData) -> ItemPointer {
    ItemPointer::from_words(tid.ip_blkid.bi_hi, tid.ip_blkid.bi_lo, tid.ip_posid)
}
