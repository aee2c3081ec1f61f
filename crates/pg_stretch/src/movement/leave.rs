//! Segments that leave a table because their rows go elsewhere in it: how they are locked, claimed and emptied, in a
//! SERIALIZABLE transaction of the worker.

use crate::catalog::rows::{Segment, StretchedTable};
use crate::catalog::snapshot::{LATEST, Latest};
use crate::catalog::stretched::not_stretched;
use crate::catalog::{retire, tables};
use crate::cold::row_lock;
use crate::cold::tombstone::{conflicts, write};
use crate::movement::lock::for_writing;
use crate::pg::error::{Error, Result};
use crate::pg::relation::OpenRelation;
use crate::pg::{names, spi, txn};
use stretch_core::dead_rows::DeadRows;
use stretch_core::errors;
use stretch_core::state::MigrationState;

/// Locks the table for writing and the segments against everybody else, before the first snapshot: so it sees what
/// others did to the segments, and they do nothing more. Nobody is waited for: 55P03.
pub fn alone<'a>(table: &StretchedTable, segments: impl Iterator<Item = &'a Segment>) -> Result<()> {
    for_writing(table.relation)?;
    let relation = OpenRelation::locked(table.relation)?;
    for segment in segments {
        // SAFETY: open and locked.
        if unsafe { !row_lock::lock_segment(relation.as_ptr(), segment.number)? } {
            return Err(held(table, segment));
        }
    }
    Ok(())
}

/// Whether nobody has rows of the segments just now, before their bytes are asked for in vain: 55P03.
pub fn look<'a>(table: &StretchedTable, segments: impl Iterator<Item = &'a Segment>) -> Result<()> {
    txn::run(|| alone(table, segments))
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

/// Locks the rows of the catalog that are about to change; what was known of them must still hold, and the migration
/// state be right.
pub fn claim<'a>(
    table: &StretchedTable,
    segments: impl Iterator<Item = &'a Segment>,
    is_right: impl Fn(MigrationState) -> bool,
) -> Result<()> {
    spi::execute(
        "SELECT 1 FROM stretch.stretched_table WHERE table_id = $1 FOR NO KEY UPDATE NOWAIT",
        &[spi::uuid_arg(table.table_id.as_bytes())],
    )?;
    let latest = Latest::take();
    let now = tables::by_relation(table.relation, latest.get())?.ok_or_else(|| not_stretched(table.relation))?;
    if !is_right(now.migration_state) || now.columns != table.columns {
        let message = format!("table {} was changed meanwhile", names::relation(table.relation));
        return Err(Error::new(&errors::MOVED, message));
    }
    for segment in segments {
        let is_live = spi::get::<bool>(
            "SELECT NOT retired FROM stretch.segment WHERE segment_id = $1 FOR UPDATE NOWAIT",
            &[spi::uuid_arg(segment.segment_id.as_bytes())],
        )?;
        if is_live != Some(true) {
            return Err(Error::new(&errors::MOVED, "a segment left the table meanwhile"));
        }
    }
    Ok(())
}

/// The segment leaves the table with no living row. That all are dead is written as well: a SERIALIZABLE transaction
/// that read some finds this one by it, and is found by its mark (docs/decisions/0015).
pub fn empty(table: &StretchedTable, segment: &Segment) -> Result<()> {
    let before = tables::bitmap(&segment.segment_id, LATEST)?.map(|(_, place)| place);
    write::bitmap(&segment.segment_id, &DeadRows::all(segment.row_count as u32), before)?;
    conflicts::kills(table.relation, &segment.segment_id);
    retire::segment(&table.table_id, segment)
}
