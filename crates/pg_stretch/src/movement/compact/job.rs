//! One job of compaction: the living rows of some segments become one segment.
//!
//! The new segment is made before anything is locked, of what lived then. The transaction that puts it into the place
//! of the others locks them for a moment only; rows that died meanwhile are dead in it from birth. Older snapshots
//! still see the old segments, newer ones the new one.

use crate::catalog::record;
use crate::catalog::rows::{Segment, StretchedTable};
use crate::catalog::snapshot::{LATEST, Latest};
use crate::catalog::tables;
use crate::cold::damage::damaged;
use crate::cold::fetch::part;
use crate::cold::moved::{self, Way};
use crate::cold::tombstone::write;
use crate::cold::{columns, segments};
use crate::movement::{leave, migrate};
use crate::pg::error::{Error, Result};
use crate::pg::{gucs, names, steps, txn};
use bytes::Bytes;
use stretch_columns::identity::{ItemPointer, identity};
use stretch_columns::places::NOWHERE;
use stretch_core::dead_rows::DeadRows;
use stretch_core::state::MigrationState;
use stretch_segment::key_filter::KeyFilters;
use stretch_segment::{BatchBuilder, EncodeOptions, EncodedSegment, SortKey, merge};

/// A segment that is to be replaced, with all its bytes.
pub struct Old {
    pub segment: Segment,
    pub bytes: Bytes,
}

/// Rows of a segment that were put into the new one.
struct Taken {
    segment: Segment,
    /// The number of its first row in the batch.
    first: u32,
    /// Numbers of its rows in the batch's order.
    rows: Vec<u32>,
}

/// A segment that is made and not yet in the catalog.
pub struct Made {
    segment: EncodedSegment,
    key_filters: Option<Vec<u8>>,
    taken: Vec<Taken>,
}

/// Makes the new segment, without a lock. `None` when no row lives.
pub fn make(table: &StretchedTable, olds: Vec<Old>) -> Result<Option<Made>> {
    txn::run(|| {
        let latest = Latest::take();
        let mut batch: Option<BatchBuilder> = None;
        let (mut taken, mut filters) = (Vec::new(), Vec::new());
        for Old { segment, bytes } in olds {
            let dead = tables::dead_rows(&segment.segment_id, latest.get())?;
            let reader = segments::reader(&segment, latest.get())?;
            let batch = batch.get_or_insert_with(|| BatchBuilder::new(merge::specs(reader.detail())));
            let (first, mut rows) = (batch.rows(), Vec::new());
            let columns: Vec<usize> = (0..reader.detail().columns.len()).collect();
            for (at, group) in reader.row_groups().iter().enumerate() {
                pgrx::check_for_interrupts!();
                let living: Vec<u32> = (0..group.rows)
                    .filter(|row| !dead.contains(group.first_row + row))
                    .collect();
                let chunks: Vec<Bytes> = group
                    .chunks
                    .iter()
                    .map(|chunk| part(&bytes, &(chunk.offset..chunk.offset.saturating_add(chunk.len))))
                    .collect();
                reader
                    .decode_row_group(at, &columns, &chunks)
                    .and_then(|arrays| batch.append(&arrays, &living))
                    .map_err(|error| damaged(&error, &segment, &reader, at, &names::relation(table.relation)))?;
                rows.extend(living.iter().map(|row| group.first_row + row));
            }
            filters.push(tables::key_filters(&segment.segment_id, latest.get())?);
            taken.push(Taken { segment, first, rows });
        }
        let Some(batch) = batch.filter(|batch| batch.rows() > 0) else {
            return Ok(None);
        };
        let keys = sort_keys(table, &taken)?;
        let options = EncodeOptions {
            page_rows: gucs::PAGE_ROWS.get() as u32,
            ..EncodeOptions::default()
        };
        let segment = batch.finish(&keys, &options).map_err(internal)?;
        Ok(Some(Made {
            segment,
            key_filters: merged(filters)?,
            taken,
        }))
    })
}

fn internal(error: impl ToString) -> Error {
    Error::internal(error.to_string())
}

/// The order of the table's segments, in the columns of the batch, which are those of the first segment; none where it
/// is older than a column of the order.
fn sort_keys(table: &StretchedTable, taken: &[Taken]) -> Result<Vec<SortKey>> {
    let Some(first) = taken.first() else {
        return Ok(Vec::new());
    };
    let reader = segments::reader(&first.segment, LATEST)?;
    let place = |name: &str| {
        let column = table.columns.iter().find(|column| column.name == name)?;
        columns::find(reader.detail(), column.field_id)
    };
    Ok(migrate::sort_keys(table, place).unwrap_or_default())
}

/// The filters of all keys that each of the segments has one for.
fn merged(filters: Vec<Option<Vec<u8>>>) -> Result<Option<Vec<u8>>> {
    let Some(filters) = filters.into_iter().collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let read = filters.iter().map(|bytes| KeyFilters::from_bytes(bytes));
    // What cannot be read is of no use, here as elsewhere.
    let Ok(filters) = read.collect::<std::result::Result<Vec<_>, _>>() else {
        return Ok(None);
    };
    let Some(merged) = KeyFilters::merged(&filters) else {
        return Ok(None);
    };
    merged.to_bytes().map(Some).map_err(internal)
}

/// Puts the new segment into the place of the others; how many these are. 55P03 while somebody has rows of them.
pub fn replace(table: &StretchedTable, made: &Made) -> Result<u64> {
    let olds = || made.taken.iter().map(|taken| &taken.segment);
    txn::look_and_run(
        || leave::alone(table, olds()),
        || Ok(()),
        |()| {
            leave::claim(table, olds(), |state| state == MigrationState::Outbound)?;
            let (id, number) = record::segment(table, &made.segment, made.key_filters.clone())?;
            steps::reached(steps::CompactWritten);
            let mut to = vec![0; made.segment.permutation.len()];
            for (row, from) in (0u32..).zip(&made.segment.permutation) {
                to[*from as usize] = row;
            }
            let mut born_dead = DeadRows::default();
            for taken in &made.taken {
                let now = tables::dead_rows(&taken.segment.segment_id, LATEST)?;
                let mut places = vec![NOWHERE; taken.segment.row_count as usize];
                for (from, row) in (taken.first..).zip(&taken.rows) {
                    let row_there = to[from as usize];
                    match now.contains(*row) {
                        true => drop(born_dead.insert(row_there)),
                        false => places[*row as usize] = place(number, row_there)?,
                    }
                }
                leave::empty(table, &taken.segment)?;
                let old = taken.segment.number as i32;
                moved::record(table.relation, old, Way::OutOf, places.into_iter())?;
            }
            write::born_dead(&id, &born_dead, u64::from(made.segment.row_count))?;
            steps::reached(steps::CompactRecorded);
            Ok(made.taken.len() as u64)
        },
    )
}

fn place(number: i32, row: u32) -> Result<ItemPointer> {
    identity(number as u32, row).map_err(internal)
}

/// Takes segments without a living row from the table.
pub fn retire(table: &StretchedTable, segments: &[Segment]) -> Result<u64> {
    txn::look_and_run(
        || leave::alone(table, segments.iter()),
        || Ok(()),
        |()| {
            leave::claim(table, segments.iter(), |state| state == MigrationState::Outbound)?;
            for segment in segments {
                // Rows die once.
                leave::empty(table, segment)?;
            }
            steps::reached(steps::CompactRecorded);
            Ok(segments.len() as u64)
        },
    )
}
