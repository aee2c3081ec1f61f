//! The cold rows of a sample for ANALYZE, read at once before the server is given the first.
//!
//! Not all of the cold side is read. Row groups are drawn evenly over the whole order, each with the same chance, and
//! of their rows so many as the sample is to have. That is how the server samples a heap, too: blocks at random, then
//! rows of these blocks. A row group has more rows than a block, so rows that lie together are alike more often; but
//! there are about as many groups as a histogram has bounds, and they lie apart, so a distribution along the order is
//! met as finely as it is kept.

use crate::catalog::rows::{Segment, StretchedTable};
use crate::catalog::snapshot::Latest;
use crate::catalog::tables;
use crate::cold::choose::Choice;
use crate::cold::mode::query_mode;
use crate::cold::{segments, tuples};
use crate::pg::context::Context;
use crate::pg::error::{Error, Result, report};
use crate::pg::{names, slot};
use crate::statements::scan::cold::{ColdRows, emptied};
use crate::statements::scan::note::Columns;
use pgrx::pg_sys;
use stretch_columns::identity::FIRST_BLOCK;
use stretch_core::errors;
use stretch_core::purpose::Purpose;
use stretch_core::sample::{Chances, spread};
use stretch_core::state::QueryMode;

/// As many row groups are read at least, if there are as many.
const GROUPS: usize = 100;
/// By so much values grow, about, when they leave a segment.
const UNPACKED: f64 = 4.0;

/// The cold part of a sample.
pub struct ColdSample {
    /// In their order, with tids before those of all hot rows.
    pub rows: Vec<pg_sys::HeapTuple>,
    /// The table's cold rows, in the sample or not.
    pub total: f64,
}

/// Reads the cold part of a table's sample into the context. `chances` gives the chances of rows by the number of cold
/// ones and the most that fit into memory.
///
/// `None` where there are no cold rows, and with a warning where they cannot be read: the server then does with hot
/// rows alone, for which autovacuum would else try again and again.
///
/// # Safety
/// The relation is open.
pub unsafe fn read(
    relation: pg_sys::Relation,
    context: Context,
    chances: impl FnOnce(f64, f64) -> Chances,
) -> Result<Option<(ColdSample, Chances)>> {
    let latest = Latest::take();
    let snapshot = latest.get();
    // SAFETY: the caller's promise.
    let id = unsafe { (*relation).rd_id };
    let Some(table) = segments::registered(id, snapshot)? else {
        return Ok(None);
    };
    let total = tables::cold_rows(&table.table_id, snapshot)? as f64;
    if total == 0.0 {
        return Ok(None);
    }
    // SAFETY: the caller's promise; the snapshot outlives what is read.
    match unsafe { sample(relation, table, context, snapshot, total, chances) } {
        Ok(read) => Ok(Some(read)),
        Err(error) => {
            warn(id, &error);
            Ok(None)
        }
    }
}

fn warn(table: pg_sys::Oid, why: &Error) {
    report(
        pg_sys::WARNING as i32,
        "01000",
        &format!(
            "statistics of table {} are of its hot rows alone",
            names::relation(table)
        ),
        Some(&format!("Its cold rows cannot be read: {}", why.message)),
        why.hint.as_deref(),
    );
}

unsafe fn sample(
    relation: pg_sys::Relation,
    table: StretchedTable,
    context: Context,
    snapshot: pg_sys::Snapshot,
    total: f64,
    chances: impl FnOnce(f64, f64) -> Chances,
) -> Result<(ColdSample, Chances)> {
    let mode = query_mode(snapshot)?;
    if mode != QueryMode::LocalAndRemote {
        let message = format!("the query mode is {mode}");
        return Err(Error::new(&errors::NOT_NOW, message).without_hint());
    }
    let list = segments::segments(&table.table_id, table.relation, snapshot)?;
    let chances = chances(total, most(&list));
    // SAFETY: the caller's promise; what is read lives in the context, or ends here.
    unsafe {
        let slot = slot::own(relation);
        let all = &Columns::WholeRow;
        let mut rows = ColdRows::open(relation, table, all, snapshot, Purpose::Sample, context.as_ptr())?;
        let mut each = 1.0;
        let start = random();
        rows.start_part(slot, |choice| each = thin(choice, chances.cold, start))?;
        let mut found = Vec::new();
        loop {
            pgrx::check_for_interrupts!();
            emptied(slot);
            if !rows.fill(slot)? {
                break;
            }
            if each >= 1.0 || random() < each {
                found.push(in_front(tuples::formed((*relation).rd_att, (*relation).rd_id, slot)));
            }
        }
        Ok((ColdSample { rows: found, total }, chances))
    }
}

/// Cold rows that fit into `maintenance_work_mem`.
fn most(list: &[Segment]) -> f64 {
    let (rows, bytes) = list.iter().fold((0.0, 0.0), |(rows, bytes), segment| {
        (rows + segment.row_count as f64, bytes + segment.byte_size as f64)
    });
    // SAFETY: a global that is a plain number.
    let memory = f64::from(unsafe { pg_sys::maintenance_work_mem }) * 1024.0;
    let row = 64.0 + UNPACKED * bytes / f64::max(rows, 1.0);
    memory / row
}

/// Leaves so many row groups as are wanted where each row is to have the chance; answers with the chance of a row of
/// those.
fn thin(choice: &mut Choice, chance: f64, start: f64) -> f64 {
    let groups: Vec<f64> = choice
        .segments
        .iter()
        .flat_map(|one| {
            one.row_groups
                .iter()
                .map(|part| f64::from(one.reader.row_groups()[part.row_group].rows))
        })
        .collect();
    let enough = (chance * groups.len() as f64).ceil() as usize;
    let mut left = spread(groups.len(), enough.max(GROUPS), start).into_iter().peekable();
    let (mut number, mut rows) = (0, 0.0);
    for one in &mut choice.segments {
        one.row_groups.retain(|_| {
            let stays = left.next_if_eq(&number).is_some();
            if stays {
                rows += groups[number];
            }
            number += 1;
            stays
        });
    }
    choice.segments.retain(|one| !one.row_groups.is_empty());
    // Groups differ in size: what counts is how many rows there are in those that were drawn.
    let all: f64 = groups.iter().sum();
    if rows > 0.0 { chance * all / rows } else { 0.0 }
}

/// A random number of 0 to 1, as the server takes it for its own sampling.
fn random() -> f64 {
    // SAFETY: the state is this process's own.
    unsafe { pg_sys::pg_prng_double(&raw mut pg_sys::pg_global_prng_state) }
}

/// Gives a cold row a tid before those of all hot rows: its identity, without what marks it as a cold one.
unsafe fn in_front(tuple: pg_sys::HeapTuple) -> pg_sys::HeapTuple {
    // SAFETY: a tuple that was just made.
    unsafe { (*tuple).t_self.ip_blkid.bi_hi &= !((FIRST_BLOCK >> 16) as u16) };
    tuple
}
