//! Compaction: small segments become few full ones, and dead rows leave (`stretch_core::compact` says which and when).
//!
//! The worker does one job at a time when there is nothing else to do, and rests after each, so that compaction gets no
//! more than its share of the disk and the network.

mod job;

use crate::catalog::record::Direction;
use crate::catalog::rows::{Segment, StretchedTable};
use crate::catalog::snapshot::{LATEST, Latest};
use crate::catalog::stretched::not_stretched;
use crate::catalog::tables;
use crate::cold::conditions::database_encoding;
use crate::cold::reader::Reader;
use crate::cold::segments;
use crate::movement::bytes;
use crate::movement::leave;
use crate::movement::migrate;
use crate::movement::trouble::Trouble;
use crate::pg::error::{Error, Result};
use crate::pg::phase::Phase;
use crate::pg::progress;
use crate::pg::{gucs, steps, txn};
use job::Old;
use pgrx::pg_sys;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use stretch_core::compact::{Candidate, Effort, Full, Job, next};
use stretch_core::errors;
use stretch_core::purpose::Purpose;
use stretch_core::state::MigrationState;
use stretch_segment::merge;

/// Tries of one job that meets a serialization failure.
const TRIES: usize = 20;

/// The worker's compactor.
#[derive(Default)]
pub struct Compactor {
    tables: HashMap<pg_sys::Oid, Table>,
    /// Until when it leaves disk and network to others.
    rest_until: Option<Instant>,
}

#[derive(Default)]
struct Table {
    trouble: Trouble,
    /// What the cold side was when there was nothing to do: its version, segments that were looked at, dead rows.
    settled: Option<(segments::Version, usize, u64)>,
}

impl Compactor {
    /// One job for one table that needs it; true when there may be more.
    pub fn round(&mut self) -> Result<bool> {
        if !gucs::COMPACT.get() || self.rest_until.is_some_and(|until| until > Instant::now()) {
            return Ok(false);
        }
        let outbound = outbound()?;
        self.tables
            .retain(|relation, _| outbound.iter().any(|table| table.relation == *relation));
        for table in outbound {
            if self.tables.entry(table.relation).or_default().trouble.is_resting() {
                continue;
            }
            match self.job(&table, Effort::Routine) {
                Ok(None) => {}
                Ok(Some(done)) => {
                    self.rest_until = Some(Instant::now() + pause(done.bytes, done.took));
                    return Ok(true);
                }
                Err(error) => {
                    let of_table = self.tables.entry(table.relation).or_default();
                    of_table.trouble.rest(&table.table_id, Direction::Compact, &error);
                }
            }
        }
        progress::end(Phase::Compacting);
        Ok(false)
    }

    /// The next job of a table that somebody asks for, now; `None` when there is none.
    pub fn asked(&mut self, relation: pg_sys::Oid) -> Result<Option<Done>> {
        let table = txn::run(|| tables::by_relation(relation, LATEST)?.ok_or_else(|| not_stretched(relation)))?;
        if table.migration_state != MigrationState::Outbound {
            return Err(Error::new(
                &errors::NOT_NOW,
                format!(
                    "compaction waits: the migration state of the table is {}",
                    table.migration_state
                ),
            ));
        }
        let done = self.job(&table, Effort::Asked)?;
        if done.is_none() {
            progress::end(Phase::Compacting);
        }
        Ok(done)
    }

    fn job(&mut self, table: &StretchedTable, effort: Effort) -> Result<Option<Done>> {
        let started = Instant::now();
        let live = Live::of(table, effort)?;
        let of_table = self.tables.entry(table.relation).or_default();
        let now = (live.version, live.candidates.len(), live.dead());
        if effort == Effort::Routine && of_table.settled == Some(now) {
            return Ok(None);
        }
        let full = Full {
            rows: gucs::BATCH_ROWS.get() as u64,
            bytes: gucs::batch_bytes() as u64,
        };
        let Some(job) = next(&live.candidates, full, effort) else {
            of_table.settled = Some(now);
            return Ok(None);
        };
        let (numbers, rewrites) = match &job {
            Job::Retire(numbers) => (numbers, false),
            Job::Rewrite(numbers) => (numbers, true),
        };
        let olds = live.numbered(numbers);
        let size = olds.iter().map(|segment| segment.byte_size as u64).sum();
        progress::show(Phase::Compacting, table.relation, 0, live.rows(numbers));
        let left = match rewrites {
            true => rewrite(table, olds, size)?,
            false => insist(|| job::retire(table, &olds))?,
        };
        steps::reached(steps::CompactCommitted);
        let of_table = self.tables.entry(table.relation).or_default();
        of_table.trouble.rested();
        of_table.trouble.is_over();
        Ok(Some(Done {
            segments: left,
            bytes: if rewrites { size } else { 0 },
            took: started.elapsed(),
        }))
    }
}

/// What a job did.
pub struct Done {
    /// Segments that left the table.
    pub segments: u64,
    /// Bytes read.
    pub bytes: u64,
    took: Duration,
}

/// How long the compactor rests after a job, so that it reads no more than `stretch.compact_rate` on the whole.
fn pause(bytes: u64, took: Duration) -> Duration {
    match gucs::COMPACT_RATE.get() {
        0 => Duration::ZERO,
        rate => Duration::from_secs_f64(bytes as f64 / (f64::from(rate) * 1024.0)).saturating_sub(took),
    }
}

fn rewrite(table: &StretchedTable, olds: Vec<Segment>, size: u64) -> Result<u64> {
    migrate::require_room(size)?;
    leave::look(table, olds.iter())?;
    let mut all = Vec::new();
    for segment in &olds {
        let bytes = match bytes::ask(table, segment)? {
            Some(asked) => bytes::needed(asked.wait()?, table, segment)?,
            None => continue,
        };
        all.push(Old {
            segment: segment.clone(),
            bytes,
        });
    }
    match job::make(table, all)? {
        Some(made) => {
            steps::reached(steps::CompactMade);
            insist(|| job::replace(table, &made))
        }
        // The last rows died meanwhile.
        None => insist(|| job::retire(table, &olds)),
    }
}

/// Tries again where others were faster.
fn insist<R>(mut f: impl FnMut() -> Result<R>) -> Result<R> {
    for _ in 1..TRIES {
        match f() {
            Err(error) if error.is(&errors::MOVED) => {}
            other => return other,
        }
    }
    f()
}

fn outbound() -> Result<Vec<StretchedTable>> {
    txn::run(|| {
        let mut all = tables::stretched_tables(LATEST)?;
        all.retain(|table| table.migration_state == MigrationState::Outbound && table.is_reconciled);
        Ok(all)
    })
}

/// The live segments of a table, as the plan sees them.
struct Live {
    version: segments::Version,
    segments: Vec<Segment>,
    candidates: Vec<Candidate>,
}

impl Live {
    fn of(table: &StretchedTable, effort: Effort) -> Result<Self> {
        txn::run(|| {
            let latest = Latest::take();
            // SAFETY: the snapshot lives as long as the reader.
            let reader = unsafe { Reader::open(table.clone(), Vec::new(), latest.get(), Purpose::Move)? };
            let list = reader.segments()?;
            let here = database_encoding();
            let mut candidates = Vec::new();
            for segment in list.iter().filter(|segment| segment.server_encoding == here) {
                // What is on its way to the endpoint is left alone, unless somebody asks: it would stay in staging.
                let now = segments::current(segment, latest.get())?;
                if now.lost || (effort == Effort::Routine && now.object_key.is_none()) {
                    continue;
                }
                let reader = segments::reader(segment, latest.get())?;
                candidates.push(Candidate {
                    number: segment.number,
                    rows: segment.row_count as u64,
                    dead: tables::dead_rows(&segment.segment_id, latest.get())?.len(),
                    bytes: reader.uncompressed_bytes(),
                    shape: merge::shape(reader.detail()),
                });
            }
            Ok(Self {
                version: list.version(),
                segments: list.to_vec(),
                candidates,
            })
        })
    }

    fn dead(&self) -> u64 {
        self.candidates.iter().map(|one| one.dead).sum()
    }

    fn numbered(&self, numbers: &[u32]) -> Vec<Segment> {
        let is_one = |segment: &&Segment| numbers.contains(&segment.number);
        self.segments.iter().filter(is_one).cloned().collect()
    }

    fn rows(&self, numbers: &[u32]) -> u64 {
        let is_one = |one: &&Candidate| numbers.contains(&one.number);
        self.candidates.iter().filter(is_one).map(|one| one.rows).sum()
    }
}
