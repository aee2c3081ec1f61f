//! A hot row that became cold after somebody learnt its place: which cold row it is.

use super::index_fetch::deleter;
use crate::cold::tombstone::fate;
use crate::cold::{heap_version, moved};
use crate::pg::error::Result;
use pgrx::pg_sys;

/// The identity of the cold row that a batch made of the row at `tid`, a place in the heap; `None` where the snapshot
/// sees a version there, and where the row became something else, or nothing.
///
/// # Safety
/// The relation is open and locked, the server holds the snapshot.
pub unsafe fn identity(
    relation: pg_sys::Relation,
    tid: pg_sys::ItemPointerData,
    snapshot: pg_sys::Snapshot,
) -> Result<Option<pg_sys::ItemPointerData>> {
    // SAFETY: the caller's promise.
    unsafe {
        if heap_version::look(relation, tid, snapshot, |_| ()).is_some() {
            return Ok(None);
        }
        match mover(relation, tid) {
            Some((mover, place)) => moved::identity_of((*relation).rd_id, mover, place),
            None => Ok(None),
        }
    }
}

/// The transaction that left the mark of a moved row on the last version of the row at `tid`, and that version's place.
unsafe fn mover(
    relation: pg_sys::Relation,
    mut tid: pg_sys::ItemPointerData,
) -> Option<(pg_sys::TransactionId, pg_sys::ItemPointerData)> {
    let mut before = None;
    loop {
        // SAFETY: the caller's promise; headers are looked at on their page.
        let (writer, deleter, next) = unsafe {
            let any = &raw mut pg_sys::SnapshotAnyData;
            heap_version::look(relation, tid, any, |header| {
                (header.t_choice.t_heap.t_xmin, deleter(header), header.t_ctid)
            })?
        };
        let deleter = deleter?;
        // Whether it is the successor, or a version of another row in its place.
        if before.is_some_and(|before| before != writer) {
            return None;
        }
        if next.ip_posid == pg_sys::MovedPartitionsOffsetNumber as u16 {
            // SAFETY: a transaction id of a tuple.
            return unsafe { pg_sys::TransactionIdDidCommit(deleter) }.then_some((deleter, tid));
        }
        if fate::same(next, tid) {
            return None;
        }
        before = Some(deleter);
        tid = next;
    }
}
