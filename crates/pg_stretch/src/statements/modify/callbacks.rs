//! The executor's callbacks for statements that change cold rows, or lock them: a lock is an error at the first row
//! (F42).

use super::{ColdWrite, Traits};
use crate::catalog::{stretched, tables};
use crate::cold::mode;
use crate::pg::error::{Error, OrRaise, Result};
use crate::pg::{list, names};
use pgrx::PgMemoryContexts;
use pgrx::prelude::*;
use stretch_core::errors;
use stretch_core::state::QueryMode;

/// `AddForeignUpdateTargets`: the same row identity as the heap's, so that parent and child share one junk column; and
/// the old content where a DELETE returns it or shows it to triggers. For an UPDATE the server asks for it itself.
#[pg_guard]
pub unsafe extern "C-unwind" fn add_targets(
    root: *mut pg_sys::PlannerInfo,
    index: pg_sys::Index,
    entry: *mut pg_sys::RangeTblEntry,
    _relation: pg_sys::Relation,
) {
    // SAFETY: makes Vars in the planner's memory context.
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
        let statement = (*root).parse;
        if (*statement).commandType == pg_sys::CmdType::CMD_DELETE
            && (!(*statement).returningList.is_null() || triggers_on_delete((*entry).relid).or_raise())
        {
            let whole = pg_sys::makeWholeRowVar(entry, index as i32, 0, false);
            pg_sys::add_row_identity_var(root, whole, index, c"wholerow".as_ptr());
        }
    }
}

/// Whether the stretched table has row triggers for DELETE.
fn triggers_on_delete(child: pg_sys::Oid) -> Result<bool> {
    let Some(info) = stretched::of_child(child)? else {
        return Ok(false);
    };
    // SAFETY: the planner holds a lock on the table; its trigger descriptor lives as long as it is open.
    unsafe {
        let table = pg_sys::table_open(info.relation, pg_sys::NoLock as i32);
        let fires = (*table)
            .trigdesc
            .as_ref()
            .is_some_and(|all| all.trig_delete_before_row || all.trig_delete_after_row);
        pg_sys::table_close(table, pg_sys::NoLock as i32);
        Ok(fires)
    }
}

/// `PlanForeignModify`: what is known of the statement, as integers (see [`Traits`]).
#[pg_guard]
pub unsafe extern "C-unwind" fn plan(
    root: *mut pg_sys::PlannerInfo,
    plan: *mut pg_sys::ModifyTable,
    relation: pg_sys::Index,
    subplan: i32,
) -> *mut pg_sys::List {
    // SAFETY: looks at the query tree of the statement and at what it returns of this relation.
    unsafe {
        let volatile = pg_sys::contain_volatile_functions((*root).parse.cast());
        let returns = returns_system_columns(plan, relation, subplan);
        let list = pg_sys::lappend_int(std::ptr::null_mut(), volatile.into());
        pg_sys::lappend_int(list, returns.into())
    }
}

/// Whether RETURNING asks for a system column that cold rows do not have.
unsafe fn returns_system_columns(plan: *mut pg_sys::ModifyTable, relation: pg_sys::Index, subplan: i32) -> bool {
    // SAFETY: a plan in the making, whose lists of what it returns still name columns by their relation.
    unsafe {
        let lists = (*plan).returningLists;
        if lists.is_null() {
            return false;
        }
        let mut columns = std::ptr::null_mut();
        pg_sys::pull_varattnos(list::nth(lists, subplan), relation, &mut columns);
        let mut at = pg_sys::bms_next_member(columns, -1);
        while at >= 0 {
            let column = at + pg_sys::FirstLowInvalidHeapAttributeNumber;
            if column < 0 && column != pg_sys::TableOidAttributeNumber {
                return true;
            }
            at = pg_sys::bms_next_member(columns, at);
        }
        false
    }
}

/// `BeginForeignModify`: under LOCAL_ONLY a statement could overlook rows that it should meet, so it is refused (F36).
#[pg_guard]
pub unsafe extern "C-unwind" fn begin(
    node: *mut pg_sys::ModifyTableState,
    target: *mut pg_sys::ResultRelInfo,
    private: *mut pg_sys::List,
    _subplan: i32,
    flags: i32,
) {
    if flags & pg_sys::EXEC_FLAG_EXPLAIN_ONLY as i32 != 0 {
        return;
    }
    // SAFETY: the executor hands over valid states.
    let (snapshot, child) = unsafe { ((*(*node).ps.state).es_snapshot, (*(*target).ri_RelationDesc).rd_id) };
    if mode::query_mode(snapshot).or_raise() == QueryMode::LocalOnly {
        super::refused_locally(parent(child)).raise();
    }
    // SAFETY: the list is that of `plan`; what is made is freed with the query's memory, also after an ERROR.
    unsafe {
        let known = list::integers(private);
        let traits = Traits {
            volatile: known.first() == Some(&1),
            returns_system_columns: known.get(1) == Some(&1),
        };
        let write = ColdWrite::new(node, target, traits);
        let context = (*(*node).ps.state).es_query_cxt;
        (*target).ri_FdwState = PgMemoryContexts::For(context).leak_and_drop_on_delete(write).cast();
    }
}

/// What `begin` made; none under EXPLAIN.
unsafe fn of<'a>(target: *mut pg_sys::ResultRelInfo) -> Option<&'a mut ColdWrite> {
    // SAFETY: NULL or what `begin` put there; nobody else holds a reference during a callback.
    unsafe { (*target).ri_FdwState.cast::<ColdWrite>().as_mut() }
}

/// `ExecForeignUpdate`.
#[pg_guard]
pub unsafe extern "C-unwind" fn update(
    _state: *mut pg_sys::EState,
    target: *mut pg_sys::ResultRelInfo,
    slot: *mut pg_sys::TupleTableSlot,
    plan_slot: *mut pg_sys::TupleTableSlot,
) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the executor hands over what belongs to this result relation.
    unsafe {
        let write = of(target).ok_or_else(not_begun).or_raise();
        write.update(target, slot, plan_slot).or_raise()
    }
}

/// `ExecForeignDelete`.
#[pg_guard]
pub unsafe extern "C-unwind" fn delete(
    _state: *mut pg_sys::EState,
    target: *mut pg_sys::ResultRelInfo,
    slot: *mut pg_sys::TupleTableSlot,
    plan_slot: *mut pg_sys::TupleTableSlot,
) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: as in `update`.
    unsafe {
        let write = of(target).ok_or_else(not_begun).or_raise();
        write.delete(target, slot, plan_slot).or_raise()
    }
}

fn not_begun() -> Error {
    Error::internal("a cold row is changed by a statement that did not begin")
}

/// `EndForeignModify`.
#[pg_guard]
pub unsafe extern "C-unwind" fn end(_state: *mut pg_sys::EState, target: *mut pg_sys::ResultRelInfo) {
    // SAFETY: as in `update`.
    if let Some(write) = unsafe { of(target) } {
        write.end();
    }
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
    let child = unsafe { (*mark).relid };
    let table = tables::by_child(child, crate::catalog::snapshot::LATEST).ok().flatten();
    let table = names::relation(table.map_or(child, |table| table.relation));
    Error::new(
        &errors::COLD_ROWS_REFUSED,
        format!("SELECT FOR UPDATE or FOR SHARE reaches a cold row of table {table}"),
    )
    .hint(format!(
        "Run an UPDATE of {table} with the same condition first, which may set a column to itself: it makes the rows \
        hot, and in the \
         same transaction they stay hot."
    ))
    .raise()
}

/// The stretched table; the foreign table itself when it is not registered.
fn parent(child: pg_sys::Oid) -> pg_sys::Oid {
    let table = tables::by_child(child, crate::catalog::snapshot::LATEST).ok().flatten();
    table.map_or(child, |table| table.relation)
}
