//! What tests do and see that users cannot: a batch, and a fold, as steps of a session, as isolationtester sees no wait
//! for a background worker (C-1); the identities of cold rows, which no query shows; and statements that the guard does
//! not let through yet.

use crate::catalog::stretched::not_stretched;
use crate::catalog::tables;
use crate::cold::conditions::Conditions;
use crate::cold::counters::Counters;
use crate::cold::identity;
use crate::cold::reader::{Ask, Reader};
use crate::movement::{fold, migrate};
use crate::pg::error::{Error, OrRaise, Result};
use pgrx::prelude::*;
use std::rc::Rc;
use stretch_core::ids::SegmentId;
use stretch_core::purpose::Purpose;

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

/// The living cold rows of a table under the caller's snapshot: segment, row in it, identity.
#[pg_extern]
fn stretch_test_identities(relation: pg_sys::Oid) -> Vec<String> {
    identities(relation).or_raise()
}

/// Runs a statement past the guard.
#[pg_extern]
fn stretch_test_unguarded(statement: &str) {
    crate::pg::ours::utility(statement).or_raise();
}

fn identities(relation: pg_sys::Oid) -> Result<Vec<String>> {
    // SAFETY: the caller's statement holds its snapshot.
    let snapshot = unsafe { pg_sys::GetActiveSnapshot() };
    let table = tables::by_relation(relation, snapshot)?.ok_or_else(|| not_stretched(relation))?;
    // SAFETY: the snapshot outlives the reader.
    let reader = Rc::new(unsafe { Reader::open(table, Vec::new(), snapshot, Purpose::Move)? });
    let ask = Ask {
        columns: &[],
        conditions: &Conditions::default(),
        except: None,
    };
    let mut counters = Counters::default();
    // SAFETY: there are no conditions.
    let choice = unsafe { reader.choose(&ask, &mut counters)? };
    let mut batches = reader.batches(&ask, choice);
    let mut found = Vec::new();
    while let Some(batch) = batches.next(&mut counters)? {
        for row in (0..batch.rows).filter(|row| !batch.is_dead(*row)) {
            let number = batch.number(row);
            let tid = identity::of(batch.segment, number)?;
            if !identity::is_cold(&tid) || identity::read(tid)? != (batch.segment, number) {
                return Err(Error::internal(
                    "an identity does not mean the row that it was made for",
                ));
            }
            let (block, offset) = pgrx::itemptr::item_pointer_get_both(tid);
            found.push(format!("{} {number} ({block},{offset})", batch.segment_id));
        }
    }
    Ok(found)
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
