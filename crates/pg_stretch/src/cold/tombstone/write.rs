//! The one writer of tombstones, single ones and bitmaps of many: of statements, of batches for rows that are dead from
//! birth, and of the fold. It writes by the access method itself, since a query may write one per row.

use super::conflict;
use super::lock::{Strength, lock};
use crate::catalog::scan::relation_oid;
use crate::catalog::snapshot::LATEST;
use crate::catalog::tables;
use crate::pg::error::Result;
use crate::pg::steps;
use pgrx::{IntoDatum, pg_sys};
use stretch_core::columns::tombstone;
use stretch_core::dead_rows::{BITMAP_ROW, DeadRows, is_bitmap_worth};
use stretch_core::ids::SegmentId;

/// Who else may write tombstones of a segment at the same time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rivals {
    /// Sessions that know the segment: it is locked, and a row that another killed first is a conflict (F2).
    Sessions,
    /// Nobody: the segment was made by this transaction.
    None,
}

/// Writes all rows that one statement killed in a segment of `rows` rows. `command` is the statement's command id.
pub fn all(segment: &SegmentId, dead: &DeadRows, rows: u64, command: pg_sys::CommandId) -> Result<()> {
    in_best_form(segment, dead, rows, command, Rivals::Sessions)?;
    steps::reached(steps::TombstoneWritten);
    Ok(())
}

/// Marks rows that stayed hot as dead from birth (step 4), in a segment of `rows` rows that nobody else sees yet.
pub fn born_dead(segment: &SegmentId, dead: &DeadRows, rows: u64) -> Result<()> {
    if dead.is_empty() {
        return Ok(());
    }
    // SAFETY: a counter of the transaction that is under way; it is told that this command writes.
    let command = unsafe { pg_sys::GetCurrentCommandId(true) };
    in_best_form(segment, dead, rows, command, Rivals::None)
}

/// The one place that decides between single tombstones and a bitmap (F53).
fn in_best_form(
    segment: &SegmentId,
    dead: &DeadRows,
    rows: u64,
    command: pg_sys::CommandId,
    rivals: Rivals,
) -> Result<()> {
    match (is_bitmap_worth(dead.len(), rows), rivals) {
        (true, Rivals::Sessions) => add_to_bitmap(segment, dead),
        (true, Rivals::None) => bitmap(segment, dead, None),
        (false, Rivals::Sessions) => {
            let folded = guard(segment)?;
            check(dead.first_common(&folded))?;
            singles(segment, dead.iter(), command)
        }
        (false, Rivals::None) => singles(segment, dead.iter(), command),
    }
}

/// Locks the segment against being retired, and reads its bitmap as it is now. While the lock lasts, only the fold
/// changes the bitmap, by tombstones that are older than every snapshot.
pub fn guard(segment: &SegmentId) -> Result<DeadRows> {
    lock(segment, Strength::Shared)?;
    Ok(tables::bitmap(segment, LATEST)?
        .map(|(bitmap, _)| bitmap)
        .unwrap_or_default())
}

/// 40001 when a row turned out to be dead.
pub fn check(dead: Option<u32>) -> Result<()> {
    match dead {
        Some(_) => Err(lost()),
        None => Ok(()),
    }
}

/// Inserts one tombstone per row; waits for another transaction that kills the same row, and gives 40001 when it
/// commits.
pub fn singles(segment: &SegmentId, rows: impl Iterator<Item = u32>, command: pg_sys::CommandId) -> Result<()> {
    with_homes(segment, rows.map(|row| (row, None)), command)
}

/// As [`singles`], for one row and with the place of its new version, if it has one.
pub fn single(
    segment: &SegmentId,
    row: u32,
    home: Option<pg_sys::ItemPointerData>,
    command: pg_sys::CommandId,
) -> Result<()> {
    with_homes(segment, std::iter::once((row, home)), command)?;
    steps::reached(steps::TombstoneWritten);
    Ok(())
}

fn with_homes(
    segment: &SegmentId,
    rows: impl Iterator<Item = (u32, Option<pg_sys::ItemPointerData>)>,
    command: pg_sys::CommandId,
) -> Result<()> {
    let (table, index) = (relation_oid(c"tombstone")?, relation_oid(c"tombstone_pkey")?);
    let insert_all = || {
        // SAFETY: opens, inserts and closes; an ERROR releases all with the transaction.
        unsafe {
            let table = pg_sys::table_open(table, pg_sys::RowExclusiveLock as i32);
            let index = pg_sys::index_open(index, pg_sys::RowExclusiveLock as i32);
            let info = pg_sys::BuildIndexInfo(index);
            for (count, (row, home)) in rows.enumerate() {
                if count.is_multiple_of(1024) {
                    pgrx::check_for_interrupts!();
                }
                insert(table, index, info, (segment, row), home, command);
            }
            pg_sys::index_close(index, pg_sys::NoLock as i32);
            pg_sys::table_close(table, pg_sys::NoLock as i32);
        }
        Ok(())
    };
    // Every other error goes on as it is.
    pgrx::PgTryBuilder::new(std::panic::AssertUnwindSafe(insert_all))
        .catch_when(pgrx::PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION, |_| Err(lost()))
        .execute()
}

unsafe fn insert(
    table: pg_sys::Relation,
    index: pg_sys::Relation,
    info: *mut pg_sys::IndexInfo,
    (segment, row): (&SegmentId, u32),
    home: Option<pg_sys::ItemPointerData>,
    command: pg_sys::CommandId,
) {
    // SAFETY: both relations are open; values and nulls are as long as their descriptors.
    unsafe {
        let tuple = tuple(table, segment, row as i32, 1, Kind::Single(home));
        pg_sys::heap_insert(table, tuple, command, 0, std::ptr::null_mut());
        let mut key = [uuid(segment), pg_sys::Datum::from(row as i32)];
        let mut nulls = [false; 2];
        pg_sys::index_insert(
            index,
            key.as_mut_ptr(),
            nulls.as_mut_ptr(),
            &mut (*tuple).t_self,
            table,
            pg_sys::IndexUniqueCheck::UNIQUE_CHECK_YES,
            false,
            info,
        );
        pg_sys::heap_freetuple(tuple);
    }
}

/// Adds the rows to the segment's bitmap, alone on the segment: writers that waited find them there (F2, F53).
fn add_to_bitmap(segment: &SegmentId, dead: &DeadRows) -> Result<()> {
    lock(segment, Strength::Exclusive)?;
    check(dead.first_common(&tables::dead_rows(segment, LATEST)?))?;
    let known = tables::bitmap(segment, LATEST)?;
    let mut all = dead.clone();
    if let Some((before, _)) = &known {
        all.add(before);
    }
    bitmap(segment, &all, known.map(|(_, tid)| tid))
}

/// Writes a segment's bitmap in place of the one that lies at `before`. The caller holds a lock of the segment that
/// keeps every other writer of its bitmap away, or has made the segment.
pub fn bitmap(segment: &SegmentId, all: &DeadRows, before: Option<pg_sys::ItemPointerData>) -> Result<()> {
    let table = relation_oid(c"tombstone")?;
    // SAFETY: opens, writes one row and closes; an ERROR releases all with the transaction.
    unsafe {
        let table = pg_sys::table_open(table, pg_sys::RowExclusiveLock as i32);
        let tuple = tuple(
            table,
            segment,
            BITMAP_ROW,
            all.len() as i64,
            Kind::Bitmap(all.to_bytes()),
        );
        match before {
            Some(mut tid) => pg_sys::CatalogTupleUpdate(table, &mut tid, tuple),
            None => pg_sys::CatalogTupleInsert(table, tuple),
        }
        pg_sys::table_close(table, pg_sys::NoLock as i32);
    }
    Ok(())
}

/// What a tombstone says beyond which and how many rows are dead.
enum Kind {
    Single(Option<pg_sys::ItemPointerData>),
    Bitmap(Vec<u8>),
}

unsafe fn tuple(
    table: pg_sys::Relation,
    segment: &SegmentId,
    number: i32,
    dead_rows: i64,
    kind: Kind,
) -> pg_sys::HeapTuple {
    let (bitmap, home) = match kind {
        Kind::Single(home) => (None, home),
        Kind::Bitmap(bitmap) => (Some(bitmap), None),
    };
    // In the order of `tombstone::ALL`.
    let mut nulls = [false, false, false, bitmap.is_none(), home.is_none()];
    let mut values: [pg_sys::Datum; tombstone::ALL.len()] = [
        uuid(segment),
        pg_sys::Datum::from(number),
        pg_sys::Datum::from(dead_rows),
        bitmap.into_datum().unwrap_or(pg_sys::Datum::from(0)),
        home.into_datum().unwrap_or(pg_sys::Datum::from(0)),
    ];
    // SAFETY: the arrays are as long as the table's descriptor.
    unsafe { pg_sys::heap_form_tuple((*table).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr()) }
}

fn uuid(segment: &SegmentId) -> pg_sys::Datum {
    pgrx::Uuid::from_bytes(*segment.as_bytes())
        .into_datum()
        .unwrap_or(pg_sys::Datum::from(0))
}

/// 40001 for the loser of a race.
pub fn lost() -> crate::pg::error::Error {
    conflict("a cold row was updated or deleted").hint("Run the transaction again.")
}
