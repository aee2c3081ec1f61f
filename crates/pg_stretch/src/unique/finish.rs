//! The end of a statement, before its AFTER triggers fire: tombstones that it kept are written (F53), and the triggers learn
//! whether the statement is an INSERT … ON CONFLICT, to which a cold key is not a duplicate but a row that it cannot update
//! or skip (F28, design §4).

use crate::error::OrRaise;
use crate::pg::list;
use crate::tombstone;
use pgrx::prelude::*;
use std::cell::Cell;

static mut PREVIOUS: pg_sys::ExecutorFinish_hook_type = None;

thread_local! {
    static ON_CONFLICT: Cell<bool> = const { Cell::new(false) };
}

/// True inside the AFTER triggers of an INSERT … ON CONFLICT.
pub fn on_conflict() -> bool {
    ON_CONFLICT.get()
}

/// Puts the hook in front of those of other libraries; in the postmaster only.
pub fn install() {
    // SAFETY: hook chaining in the single-threaded postmaster.
    unsafe {
        PREVIOUS = pg_sys::ExecutorFinish_hook;
        pg_sys::ExecutorFinish_hook = Some(finish);
    }
}

/// Puts the outer statement's answer back, also when an error unwinds.
struct Outer(bool);

impl Drop for Outer {
    fn drop(&mut self) {
        ON_CONFLICT.set(self.0);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn finish(query: *mut pg_sys::QueryDesc) {
    // SAFETY: PostgreSQL passes a started query.
    unsafe {
        let _ending = tombstone::flush((*query).estate).or_raise();
        let _outer = Outer(ON_CONFLICT.replace(has_on_conflict((*query).plannedstmt)));
        match PREVIOUS {
            Some(previous) => pg_sys::ffi::pg_guard_ffi_boundary(|| previous(query)),
            None => pg_sys::standard_ExecutorFinish(query),
        }
    }
}

/// Looks at the plan's top and at its subplans (WITH … AS (INSERT …)).
unsafe fn has_on_conflict(statement: *mut pg_sys::PlannedStmt) -> bool {
    // SAFETY: plan nodes are looked at by tag before the cast.
    unsafe {
        let handles = |plan: *mut pg_sys::Plan| {
            !plan.is_null()
                && (*plan).type_ == pg_sys::NodeTag::T_ModifyTable
                && (*plan.cast::<pg_sys::ModifyTable>()).onConflictAction != pg_sys::OnConflictAction::ONCONFLICT_NONE
        };
        match statement.as_ref() {
            Some(statement) if statement.commandType != pg_sys::CmdType::CMD_UTILITY => {
                handles(statement.planTree)
                    || list::pointers::<pg_sys::Plan>(statement.subplans)
                        .into_iter()
                        .any(handles)
            }
            _ => false,
        }
    }
}
