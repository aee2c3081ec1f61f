//! Row locks: FOR UPDATE and its like, the rechecks of READ COMMITTED, and BEFORE triggers.

use super::cold::{self, Met, Told};
use super::heap::{self, of_heap};
use super::home;
use crate::catalog::snapshot::LATEST;
use crate::cold::identity;
use crate::cold::moved;
use crate::cold::row_lock;
use crate::cold::tombstone::{conflict, fate, known};
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
        let is_cold = identity::is_cold(&*tid);
        if !is_cold {
            // Heap would follow the row itself, and give up where it has become cold.
            let flags = flags & !FIND_LAST_VERSION;
            let lock = of_heap(heap::routine().tuple_lock);
            let result = lock(relation, tid, snapshot, slot, command, mode, policy, flags, failure);
            if result != TM_Result::TM_Updated {
                return result;
            }
        }
        if !is_cold && flags & FIND_LAST_VERSION == 0 {
            return TM_Result::TM_Updated;
        }
        cold::run(|| {
            let ask = Ask {
                relation,
                tid,
                snapshot,
                slot,
                command,
                mode,
                policy,
                flags,
                failure,
            };
            match is_cold {
                true => ask.lock(),
                false => ask.follow(*tid),
            }
        })
    }
}

impl Ask {
    unsafe fn lock(&self) -> Result<TM_Result::Type> {
        // SAFETY: what the server handed over; the relation is open and locked.
        unsafe {
            (*self.failure).traversed = false;
            if let Some(home) = home::brought(self.relation, *self.tid, self.command)? {
                *self.tid = home;
                return Ok(self.lock_hot());
            }
            let row = match cold::meet(self.relation, *self.tid, self.command)? {
                Met::Cold(row) => row,
                Met::Left(told) => return self.tell(&told),
            };
            let (strength, wait) = (row_lock::strength(self.mode), row_lock::wait(self.policy));
            if !row_lock::lock(self.relation, *self.tid, strength, wait)? {
                return Ok(TM_Result::TM_WouldBlock);
            }
            let id = row.segment()?.segment_id;
            if !known::is_live(&id, self.command)? {
                return self.tell(&cold::left(self.relation, *self.tid, self.command, Some(&row))?);
            }
            let found = fate::of(self.relation, &id, row.number(), self.command)?;
            let told = cold::tell(&found, *self.tid, self.command)?;
            if told.result == TM_Result::TM_Ok {
                row.store(self.relation, LATEST, Purpose::RowLock, self.slot)?;
            }
            self.tell(&told)
        }
    }

    /// Tells the server what it meets; who asks for the last version gets that.
    unsafe fn tell(&self, told: &Told) -> Result<TM_Result::Type> {
        // SAFETY: as above.
        unsafe {
            told.put(self.failure);
            match told.result {
                TM_Result::TM_Updated if self.flags & FIND_LAST_VERSION != 0 => self.follow(*self.tid),
                other => Ok(other),
            }
        }
    }

    /// Goes on with what became of the row at `before`, of which the failure says where it went: a new version of a hot
    /// or a cold row is hot, a batch made a cold row of a hot one, and took cold ones home or into another segment.
    unsafe fn follow(&self, mut before: pg_sys::ItemPointerData) -> Result<TM_Result::Type> {
        // SAFETY: as above.
        unsafe {
            loop {
                let (next, writer) = ((*self.failure).ctid, (*self.failure).xmax);
                if fate::is_elsewhere(next) {
                    let became = match identity::is_cold(&before) {
                        true => None,
                        false => moved::identity_of((*self.relation).rd_id, writer, before)?,
                    };
                    let became = became
                        .ok_or_else(|| conflict("a row to be locked was moved to another partition").without_hint())?;
                    *self.tid = became;
                    let result = self.lock()?;
                    (*self.failure).traversed = true;
                    return Ok(result);
                }
                if identity::is_cold(&next) {
                    // Its segment was written anew.
                    *self.tid = next;
                    let result = self.lock()?;
                    (*self.failure).traversed = true;
                    return Ok(result);
                }
                if !fate::written_by(self.relation, next, writer) {
                    return Ok(TM_Result::TM_Deleted);
                }
                *self.tid = next;
                let result = self.lock_hot();
                (*self.failure).traversed = true;
                if result != TM_Result::TM_Updated {
                    return Ok(result);
                }
                before = next;
            }
        }
    }

    /// Locks the version at the tid in the heap, and no later one.
    unsafe fn lock_hot(&self) -> TM_Result::Type {
        let lock = of_heap(heap::routine().tuple_lock);
        // SAFETY: as above; what heap may raise becomes an unwind.
        unsafe {
            pg_sys::ffi::pg_guard_ffi_boundary(|| {
                lock(
                    self.relation,
                    self.tid,
                    self.snapshot,
                    self.slot,
                    self.command,
                    self.mode,
                    self.policy,
                    self.flags & !FIND_LAST_VERSION,
                    self.failure,
                )
            })
        }
    }
}
