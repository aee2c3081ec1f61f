//! Statements that would change or lock a cold row: hot rows pass, the first cold row is an error (F42).

use super::{cold, scan};
use crate::catalog::tables;
use crate::error::{Error, OrRaise};
use crate::pg::names;
use pgrx::prelude::*;
use stretch_core::errors;

/// `AddForeignUpdateTargets`: the same row identity as the heap's, so that parent and child share one junk column.
#[pg_guard]
pub unsafe extern "C-unwind" fn add_targets(
    root: *mut pg_sys::PlannerInfo,
    index: pg_sys::Index,
    _entry: *mut pg_sys::RangeTblEntry,
    _relation: pg_sys::Relation,
) {
    // SAFETY: makes a Var in the planner's memory context.
    unsafe {
        let var = pg_sys::makeVar(
            index as i32,
            pg_sys::SelfItemPointerAttributeNumber as i16,
            pg_sys::TIDOID,
            -1,
            pg_sys::InvalidOid,
            0,
        );
        pg_sys::add_row_identity_var(root, var, index, c"ctid".as_ptr());
    }
}

/// `PlanForeignModify`: nothing to plan.
#[pg_guard]
pub unsafe extern "C-unwind" fn plan(
    _root: *mut pg_sys::PlannerInfo,
    _plan: *mut pg_sys::ModifyTable,
    _relation: pg_sys::Index,
    _subplan: i32,
) -> *mut pg_sys::List {
    std::ptr::null_mut()
}

/// `BeginForeignModify`: under LOCAL_ONLY a statement could overlook rows that it should meet, so it is refused (F36).
#[pg_guard]
pub unsafe extern "C-unwind" fn begin(
    state: *mut pg_sys::ModifyTableState,
    target: *mut pg_sys::ResultRelInfo,
    _private: *mut pg_sys::List,
    _subplan: i32,
    flags: i32,
) {
    if flags & pg_sys::EXEC_FLAG_EXPLAIN_ONLY as i32 != 0 {
        return;
    }
    // SAFETY: the executor hands over valid states.
    let (snapshot, child) = unsafe { ((*(*state).ps.state).es_snapshot, (*(*target).ri_RelationDesc).rd_id) };
    if scan::query_mode(snapshot).or_raise() == scan::Mode::LocalOnly {
        Error::new(
            &errors::COLD_ROWS_REFUSED,
            format!(
                "UPDATE and DELETE of table {} are refused in query mode LOCAL_ONLY",
                parent(child)
            ),
        )
        .hint("Use ONLY to change hot rows alone, or run stretch.set_query_mode('LOCAL_AND_REMOTE').")
        .raise();
    }
}

/// `ExecForeignUpdate`.
#[pg_guard]
pub unsafe extern "C-unwind" fn update(
    _state: *mut pg_sys::EState,
    target: *mut pg_sys::ResultRelInfo,
    _slot: *mut pg_sys::TupleTableSlot,
    _plan_slot: *mut pg_sys::TupleTableSlot,
) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the executor hands over a valid result relation.
    refuse("UPDATE", unsafe { (*(*target).ri_RelationDesc).rd_id })
}

/// `ExecForeignDelete`.
#[pg_guard]
pub unsafe extern "C-unwind" fn delete(
    _state: *mut pg_sys::EState,
    target: *mut pg_sys::ResultRelInfo,
    _slot: *mut pg_sys::TupleTableSlot,
    _plan_slot: *mut pg_sys::TupleTableSlot,
) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the executor hands over a valid result relation.
    refuse("DELETE", unsafe { (*(*target).ri_RelationDesc).rd_id })
}

/// `IsForeignRelUpdatable`: UPDATE and DELETE, so that they can start; the server itself refuses INSERT and COPY.
#[pg_guard]
pub unsafe extern "C-unwind" fn updatable(_relation: pg_sys::Relation) -> i32 {
    1 << pg_sys::CmdType::CMD_UPDATE | 1 << pg_sys::CmdType::CMD_DELETE
}

/// `GetForeignRowMarkType`: FOR UPDATE and its like ask for each row by itself, which `refetch` refuses; a row that is
/// only read travels as a copy.
#[pg_guard]
pub unsafe extern "C-unwind" fn row_mark(
    _entry: *mut pg_sys::RangeTblEntry,
    strength: pg_sys::LockClauseStrength::Type,
) -> pg_sys::RowMarkType::Type {
    use pg_sys::{LockClauseStrength as Strength, RowMarkType as Mark};
    match strength {
        Strength::LCS_FORKEYSHARE => Mark::ROW_MARK_KEYSHARE,
        Strength::LCS_FORSHARE => Mark::ROW_MARK_SHARE,
        Strength::LCS_FORNOKEYUPDATE => Mark::ROW_MARK_NOKEYEXCLUSIVE,
        Strength::LCS_FORUPDATE => Mark::ROW_MARK_EXCLUSIVE,
        _ => Mark::ROW_MARK_COPY,
    }
}

/// `RefetchForeignRow`: a row lock reached a cold row.
#[pg_guard]
pub unsafe extern "C-unwind" fn refetch(
    _state: *mut pg_sys::EState,
    mark: *mut pg_sys::ExecRowMark,
    _row: pg_sys::Datum,
    _slot: *mut pg_sys::TupleTableSlot,
    _updated: *mut bool,
) {
    // SAFETY: the executor hands over a valid row mark.
    refuse("SELECT FOR UPDATE or FOR SHARE", unsafe { (*mark).relid })
}

fn refuse(what: &str, child: pg_sys::Oid) -> ! {
    Error::new(
        &errors::COLD_ROWS_REFUSED,
        format!("{what} reaches a cold row of table {}", parent(child)),
    )
    .raise()
}

/// Name of the stretched table; of the foreign table itself when it is not registered.
fn parent(child: pg_sys::Oid) -> String {
    let table = tables::by_child(child, cold::LATEST).ok().flatten();
    names::relation(table.map_or(child, |table| table.relation))
}
