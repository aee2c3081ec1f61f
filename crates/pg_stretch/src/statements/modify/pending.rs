//! What one statement kills on the cold side of one table. A DELETE without row triggers and volatile functions keeps
//! its tombstones until it has seen all rows, so that a bitmap can stand for many (F53). Others write each at once:
//! code that runs in between must see it, and an UPDATE must have won the row before its new version meets the unique
//! indexes.

use crate::catalog::rows::Segment;
use crate::catalog::tables;
use crate::cold::tombstone::{conflict, conflicts, write};
use crate::pg::error::{Error, Result};
use crate::pg::steps;
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use stretch_core::dead_rows::DeadRows;
use stretch_core::errors;
use stretch_core::ids::SegmentId;

thread_local! {
    /// The statements under way in this session that write to cold sides; dead entries are dropped when one is added.
    static STATEMENTS: RefCell<Vec<Weak<RefCell<Pending>>>> = const { RefCell::new(Vec::new()) };
    /// The statement that ends now.
    static ENDING: Cell<*mut pg_sys::EState> = const { Cell::new(std::ptr::null_mut()) };
}

/// Whether a row dies by this statement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kill {
    /// It was alive.
    Now,
    /// This statement has killed it before: a join, for example, can find a row twice. Nothing is left to do, as for
    /// hot rows.
    Before,
}

#[derive(Default)]
struct InSegment {
    rows: u64,
    dead: DeadRows,
    /// The bitmap at the time of the lock; `None` as long as the segment is not locked.
    folded: Option<DeadRows>,
}

/// The rows that one statement killed in one table.
pub struct Pending {
    statement: *mut pg_sys::EState,
    child: pg_sys::Oid,
    command: pg_sys::CommandId,
    /// Tombstones wait for the end of the statement.
    keeps: bool,
    segments: BTreeMap<SegmentId, InSegment>,
}

/// The rows of a statement in a table, shared by all its parts that write to it.
///
/// # Safety
/// `statement` is the executor's state of a running statement; the last holder goes before it does.
pub unsafe fn of_statement(
    statement: *mut pg_sys::EState,
    child: pg_sys::Oid,
    keeps: bool,
) -> Result<Rc<RefCell<Pending>>> {
    // SAFETY: the caller's promise.
    let command = unsafe { (*statement).es_output_cid };
    let pending = STATEMENTS.with_borrow_mut(|statements| {
        statements.retain(|known| known.strong_count() > 0);
        let same = statements
            .iter()
            .filter_map(Weak::upgrade)
            .find(|known| (known.borrow().statement, known.borrow().child) == (statement, child));
        same.unwrap_or_else(|| {
            let fresh = Rc::new(RefCell::new(Pending {
                statement,
                child,
                command,
                keeps: true,
                segments: BTreeMap::new(),
            }));
            statements.push(Rc::downgrade(&fresh));
            fresh
        })
    });
    if !keeps || ENDING.get() == statement {
        // One part that must write at once is enough.
        pending.borrow_mut().write()?;
    }
    Ok(pending)
}

/// While it lives, a statement ends: parts of it that nobody read to their end run now, and AFTER triggers fire.
pub struct Ending(*mut pg_sys::EState);

impl Drop for Ending {
    fn drop(&mut self) {
        ENDING.set(self.0);
    }
}

/// Writes what a statement still keeps, and keeps nothing of it from here on.
pub fn flush(statement: *mut pg_sys::EState) -> Result<Ending> {
    let ending = Ending(ENDING.replace(statement));
    let of_statement: Vec<Rc<RefCell<Pending>>> = STATEMENTS.with_borrow(|statements| {
        statements
            .iter()
            .filter_map(Weak::upgrade)
            .filter(|pending| pending.borrow().statement == statement)
            .collect()
    });
    for pending in of_statement {
        pending.borrow_mut().write()?;
    }
    Ok(ending)
}

impl Pending {
    /// Kills a row of a segment.
    pub fn kill(&mut self, segment: &Segment, row: u32) -> Result<Kill> {
        let id = segment.segment_id;
        let known = self.segments.entry(id).or_insert_with(|| InSegment {
            rows: segment.row_count as u64,
            ..InSegment::default()
        });
        if !known.dead.insert(row) {
            return Ok(Kill::Before);
        }
        if self.keeps {
            return Ok(Kill::Now);
        }
        let folded = match &known.folded {
            Some(folded) => folded,
            None => known.folded.insert(write::guard(&id)?),
        };
        write::check(folded.contains(row).then_some(row))?;
        not_killed_by_us(&id, row)?;
        write::singles(&id, std::iter::once(row), self.command)?;
        conflicts::kills(self.child, &id);
        steps::reached(steps::TombstoneWritten);
        Ok(Kill::Now)
    }

    /// Writes all rows that wait; what comes later is written at once.
    fn write(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.keeps, false) {
            return Ok(());
        }
        for (id, known) in &self.segments {
            write::all(id, &known.dead, known.rows, self.command)?;
            conflicts::kills(self.child, id);
        }
        Ok(())
    }
}

/// 27000 when code that this statement called killed the row, as for hot rows.
fn not_killed_by_us(segment: &SegmentId, row: u32) -> Result<()> {
    let any = &raw mut pg_sys::SnapshotSelfData;
    let Some(writer) = tables::tombstone(segment, row, any)?.map(|tombstone| tombstone.writer) else {
        return Ok(());
    };
    // SAFETY: a transaction id of a tuple.
    if !unsafe { pg_sys::TransactionIdIsCurrentTransactionId(writer) } {
        return Err(conflict("a cold row was updated or deleted").hint("Run the transaction again."));
    }
    Err(Error::new(
        &errors::CHANGED_BY_TRIGGER,
        "a cold row to be updated or deleted was already modified by an operation triggered by the current command",
    ))
}
