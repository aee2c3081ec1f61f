//! Rows that a DELETE has won and not yet written tombstones for, so that a bitmap can stand for many of them (F53).
//!
//! The access method is not told where a statement ends: what its command killed is kept by the command's number, until
//! the statement's end or until somebody in this session looks who has to see it.

use super::{conflicts, write};
use crate::pg::error::{Error, OrRaise, Result};
use crate::pg::steps;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use stretch_core::dead_rows::DeadRows;
use stretch_core::ids::SegmentId;

/// What one command killed in one table.
struct Kept {
    transaction: pg_sys::LocalTransactionId,
    savepoint: pg_sys::SubTransactionId,
    command: pg_sys::CommandId,
    relation: pg_sys::Oid,
    segments: BTreeMap<SegmentId, InSegment>,
}

#[derive(Default)]
struct InSegment {
    rows: u64,
    waiting: DeadRows,
    /// By the command, at its end.
    written: DeadRows,
}

thread_local! {
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
    /// The statements that end now, by transaction and command, the innermost last.
    static ENDING: RefCell<Vec<(pg_sys::LocalTransactionId, pg_sys::CommandId)>> = const { RefCell::new(Vec::new()) };
    /// Whether there is any of it.
    static ANY: Cell<bool> = const { Cell::new(false) };
    static LISTENING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this session keeps anything: most statements ask no more.
#[inline]
pub fn any() -> bool {
    ANY.get()
}

/// Keeps a row, which its command has won, of a segment of so many rows. False when the statement ends: then the caller
/// writes it.
pub fn keep(relation: pg_sys::Oid, command: pg_sys::CommandId, segment: (&SegmentId, u64), row: u32) -> bool {
    let transaction = transaction();
    if ENDING.with_borrow(|ending| ending.contains(&(transaction, command))) {
        return false;
    }
    listen();
    // SAFETY: a getter.
    let savepoint = unsafe { pg_sys::GetCurrentSubTransactionId() };
    KEPT.with_borrow_mut(|all| {
        all.retain(|kept| kept.transaction == transaction);
        ANY.set(true);
        let at = match all
            .iter()
            .position(|kept| (kept.relation, kept.command) == (relation, command))
        {
            Some(at) => at,
            None => {
                all.push(Kept {
                    transaction,
                    savepoint,
                    command,
                    relation,
                    segments: BTreeMap::new(),
                });
                all.len() - 1
            }
        };
        let known = all[at].segments.entry(*segment.0).or_default();
        known.rows = segment.1;
        known.waiting.insert(row);
        true
    })
}

/// Whether the command has killed the row, and nothing that can be read says so.
pub fn has(relation: pg_sys::Oid, command: pg_sys::CommandId, segment: &SegmentId, row: u32) -> bool {
    let transaction = transaction();
    any()
        && KEPT.with_borrow(|all| {
            all.iter().any(|kept| {
                (kept.transaction, kept.relation, kept.command) == (transaction, relation, command)
                    && kept
                        .segments
                        .get(segment)
                        .is_some_and(|known| known.waiting.contains(row) || known.written.contains(row))
            })
        })
}

/// Before a reader looks for dead rows under an MVCC snapshot: writes what earlier commands than the reader's keep.
///
/// # Safety
/// The caller holds the snapshot; null stands for the newest state.
pub unsafe fn show(snapshot: pg_sys::Snapshot) -> Result<()> {
    if !any() {
        return Ok(());
    }
    // SAFETY: the caller's promise.
    let until = match unsafe { snapshot.as_ref() } {
        Some(snapshot) if snapshot.snapshot_type == pg_sys::SnapshotType::SNAPSHOT_MVCC => snapshot.curcid,
        _ => pg_sys::CommandId::MAX,
    };
    settle(|kept| kept.command < until)
}

/// Before somebody looks for the newest state: writes what other commands than his keep.
pub fn show_others(relation: pg_sys::Oid, command: pg_sys::CommandId) -> Result<()> {
    settle(|kept| (kept.relation, kept.command) != (relation, command))
}

/// Writes as single tombstones, which have the command's number and not that of whoever looks.
fn settle(which: impl Fn(&Kept) -> bool) -> Result<()> {
    if !any() {
        return Ok(());
    }
    for (relation, command, id, _, rows) in taken(which, false) {
        let folded = write::guard(&id)?;
        write::check(rows.first_common(&folded))?;
        write::singles(&id, rows.iter(), command)?;
        conflicts::kills(relation, &id);
    }
    Ok(())
}

/// While it lives, a statement ends: parts of it that nobody read to their end run now, and AFTER triggers fire.
pub struct Ending(pg_sys::CommandId);

impl Drop for Ending {
    fn drop(&mut self) {
        ENDING.with_borrow_mut(Vec::pop);
        KEPT.with_borrow_mut(|all| {
            all.retain(|kept| kept.command != self.0);
            ANY.set(!all.is_empty());
        });
    }
}

/// Writes what the command keeps, in the best form; from here on it keeps nothing.
pub fn end(command: pg_sys::CommandId) -> Result<Ending> {
    ENDING.with_borrow_mut(|ending| ending.push((transaction(), command)));
    let ending = Ending(command);
    for (relation, command, id, all, rows) in taken(|kept| kept.command == command, true) {
        write::all(&id, &rows, all, command)?;
        conflicts::kills(relation, &id);
        steps::reached(steps::TombstoneWritten);
    }
    Ok(ending)
}

/// What waits, taken out of the list before anything is written.
fn taken(
    which: impl Fn(&Kept) -> bool,
    at_end: bool,
) -> Vec<(pg_sys::Oid, pg_sys::CommandId, SegmentId, u64, DeadRows)> {
    let transaction = transaction();
    KEPT.with_borrow_mut(|all| {
        let mut taken = Vec::new();
        for kept in all
            .iter_mut()
            .filter(|kept| kept.transaction == transaction && which(kept))
        {
            for (id, known) in &mut kept.segments {
                if known.waiting.is_empty() {
                    continue;
                }
                let rows = std::mem::take(&mut known.waiting);
                if at_end {
                    known.written.add(&rows);
                }
                taken.push((kept.relation, kept.command, *id, known.rows, rows));
            }
        }
        taken
    })
}

fn transaction() -> pg_sys::LocalTransactionId {
    // SAFETY: the entry of this process, which is in a transaction.
    unsafe { (*pg_sys::MyProc).lxid }
}

/// What a rolled back statement killed must not be written.
fn listen() {
    if LISTENING.replace(true) {
        return;
    }
    // SAFETY: callbacks of static lifetime, once per backend.
    unsafe {
        pg_sys::RegisterXactCallback(Some(at_end), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(at_end_of_part), std::ptr::null_mut());
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn at_end(event: pg_sys::XactEvent::Type, _arg: *mut std::ffi::c_void) {
    use pg_sys::XactEvent as Event;
    if !any() {
        return;
    }
    let waits = KEPT.with_borrow(|all| {
        let mut segments = all.iter().flat_map(|kept| kept.segments.values());
        segments.any(|known| !known.waiting.is_empty())
    });
    match event {
        // Whoever deletes rows ends his statement as the executor does; or nothing of it may be committed.
        Event::XACT_EVENT_PRE_COMMIT | Event::XACT_EVENT_PRE_PREPARE if waits => {
            Err(Error::internal("deleted cold rows were not written")).or_raise()
        }
        Event::XACT_EVENT_PRE_COMMIT | Event::XACT_EVENT_PRE_PREPARE => {}
        _ => {
            KEPT.with_borrow_mut(Vec::clear);
            ANY.set(false);
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn at_end_of_part(
    event: pg_sys::SubXactEvent::Type,
    savepoint: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _arg: *mut std::ffi::c_void,
) {
    if any() && event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB {
        KEPT.with_borrow_mut(|all| {
            all.retain(|kept| kept.savepoint < savepoint);
            ANY.set(!all.is_empty());
        });
    }
}
