//! Row locks: FOR UPDATE and its like, the rechecks of READ COMMITTED, and BEFORE triggers.

use super::cold;
use super::heap::{self, of_heap};
use crate::catalog::snapshot::LATEST;
use crate::cold::identity;
use crate::cold::row_lock;
use crate::cold::tombstone::{conflict, fate, known, write};
use crate::pg::error::Result;
use pgrx::pg_sys;
use pgrx::pg_sys::TM_Result;
use stretch_core::purpose::Purpose;

/// TUPLE_LOCK_FLAG_FIND_LAST_VERSION of tableam.h.
const FIND_LAST_VERSION: u8 = 2;

/// What a locker asks for.
struct Ask {
    relation: pg_sys::Relation,
    tid: pg_sys::ItemPointer,
    snapshot: pg_sys::Snapshot,
    slot: *mut pg_sys::TupleTableSlot,
    command: pg_sys::CommandId,
    mode: pg_sys::LockTupleMode::Type,
    policy: pg_sys::LockWaitPolicy::Type,
    flags: u8,
    failure: *mut pg_sys::TM_FailureData,
}

/// `tuple_lock`.
pub unsafe extern "C-unwind" fn tuple_lock(
    relation: pg_sys::Relation,
    tid: pg_sys::ItemPointer,
    snapshot: pg_sys::Snapshot,
    slot: *mut pg_sys::TupleTableSlot,
    command: pg_sys::CommandId,
    mode: pg_sys::LockTupleMode::Type,
    policy: pg_sys::LockWaitPolicy::Type,
    flags: u8,
    failure: *mut pg_sys::TM_FailureData,
) -> TM_Result::Type {
    // SAFETY: what the server handed over.
    unsafe {
        if !identity::is_cold(&*tid) {
            let lock = of_heap(heap::routine().tuple_lock);
            return lock(relation, tid, snapshot, slot, command, mode, policy, flags, failure);
        }
        cold::run(|| {
            Ask {
                relation,
                tid,
                snapshot,
                slot,
                command,
                mode,
                policy,
                flags,
                failure,
            }
            .lock()
        })
    }
}

impl Ask {
    unsafe fn lock(&self) -> Result<TM_Result::Type> {
        // SAFETY: what the server handed over; the relation is open and locked.
        unsafe {
            (*self.failure).traversed = false;
            let row = cold::row(self.relation, *self.tid)?;
            let (strength, wait) = (row_lock::strength(self.mode), row_lock::wait(self.policy));
            if !row_lock::lock(self.relation, *self.tid, strength, wait)? {
                return Ok(TM_Result::TM_WouldBlock);
            }
            let id = row.segment()?.segment_id;
            if !known::is_live(&id, self.command)? {
                return Err(write::lost());
            }
            let found = fate::of(self.relation, &id, row.number(), self.command)?;
            let told = cold::tell(&found, *self.tid, self.command)?;
            told.put(self.failure);
            match told.result {
                TM_Result::TM_Ok => {
                    row.store(self.relation, LATEST, Purpose::RowLock, self.slot)?;
                    Ok(TM_Result::TM_Ok)
                }
                TM_Result::TM_Updated if self.flags & FIND_LAST_VERSION != 0 => self.follow(told.ctid),
                other => Ok(other),
            }
        }
    }

    /// Goes on with the new version of the row, which is a hot one.
    unsafe fn follow(&self, home: pg_sys::ItemPointerData) -> Result<TM_Result::Type> {
        if fate::is_elsewhere(home) {
            return Err(conflict("a row to be locked was moved to another partition").without_hint());
        }
        // SAFETY: as above; what heap may raise becomes an unwind.
        unsafe {
            *self.tid = home;
            let lock = of_heap(heap::routine().tuple_lock);
            let result = pg_sys::ffi::pg_guard_ffi_boundary(|| {
                lock(
                    self.relation,
                    self.tid,
                    self.snapshot,
                    self.slot,
                    self.command,
                    self.mode,
                    self.policy,
                    self.flags,
                    self.failure,
                )
            });
            (*self.failure).traversed = true;
            Ok(result)
        }
    }
}
