//! Rows by their tid, without a change: what TID scans, triggers and rechecks ask for.

use super::heap::{self, of_heap};
use super::{became_cold, cold};
use crate::catalog::snapshot::LATEST;
use crate::catalog::tables;
use crate::cold::identity;
use crate::cold::moved::{self, Left};
use crate::cold::row::ColdRow;
use crate::cold::tombstone::{fate, kept};
use crate::pg::error::Result;
use pgrx::pg_sys;
use pgrx::pg_sys::SnapshotType;
use stretch_core::purpose::Purpose;

/// `tuple_fetch_row_version`.
pub unsafe extern "C-unwind" fn tuple_fetch_row_version(
    relation: pg_sys::Relation,
    tid: pg_sys::ItemPointer,
    snapshot: pg_sys::Snapshot,
    slot: *mut pg_sys::TupleTableSlot,
) -> bool {
    // SAFETY: what the server handed over.
    unsafe {
        if !identity::is_cold(&*tid) {
            return of_heap(heap::routine().tuple_fetch_row_version)(relation, tid, snapshot, slot);
        }
        cold::run(|| fetch(relation, *tid, snapshot, slot))
    }
}

unsafe fn fetch(
    relation: pg_sys::Relation,
    tid: pg_sys::ItemPointerData,
    snapshot: pg_sys::Snapshot,
    slot: *mut pg_sys::TupleTableSlot,
) -> Result<bool> {
    // SAFETY: the caller's promise; the server holds the snapshot.
    unsafe {
        if (*snapshot).snapshot_type == SnapshotType::SNAPSHOT_MVCC {
            return match ColdRow::visible(relation, tid, snapshot)? {
                Some(row) => row.store(relation, snapshot, Purpose::Query(row.side().mode), slot),
                None => Ok(false),
            };
        }
        match ColdRow::any(relation, tid)? {
            Some(row) if is_seen(&row, snapshot)? => row.store(relation, of_statement(), Purpose::RowLock, slot),
            _ => Ok(false),
        }
    }
}

/// The snapshot under which a statement finds the segment of a row that it has read, though the row may have left it
/// since.
fn of_statement() -> pg_sys::Snapshot {
    // SAFETY: getters; the server holds the active snapshot.
    unsafe {
        match pg_sys::ActiveSnapshotSet() {
            true => pg_sys::GetActiveSnapshot(),
            false => LATEST,
        }
    }
}

/// Whether a snapshot that is no MVCC one sees the row.
unsafe fn is_seen(row: &ColdRow, snapshot: pg_sys::Snapshot) -> Result<bool> {
    // SAFETY: the caller's promise.
    match unsafe { (*snapshot).snapshot_type } {
        SnapshotType::SNAPSHOT_ANY => Ok(true),
        _ => {
            let newest = &raw mut pg_sys::SnapshotSelfData;
            // SAFETY: a snapshot of the server's own.
            unsafe { kept::show(newest)? };
            Ok(!tables::is_dead(&row.segment()?.segment_id, row.number(), newest)?)
        }
    }
}

/// `tuple_satisfies_snapshot`.
pub unsafe extern "C-unwind" fn tuple_satisfies_snapshot(
    relation: pg_sys::Relation,
    slot: *mut pg_sys::TupleTableSlot,
    snapshot: pg_sys::Snapshot,
) -> bool {
    // SAFETY: what the server handed over.
    unsafe {
        if !identity::is_cold(&(*slot).tts_tid) {
            return of_heap(heap::routine().tuple_satisfies_snapshot)(relation, slot, snapshot);
        }
        cold::run(|| {
            let tid = (*slot).tts_tid;
            if (*snapshot).snapshot_type == SnapshotType::SNAPSHOT_MVCC {
                return Ok(ColdRow::visible(relation, tid, snapshot)?.is_some());
            }
            match ColdRow::any(relation, tid)? {
                Some(row) => is_seen(&row, snapshot),
                None => Ok(false),
            }
        })
    }
}

/// `tuple_tid_valid`: whether there can be a row with this tid.
pub unsafe extern "C-unwind" fn tuple_tid_valid(scan: pg_sys::TableScanDesc, tid: pg_sys::ItemPointer) -> bool {
    // SAFETY: what the server handed over.
    unsafe {
        if !identity::is_cold(&*tid) {
            return of_heap(heap::routine().tuple_tid_valid)(scan, tid);
        }
        cold::run(|| Ok(identity::read(*tid).is_ok()))
    }
}

/// `tuple_get_latest_tid`, for WHERE CURRENT OF: follows a row to its latest version that the snapshot sees, from the
/// heap to the cold side and back.
pub unsafe extern "C-unwind" fn tuple_get_latest_tid(scan: pg_sys::TableScanDesc, tid: pg_sys::ItemPointer) {
    // SAFETY: what the server handed over.
    unsafe {
        loop {
            while identity::is_cold(&*tid) {
                if !cold::run(|| followed(scan, tid)) {
                    return;
                }
            }
            of_heap(heap::routine().tuple_get_latest_tid)(scan, tid);
            let became = cold::run(|| became_cold::identity((*scan).rs_rd, *tid, (*scan).rs_snapshot));
            let Some(became) = became else {
                return;
            };
            *tid = became;
        }
    }
}

/// Puts the new version's tid in place of the cold row's; false when there is none to be seen.
unsafe fn followed(scan: pg_sys::TableScanDesc, tid: pg_sys::ItemPointer) -> Result<bool> {
    // SAFETY: a scan that the server began, with its snapshot.
    unsafe {
        let (relation, snapshot) = ((*scan).rs_rd, (*scan).rs_snapshot);
        if ColdRow::visible(relation, *tid, snapshot)?.is_some() {
            return Ok(false);
        }
        let killed = match ColdRow::any(relation, *tid)? {
            Some(row) => fate::home(relation, &row.segment()?.segment_id, row.number(), snapshot)?,
            None => None,
        };
        let home = match killed {
            Some(home) => Some(home),
            None => {
                let (number, row) = identity::read(*tid)?;
                match moved::place_of((*relation).rd_id, number, row)? {
                    Left::For(place, _) => Some(place),
                    Left::Dead | Left::Unknown => None,
                }
            }
        };
        match home {
            Some(home) => {
                *tid = home;
                Ok(true)
            }
            None => Ok(false),
        }
    }
}
