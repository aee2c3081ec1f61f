//! Where the rows of recent batches lay. A writer at READ COMMITTED that waited for one of them goes on with the cold
//! row that it has become.
//!
//! The table is unlogged: what it says matters only to transactions that were under way when the batch committed, and a
//! crash ends them all.

use super::identity;
use crate::catalog::scan::{Key, KeyValue, scan};
use crate::catalog::snapshot::LATEST;
use crate::pg::error::Result;
use crate::pg::spi;
use pgrx::pg_sys;
use stretch_columns::identity::ItemPointer;
use stretch_columns::places;
use stretch_core::columns::moved;

/// Notes the places of a batch's rows, in the order of the rows of its segment. `number` is that of the segment.
pub fn record(relation: pg_sys::Oid, number: i32, places: impl Iterator<Item = ItemPointer>) -> Result<()> {
    forget_old()?;
    // SAFETY: the transaction has written, and so has an id.
    let mover = unsafe { pg_sys::GetCurrentTransactionId() };
    spi::execute(
        "INSERT INTO stretch.moved (mover, relation, number, places) VALUES ($1, $2, $3, $4)",
        &[
            i64::from(mover.into_inner()).into(),
            relation.into(),
            number.into(),
            places::to_bytes(places).into(),
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
        let of_table = row.get::<pg_sys::Oid>(moved::RELATION) == Some(relation);
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
