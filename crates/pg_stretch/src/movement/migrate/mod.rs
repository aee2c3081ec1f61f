//! Migration: which table gets a batch, and what the worker remembers between batches.

mod allowed;
mod batch;
mod careful;
mod delete;
mod encode;
mod keys;
mod progress;
mod scan;
mod statement;

use crate::catalog;
use crate::catalog::record::Direction;
use crate::catalog::rows::StretchedTable;
use crate::pg::error::{Error, Result, log};
use crate::pg::replication::Origin;
use crate::pg::{gucs, steps, txn};
use careful::Failures;
use pgrx::pg_sys;
use progress::Progress;
use std::cell::Cell;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use stretch_core::batch::{Activity, Demand, LastScan, Limits};
use stretch_core::errors;
use stretch_core::staging::{Full, Room, Staged, room_for_batch};
use stretch_core::state::MigrationState;

pub use batch::{Outcome, sort_keys};

/// How long one batch may scan and encode.
const BATCH_TIME: Duration = Duration::from_secs(20);
/// Tries of one batch that meets a serialization failure or a value that needs another form.
const TRIES: usize = 20;

/// The worker's migrator.
#[derive(Default)]
pub struct Mover {
    tables: HashMap<pg_sys::Oid, Progress>,
    /// Under which rows leave the heap, so that those who decode the log can tell.
    pub origin: Origin,
}

impl Mover {
    /// One batch for each table that is due; true when there is more to do at once.
    pub fn round(&mut self) -> Result<bool> {
        if steps::moves_when_asked_only() {
            return Ok(false);
        }
        let tables = txn::run(|| {
            // SAFETY: inside a transaction with an active snapshot.
            let all = catalog::tables::stretched_tables(unsafe { pg_sys::GetActiveSnapshot() })?;
            Ok(all
                .into_iter()
                .map(|table| (activity(table.relation), table))
                .collect::<Vec<_>>())
        })?;
        self.tables
            .retain(|relation, _| tables.iter().any(|(_, table)| table.relation == *relation));
        let mut more = false;
        for (activity, table) in tables {
            if table.migration_state != MigrationState::Outbound {
                continue;
            }
            let progress = self.tables.entry(table.relation).or_default();
            let in_pass = progress.next_block > 0;
            // Another filter selects other rows, though none was written.
            let is_new = progress.last_scan.is_some() && progress.scanned_with != table.filter;
            if progress.trouble.is_resting() || !(in_pass || is_new || progress.is_due(&activity)) {
                continue;
            }
            match self.batch(table.relation, None, Demand::Routine) {
                Ok(outcome) => {
                    let progress = self.tables.entry(table.relation).or_default();
                    if outcome.reached_end {
                        progress.scanned_with.clone_from(&table.filter);
                        progress.last_scan = Some(LastScan {
                            activity,
                            left_rows: outcome.left > 0,
                        });
                    }
                    more |= outcome.moved > 0 && !outcome.reached_end;
                    if outcome.reached_end {
                        self.note_filter(&table);
                    }
                }
                Err(error) => self.rest(&table, &error),
            }
        }
        Ok(more)
    }

    /// One batch of one table, now.
    pub fn batch(&mut self, relation: pg_sys::Oid, max_rows: Option<u64>, demand: Demand) -> Result<Outcome> {
        self.origin.take()?;
        for _ in 0..TRIES {
            let progress = self.tables.entry(relation).or_default();
            let (strict, order) = progress.order(relation, max_rows, demand)?;
            let at = Cell::new(None);
            let begins_pass = progress.next_block == 0;
            let result = txn::look_and_run(
                || batch::lock(relation, strict),
                || batch::find(&order, progress, &at),
                |found| batch::run(&order, progress, found),
            );
            match result {
                Ok((outcome, failures)) => {
                    steps::reached(steps::BatchCommitted);
                    progress.next_block = outcome.next_block;
                    progress.trouble.rested();
                    progress.eligible_since = match (outcome.moved, outcome.left) {
                        (0, left) if left > 0 => progress.eligible_since.or_else(|| Some(Instant::now())),
                        _ => None,
                    };
                    if begins_pass {
                        progress.filter_failures = Failures::default();
                    }
                    progress.filter_failures.add(failures);
                    if outcome.reached_end && progress.filter_failures.rows.is_empty() {
                        progress.trouble.is_over();
                    }
                    if outcome.reached_end {
                        progress.unfit.clear();
                        // Rows come and go: the next pass finds out anew.
                        progress.careful = false;
                    }
                    return Ok(outcome);
                }
                Err(error) => match at.get() {
                    Some(unfit) => progress.learn(relation, unfit)?,
                    None if error.is(&errors::MOVED) => continue,
                    None if !progress.careful && careful::is_of_filter(&error) => progress.careful = true,
                    None => return Err(error),
                },
            }
        }
        Err(Error::new(
            &errors::MOVED,
            format!("a batch of {} met too many conflicts", relation.to_u32()),
        ))
    }

    /// Begins the next pass over the table at its first block: a pass under way saw only the rest of it.
    pub fn start_over(&mut self, relation: pg_sys::Oid) {
        let progress = self.tables.entry(relation).or_default();
        progress.next_block = 0;
        progress.filter_failures = Failures::default();
    }

    /// Rows of the last pass on which the filter failed; `None` when there were none.
    pub fn filter_failures(&self, relation: pg_sys::Oid) -> Option<&Failures> {
        let failures = &self.tables.get(&relation)?.filter_failures;
        (!failures.rows.is_empty()).then_some(failures)
    }

    /// Notes that the filter fails on some rows; once until something else is noted.
    fn note_filter(&mut self, table: &StretchedTable) {
        if let Some(failures) = self.filter_failures(table.relation) {
            let error = Error::new(
                &errors::FILTER_UNFIT,
                format!(
                    // The message may hold values of the row, which neither the log nor the view shows.
                    "{} rows of relation {} stay hot, because the filter fails on them; stretch.drain shows the error",
                    failures.rows.len(),
                    table.relation.to_u32(),
                ),
            );
            let progress = self.tables.entry(table.relation).or_default();
            progress.trouble.note(&table.table_id, Direction::Outbound, &error);
        }
    }

    fn rest(&mut self, table: &StretchedTable, error: &Error) {
        let progress = self.tables.entry(table.relation).or_default();
        progress.trouble.rest(&table.table_id, Direction::Outbound, error);
    }
}

impl Progress {
    /// What the next batch may take, and whether the table is *strict* now; one that is not stretched is noticed by the
    /// batch.
    fn order(&self, relation: pg_sys::Oid, max_rows: Option<u64>, demand: Demand) -> Result<(bool, batch::Order)> {
        txn::run(|| {
            // SAFETY: inside a transaction with an active snapshot.
            let table = catalog::tables::by_relation(relation, unsafe { pg_sys::GetActiveSnapshot() })?;
            let order = batch::Order {
                relation,
                limits: limits(max_rows)?,
                demand,
                waiting: self.eligible_since.map_or(Duration::ZERO, |since| since.elapsed()),
            };
            Ok((table.is_some_and(|table| table.strict), order))
        })
    }

    /// Whether a scan is worth it: the statistics moved, or rows that are too few for a batch have waited long enough.
    fn is_due(&self, activity: &Activity) -> bool {
        match (self.eligible_since, &self.last_scan) {
            (Some(since), Some(last)) => {
                last.activity != *activity || since.elapsed() >= Duration::from_secs(gucs::MAX_BATCH_AGE.get() as u64)
            }
            _ => stretch_core::batch::is_scan_due(self.last_scan.as_ref(), activity),
        }
    }

    /// A value did not encode: its column takes the output function from now on, or its row stays hot in this pass.
    fn learn(&mut self, relation: pg_sys::Oid, unfit: encode::Unfit) -> Result<()> {
        let (field_id, other_form) = txn::run(|| {
            // SAFETY: inside a transaction with an active snapshot.
            let table = catalog::tables::by_relation(relation, unsafe { pg_sys::GetActiveSnapshot() })?;
            let table = table.ok_or_else(|| Error::internal("the table is no longer stretched"))?;
            batch::encoder_at(&table, self, unfit.column)
        })?;
        if other_form && self.through_output.insert(field_id) {
            return Ok(());
        }
        log(&format!(
            "pg_stretch migration: the row at ({},{}) of relation {} does not survive the round trip and stays hot",
            unfit.tid.0,
            unfit.tid.1,
            relation.to_u32()
        ));
        self.unfit.insert(unfit.tid);
        Ok(())
    }
}

/// One batch in the transaction of a session, for tests; the rows moved.
#[cfg(feature = "testing")]
pub fn batch_here(relation: pg_sys::Oid) -> Result<u64> {
    let order = batch::Order {
        relation,
        limits: limits(None)?,
        demand: Demand::Asked,
        waiting: Duration::ZERO,
    };
    let progress = Progress::default();
    let found = batch::find(&order, &progress, &Cell::new(None))?;
    batch::run(&order, &progress, found).map(|(outcome, _)| outcome.moved)
}

/// What to do about bytes that are uploaded and kept.
const KEPT: &str = "Run stretch.purge_staged, which drops them now, shorten the time with stretch.set_rpo, or raise \
stretch.max_kept_bytes.";

/// Bytes that the next batch may stage under the settings.
fn room(staged: Staged) -> std::result::Result<u64, Full> {
    room_for_batch(
        staged,
        Room {
            waiting: gucs::max_staged_bytes(),
            kept: gucs::max_kept_bytes(),
            batch: gucs::batch_bytes() as u64,
        },
    )
}

/// ST019 where staging has no room for so many bytes more.
pub fn require_room(bytes: u64) -> Result<()> {
    let limits = txn::run(|| limits(None))?;
    match bytes <= limits.bytes {
        true => Ok(()),
        false => Err(Error::new(
            &errors::STAGING_FULL,
            format!("staging has no room for {bytes} bytes of segments that are written anew"),
        )),
    }
}

/// Whether staging is full of bytes that are uploaded already: waiting for uploads does not help then.
pub fn is_full_of_kept() -> Result<bool> {
    txn::run(|| Ok(room(batch::staged()?) == Err(Full::Kept)))
}

/// Limits of the next batch under the settings and the room in staging.
fn limits(max_rows: Option<u64>) -> Result<Limits> {
    let staged = batch::staged()?;
    let full = |what: String| Error::new(&errors::STAGING_FULL, what);
    let bytes = room(staged).map_err(|limit| match limit {
        Full::Kept => full(format!(
            "{} uploaded bytes are kept in staging until the RPO is over, which is the limit",
            staged.kept
        ))
        .hint(KEPT),
        Full::Waiting => full(format!(
            "{} bytes wait in staging for their upload, which is the limit",
            staged.waiting
        )),
    })?;
    let rows = gucs::BATCH_ROWS.get() as u64;
    Ok(Limits {
        rows: max_rows.map_or(rows, |max| max.min(rows)),
        bytes,
        time: BATCH_TIME,
        age: Duration::from_secs(gucs::MAX_BATCH_AGE.get() as u64),
    })
}

/// Inserted and updated rows of a table by the cumulative statistics.
fn activity(relation: pg_sys::Oid) -> Activity {
    // SAFETY: fetches a copy of the statistics entry, or NULL.
    unsafe {
        let entry = pg_sys::pgstat_fetch_stat_tabentry(relation);
        if entry.is_null() {
            return Activity::default();
        }
        Activity {
            inserted: (*entry).tuples_inserted as u64,
            updated: (*entry).tuples_updated as u64,
        }
    }
}
