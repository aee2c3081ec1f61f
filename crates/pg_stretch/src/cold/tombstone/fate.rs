//! What became of a cold row in the newest state, for whoever holds its lock: nobody else is about to change it then.

use super::{kept, known};
use crate::catalog::rows::Tombstone;
use crate::catalog::tables;
use crate::cold::heap_version;
use crate::pg::error::Result;
use pgrx::pg_sys;
use stretch_core::ids::SegmentId;
use stretch_core::row_fate::{Fate, Home, Killer};

/// MovedPartitionsBlockNumber and MovedPartitionsOffsetNumber of itemptr.h.
const ELSEWHERE: pg_sys::ItemPointerData = pg_sys::ItemPointerData {
    ip_blkid: pg_sys::BlockIdData {
        bi_hi: u16::MAX,
        bi_lo: u16::MAX,
    },
    ip_posid: 0xFFFD,
};

/// The home of a row that a change of its partition key moved to another partition.
pub fn elsewhere() -> pg_sys::ItemPointerData {
    ELSEWHERE
}

/// Whether a home is that of a row in another partition.
pub fn is_elsewhere(home: pg_sys::ItemPointerData) -> bool {
    same(home, ELSEWHERE)
}

/// A fate, and the transaction that made it so.
pub struct Found {
    pub fate: Fate<pg_sys::ItemPointerData>,
    pub killer: pg_sys::TransactionId,
}

/// Looks for what killed a row of a live segment, for a command that holds its lock. The bitmap is read after the
/// single tombstones: the fold takes rows from these to that.
///
/// # Safety
/// The relation is the row's table, open and locked.
pub unsafe fn of(
    relation: pg_sys::Relation,
    segment: &SegmentId,
    row: u32,
    command: pg_sys::CommandId,
) -> Result<Found> {
    // SAFETY: the caller's promise.
    let table = unsafe { (*relation).rd_id };
    if kept::has(table, command, segment, row) {
        return Ok(Found {
            fate: Fate::Dead(Killer::Own(command), Home::None),
            // SAFETY: a getter; MERGE looks whether it is one of this transaction's.
            killer: unsafe { pg_sys::GetCurrentTransactionId() },
        });
    }
    kept::show_others(table, command)?;
    // Own commands that are not finished are seen as well.
    let newest = &raw mut pg_sys::SnapshotSelfData;
    if let Some(tombstone) = tables::tombstone(segment, row, newest)? {
        // SAFETY: the caller's promise.
        return Ok(unsafe { single(relation, &tombstone) });
    }
    Ok(match known::bitmap(segment, command)? {
        Some(bitmap) if bitmap.rows.contains(row) => Found {
            // Only a DELETE of many rows writes a row into a bitmap that some snapshot still sees.
            fate: Fate::Dead(Killer::Other, Home::None),
            killer: bitmap.writer,
        },
        _ => Found {
            fate: Fate::Alive,
            killer: pg_sys::InvalidTransactionId,
        },
    })
}

unsafe fn single(relation: pg_sys::Relation, tombstone: &Tombstone) -> Found {
    // SAFETY: a transaction id of a tuple; the caller's promise.
    let (killer, home) = unsafe {
        let home = match tombstone.home {
            None => Home::None,
            Some(place) if is_elsewhere(place) => Home::Elsewhere,
            Some(place) if written_by(relation, place, tombstone.writer) => Home::At(place),
            Some(_) => Home::Lost,
        };
        match pg_sys::TransactionIdIsCurrentTransactionId(tombstone.writer) {
            true => (Killer::Own(tombstone.command), home),
            false => (Killer::Other, home),
        }
    };
    Found {
        fate: Fate::Dead(killer, home),
        killer: tombstone.writer,
    }
}

/// Where the new version is of a row that a snapshot does not see any more; `None` when it has none in the heap.
///
/// # Safety
/// As for [`of`].
pub unsafe fn home(
    relation: pg_sys::Relation,
    segment: &SegmentId,
    row: u32,
    snapshot: pg_sys::Snapshot,
) -> Result<Option<pg_sys::ItemPointerData>> {
    let Some(tombstone) = tables::tombstone(segment, row, snapshot)? else {
        return Ok(None);
    };
    // SAFETY: the caller's promise.
    Ok(match unsafe { single(relation, &tombstone) }.fate {
        Fate::Dead(_, Home::At(place)) => Some(place),
        _ => None,
    })
}

/// Whether two tids name the same place.
pub fn same(a: pg_sys::ItemPointerData, b: pg_sys::ItemPointerData) -> bool {
    (a.ip_blkid.bi_hi, a.ip_blkid.bi_lo, a.ip_posid) == (b.ip_blkid.bi_hi, b.ip_blkid.bi_lo, b.ip_posid)
}

/// Whether what lies at the place in the heap was written by the transaction: places are used again.
///
/// # Safety
/// As for [`of`].
pub unsafe fn written_by(
    relation: pg_sys::Relation,
    place: pg_sys::ItemPointerData,
    writer: pg_sys::TransactionId,
) -> bool {
    let any = &raw mut pg_sys::SnapshotAnyData;
    // SAFETY: the caller's promise; the snapshot is the server's own.
    let xmin = unsafe { heap_version::look(relation, place, any, |header| header.t_choice.t_heap.t_xmin) };
    xmin == Some(writer)
}
