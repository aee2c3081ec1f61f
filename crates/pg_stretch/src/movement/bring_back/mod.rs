//! Bringing rows back: segment after segment of an inbound table goes home, and then the table is an ordinary one.
//!
//! The bytes of the next segment are on their way while the rows of one are written. Nothing is remembered that the
//! catalog does not say: a worker that begins anew goes on with the segments that are left.

mod finish;
mod heap;
mod segment;

use crate::catalog::record::Direction;
use crate::catalog::rows::{Segment, StretchedTable};
use crate::catalog::snapshot::{LATEST, Latest};
use crate::catalog::tables;
use crate::cold::reader::Reader;
use crate::cold::whole::Asked;
use crate::movement::bytes::{ask, name, needed};
use crate::movement::leave;
use crate::movement::trouble::Trouble;
use crate::pg::error::{Error, Result};
use crate::pg::phase::Phase;
use crate::pg::progress;
use crate::pg::replication::Origin;
use crate::pg::request::{self, Taken};
use crate::pg::txn;
use bytes::Bytes;
use finish::{End, finish};
use pgrx::pg_sys;
use serde_json::Value;
use std::cell::Cell;
use std::collections::HashMap;
use stretch_core::errors;
use stretch_core::ids::SegmentId;
use stretch_core::purpose::Purpose;
use stretch_core::state::MigrationState;

/// The request by which a session waits until a table has its rows back.
pub const REQUEST: &str = "bring_back";
/// For a caller who is told of trouble.
const GOES_ON: &str = "The table stays inbound: the worker goes on by itself when the trouble is over.";
/// For a caller while nothing moves.
const STOPPED: &str =
    "See stretch.status and stretch.enabled. The table stays inbound, and the worker goes on when it may.";
/// Tries of one segment that meets a serialization failure.
const TRIES: usize = 20;

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// So many rows came home.
    Moved(u64),
    /// The table has all its rows, and is an ordinary one.
    Ended,
    /// The table has all its rows, and stays as it is while a snapshot is in use that saw some of them cold.
    Seen,
}

/// What the worker remembers between steps.
#[derive(Default)]
pub struct BringBack {
    tables: HashMap<pg_sys::Oid, Table>,
    /// Sessions that wait for the end of a table.
    waiters: Vec<(pg_sys::Oid, Taken)>,
    /// The bytes of the segment that comes next.
    ahead: Option<(SegmentId, Asked)>,
}

/// One table on its way home.
#[derive(Default)]
struct Table {
    trouble: Trouble,
    /// Rows that came home since the worker began.
    done: u64,
}

/// What there is to do after a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    AtOnce,
    /// Somebody waits for what others hold now.
    Soon,
    Later,
}

impl BringBack {
    /// A session waits until the table has its rows back.
    pub fn wait(&mut self, relation: pg_sys::Oid, taken: Taken) {
        if let Some(table) = self.tables.get_mut(&relation) {
            table.trouble.rested();
        }
        self.waiters.push((relation, taken));
    }

    /// One step for each inbound table.
    pub fn round(&mut self, origin: &mut Origin) -> Result<More> {
        let inbound = inbound()?;
        self.tables
            .retain(|relation, _| inbound.iter().any(|table| table.relation == *relation));
        self.give_up_others(&inbound)?;
        let mut more = false;
        for table in inbound {
            if self.tables.entry(table.relation).or_default().trouble.is_resting() {
                continue;
            }
            match self.step(&table, origin) {
                Ok(Step::Moved(_)) => more = true,
                Ok(Step::Ended) => self.answer(table.relation, &Ok(Value::Null)),
                Ok(Step::Seen) => {}
                Err(error) if is_passing(&error) && self.is_waited_for(table.relation) => {}
                Err(error) => {
                    let of_table = self.tables.entry(table.relation).or_default();
                    of_table.trouble.rest(&table.table_id, Direction::Inbound, &error);
                    self.answer(table.relation, &Err(error.hint(GOES_ON)));
                }
            }
        }
        if !more {
            progress::end(Phase::BringingBack);
        }
        Ok(match (more, self.waiters.is_empty()) {
            (true, _) => More::AtOnce,
            (false, false) => More::Soon,
            (false, true) => More::Later,
        })
    }

    /// Nothing moves now: the database is disconnected, or workers are switched off.
    pub fn stop(&mut self) {
        let stopped = || Error::new(&errors::NOT_NOW, "the worker moves no rows now").hint(STOPPED);
        for (_, taken) in self.waiters.drain(..) {
            taken.answer(Err(stopped()));
        }
    }

    fn is_waited_for(&self, relation: pg_sys::Oid) -> bool {
        self.waiters.iter().any(|(of, _)| *of == relation)
    }

    /// Answers all who wait for a table.
    fn answer(&mut self, relation: pg_sys::Oid, answer: &Result<Value>) {
        for (_, taken) in self.waiters.extract_if(.., |(of, _)| *of == relation) {
            taken.answer(answer.clone());
        }
    }

    /// Answers those who wait for a table that is not inbound any more, and forgets those who do not wait any more.
    fn give_up_others(&mut self, inbound: &[StretchedTable]) -> Result<()> {
        self.waiters.retain(|(_, taken)| taken.wanted());
        let is_inbound = |relation| inbound.iter().any(|table| table.relation == relation);
        let others: Vec<_> = self.waiters.iter().map(|(relation, _)| *relation).collect();
        for relation in others.into_iter().filter(|relation| !is_inbound(*relation)) {
            let answer = match txn::run(|| tables::by_relation(relation, LATEST))? {
                None => Ok(Value::Null),
                Some(table) => Err(Error::new(
                    &errors::NOT_NOW,
                    format!(
                        "the rows of {} come back no more: its migration state is {}",
                        name(&table)?,
                        table.migration_state
                    ),
                )
                .hint("Run stretch.disable_table again, which goes on with the rows that are still cold.")),
            };
            self.answer(relation, &answer);
        }
        Ok(())
    }

    /// One step for a table, now: a segment comes home, or the table ends. 55P03 while others hold what it needs.
    fn step(&mut self, table: &StretchedTable, origin: &mut Origin) -> Result<Step> {
        origin.take()?;
        let left = segments(table)?;
        self.show(table, &left)?;
        let mut held = None;
        for (at, segment) in left.iter().enumerate() {
            match self.bring(table, segment, left.get(at + 1)) {
                Ok(rows) => {
                    let of_table = self.tables.entry(table.relation).or_default();
                    of_table.done += rows;
                    of_table.trouble.rested();
                    of_table.trouble.is_over();
                    return Ok(Step::Moved(rows));
                }
                // Others may be free.
                Err(error) if error.is(&errors::LOCKED) => held = Some(error),
                Err(error) => return Err(error),
            }
        }
        if let Some(held) = held {
            return Err(held);
        }
        match finish(table.relation, &request::callers(REQUEST))? {
            End::Done => Ok(Step::Ended),
            End::Seen => Ok(Step::Seen),
            End::NotDue => Err(Error::new(&errors::MOVED, "the table was changed meanwhile")),
        }
    }

    fn bring(&mut self, table: &StretchedTable, segment: &Segment, next: Option<&Segment>) -> Result<u64> {
        leave::look(table, std::iter::once(segment))?;
        let bytes = self.bytes(table, segment)?;
        if let Some(next) = next {
            self.ask(table, next)?;
        }
        let at = Cell::new(None);
        for _ in 0..TRIES {
            match segment::bring(table, segment, bytes.clone(), &at) {
                Err(error) if error.is(&errors::MOVED) => continue,
                Err(error) => return Err(with_position(error, table, segment, at.get())?),
                Ok(rows) => {
                    crate::pg::steps::reached(crate::pg::steps::HomeCommitted);
                    return Ok(rows);
                }
            }
        }
        Err(Error::new(
            &errors::MOVED,
            format!("segment {} met too many conflicts", segment.segment_id),
        ))
    }

    /// All bytes of a segment; none for one whose rows are all dead.
    fn bytes(&mut self, table: &StretchedTable, segment: &Segment) -> Result<Bytes> {
        let asked = match self.ahead.take() {
            Some((id, asked)) if id == segment.segment_id => asked,
            _ => match ask(table, segment)? {
                Some(asked) => asked,
                None => return Ok(Bytes::new()),
            },
        };
        needed(asked.wait()?, table, segment)
    }

    /// Has the bytes of a segment on their way.
    fn ask(&mut self, table: &StretchedTable, segment: &Segment) -> Result<()> {
        let is_asked = self.ahead.as_ref().is_some_and(|(id, _)| *id == segment.segment_id);
        if !is_asked {
            self.ahead = ask(table, segment)?.map(|asked| (segment.segment_id, asked));
        }
        Ok(())
    }

    fn show(&mut self, table: &StretchedTable, left: &[Segment]) -> Result<()> {
        let done = self.tables.entry(table.relation).or_default().done;
        let mut total = done;
        txn::run(|| {
            for segment in left {
                let dead = tables::dead_rows(&segment.segment_id, LATEST)?.len();
                total += (segment.row_count as u64).saturating_sub(dead);
            }
            Ok(())
        })?;
        progress::show(Phase::BringingBack, table.relation, done, total);
        Ok(())
    }
}

/// Whether another try may soon do: somebody holds rows or the table, or changed them.
fn is_passing(error: &Error) -> bool {
    error.is(&errors::LOCKED) || error.is(&errors::MOVED)
}

fn inbound() -> Result<Vec<StretchedTable>> {
    txn::run(|| {
        let mut all = tables::stretched_tables(LATEST)?;
        all.retain(|table| table.migration_state == MigrationState::Inbound);
        Ok(all)
    })
}

/// The segments that are still to come home.
fn segments(table: &StretchedTable) -> Result<Vec<Segment>> {
    txn::run(|| {
        let latest = Latest::take();
        // SAFETY: the snapshot lives as long as the reader.
        let reader = unsafe { Reader::open(table.clone(), Vec::new(), latest.get(), Purpose::Move)? };
        Ok(reader.segments()?.to_vec())
    })
}

/// A failure with the row that it is about, named by its position: what the server or a function of the table's owner
/// says may hold values.
fn with_position(error: Error, table: &StretchedTable, segment: &Segment, row: Option<u32>) -> Result<Error> {
    let Some(row) = row else {
        return Ok(error);
    };
    // The server names constraints in its message, and values in the detail.
    let why = match error.is_of(errors::CONSTRAINT_CLASS) {
        true => error.message.clone(),
        false => format!("SQLSTATE {}", error.sqlstate),
    };
    Ok(Error {
        message: format!(
            "row {row} of segment {} of table {} cannot come back: {why}",
            segment.segment_id,
            name(table)?,
        ),
        detail: None,
        ..error
    })
}
