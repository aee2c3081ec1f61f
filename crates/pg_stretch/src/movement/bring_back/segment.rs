//! One segment on its way home, in one local transaction: its living rows become hot ones, and it leaves the table.
//!
//! The bytes are at hand before anything is locked. Whoever wants to lock or change a row of the segment meanwhile
//! waits for the end of the transaction, and then goes on with the row where it lies. Older snapshots still see the
//! segment, and not the hot rows; newer ones the other way round.

use super::heap::Writer;
use crate::catalog::record::{self, Direction};
use crate::catalog::rows::{Segment, StretchedTable};
use crate::catalog::snapshot::Latest;
use crate::cold::identity;
use crate::cold::moved::{self, Way};
use crate::movement::leave;
use crate::pg::context::OwnContext;
use crate::pg::error::Result;
use crate::pg::local_settings::LocalSettings;
use crate::pg::relation::OpenRelation;
use crate::pg::user::{self, ActAs};
use crate::pg::{slot, steps, txn};
use crate::statements::scan::cold::{ColdRows, emptied};
use crate::statements::scan::note::Columns;
use bytes::Bytes;
use std::cell::Cell;
use std::time::Instant;
use stretch_columns::identity::ItemPointer;
use stretch_columns::places::NOWHERE;
use stretch_core::purpose::Purpose;
use stretch_core::state::MigrationState;

/// Brings the living rows of a segment back; how many there were. 55P03 while somebody has rows of it, or the table.
/// `at` tells after another failure which row could not be written.
pub fn bring(table: &StretchedTable, segment: &Segment, bytes: Bytes, at: &Cell<Option<u32>>) -> Result<u64> {
    let started = Instant::now();
    txn::look_and_run(
        || leave::alone(table, std::iter::once(segment)),
        || Ok(()),
        |()| {
            leave::claim(table, std::iter::once(segment), |state| {
                state == MigrationState::Inbound
            })?;
            let relation = OpenRelation::locked(table.relation)?;
            let places = insert(&relation, table, segment, bytes, at)?;
            steps::reached(steps::HomeInserted);
            leave::empty(table, segment)?;
            let rows = places.iter().filter(|place| **place != NOWHERE).count() as u64;
            record::attempt(
                &table.table_id,
                Direction::Inbound,
                rows,
                segment.byte_size as u64,
                started.elapsed().as_secs_f64(),
                None,
            )?;
            moved::record(table.relation, segment.number as i32, Way::OutOf, places.into_iter())?;
            steps::reached(steps::HomeRecorded);
            Ok(rows)
        },
    )
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
