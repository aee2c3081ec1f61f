//! Planning: costs from the manifest, one path, and a plan that names columns and conditions but decides nothing (F12).

use super::note::{Columns, PlanNote};
use super::{current, quals};
use crate::catalog::{scan, tables};
use crate::pg::error::{OrRaise, Result};
use crate::pg::list;
use crate::statements::planner;
use pgrx::prelude::*;

/// Cost of decoding one value, in units of `cpu_operator_cost`; a rough measure against a heap tuple's.
const DECODE_OPERATORS: f64 = 2.0;

/// `GetForeignRelSize`: rows of the manifest, for costs only.
#[pg_guard]
pub unsafe extern "C-unwind" fn rel_size(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    table: pg_sys::Oid,
) {
    // SAFETY: planner structures are valid during the callback; simple_rte_array is indexed by relid.
    unsafe {
        let entry = *(*root).simple_rte_array.add((*rel).relid as usize);
        // Reached for functions inlined after the hook looked at the query; the child inherits its parent's clause.
        if !(*entry).tablesample.is_null() {
            let parent = tables::by_child(table, std::ptr::null_mut()).or_raise();
            planner::sample_refused(parent.map_or(table, |row| row.relation)).raise();
        }
        (*rel).tuples = row_total(table).or_raise() as f64;
        pg_sys::set_baserel_size_estimates(root, rel);
    }
}

/// Rows of all live segments, dead ones included; 0 for a table that is not registered, which fails at execution.
fn row_total(child: pg_sys::Oid) -> Result<i64> {
    let latest = std::ptr::null_mut();
    if scan::relation_oid(c"stretched_table").is_err() {
        return Ok(0);
    }
    let Some(table) = tables::by_child(child, latest)? else {
        return Ok(0);
    };
    Ok(tables::manifest(&table.table_id, latest)?.map_or(0, |manifest| manifest.row_total))
}

/// `GetForeignPaths`: a sequential read of everything that is not pruned at execution.
#[pg_guard]
pub unsafe extern "C-unwind" fn paths(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    _table: pg_sys::Oid,
) {
    // SAFETY: planner structures are valid during the callback; globals of costs are plain numbers.
    unsafe {
        let columns = list::length((*(*rel).reltarget).exprs) as f64 + 1.0;
        let per_row = pg_sys::cpu_tuple_cost + pg_sys::cpu_operator_cost * DECODE_OPERATORS * columns;
        let startup = 10.0 + (*rel).baserestrictcost.startup + (*(*rel).reltarget).cost.startup;
        let total = startup
            + (*rel).tuples * (per_row + (*rel).baserestrictcost.per_tuple)
            + (*rel).rows * (*(*rel).reltarget).cost.per_tuple;
        let path = pg_sys::create_foreignscan_path(
            root,
            rel,
            std::ptr::null_mut(),
            (*rel).rows,
            startup,
            total,
            std::ptr::null_mut(),
            (*rel).lateral_relids,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        );
        pg_sys::add_path(rel, path.cast());
    }
}

/// `GetForeignPlan`: every condition stays a condition of the server's own; those that may prune are noted as well.
#[pg_guard]
pub unsafe extern "C-unwind" fn plan(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    _table: pg_sys::Oid,
    _path: *mut pg_sys::ForeignPath,
    target: *mut pg_sys::List,
    clauses: *mut pg_sys::List,
    outer: *mut pg_sys::Plan,
) -> *mut pg_sys::ForeignScan {
    // SAFETY: planner structures are valid during the callback; lists are built in the planner's memory context.
    unsafe {
        let relid = (*rel).relid;
        let (pruning, secured) = safe_to_prune(rel, clauses);
        let (clauses, current) = current::split(pg_sys::extract_actual_clauses(clauses, false));
        let mut used = std::ptr::null_mut();
        pg_sys::pull_varattnos((*(*rel).reltarget).exprs.cast(), relid, &mut used);
        pg_sys::pull_varattnos(clauses.cast(), relid, &mut used);
        let (quals, mut expressions) = quals::collect(pruning, relid);
        let at_cursor = current.map(|current| {
            expressions = pg_sys::lappend(expressions, current.cast());
            list::length(expressions) - 1
        });
        let note = PlanNote {
            columns: columns_of(used),
            quals,
            shows_system: shows_system(root, used),
            named_directly: named_directly(root, relid),
            secured,
            at_cursor,
        };
        pg_sys::make_foreignscan(
            target,
            clauses,
            relid,
            expressions,
            note.to_list(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            outer,
        )
    }
}

/// The conditions that may prune, and whether some are held back: how much is read must not tell a condition's outcome
/// for rows that a policy hides, unless the server itself would check it before the policy (F32).
///
/// # Safety
/// `clauses` is a list of conditions of the planner about `rel`.
pub unsafe fn safe_to_prune(rel: *mut pg_sys::RelOptInfo, clauses: *mut pg_sys::List) -> (*mut pg_sys::List, bool) {
    let mut safe = std::ptr::null_mut();
    let mut secured = false;
    // SAFETY: a scan's conditions are RestrictInfos.
    unsafe {
        for info in list::pointers::<pg_sys::RestrictInfo>(clauses) {
            let later = (*info).security_level > (*rel).baserestrict_min_security;
            secured |= later;
            if !later || (*info).leakproof {
                safe = pg_sys::lappend(safe, info.cast());
            }
        }
        (pg_sys::extract_actual_clauses(safe, false), secured)
    }
}

/// True unless the foreign table is read as a part of another one. A UNION ALL has no relation as its parent, and a
/// table is a part of itself when others inherit from it.
unsafe fn named_directly(root: *mut pg_sys::PlannerInfo, relid: u32) -> bool {
    // SAFETY: both arrays are indexed by relid; the first is NULL when the query has no such parts.
    unsafe {
        let parts = (*root).append_rel_array;
        if parts.is_null() {
            return true;
        }
        let entry = *(*root).simple_rte_array.add(relid as usize);
        (*parts.add(relid as usize))
            .as_ref()
            .is_none_or(|part| part.parent_reloid == pg_sys::InvalidOid || part.parent_reloid == (*entry).relid)
    }
}

/// A scan reads catalogs under the query's snapshot and files or sockets of its own: safe in a worker.
#[pg_guard]
pub unsafe extern "C-unwind" fn parallel_safe(
    _root: *mut pg_sys::PlannerInfo,
    _rel: *mut pg_sys::RelOptInfo,
    _entry: *mut pg_sys::RangeTblEntry,
) -> bool {
    true
}

/// The bitmapset that `pull_varattnos` fills begins at this number.
const OFFSET: i32 = pg_sys::FirstLowInvalidHeapAttributeNumber;

/// The columns of a set that `pull_varattnos` filled.
///
/// # Safety
/// The set is valid.
pub unsafe fn columns_of(used: *mut pg_sys::Bitmapset) -> Columns {
    let mut columns = Vec::new();
    let mut member = -1;
    loop {
        // SAFETY: walks a valid set.
        member = unsafe { pg_sys::bms_next_member(used, member) };
        if member < 0 {
            return Columns::Some(columns);
        }
        match member + OFFSET {
            0 => return Columns::WholeRow,
            attribute if attribute > 0 => columns.push(attribute as i16),
            _ => {}
        }
    }
}

/// True when a cold row would have to show a system column other than tableoid. The row identity that UPDATE, DELETE
/// and row locks ask for is no such thing: they are refused on their own (F42).
unsafe fn shows_system(root: *mut pg_sys::PlannerInfo, used: *mut pg_sys::Bitmapset) -> bool {
    // SAFETY: `used` is a valid set, `root` is the level of this relation.
    unsafe {
        let ctid = pg_sys::SelfItemPointerAttributeNumber - OFFSET;
        shows_versions(used)
            || pg_sys::bms_is_member(ctid, used)
                && (*(*root).parse).commandType == pg_sys::CmdType::CMD_SELECT
                && (*root).rowMarks.is_null()
    }
}

/// True when a cold row would have to show who made and changed it: a segment does not keep that.
///
/// # Safety
/// The set is one that `pull_varattnos` filled.
pub unsafe fn shows_versions(used: *mut pg_sys::Bitmapset) -> bool {
    let columns = [
        pg_sys::MinTransactionIdAttributeNumber,
        pg_sys::MinCommandIdAttributeNumber,
        pg_sys::MaxTransactionIdAttributeNumber,
        pg_sys::MaxCommandIdAttributeNumber,
    ];
    // SAFETY: the caller's promise.
    let is_used = |attribute: &i32| unsafe { pg_sys::bms_is_member(attribute - OFFSET, used) };
    columns.iter().any(is_used)
}
