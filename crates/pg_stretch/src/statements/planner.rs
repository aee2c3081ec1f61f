//! Checks before planning: what cannot be done exactly on a stretched table is an error that names the table (F9, F42).

use crate::catalog::{stretched, tables};
use crate::pg::error::{Error, OrRaise, Result};
use crate::pg::missing::{expression_tree_walker, query_tree_walker};
use crate::pg::{hook, list, names};
use pgrx::pg_sys;
use pgrx::prelude::*;
use stretch_core::errors;

static mut PREVIOUS: pg_sys::planner_hook_type = None;

/// Puts the check in front of the planner; called once in the postmaster.
pub fn register() {
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
            check(query).or_raise();
        });
        PREVIOUS.unwrap_or(hook::standard_planner)(query, text, options, params)
    }
}

/// Checks every level of the query: subqueries, common table expressions and sublinks. Expressions are only walked
/// where they hold sublinks, so that most queries pass at the cost of their range table.
unsafe fn check(query: *mut pg_sys::Query) -> Result<()> {
    // SAFETY: `query` is a valid query tree; lists hold what their names say.
    unsafe {
        let (entries, common) = ((*query).rtable, (*query).cteList);
        for at in 0..list::length(entries) {
            let entry = list::nth::<pg_sys::RangeTblEntry>(entries, at);
            check_entry(entry)?;
            if (*entry).rtekind == pg_sys::RTEKind::RTE_SUBQUERY && !(*entry).subquery.is_null() {
                check_below((*entry).subquery)?;
            }
        }
        for at in 0..list::length(common) {
            check_below((*list::nth::<pg_sys::CommonTableExpr>(common, at)).ctequery.cast())?;
        }
        if (*query).hasSubLinks {
            let flags = pg_sys::QTW_IGNORE_RT_SUBQUERIES | pg_sys::QTW_IGNORE_CTE_SUBQUERIES;
            pg_sys::ffi::pg_guard_ffi_boundary(|| {
                query_tree_walker(query, Some(look), std::ptr::null_mut(), flags as i32)
            });
        }
        Ok(())
    }
}

/// Checks a query inside another one.
unsafe fn check_below(query: *mut pg_sys::Query) -> Result<()> {
    // SAFETY: as for `check`.
    unsafe {
        pg_sys::check_stack_depth();
        check(query)
    }
}

/// Finds the queries of sublinks in expressions.
#[pg_guard]
unsafe extern "C-unwind" fn look(node: *mut pg_sys::Node, context: *mut std::ffi::c_void) -> bool {
    if node.is_null() {
        return false;
    }
    // SAFETY: the tag tells the type of a node; the walker of the server visits its parts.
    unsafe {
        if (*node).type_ == pg_sys::NodeTag::T_Query {
            check_below(node.cast()).or_raise();
            return false;
        }
        pg_sys::ffi::pg_guard_ffi_boundary(|| expression_tree_walker(node, Some(look), context))
    }
}

unsafe fn check_entry(entry: *mut pg_sys::RangeTblEntry) -> Result<()> {
    // SAFETY: `entry` is a valid range table entry.
    let (kind, relid, sample) = unsafe { ((*entry).rtekind, (*entry).relid, !(*entry).tablesample.is_null()) };
    if kind != pg_sys::RTEKind::RTE_RELATION {
        return Ok(());
    }
    if stretched::lookup(relid)?.is_none() {
        return not_disabled_since(relid);
    }
    match sample {
        true => Err(sample_refused(relid)),
        false => Ok(()),
    }
}

/// 40001 when the transaction's snapshot is older than `disable_table`: it would miss the cold rows that it should see
/// (F10).
pub fn not_disabled_since(relation: pg_sys::Oid) -> Result<()> {
    // SAFETY: getters of the transaction and snapshot managers.
    let snapshot = unsafe {
        if pg_sys::XactIsoLevel < pg_sys::XACT_REPEATABLE_READ as i32 || !pg_sys::ActiveSnapshotSet() {
            return Ok(());
        }
        pg_sys::GetActiveSnapshot()
    };
    if !stretched::may_be(relation) || tables::by_relation(relation, snapshot)?.is_none() {
        return Ok(());
    }
    Err(Error::new(
        &errors::MOVED,
        format!(
            "table {} was disabled after this transaction took its snapshot",
            names::relation(relation)
        ),
    ))
}

/// The error for TABLESAMPLE: the server would sample the hot rows and take all of the cold ones.
pub fn sample_refused(relation: pg_sys::Oid) -> Error {
    Error::new(
        &errors::UNSUPPORTED,
        format!(
            "TABLESAMPLE is not supported on stretched table {}",
            names::relation(relation)
        ),
    )
    .hint("Use WHERE random() < fraction.")
}
