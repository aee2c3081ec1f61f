//! A cold row that comes into the heap inside the running command, because the command is to meet it there.
//!
//! Tombstone and hot version bear the number of the command that the statement's snapshot shows (C): the statement's
//! own scans see the cold row and not the hot one. What the statement writes afterwards bears a higher number, so that
//! it may change the hot version; see `unique/room.rs`.

use super::cold::{self, Change, Met, Told};
use super::heap::{self, of_heap};
use crate::catalog::snapshot::LATEST;
use crate::cold::identity;
use crate::cold::row::ColdRow;
use crate::cold::tombstone::fate;
use crate::pg::context::OwnContext;
use crate::pg::error::Result;
use crate::pg::{raw, replication};
use pgrx::pg_sys;
use pgrx::pg_sys::TM_Result;
use stretch_core::purpose::Purpose;
use stretch_core::row_fate::{Fate, Home, Killer};

/// The command that the running statement's snapshot shows; `None` without an active snapshot.
pub fn shown_command() -> Option<pg_sys::CommandId> {
    // SAFETY: plain getters.
    unsafe { pg_sys::ActiveSnapshotSet().then(|| (*pg_sys::GetActiveSnapshot()).curcid) }
}

/// Brings a cold row home, with its index entries, for a statement that users call `what`. False when the row was
/// dead by the time that its lock was granted.
///
/// # Safety
/// The relation is the row's table, open and locked for writing.
pub unsafe fn bring(
    relation: pg_sys::Relation,
    number: u32,
    row: u32,
    command: pg_sys::CommandId,
    what: &'static str,
) -> Result<bool> {
    // SAFETY: the caller's promise; what lies in the context is not looked at after this.
    unsafe {
        let memory = OwnContext::new(c"pg_stretch row on its way home");
        let _inside = memory.get().enter();
        let change = Change {
            relation,
            tid: identity::of(number, row)?,
            command,
            crosscheck: std::ptr::null_mut(),
            wait: true,
            what,
        };
        let Met::Cold(row) = change.meet()? else {
            return Ok(false);
        };
        if change.win(&row)?.result != TM_Result::TM_Ok {
            return Ok(false);
        }
        come(&change, &row, Entries::Made).map(|_| true)
    }
}

/// Brings home a row that the statement has won and is about to change, where the change may be decoded from the log.
/// `None` where it may not, and the cold row itself is to be changed.
///
/// # Safety
/// As for [`bring`].
pub unsafe fn bring_decoded(
    change: &Change,
    row: &ColdRow,
    entries: Entries,
) -> Result<Option<pg_sys::ItemPointerData>> {
    // SAFETY: the caller's promise.
    unsafe {
        let shown = shown_command().filter(|shown| *shown < change.command);
        let Some(command) = shown.filter(|_| replication::is_logged(change.relation) && replication::is_decoded())
        else {
            return Ok(None);
        };
        come(&Change { command, ..*change }, row, entries).map(Some)
    }
}

/// What became of a cold row that a statement changes.
pub enum Done {
    /// It is done, or cannot be.
    Told(TM_Result::Type),
    /// The row came home, and the change is to be made to the hot one here.
    CameHome(pg_sys::ItemPointerData),
}

impl Done {
    /// The server is told, in the failure that it handed over.
    ///
    /// # Safety
    /// The pointer is that of the callback.
    pub unsafe fn tell(told: &Told, failure: *mut pg_sys::TM_FailureData) -> Self {
        // SAFETY: the caller's promise.
        unsafe { told.put(failure) };
        Self::Told(told.result)
    }
}

/// Whether a row that comes home gets index entries: one that dies in the same command needs none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Entries {
    Made,
    None,
}

unsafe fn come(change: &Change, row: &ColdRow, entries: Entries) -> Result<pg_sys::ItemPointerData> {
    // SAFETY: the callers' promise.
    let home = unsafe { insert(change, row, entries)? };
    change.kill(row, Some(home))?;
    Ok(home)
}

/// The row as a hot one; no trigger hears of it, for it is the same row.
unsafe fn insert(change: &Change, row: &ColdRow, entries: Entries) -> Result<pg_sys::ItemPointerData> {
    // SAFETY: as above; all is made in the current context, and the heap's functions become unwinds where they raise
    // errors.
    unsafe {
        let relation = change.relation;
        let slot = pg_sys::MakeSingleTupleTableSlot((*relation).rd_att, &raw const pg_sys::TTSOpsHeapTuple);
        row.store(relation, LATEST, Purpose::RowLock, slot)?;
        let insert = of_heap(heap::routine().tuple_insert);
        let options = pg_sys::TABLE_INSERT_NO_LOGICAL as i32;
        raw::guarded(|| insert(relation, slot, change.command, options, std::ptr::null_mut()));
        if entries == Entries::Made {
            make_entries(relation, slot);
        }
        let home = (*slot).tts_tid;
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        Ok(home)
    }
}

unsafe fn make_entries(relation: pg_sys::Relation, slot: *mut pg_sys::TupleTableSlot) {
    // SAFETY: an open relation and its new row; as above.
    unsafe {
        let statement = pg_sys::CreateExecutorState();
        let target = pg_sys::palloc0(size_of::<pg_sys::ResultRelInfo>()).cast::<pg_sys::ResultRelInfo>();
        (*target).type_ = pg_sys::NodeTag::T_ResultRelInfo;
        pg_sys::InitResultRelInfo(target, relation, 1, std::ptr::null_mut(), 0);
        pg_sys::ExecOpenIndices(target, false);
        if (*target).ri_NumIndices > 0 {
            let (no_conflict, no_arbiters) = (std::ptr::null_mut(), std::ptr::null_mut());
            pg_sys::ExecInsertIndexTuples(target, slot, statement, false, false, no_conflict, no_arbiters);
        }
        pg_sys::ExecCloseIndices(target);
        pg_sys::FreeExecutorState(statement);
    }
}

/// Where a cold row went that this very statement has brought home: its scans still give the cold row, and what they
/// are to do to it they do to the hot one.
///
/// # Safety
/// The relation is the row's table, open and locked.
pub unsafe fn brought(
    relation: pg_sys::Relation,
    tid: pg_sys::ItemPointerData,
    command: pg_sys::CommandId,
) -> Result<Option<pg_sys::ItemPointerData>> {
    let Some(shown) = shown_command().filter(|shown| *shown < command) else {
        return Ok(None);
    };
    // SAFETY: the caller's promise.
    unsafe {
        let Met::Cold(row) = cold::meet(relation, tid, command)? else {
            return Ok(None);
        };
        let found = fate::of(relation, &row.segment()?.segment_id, row.number(), command)?;
        Ok(match found.fate {
            Fate::Dead(Killer::Own(killer), Home::At(place)) if (shown..command).contains(&killer) => Some(place),
            _ => None,
        })
    }
}
