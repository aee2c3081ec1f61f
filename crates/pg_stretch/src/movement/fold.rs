//! Folding: single tombstones that every snapshot sees become a part of the segment's bitmap (F2, F53).

use crate::catalog::scan::relation_oid;
use crate::catalog::snapshot::LATEST;
use crate::catalog::tables;
use crate::cold::tombstone::write;
use crate::pg::error::{Error, Result};
use crate::pg::spi::{self, uuid_arg};
use crate::pg::{steps, txn};
use pgrx::pg_sys;
use stretch_core::dead_rows::{DeadRows, is_fold_worth};
use stretch_core::errors;
use stretch_core::ids::SegmentId;

/// Folds in every segment that has enough single tombstones, each in a transaction of its own. A segment that is in
/// use, or a conflict, is left for the next time.
pub fn round() -> Result<()> {
    for segment in candidates()? {
        match txn::run(|| one(&segment)) {
            Ok(_) => steps::reached(steps::FoldCommitted),
            Err(error) if error.is(&errors::MOVED) || error.is(&errors::LOCKED) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn candidates() -> Result<Vec<SegmentId>> {
    txn::run(|| {
        let found = spi::rows(
            "SELECT segment_id, count(*) FROM stretch.tombstone WHERE row_no >= 0 GROUP BY segment_id",
            &[],
            |row| Ok((row.get::<pgrx::Uuid>(1)?, row.get::<i64>(2)?.unwrap_or(0) as u64)),
        )?;
        Ok(found
            .into_iter()
            .filter(|(_, single)| is_fold_worth(*single))
            .filter_map(|(id, _)| id.map(|id| SegmentId::from_bytes(*id.as_bytes())))
            .collect())
    })
}

/// Folds one segment in the current transaction, which must be READ COMMITTED; the number of tombstones folded.
///
/// The lock keeps other folds, bitmaps and retiring away, but no writer of single tombstones: those that it writes are
/// newer than some snapshot, so they stay single. Everything is read after the lock, as it is then. The same rows are
/// dead before and after, and readers are found by their segment, so that nobody is in conflict with a fold
/// (docs/decisions/0015).
pub fn one(segment: &SegmentId) -> Result<u64> {
    let locked = spi::get::<bool>(
        "SELECT NOT retired FROM stretch.segment WHERE segment_id = $1 FOR NO KEY UPDATE NOWAIT",
        &[uuid_arg(segment.as_bytes())],
    )?;
    if locked != Some(true) {
        return Ok(0);
    }
    let old = seen_by_all(segment)?;
    if old.is_empty() {
        return Ok(0);
    }
    let (bitmap, before) = tables::bitmap(segment, LATEST)?.unzip();
    let mut all: DeadRows = bitmap.unwrap_or_default();
    all.add(&old);
    let numbers: Vec<i32> = old.iter().map(|row| row as i32).collect();
    let gone = spi::execute(
        "DELETE FROM stretch.tombstone WHERE segment_id = $1 AND row_no = ANY ($2) RETURNING 1",
        &[uuid_arg(segment.as_bytes()), numbers.into()],
    )?;
    if gone != old.len() {
        return Err(Error::new(&errors::LOCKED, "tombstones changed while they were folded"));
    }
    steps::reached(steps::FoldDeleted);
    write::bitmap(segment, &all, before)?;
    steps::reached(steps::FoldRecorded);
    Ok(gone)
}

/// The single tombstones whose writer is older than every snapshot of the server.
fn seen_by_all(segment: &SegmentId) -> Result<DeadRows> {
    let table = relation_oid(c"tombstone")?;
    // SAFETY: the relation is open for the call.
    let horizon = unsafe {
        let relation = pg_sys::table_open(table, pg_sys::AccessShareLock as i32);
        let horizon = pg_sys::GetOldestNonRemovableTransactionId(relation);
        pg_sys::table_close(relation, pg_sys::AccessShareLock as i32);
        horizon
    };
    let mut old = DeadRows::default();
    for (row, writer) in tables::single_tombstones(segment, LATEST)? {
        // SAFETY: compares two transaction ids.
        if unsafe { pg_sys::TransactionIdPrecedes(writer, horizon) } {
            old.insert(row);
        }
    }
    Ok(old)
}
