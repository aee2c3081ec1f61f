//! Looks for a cold row with one of the keys that are wanted, as it is now. A transaction that deletes the row found is
//! waited for, as an index of the heap waits (F28).

use super::wanted::Wanted;
use crate::catalog::formed::Former;
use crate::catalog::keys::{Key, Part};
use crate::catalog::snapshot::Latest;
use crate::catalog::{stretched, tables};
use crate::cold::columns::{self, Target};
use crate::cold::conditions::Conditions;
use crate::cold::counters::Counters;
use crate::cold::datums::Datums;
use crate::cold::reader::{Ask, Reader};
use crate::cold::segments;
use crate::cold::tombstone::kept;
use crate::cold::tombstone::lock::{Strength, lock_live};
use crate::pg::context::{Context, OwnContext};
use crate::pg::error::{Error, Result};
use crate::pg::local_settings::LocalSettings;
use crate::pg::missing::datumCopy;
use crate::pg::{raw, user};
use pgrx::pg_sys;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use stretch_core::ids::SegmentId;
use stretch_core::purpose::Purpose;

/// What follows from a row found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// An error: nobody may write a bitmap of the segment from here on.
    Refuse,
    /// The new row is left out, and nothing is locked for it.
    Skip,
}

/// As the table's owner, whose types' functions are called, under a pinned search path; ends when dropped.
pub struct Session {
    info: Arc<stretched::Info>,
    /// The stretched table.
    relation: pg_sys::Relation,
    owner: pg_sys::Oid,
    _owner: user::ActAs,
    _path: LocalSettings,
}

impl Session {
    /// Begins it for a stretched table.
    ///
    /// # Safety
    /// `relation` is the table, open as long as the session lives.
    pub unsafe fn begin(info: &Arc<stretched::Info>, relation: pg_sys::Relation) -> Self {
        let owner = user::relation_owner(info.relation);
        Self {
            info: info.clone(),
            relation,
            owner,
            _owner: user::ActAs::owner_past_policies(owner),
            _path: LocalSettings::path(),
        }
    }
}

/// A look for keys.
pub struct Search<'a> {
    session: &'a Session,
    key: &'a Key,
    wanted: Wanted,
    conditions: &'a Conditions,
    /// Segments that hold none of them.
    except: &'a HashSet<SegmentId>,
    /// The key that was found last, by its first value.
    hit: usize,
    /// Segment and number of the row that was found last.
    place: Option<(SegmentId, u32)>,
    /// The key of that row where it may differ from the one that was wanted: for an exclusion constraint. It lies in
    /// the memory in which the search was made.
    there: Vec<Option<pg_sys::Datum>>,
    memory: Context,
}

impl<'a> Search<'a> {
    /// Looks for the keys `wanted`, which satisfy the conditions, in all segments but these.
    pub fn new(
        session: &'a Session,
        key: &'a Key,
        wanted: Wanted,
        conditions: &'a Conditions,
        except: &'a HashSet<SegmentId>,
    ) -> Self {
        Self {
            session,
            key,
            wanted,
            conditions,
            except,
            hit: 0,
            place: None,
            there: Vec::new(),
            // SAFETY: the search is over before what was current when it began.
            memory: unsafe { Context::current() },
        }
    }

    /// Segment and number of the row that was found.
    pub fn place(&self) -> Option<(SegmentId, u32)> {
        self.place
    }

    /// The key that was found, with `None` for NULL.
    pub fn found(&self) -> &[Option<pg_sys::Datum>] {
        self.wanted.key(self.hit, self.key.parts.len())
    }

    /// The key of the row that was found, of an exclusion constraint.
    pub fn there(&self) -> &[Option<pg_sys::Datum>] {
        &self.there
    }

    /// The table.
    pub fn info(&self) -> &stretched::Info {
        &self.session.info
    }

    /// Whether a cold row is found.
    pub fn finds(&mut self, then: Then) -> Result<bool> {
        let mut locked = None;
        loop {
            let latest = Latest::with_own_changes();
            let Some((segment, row)) = self.first(latest.get())? else {
                return Ok(false);
            };
            drop(latest);
            if wait_for_deleter(&segment, row)? {
                continue;
            }
            if then == Then::Skip || locked == Some(segment) {
                return Ok(true);
            }
            // Who deletes many rows at once holds the segment: after the lock the bitmap is final.
            // One that is retired has its rows elsewhere by now.
            locked = lock_live(&segment, Strength::Shared)?.then_some(segment);
        }
    }

    /// Whether the row that was found is the one that is found under a snapshot, too, and no later version of it.
    pub fn finds_under(&mut self, snapshot: pg_sys::Snapshot) -> Result<bool> {
        let place = self.place;
        Ok(place.is_some() && self.first(snapshot)? == place)
    }

    /// Segment and number of the first row found under `snapshot`.
    ///
    /// All that the look takes of the server's memory goes at its end, and most of it with each row group: an INSERT
    /// may look for many rows, and each look may read much.
    fn first(&mut self, snapshot: pg_sys::Snapshot) -> Result<Option<(SegmentId, u32)>> {
        // SAFETY: the contexts end with this function, and nothing that it returns lies in them. The others are
        // children of the first.
        let whole = unsafe { OwnContext::new(c"pg_stretch look for keys") };
        let _whole = whole.get().enter();
        // SAFETY: as above.
        let (makers, values, group) = unsafe {
            (
                Context::new(c"makers of values"),
                Context::new(c"keys of a slice"),
                Context::new(c"reading of a row group"),
            )
        };
        let Some(table) = segments::registered(self.session.info.relation, snapshot)? else {
            return Ok(None);
        };
        // SAFETY: the session's table is open, and the snapshot is the caller's.
        let reader = Rc::new(unsafe {
            let columns = columns::targets(self.session.relation, &table)?;
            Reader::open(table, columns, snapshot, Purpose::Keys)?
        });
        // SAFETY: it lies in the first context; the session's table is open.
        let mut former =
            (self.key.definition.as_ref()).map(|_| unsafe { Former::new(self.session.relation, self.key) });
        let columns = self.columns(&reader, former.as_ref())?;
        let ask = Ask {
            columns: &columns,
            conditions: self.conditions,
            except: Some(self.except),
        };
        let mut counters = Counters::default();
        // SAFETY: no values of the executor are among the conditions.
        let choice = unsafe { reader.choose(&ask, &mut counters)? };
        let mut batches = reader.batches(&ask, choice);
        loop {
            // SAFETY: what was read for the row group before is no longer looked at, nor are the makers of its values.
            unsafe {
                group.reset();
                makers.reset();
            }
            let _group = group.enter();
            let Some(batch) = batches.next(&mut counters)? else {
                return Ok(None);
            };
            let mut datums = Datums::new(&batch, &columns, self.session.owner, makers);
            for row in (0..batch.rows).filter(|row| !batch.is_dead(*row)) {
                if row >= datums.slice().end {
                    // SAFETY: the context is for these datums alone.
                    unsafe { datums.make(row, values)? };
                }
                let value = |at: usize| datums.value(at, row);
                // SAFETY: the values of the key's columns, or of those that it is formed of.
                let meets = unsafe {
                    match &mut former {
                        None => self.meets(value),
                        Some(former) => formed(former, &columns, value).is_some_and(|key| self.meets(|at| key[at])),
                    }
                };
                if meets {
                    self.place = Some((batch.segment_id, batch.number(row)));
                    return Ok(self.place);
                }
            }
        }
    }

    /// Whether a row's key is in conflict with one that is wanted, and notes which.
    ///
    /// # Safety
    /// `value` gives the values of the row's key.
    unsafe fn meets(&mut self, value: impl Fn(usize) -> Option<pg_sys::Datum>) -> bool {
        // SAFETY: the caller's promise.
        let Some(hit) = (unsafe { self.wanted.find(&value) }) else {
            return false;
        };
        self.hit = hit;
        if self.key.excludes.is_some() {
            let _memory = self.memory.enter();
            let copy = |(place, part): (usize, &Part)| {
                let (mut length, mut by_value) = (0, false);
                // SAFETY: a value of the part's type.
                unsafe {
                    pg_sys::get_typlenbyval(part.type_id, &mut length, &mut by_value);
                    let copy = |value| raw::guarded(|| datumCopy(value, by_value, length.into()));
                    value(place).map(copy)
                }
            };
            self.there = self.key.parts.iter().enumerate().map(copy).collect();
        }
        true
    }

    /// The columns of the key, or of those that it is formed of.
    fn columns(&self, reader: &Reader, former: Option<&Former>) -> Result<Vec<Target>> {
        let of = |column: i16| (reader.columns().iter().find(|target| target.attribute == column)).cloned();
        let found: Option<Vec<Target>> = match former {
            None => self.key.parts.iter().map(|part| of(part.column)).collect(),
            Some(former) => former.columns().iter().map(|column| of(*column)).collect(),
        };
        found.ok_or_else(|| Error::internal("a column of a key is not among the table's columns"))
    }
}

/// The key of a cold row whose columns are these, where it is formed of them.
unsafe fn formed<'a>(
    former: &'a mut Former,
    columns: &[Target],
    value: impl Fn(usize) -> Option<pg_sys::Datum>,
) -> Option<&'a [Option<pg_sys::Datum>]> {
    let of = |column: i16| value(columns.iter().position(|target| target.attribute == column)?);
    // SAFETY: values of the table's columns, all that are needed.
    unsafe { former.of_values(of) }
}

/// Waits for the end of another transaction that has written a tombstone for the row, or deleted so many rows of its
/// segment that it has written a bitmap; false when there is none. The bitmap is not looked into: what a transaction
/// wrote that fails meanwhile may go at any moment.
fn wait_for_deleter(segment: &SegmentId, row: u32) -> Result<bool> {
    let mut dirty = pg_sys::SnapshotData {
        snapshot_type: pg_sys::SnapshotType::SNAPSHOT_DIRTY,
        ..pg_sys::SnapshotData::default()
    };
    // SAFETY: the newest state is asked for.
    unsafe { kept::show(std::ptr::null_mut())? };
    let mut writers = tables::bitmap_writers(segment, &mut dirty)?;
    writers.extend(tables::tombstone(segment, row, &mut dirty)?.map(|tombstone| tombstone.writer));
    // SAFETY: transaction ids of tuples.
    let is_under_way = |writer: &pg_sys::TransactionId| unsafe {
        !pg_sys::TransactionIdIsCurrentTransactionId(*writer) && pg_sys::TransactionIdIsInProgress(*writer)
    };
    let Some(writer) = writers.into_iter().find(is_under_way) else {
        return Ok(false);
    };
    // SAFETY: as above; the wait obeys cancel and timeouts.
    unsafe {
        pg_sys::XactLockTableWait(
            writer,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            pg_sys::XLTW_Oper::XLTW_None,
        );
    }
    Ok(true)
}
