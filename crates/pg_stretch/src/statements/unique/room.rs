//! Statements that may have to bring cold rows home get a number of their own for that.
//!
//! An INSERT … ON CONFLICT, and an UPDATE of a table with a deferrable key, may meet a cold row that core must find in
//! the heap; and where others decode the log, changes of cold rows are made to hot ones, so that the log has them
//! (`table_am/home.rs`). Let C be the number of the command, which its snapshot shows. The statement writes with C + 1
//! instead, and what comes home bears C: its scans see neither that tombstone nor that hot version, so that no row
//! comes twice, and its writes may change the version, for it is older than they are. Rows that the statement inserts
//! itself bear C + 1, so that the one that meets another of them is told so as ever.
//!
//! Core asks the indexes of ON CONFLICT before the row is inserted, and would go on to the other row at once when it
//! found one. When the access method brings one home it is too late for that: the new row is about to get its index
//! entries. So only the indexes of ON CONFLICT are asked then: they meet the row, core takes the new one back and
//! begins anew.

use super::{front, known};
use crate::catalog::{partitions, stretched};
use crate::pg::error::Result;
use crate::pg::{hook, list, raw, replication};
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// EXEC_FLAG_EXPLAIN_ONLY of executor.h.
const EXPLAIN_ONLY: i32 = pg_sys::EXEC_FLAG_EXPLAIN_ONLY as i32;

/// Whether one of a started query's targets may need it. The nodes of ON CONFLICT are watched.
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
                wanted |= is_wanted_by(&mut *node.cast())?;
            }
        }
        Ok(wanted)
    }
}

unsafe fn is_wanted_by(node: &mut pg_sys::ModifyTableState) -> Result<bool> {
    // SAFETY: an initialized node has open targets.
    unsafe {
        let plan = &*node.ps.plan.cast::<pg_sys::ModifyTable>();
        let on_conflict = plan.onConflictAction != pg_sys::OnConflictAction::ONCONFLICT_NONE;
        let updates = matches!(plan.operation, pg_sys::CmdType::CMD_UPDATE | pg_sys::CmdType::CMD_MERGE);
        if plan.operation == pg_sys::CmdType::CMD_INSERT && !on_conflict {
            return Ok(false);
        }
        for at in 0..node.mt_nrels as usize {
            let table = (*node.resultRelInfo.add(at)).ri_RelationDesc;
            let is_wanted = match (on_conflict, stretched::lookup((*table).rd_id)?.is_some()) {
                // The rows go to partitions that nobody has opened yet.
                (true, false) => is_partitioned(table) && partitions::has_stretched((*table).rd_id)?,
                (true, true) => true,
                (false, true) => {
                    replication::is_logged(table)
                        || (updates && known::table(table)?.is_some_and(|known| known.has_deferrable))
                }
                (false, false) => false,
            };
            if is_wanted {
                if on_conflict {
                    watch(node);
                }
                return Ok(true);
            }
        }
        Ok(false)
    }
}

unsafe fn is_partitioned(table: pg_sys::Relation) -> bool {
    // SAFETY: an open relation.
    unsafe { (*(*table).rd_rel).relkind as u8 == pg_sys::RELKIND_PARTITIONED_TABLE }
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

thread_local! {
    /// The functions of the nodes of INSERT … ON CONFLICT, until their statements' memory goes.
    static NODES: RefCell<HashMap<usize, front::Next>> = RefCell::new(HashMap::new());
    /// The innermost of them that runs, and the target that it used last.
    static RUNNING: Cell<Running> = const { Cell::new(Running::NOBODY) };
}

/// A node of INSERT … ON CONFLICT that runs. A statement may have several on one table.
#[derive(Clone, Copy)]
struct Running {
    node: *mut pg_sys::ModifyTableState,
    target: *mut pg_sys::ResultRelInfo,
}

impl Running {
    const NOBODY: Self = Self {
        node: std::ptr::null_mut(),
        target: std::ptr::null_mut(),
    };
}

/// Who ran before, and does so again when this is dropped, also by an error.
struct Before(Running);

impl Drop for Before {
    fn drop(&mut self) {
        RUNNING.set(self.0);
    }
}

/// Has the node say when it runs.
unsafe fn watch(node: &mut pg_sys::ModifyTableState) {
    // SAFETY: an initialized node of a running statement, which lies in the statement's memory.
    unsafe {
        let memory = (*node.ps.state).es_query_cxt;
        if let Some(next) = front::put(&mut node.ps, run) {
            NODES.with_borrow_mut(|nodes| nodes.insert(std::ptr::from_mut(node) as usize, next));
            front::forget_with(memory, forget, std::ptr::from_mut(node).cast());
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn forget(node: *mut std::ffi::c_void) {
    NODES.with_borrow_mut(|nodes| nodes.remove(&(node as usize)));
}

/// What the executor calls instead of the node's own function.
unsafe extern "C-unwind" fn run(node: *mut pg_sys::PlanState) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: called by the executor; a node has this function only while it is watched.
    unsafe {
        hook::own_part(|| {
            let next = NODES.with_borrow(|nodes| nodes[&(node as usize)]);
            let running = Running {
                node: node.cast(),
                ..Running::NOBODY
            };
            let _before = Before(RUNNING.replace(running));
            raw::guarded(|| next(node))
        })
    }
}

/// The target of the node that inserts into the table just now: its own, or one that it opened for a partition. `None`
/// where no node that has room inserts.
fn target(relation: pg_sys::Oid) -> Option<*mut pg_sys::ResultRelInfo> {
    let running = RUNNING.get();
    // SAFETY: the node runs, and so it and its targets live.
    unsafe {
        let node = running.node.as_ref()?;
        let is_it = |target: &*mut pg_sys::ResultRelInfo| (*(**target).ri_RelationDesc).rd_id == relation;
        if !running.target.is_null() && is_it(&running.target) {
            return Some(running.target);
        }
        let mut all = vec![node.resultRelInfo];
        let routed = (*node.ps.state).es_tuple_routing_result_relations;
        all.extend(
            list::pointers::<pg_sys::ResultRelInfo>(routed)
                .into_iter()
                .filter(|target| (**target).ri_RootResultRelInfo == node.resultRelInfo),
        );
        let target = all.into_iter().find(is_it)?;
        RUNNING.set(Running { target, ..running });
        Some(target)
    }
}

/// The indexes whose conflicts the INSERT into the table acts on; nothing stands for all that are checked at once.
pub fn arbiters(relation: pg_sys::Oid) -> Option<Vec<pg_sys::Oid>> {
    // SAFETY: the target's statement runs.
    target(relation).map(|target| unsafe { list::oids((*target).ri_onConflictArbiterIndexes) })
}

/// From now on, or not any more, indexes hear of new rows of the INSERT that are not among these.
pub fn ask_only(relation: pg_sys::Oid, arbiters: Option<&[pg_sys::Oid]>) {
    let Some(target) = target(relation) else {
        return;
    };
    // SAFETY: as above; the arrays are as long as it says once the indexes are open.
    unsafe {
        let info = &*target;
        for at in 0..info.ri_NumIndices as usize {
            let (index, of) = (*info.ri_IndexRelationDescs.add(at), *info.ri_IndexRelationInfo.add(at));
            let ready = (*(*index).rd_index).indisready;
            (*of).ii_ReadyForInserts = ready && arbiters.is_none_or(|arbiters| arbiters.contains(&(*index).rd_id));
        }
    }
}
