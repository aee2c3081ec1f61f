//! What the guard looks at before a statement is planned: queries by which a dump asks for columns, and rows of a dump
//! that is restored over a connected database.

use super::{dump, restoring};
use crate::pg::error::{OrRaise, Result};
use crate::pg::{hook, list};
use pgrx::pg_sys;

static mut PREVIOUS: pg_sys::planner_hook_type = None;

/// Puts the look in front of the planner; called once in the postmaster.
pub fn install() {
    // SAFETY: hook chaining in the single-threaded postmaster.
    unsafe {
        PREVIOUS = pg_sys::planner_hook;
        pg_sys::planner_hook = Some(plan);
    }
}

unsafe extern "C-unwind" fn plan(
    query: *mut pg_sys::Query,
    text: *const std::ffi::c_char,
    options: i32,
    params: pg_sys::ParamListInfo,
) -> *mut pg_sys::PlannedStmt {
    // SAFETY: the planner hands over a valid query tree; the previous hook or the standard planner gets the same one.
    unsafe {
        hook::own_part(|| {
            insert(query).or_raise();
            dump::look(text).or_raise();
        });
        PREVIOUS.unwrap_or(hook::standard_planner)(query, text, options, params)
    }
}

/// Dumps insert rows by plain statements.
unsafe fn insert(query: *mut pg_sys::Query) -> Result<()> {
    // SAFETY: `query` is valid; the result relation is an index into its range table.
    unsafe {
        if (*query).commandType != pg_sys::CmdType::CMD_INSERT || (*query).resultRelation <= 0 {
            return Ok(());
        }
        let target = list::nth::<pg_sys::RangeTblEntry>((*query).rtable, (*query).resultRelation - 1);
        restoring::before_insert((*target).relid)
    }
}
