//! The end of a statement, before its AFTER triggers fire: tombstones that it kept are written (F53), and the triggers
//! learn whether the statement is an INSERT … ON CONFLICT, to which a cold key is not a duplicate but a row that it
//! cannot update or skip (F28, design §4).

use crate::cold::tombstone::kept;
use crate::pg::error::OrRaise;
use crate::pg::{hook, list, raw};
use pgrx::pg_sys;
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

unsafe extern "C-unwind" fn finish(query: *mut pg_sys::QueryDesc) {
    // SAFETY: PostgreSQL passes a started query; calls the hook that was there before us, or what PostgreSQL would have
    // called.
    unsafe {
        let next = PREVIOUS.unwrap_or(hook::standard_ExecutorFinish);
        let on_conflict = has_on_conflict((*query).plannedstmt);
        if on_conflict == ON_CONFLICT.get() && !may_kill_cold_rows((*query).estate) && !may_keep(query) {
            return next(query);
        }
        hook::own_part(|| {
            let _ending = super::modify::pending::flush((*query).estate).or_raise();
            let _kept = may_keep(query).then(|| kept::end((*(*query).estate).es_output_cid).or_raise());
            let _outer = Outer(ON_CONFLICT.replace(on_conflict));
            raw::guarded(|| next(query));
        });
    }
}

/// Whether a foreign table, as the cold side is one, is among the targets of the statement.
unsafe fn may_kill_cold_rows(statement: *mut pg_sys::EState) -> bool {
    // SAFETY: the list holds the open targets of a started statement; nothing is owned.
    unsafe {
        let targets = (*statement).es_opened_result_relations;
        (0..list::length(targets)).any(|at| {
            !(*list::nth::<pg_sys::ResultRelInfo>(targets, at))
                .ri_FdwRoutine
                .is_null()
        })
    }
}

/// Whether the statement may have killed cold rows of a table of the access method, or may do so while it ends.
unsafe fn may_keep(query: *mut pg_sys::QueryDesc) -> bool {
    // SAFETY: a started query; nothing is owned.
    unsafe {
        let has_parts = !(*(*query).estate).es_auxmodifytables.is_null();
        has_parts || (kept::any() && (*query).operation != pg_sys::CmdType::CMD_SELECT)
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
                let subplans = statement.subplans;
                handles(statement.planTree)
                    || (0..list::length(subplans)).any(|at| handles(list::nth::<pg_sys::Plan>(subplans, at)))
            }
            _ => false,
        }
    }
}
