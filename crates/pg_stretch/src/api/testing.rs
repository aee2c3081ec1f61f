//! A batch, and a fold, as steps of a session: isolationtester sees no wait for a background worker (C-1).

use crate::movement::{fold, migrate};
use crate::pg::error::{Error, OrRaise, Result};
use pgrx::prelude::*;
use stretch_core::ids::SegmentId;

/// One batch in the transaction of the caller, who locked the table as a batch does: rows moved.
#[pg_extern]
fn stretch_test_batch(relation: pg_sys::Oid) -> i64 {
    require_fresh(pg_sys::XACT_SERIALIZABLE, "SERIALIZABLE").or_raise();
    migrate::batch_here(relation).or_raise() as i64
}

/// Folds all single tombstones that are old enough in the transaction of the caller: how many.
#[pg_extern]
fn stretch_test_fold() -> i64 {
    require_fresh(pg_sys::XACT_READ_COMMITTED, "READ COMMITTED").or_raise();
    fold_all().or_raise() as i64
}

fn fold_all() -> Result<u64> {
    let mut folded = 0;
    let segments = crate::pg::spi::rows(
        "SELECT DISTINCT segment_id FROM stretch.tombstone WHERE row_no >= 0",
        &[],
        |row| row.get::<pgrx::Uuid>(1),
    )?;
    for id in segments.into_iter().flatten() {
        folded += fold::one(&SegmentId::from_bytes(*id.as_bytes()))?;
    }
    Ok(folded)
}

/// What a worker's transaction is: of this isolation level, without anything written.
fn require_fresh(level: u32, name: &str) -> Result<()> {
    // SAFETY: plain globals of the session.
    let fresh = unsafe {
        pg_sys::XactIsoLevel == level as i32 && pg_sys::GetTopTransactionIdIfAny() == pg_sys::InvalidTransactionId
    };
    if fresh {
        return Ok(());
    }
    Err(Error::argument(format!(
        "this needs a {name} transaction that wrote nothing"
    )))
}
