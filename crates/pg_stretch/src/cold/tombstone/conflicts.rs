//! What PostgreSQL is told of cold rows, so that it finds conflicts between SERIALIZABLE transactions (F29): who reads
//! a segment, and who kills rows of it.
//!
//! A predicate lock names a block of a relation. No stretched table has blocks with such high numbers, so each of these
//! stands for a segment.
//! Cold rows never change but by dying, and what comes instead of one is a hot row; so a reader needs no lock on
//! anything else of the cold side.

use crate::pg::missing::{CheckForSerializableConflictIn, PredicateLockPage};
use pgrx::pg_sys;
use stretch_columns::identity::FIRST_BLOCK;
use stretch_core::ids::SegmentId;

/// MaxBlockNumber of block.h.
const MAX_BLOCK: pg_sys::BlockNumber = 0xFFFF_FFFE;

/// Before the tombstones of a segment are read: whoever kills a row of it from now on finds this.
pub fn reads(table: pg_sys::Oid, segment: &SegmentId, snapshot: pg_sys::Snapshot) {
    // SAFETY: the relation is open; nothing is owned inside the guard.
    with_open(table, |relation| unsafe {
        pg_sys::ffi::pg_guard_ffi_boundary(|| PredicateLockPage(relation, block(segment), snapshot));
    });
}

/// After a tombstone was written: whoever reads them from now on finds it. 40001 when PostgreSQL finds the transaction
/// to be the one to give up.
pub fn kills(table: pg_sys::Oid, segment: &SegmentId) {
    // SAFETY: as above.
    with_open(table, |relation| unsafe {
        pg_sys::ffi::pg_guard_ffi_boundary(|| {
            CheckForSerializableConflictIn(relation, std::ptr::null_mut(), block(segment))
        });
    });
}

/// Calls `f` with the table, on which the statement holds a lock; not where nobody looks for conflicts.
fn with_open(table: pg_sys::Oid, f: impl FnOnce(pg_sys::Relation)) {
    // SAFETY: a plain global; opens and closes a locked relation, and an ERROR releases it with the transaction.
    unsafe {
        if pg_sys::XactIsoLevel != pg_sys::XACT_SERIALIZABLE as i32 {
            return;
        }
        let relation = pg_sys::relation_open(table, pg_sys::NoLock as i32);
        f(relation);
        pg_sys::relation_close(relation, pg_sys::NoLock as i32);
    }
}

/// The block that stands for a segment, none that a heap has: bits of its random id. Segments that share a block
/// conflict needlessly, no more.
fn block(segment: &SegmentId) -> pg_sys::BlockNumber {
    let [a, b, c, d, ..] = *segment.as_bytes();
    (FIRST_BLOCK | u32::from_be_bytes([a, b, c, d])).min(MAX_BLOCK)
}
