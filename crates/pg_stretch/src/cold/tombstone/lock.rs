//! The lock of a cold writer on a segment's catalog row: its newest version, following updates (F2).

use super::conflict;
use crate::catalog::scan::relation_oid;
use crate::catalog::snapshot::LATEST;
use crate::pg::error::Result;
use pgrx::pg_sys;
use stretch_core::columns::segment::RETIRED;
use stretch_core::ids::SegmentId;

/// TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS | TUPLE_LOCK_FLAG_FIND_LAST_VERSION of tableam.h.
const FLAGS: u8 = 1 | 2;

/// How strong the lock is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// Many writers of single tombstones at a time; excludes whoever retires the segment or writes its bitmap.
    Shared,
    /// One writer of the segment's bitmap.
    Exclusive,
}

/// Locks the segment until the transaction ends; 40001 when it is retired or gone.
pub fn lock(segment: &SegmentId, strength: Strength) -> Result<()> {
    match lock_live(segment, strength)? {
        true => Ok(()),
        false => Err(retired()),
    }
}

/// The same; false when it is retired or gone, for who can look elsewhere.
pub fn lock_live(segment: &SegmentId, strength: Strength) -> Result<bool> {
    let table = relation_oid(c"segment")?;
    loop {
        let Some(tid) = crate::catalog::tables::segment_tid(segment, LATEST)? else {
            return Ok(false);
        };
        // SAFETY: opens, locks one row and closes; an ERROR releases all with the transaction.
        let outcome = unsafe {
            let relation = pg_sys::table_open(table, pg_sys::RowShareLock as i32);
            let slot = pg_sys::table_slot_create(relation, std::ptr::null_mut());
            let outcome = lock_row(relation, tid, slot, strength);
            pg_sys::ExecDropSingleTupleTableSlot(slot);
            pg_sys::table_close(relation, pg_sys::NoLock as i32);
            outcome
        };
        match outcome {
            Some(is_retired) => return Ok(!is_retired),
            // Its row moved between the look and the lock: look again.
            None => {
                pgrx::check_for_interrupts!();
            }
        }
    }
}

/// Whether the locked version is retired; `None` when there is no version to lock.
unsafe fn lock_row(
    relation: pg_sys::Relation,
    mut tid: pg_sys::ItemPointerData,
    slot: *mut pg_sys::TupleTableSlot,
    strength: Strength,
) -> Option<bool> {
    let mode = match strength {
        Strength::Shared => pg_sys::LockTupleMode::LockTupleKeyShare,
        Strength::Exclusive => pg_sys::LockTupleMode::LockTupleExclusive,
    };
    let mut failure = pg_sys::TM_FailureData::default();
    // SAFETY: the relation is open, the slot is of its kind; the method is that of the heap.
    unsafe {
        let method = (*(*relation).rd_tableam).tuple_lock?;
        let snapshot = pg_sys::GetActiveSnapshot();
        let command = pg_sys::GetCurrentCommandId(false);
        let outcome = pg_sys::ffi::pg_guard_ffi_boundary(|| {
            method(
                relation,
                &mut tid,
                snapshot,
                slot,
                command,
                mode,
                pg_sys::LockWaitPolicy::LockWaitBlock,
                FLAGS,
                &mut failure,
            )
        });
        if outcome != pg_sys::TM_Result::TM_Ok {
            return None;
        }
        pg_sys::slot_getsomeattrs_int(slot, RETIRED.number.into());
        let null = *(*slot).tts_isnull.add(RETIRED.index());
        Some(!null && (*(*slot).tts_values.add(RETIRED.index())).value() != 0)
    }
}

fn retired() -> crate::pg::error::Error {
    conflict("the segment of a cold row was replaced").hint("Run the transaction again.")
}
