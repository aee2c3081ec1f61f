//! Statements that may have to bring cold rows home get a number of their own for that.
//!
//! An INSERT … ON CONFLICT, and an UPDATE of a table with a deferrable key, may meet a cold row that core must find in
//! the heap. Let C be the number of the command, which its snapshot shows. The statement writes with C + 1 instead, and
//! what comes home bears C: its scans see neither that tombstone nor that hot version, so that no row comes twice, and
//! its writes may change the version, for it is older than they are. Rows that the statement inserts itself bear C + 1,
//! so that the one that meets another of them is told so as ever.

use crate::catalog::keys;
use crate::catalog::stretched;
use crate::pg::error::Result;
use crate::pg::list;
use pgrx::pg_sys;

/// EXEC_FLAG_EXPLAIN_ONLY of executor.h.
const EXPLAIN_ONLY: i32 = pg_sys::EXEC_FLAG_EXPLAIN_ONLY as i32;

/// Whether one of a started query's targets may need it.
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
        for node in nodes {
            if !node.is_null() && (*node).type_ == pg_sys::NodeTag::T_ModifyTableState && is_wanted_by(&*node.cast())? {
                return Ok(true);
            }
        }
        Ok(false)
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
            if stretched::lookup((*table).rd_id)?.is_some_and(|info| info.is_one_table())
                && (on_conflict || keys::of(table)?.iter().any(|key| key.deferrable))
            {
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
