//! Rows that indexes find. A unique index that judges a new key is told when a row with that key became cold since the
//! cold side was asked for it (see `unique/since.rs`).

use super::heap;
use crate::pg::error::{Error, OrRaise, Result};
use crate::pg::{hook, names};
use crate::statements::unique;
use pgrx::pg_sys;
use stretch_core::errors;

/// Line pointers of a page at most (MaxHeapTuplesPerPage of htup_details.h): a chain is no longer.
const MAX_CHAIN: usize = 291;

/// `index_fetch_tuple`.
pub unsafe extern "C-unwind" fn index_fetch_tuple(
    scan: *mut pg_sys::IndexFetchTableData,
    tid: pg_sys::ItemPointer,
    snapshot: pg_sys::Snapshot,
    slot: *mut pg_sys::TupleTableSlot,
    call_again: *mut bool,
    all_dead: *mut bool,
) -> bool {
    let fetch = heap::of_heap(heap::routine().index_fetch_tuple);
    // SAFETY: what the server handed over; nothing is owned. Only who judges keys asks with a dirty snapshot, and only
    // a deferred check for its row by the state that this transaction made.
    unsafe {
        let kind = (*snapshot).snapshot_type;
        if kind != pg_sys::SnapshotType::SNAPSHOT_DIRTY && kind != pg_sys::SnapshotType::SNAPSHOT_SELF {
            return fetch(scan, tid, snapshot, slot, call_again, all_dead);
        }
        let root = *tid;
        let found = fetch(scan, tid, snapshot, slot, call_again, all_dead);
        if !found && kind == pg_sys::SnapshotType::SNAPSHOT_DIRTY {
            hook::own_part(|| not_moved_behind((*scan).rel, root).or_raise());
        }
        if found && kind == pg_sys::SnapshotType::SNAPSHOT_SELF {
            hook::own_part(|| unique::look_deferred((*scan).rel, slot).or_raise());
        }
        found
    }
}

/// 40001 when the row at `root`, of which no version is alive, became cold after the running command looked there.
unsafe fn not_moved_behind(table: pg_sys::Relation, root: pg_sys::ItemPointerData) -> Result<()> {
    // SAFETY: an open table and a tid of an index of it.
    unsafe {
        let Some(mover) = mover(table, root) else {
            return Ok(());
        };
        if !pg_sys::TransactionIdDidCommit(mover) || !unique::is_before((*table).rd_id, mover) {
            return Ok(());
        }
        Err(Error::new(
            &errors::MOVED,
            format!(
                "could not serialize access: a row of table {} became cold meanwhile",
                names::relation((*table).rd_id)
            ),
        )
        .detail("It has a unique key of a new row."))
    }
}

/// The transaction that deleted the last version of the chain at `root`, if it left the mark of a moved row.
unsafe fn mover(table: pg_sys::Relation, root: pg_sys::ItemPointerData) -> Option<pg_sys::TransactionId> {
    let block = u32::from(root.ip_blkid.bi_hi) << 16 | u32::from(root.ip_blkid.bi_lo);
    // SAFETY: reads a page of the table under a pin and a shared lock, both of which an ERROR would release.
    unsafe {
        let buffer = pg_sys::ReadBuffer(table, block);
        pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_SHARE as i32);
        let found = mover_on(pg_sys::BufferGetPage(buffer), root.ip_posid);
        pg_sys::UnlockReleaseBuffer(buffer);
        found
    }
}

/// Follows a chain as heap does when an index leads to it.
unsafe fn mover_on(page: pg_sys::Page, mut offset: pg_sys::OffsetNumber) -> Option<pg_sys::TransactionId> {
    let mut before = None;
    for _ in 0..MAX_CHAIN {
        // SAFETY: the page is locked, and line pointers are looked at before what they point at.
        unsafe {
            if offset == 0 || offset > pg_sys::PageGetMaxOffsetNumber(page) {
                return None;
            }
            let item = pg_sys::PageGetItemId(page, offset);
            match (*item).lp_flags() {
                pg_sys::LP_REDIRECT if before.is_none() => {
                    offset = (*item).lp_off() as pg_sys::OffsetNumber;
                    continue;
                }
                pg_sys::LP_NORMAL => {}
                _ => return None,
            }
            let version = &*pg_sys::PageGetItem(page, item).cast::<pg_sys::HeapTupleHeaderData>();
            // Whether it is the successor, or a version of another row in its place.
            if before.is_some_and(|xmax| xmax != version.t_choice.t_heap.t_xmin) {
                return None;
            }
            let xmax = deleter(version)?;
            if version.t_ctid.ip_posid == pg_sys::MovedPartitionsOffsetNumber as u16 {
                return Some(xmax);
            }
            if u32::from(version.t_infomask2) & pg_sys::HEAP_HOT_UPDATED == 0 {
                return None;
            }
            before = Some(xmax);
            offset = version.t_ctid.ip_posid;
        }
    }
    None
}

/// HeapTupleHeaderGetUpdateXid of htup_details.h; `None` for a version that nobody deleted or updated.
///
/// # Safety
/// The version lies on a pinned page.
pub unsafe fn deleter(version: &pg_sys::HeapTupleHeaderData) -> Option<pg_sys::TransactionId> {
    let mask = u32::from(version.t_infomask);
    if mask & (pg_sys::HEAP_XMAX_INVALID | pg_sys::HEAP_XMAX_LOCK_ONLY) != 0 {
        return None;
    }
    if mask & pg_sys::HEAP_XMAX_IS_MULTI != 0 {
        // SAFETY: a version with a multixact that holds an update.
        return Some(unsafe { pg_sys::HeapTupleGetUpdateXid(std::ptr::from_ref(version).cast_mut()) });
    }
    // SAFETY: the header of a version on a page.
    Some(unsafe { version.t_choice.t_heap.t_xmax })
}
