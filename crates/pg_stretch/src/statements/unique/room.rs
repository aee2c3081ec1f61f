//! Statements that may have to bring cold rows home get a number of their own for that.
//!
//! An INSERT … ON CONFLICT, and an UPDATE of a table with a deferrable key, may meet a cold row that core must find in
//! the heap. Let C be the number of the command, which its snapshot shows. The statement writes with C + 1 instead, and
//! what comes home bears C: its scans see neither that tombstone nor that hot version, so that no row comes twice, and
//! its writes may change the version, for it is older than they are. Rows that the statement inserts itself bear C + 1,
//! so that the one that meets another of them is told so as ever.
//!
//! Core asks the indexes of ON CONFLICT before the row is inserted, and would go on to the other row at once when it
//! found one. When the access method brings one home it is too late for that: the new row is about to get its index
//! entries. So only the indexes of ON CONFLICT are asked then: they meet the row, core takes the new one back and
//! begins anew.

use crate::catalog::keys;
use crate::catalog::stretched;
use crate::pg::error::Result;
use crate::pg::list;
use pgrx::prelude::*;
use std::cell::RefCell;

/// EXEC_FLAG_EXPLAIN_ONLY of executor.h.
const EXPLAIN_ONLY: i32 = pg_sys::EXEC_FLAG_EXPLAIN_ONLY as i32;

/// Whether one of a started query's targets may need it. Those of ON CONFLICT are remembered.
///
/// # Safety
/// The query was started with these flags.
pub unsafe fn is_wanted(query: *mut pg_sys::QueryDesc, flags: i32) -> Result<bool> {
    // SAFETY: the caller's promise.
    unsafe {
        if flags & EXPLAIN_ONLY != 0 {
            return Ok(false);
        }
        let auxiliary = (*(*query).estate).es_auxmodifytables;
        let mut nodes = vec![(*query).planstate];
        nodes.extend((0..list::length(auxiliary)).map(|at| list::nth(auxiliary, at)));
        let mut wanted = false;
        for node in nodes {
            if !node.is_null() && (*node).type_ == pg_sys::NodeTag::T_ModifyTableState {
                wanted |= is_wanted_by(&*node.cast())?;
            }
        }
        Ok(wanted)
    }
}

unsafe fn is_wanted_by(node: &pg_sys::ModifyTableState) -> Result<bool> {
    // SAFETY: an initialized node has open targets.
    unsafe {
        let plan = &*node.ps.plan.cast::<pg_sys::ModifyTable>();
        let on_conflict = plan.onConflictAction != pg_sys::OnConflictAction::ONCONFLICT_NONE;
        let updates = matches!(plan.operation, pg_sys::CmdType::CMD_UPDATE | pg_sys::CmdType::CMD_MERGE);
        if !on_conflict && !updates {
            return Ok(false);
        }
        for at in 0..node.mt_nrels as usize {
            let table = (*node.resultRelInfo.add(at)).ri_RelationDesc;
            if stretched::lookup((*table).rd_id)?.is_some()
                && (on_conflict || keys::of(table)?.iter().any(|key| key.deferrable))
            {
                if on_conflict {
                    remember(node);
                }
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Lets the query write with the number after that which its snapshot shows.
///
/// # Safety
/// The query was started and has written nothing.
pub unsafe fn make(query: *mut pg_sys::QueryDesc) {
    // SAFETY: the caller's promise; the command's number counts as used since the query was started.
    unsafe {
        pg_sys::CommandCounterIncrement();
        (*(*query).estate).es_output_cid = pg_sys::GetCurrentCommandId(true);
    }
}

/// A target of an INSERT … ON CONFLICT that runs.
#[derive(Clone, Copy)]
struct Target {
    /// The memory of its statement, with which it goes.
    statement: usize,
    relation: pg_sys::Oid,
    info: *mut pg_sys::ResultRelInfo,
}

thread_local! {
    /// Those of inner statements come last.
    static TARGETS: RefCell<Vec<Target>> = const { RefCell::new(Vec::new()) };
}

/// Remembers the target of a node until the statement's memory goes.
unsafe fn remember(node: &pg_sys::ModifyTableState) {
    // SAFETY: an initialized node of a running statement.
    unsafe {
        let memory = (*node.ps.state).es_query_cxt;
        let info = node.resultRelInfo;
        let target = Target {
            statement: memory as usize,
            relation: (*(*info).ri_RelationDesc).rd_id,
            info,
        };
        let callback = pg_sys::MemoryContextAllocZero(memory, size_of::<pg_sys::MemoryContextCallback>())
            .cast::<pg_sys::MemoryContextCallback>();
        (*callback).func = Some(forget);
        (*callback).arg = memory.cast();
        pg_sys::MemoryContextRegisterResetCallback(memory, callback);
        TARGETS.with_borrow_mut(|targets| targets.push(target));
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn forget(statement: *mut std::ffi::c_void) {
    TARGETS.with_borrow_mut(|targets| targets.retain(|target| target.statement != statement as usize));
}

/// The target of the innermost statement that inserts into the table so; `None` where that statement has two of them,
/// of which nobody can say which one inserts.
fn target(relation: pg_sys::Oid) -> Option<Target> {
    TARGETS.with_borrow(|targets| {
        let last = *targets.iter().rev().find(|target| target.relation == relation)?;
        let same = |target: &&Target| target.relation == relation && target.statement == last.statement;
        (targets.iter().filter(same).count() == 1).then_some(last)
    })
}

/// The indexes whose conflicts the INSERT into the table acts on; nothing stands for all that are checked at once.
pub fn arbiters(relation: pg_sys::Oid) -> Option<Vec<pg_sys::Oid>> {
    // SAFETY: the statement runs, and so its target lives.
    target(relation).map(|target| unsafe { list::oids((*target.info).ri_onConflictArbiterIndexes) })
}

/// From now on, or not any more, indexes hear of new rows of the INSERT that are not among these.
pub fn ask_only(relation: pg_sys::Oid, arbiters: Option<&[pg_sys::Oid]>) {
    let Some(target) = target(relation) else {
        return;
    };
    // SAFETY: as above; the arrays are as long as it says once the indexes are open.
    unsafe {
        let info = &*target.info;
        for at in 0..info.ri_NumIndices as usize {
            let (index, of) = (*info.ri_IndexRelationDescs.add(at), *info.ri_IndexRelationInfo.add(at));
            let ready = (*(*index).rd_index).indisready;
            (*of).ii_ReadyForInserts = ready && arbiters.is_none_or(|arbiters| arbiters.contains(&(*index).rd_id));
        }
    }
}
