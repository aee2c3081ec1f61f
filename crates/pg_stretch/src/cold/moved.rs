//! Where the rows of recent batches lay, and where those lie now that left a segment. A writer at READ COMMITTED that
//! waited for one of them goes on with what it has become: a cold row or a hot one.
//!
//! The table is unlogged: what it says matters only to transactions that were under way when the batch committed, and a
//! crash ends them all.

use super::identity;
use crate::catalog::scan::{Key, KeyValue, Row, scan};
use crate::catalog::snapshot::LATEST;
use crate::pg::error::Result;
use crate::pg::spi;
use pgrx::pg_sys;
use stretch_columns::identity::ItemPointer;
use stretch_columns::places::{self, NOWHERE};
use stretch_core::columns::moved;

/// Which way rows went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the heap into the segment.
    Into,
    /// From the segment into the heap, or into another segment.
    OutOf,
}

/// Notes the places of a batch's rows outside of a segment, in the order of the rows of that segment; [`NOWHERE`] for a
/// row that was dead. `number` is that of the segment.
pub fn record(relation: pg_sys::Oid, number: i32, way: Way, places: impl Iterator<Item = ItemPointer>) -> Result<()> {
    forget_old()?;
    // SAFETY: the transaction has written, and so has an id.
    let mover = unsafe { pg_sys::GetCurrentTransactionId() };
    spi::execute(
        "INSERT INTO stretch.moved (mover, relation, number, places, emptied) VALUES ($1, $2, $3, $4, $5)",
        &[
            i64::from(mover.into_inner()).into(),
            relation.into(),
            number.into(),
            places::to_bytes(places).into(),
            (way == Way::OutOf).into(),
        ],
    )
    .map(drop)
}

/// Forgets batches that no transaction can have waited for: every snapshot that is in use shows what they did.
fn forget_old() -> Result<()> {
    // SAFETY: a computation over the running transactions.
    let oldest = unsafe { pg_sys::GetOldestNonRemovableTransactionId(std::ptr::null_mut()) };
    let movers = spi::rows("SELECT mover FROM stretch.moved", &[], |row| {
        Ok(row.get::<i64>(1)?.unwrap_or_default())
    })?;
    for mover in movers {
        let transaction = pg_sys::TransactionId::from(mover as u32);
        // SAFETY: compares two numbers.
        if unsafe { pg_sys::TransactionIdPrecedes(transaction, oldest) } {
            spi::execute("DELETE FROM stretch.moved WHERE mover = $1", &[mover.into()])?;
        }
    }
    Ok(())
}

/// The identity of the cold row that a batch, which has committed, made of the row at a place; `None` where the
/// transaction was no batch.
pub fn identity_of(
    relation: pg_sys::Oid,
    mover: pg_sys::TransactionId,
    place: pg_sys::ItemPointerData,
) -> Result<Option<pg_sys::ItemPointerData>> {
    let key = Key {
        column: moved::MOVER,
        value: KeyValue::Int8(mover.into_inner().into()),
    };
    let mut found = None;
    scan(c"moved", c"moved_mover", &[key], LATEST, |row| {
        let of_table = row.get::<pg_sys::Oid>(moved::RELATION) == Some(relation) && !left_segment(row);
        let number = row
            .get::<i32>(moved::NUMBER)
            .and_then(|number| u32::try_from(number).ok());
        if let (true, Some(number), Some(bytes)) = (of_table, number, row.bytes(moved::PLACES)) {
            found = places::row_at(&bytes, identity::pointer(&place)).map(|row| (number, row));
        }
        found.is_none()
    })?;
    found.map(|(number, row)| identity::of(number, row)).transpose()
}

/// What became of a row of a segment that a batch, which has committed, emptied.
pub enum Left {
    /// It lies there now, in the heap or in another segment, and this batch took it there.
    For(pg_sys::ItemPointerData, pg_sys::TransactionId),
    /// It was dead by then.
    Dead,
    /// No batch that is remembered emptied the segment.
    Unknown,
}

/// Where a row of a segment went.
pub fn place_of(relation: pg_sys::Oid, number: u32, row: u32) -> Result<Left> {
    let Ok(number) = i32::try_from(number) else {
        return Ok(Left::Unknown);
    };
    let keys = [
        Key {
            column: moved::RELATION,
            value: KeyValue::Oid(relation),
        },
        Key {
            column: moved::NUMBER,
            value: KeyValue::Int4(number),
        },
    ];
    let mut found = Left::Unknown;
    scan(c"moved", c"moved_segment", &keys, LATEST, |entry| {
        if left_segment(entry)
            && let (Some(bytes), Some(mover)) = (entry.bytes(moved::PLACES), entry.get::<i64>(moved::MOVER))
        {
            let mover = pg_sys::TransactionId::from(mover as u32);
            found = match places::place_at(&bytes, row) {
                Some(NOWHERE) | None => Left::Dead,
                Some(place) => Left::For(identity::server(place), mover),
            };
        }
        matches!(found, Left::Unknown)
    })?;
    Ok(found)
}

fn left_segment(row: &Row) -> bool {
    row.get::<bool>(moved::EMPTIED) == Some(true)
}
