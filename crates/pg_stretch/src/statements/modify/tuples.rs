//! What a plan hands over with each row to change: its identity and its old content as a whole.

use crate::cold::identity;
use crate::pg::error::{Error, Result};
use crate::pg::slot;
use pgrx::pg_sys;
use std::ffi::CStr;

/// Where identity and old content stand in the plan's rows; 0 when they do not.
pub struct Junk {
    ctid: i16,
    whole_row: i16,
}

impl Junk {
    /// # Safety
    /// The node is a ModifyTable whose subplan is there.
    pub unsafe fn of(node: *mut pg_sys::ModifyTableState) -> Self {
        // SAFETY: the names are those that `AddForeignUpdateTargets` and the server gave them.
        unsafe {
            let list = (*(*(*node).ps.lefttree).plan).targetlist;
            let find = |name: &CStr| pg_sys::ExecFindJunkAttributeInTlist(list, name.as_ptr());
            Self {
                ctid: find(c"ctid"),
                whole_row: find(c"wholerow"),
            }
        }
    }

    /// The row that the plan found: the permanent number of its segment, and its own in there.
    ///
    /// # Safety
    /// The slot holds a row of the plan.
    pub unsafe fn identity(&self, slot: *mut pg_sys::TupleTableSlot) -> Result<(u32, u32)> {
        // SAFETY: a ctid is an ItemPointerData.
        unsafe {
            let datum =
                attribute(slot, self.ctid).ok_or_else(|| Error::internal("a cold row came without its identity"))?;
            identity::read(*datum.cast_mut_ptr::<pg_sys::ItemPointerData>())
        }
    }

    /// The old content, when the plan carries it.
    ///
    /// # Safety
    /// As for `identity`.
    pub unsafe fn whole_row(&self, slot: *mut pg_sys::TupleTableSlot) -> Option<pg_sys::Datum> {
        // SAFETY: the caller's promise.
        unsafe { attribute(slot, self.whole_row) }
    }
}

unsafe fn attribute(slot: *mut pg_sys::TupleTableSlot, number: i16) -> Option<pg_sys::Datum> {
    if number <= 0 {
        return None;
    }
    let at = number as usize - 1;
    // SAFETY: the slot has so many columns, as the plan's target list says.
    unsafe {
        slot::take_apart(slot, number);
        (!*(*slot).tts_isnull.add(at)).then(|| *(*slot).tts_values.add(at))
    }
}

/// A row value as a tuple of the current memory context, which points into the value.
///
/// # Safety
/// The datum is a composite value.
pub unsafe fn from_datum(row: pg_sys::Datum) -> pg_sys::HeapTuple {
    // SAFETY: a composite datum is a tuple's header followed by its data; palloc gives what the server would free
    // itself.
    unsafe {
        let header = pg_sys::pg_detoast_datum(row.cast_mut_ptr()).cast::<pg_sys::HeapTupleHeaderData>();
        let tuple = pg_sys::palloc0(size_of::<pg_sys::HeapTupleData>()).cast::<pg_sys::HeapTupleData>();
        (*tuple).t_len = pgrx::varsize_any(header.cast()) as u32;
        (*tuple).t_self.ip_blkid = pg_sys::BlockIdData {
            bi_hi: u16::MAX,
            bi_lo: u16::MAX,
        };
        (*tuple).t_self.ip_posid = 0;
        (*tuple).t_data = header;
        tuple
    }
}
