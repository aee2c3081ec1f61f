//! What a partial aggregate shows: keys as they are, and aggregates in part.

use crate::pg::list;
use pgrx::pg_sys;

/// The target of partial aggregation whose groups are finished into `grouping`, under HAVING conditions
/// (make_partial_grouping_target of planner.c, which the server keeps to itself).
///
/// # Safety
/// Structures of the planner, at the stage of grouping.
pub unsafe fn partial(
    root: *mut pg_sys::PlannerInfo,
    grouping: *mut pg_sys::PathTarget,
    having: *mut pg_sys::Node,
) -> *mut pg_sys::PathTarget {
    let flags = pg_sys::PVC_INCLUDE_AGGREGATES | pg_sys::PVC_RECURSE_WINDOWFUNCS | pg_sys::PVC_INCLUDE_PLACEHOLDERS;
    // SAFETY: the caller's promise; what is made lies in the planner's memory context.
    unsafe {
        let target = pg_sys::create_empty_pathtarget();
        let mut others: *mut pg_sys::List = std::ptr::null_mut();
        for (at, expression) in list::pointers::<pg_sys::Expr>((*grouping).exprs)
            .into_iter()
            .enumerate()
        {
            let reference = match (*grouping).sortgrouprefs.is_null() {
                true => 0,
                false => *(*grouping).sortgrouprefs.add(at),
            };
            if is_key(root, reference) {
                pg_sys::add_column_to_pathtarget(target, expression, reference);
            } else {
                others = pg_sys::lappend(others, expression.cast());
            }
        }
        if !having.is_null() {
            others = pg_sys::lappend(others, having.cast());
        }
        pg_sys::add_new_columns_to_pathtarget(target, pg_sys::pull_var_clause(others.cast(), flags as i32));
        for cell in 0..list::length((*target).exprs) {
            let node = list::nth::<pg_sys::Node>((*target).exprs, cell);
            if (*node).type_ == pg_sys::NodeTag::T_Aggref {
                // Others still use the whole one.
                let part = pg_sys::palloc(size_of::<pg_sys::Aggref>()).cast::<pg_sys::Aggref>();
                part.copy_from_nonoverlapping(node.cast(), 1);
                pg_sys::mark_partial_aggref(part, pg_sys::AggSplit::AGGSPLIT_INITIAL_SERIAL);
                (*(*(*target).exprs).elements.add(cell as usize)).ptr_value = part.cast();
            }
        }
        pg_sys::set_pathtarget_cost_width(root, target)
    }
}

unsafe fn is_key(root: *mut pg_sys::PlannerInfo, reference: u32) -> bool {
    // SAFETY: the query of the planner.
    unsafe {
        let clauses = (*(*root).parse).groupClause;
        reference != 0 && !clauses.is_null() && !pg_sys::get_sortgroupref_clause_noerr(reference, clauses).is_null()
    }
}
