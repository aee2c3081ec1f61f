//! One segment on its way home, in one local transaction: its living rows become hot ones, and it leaves the table.
//!
//! The bytes are at hand before anything is locked. Whoever wants to lock or change a row of the segment meanwhile waits
//! for the end of the transaction, and then goes on with the row where it lies. Older snapshots still see the segment,
//! and not the hot rows; newer ones the other way round.

use super::heap::Writer;
use crate::catalog::record::{self, Direction};
use crate::catalog::rows::{Segment, StretchedTable};
use crate::catalog::snapshot::{LATEST, Latest};
use crate::catalog::stretched::not_stretched;
use crate::catalog::{retire, tables};
use crate::cold::moved::{self, Way};
use crate::cold::tombstone::{conflicts, write};
use crate::cold::{identity, row_lock};
use crate::pg::context::OwnContext;
use crate::pg::error::{Error, Result};
use crate::pg::local_settings::LocalSettings;
use crate::pg::relation::OpenRelation;
use crate::pg::user::{self, ActAs};
use crate::pg::{names, slot, spi, steps, txn};
use crate::statements::scan::cold::{ColdRows, emptied};
use crate::statements::scan::note::Columns;
use bytes::Bytes;
use pgrx::pg_sys;
use std::cell::Cell;
use std::time::Instant;
use stretch_columns::identity::ItemPointer;
use stretch_columns::places::NOWHERE;
use stretch_core::dead_rows::DeadRows;
use stretch_core::errors;
use stretch_core::purpose::Purpose;
use stretch_core::state::MigrationState;

/// Brings the living rows of a segment back; how many there were. 55P03 while somebody has rows of it, or the table.
/// `at` tells after another failure which row could not be written.
pub fn bring(table: &StretchedTable, segment: &Segment, bytes: Bytes, at: &Cell<Option<u32>>) -> Result<u64> {
    let started = Instant::now();
    txn::look_and_run(
        || alone(table, segment),
        || Ok(()),
        |()| {
            claim(table, segment)?;
            let relation = OpenRelation::locked(table.relation)?;
            let places = insert(&relation, table, segment, bytes, at)?;
            steps::reached(steps::HomeInserted);
            empty(table, segment)?;
            let rows = places.iter().filter(|place| **place != NOWHERE).count() as u64;
            record::attempt(
                &table.table_id,
                Direction::Inbound,
                rows,
                segment.byte_size as u64,
                started.elapsed().as_secs_f64(),
                None,
            )?;
            moved::record(table.relation, segment.number as i32, Way::Home, places.into_iter())?;
            steps::reached(steps::HomeRecorded);
            Ok(rows)
        },
    )
}

/// Locks the table for writing and the segment against everybody else, before the first snapshot: so it sees what others
/// did to the segment, and they do nothing more. Nobody is waited for.
fn alone(table: &StretchedTable, segment: &Segment) -> Result<()> {
    // SAFETY: takes or refuses a lock on an OID.
    let is_mine = unsafe { pg_sys::ConditionalLockRelationOid(table.relation, pg_sys::RowExclusiveLock as i32) };
    if !is_mine {
        return Err(Error::new(&errors::LOCKED, "the table is locked by another session"));
    }
    let relation = OpenRelation::locked(table.relation)?;
    // SAFETY: open and locked.
    match unsafe { row_lock::lock_segment(relation.as_ptr(), segment.number)? } {
        true => Ok(()),
        false => Err(held(table, segment)),
    }
}

fn held(table: &StretchedTable, segment: &Segment) -> Error {
    Error::new(
        &errors::LOCKED,
        format!(
            "rows of segment {} of {} are held by other sessions",
            segment.segment_id,
            names::relation(table.relation)
        ),
    )
}

/// Locks the rows of the catalog that are about to change; what was known of them must still hold.
fn claim(table: &StretchedTable, segment: &Segment) -> Result<()> {
    spi::execute(
        "SELECT 1 FROM stretch.stretched_table WHERE table_id = $1 FOR NO KEY UPDATE NOWAIT",
        &[spi::uuid_arg(table.table_id.as_bytes())],
    )?;
    let latest = Latest::take();
    let now = tables::by_relation(table.relation, latest.get())?.ok_or_else(|| not_stretched(table.relation))?;
    if now.migration_state != MigrationState::Inbound || now.columns != table.columns {
        let message = format!("table {} was changed meanwhile", names::relation(table.relation));
        return Err(Error::new(&errors::MOVED, message));
    }
    let is_live = spi::get::<bool>(
        "SELECT NOT retired FROM stretch.segment WHERE segment_id = $1 FOR UPDATE NOWAIT",
        &[spi::uuid_arg(segment.segment_id.as_bytes())],
    )?;
    match is_live {
        Some(true) => Ok(()),
        _ => Err(Error::new(&errors::MOVED, "the segment left the table meanwhile")),
    }
}

/// Writes the living rows into the heap. The place of each row of the segment there.
fn insert(
    relation: &OpenRelation,
    table: &StretchedTable,
    segment: &Segment,
    bytes: Bytes,
    at: &Cell<Option<u32>>,
) -> Result<Vec<ItemPointer>> {
    // Index expressions are code of the table's owner.
    let _owner = ActAs::role(user::relation_owner(table.relation), true);
    let _path = LocalSettings::path();
    let newest = Latest::take();
    // SAFETY: the relation is open and locked; nothing that lies in the context is looked at after it is gone; the
    // snapshot lives as long as the rows.
    unsafe {
        let memory = OwnContext::new(c"pg_stretch segment on its way home");
        let _inside = memory.get().enter();
        let relation = relation.as_ptr();
        let slot = slot::own(relation);
        let (all, under) = (Columns::WholeRow, memory.get().as_ptr());
        let mut rows = ColdRows::open(relation, table.clone(), &all, newest.get(), Purpose::Move, under)?;
        rows.hold(segment.segment_id, bytes)?;
        rows.start_part(slot, |choice| {
            choice
                .segments
                .retain(|one| one.segment.segment_id == segment.segment_id);
        })?;
        let mut writer = Writer::new(relation, segment.row_count as u32, at);
        loop {
            emptied(slot);
            if !rows.fill(slot)? {
                return Ok(writer.finish());
            }
            let (_, number) = identity::read((*slot).tts_tid)?;
            writer.take(number, slot)?;
        }
    }
}

/// The segment leaves the table with no living row. That all are dead is written as well: a SERIALIZABLE transaction that
/// read some finds this one by it, and is found by its mark (docs/decisions/0015).
fn empty(table: &StretchedTable, segment: &Segment) -> Result<()> {
    let before = tables::bitmap(&segment.segment_id, LATEST)?.map(|(_, place)| place);
    write::bitmap(&segment.segment_id, &DeadRows::all(segment.row_count as u32), before)?;
    conflicts::kills(table.relation, &segment.segment_id);
    retire::segment(&table.table_id, segment)
}
