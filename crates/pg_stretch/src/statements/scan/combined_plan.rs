//! The plan of a scan of hot and cold rows: the heap's plan below it, and a note of columns and conditions for the cold
//! side, which decides nothing (F12).

use super::note::PlanNote;
use super::{combiner, quals, used};
use crate::pg::custom::Methods;
use crate::pg::list;
use pgrx::prelude::*;

static METHODS: Methods<pg_sys::CustomPathMethods> = Methods(pg_sys::CustomPathMethods {
    CustomName: combiner::NAME.as_ptr(),
    PlanCustomPath: Some(make),
    ReparameterizeCustomPathByChild: None,
});

/// The methods of our paths.
pub fn methods() -> *const pg_sys::CustomPathMethods {
    &METHODS.0
}

/// `PlanCustomPath`.
#[pg_guard]
unsafe extern "C-unwind" fn make(
    _root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    path: *mut pg_sys::CustomPath,
    target: *mut pg_sys::List,
    clauses: *mut pg_sys::List,
    plans: *mut pg_sys::List,
) -> *mut pg_sys::Plan {
    let nil: *mut pg_sys::List = std::ptr::null_mut();
    // SAFETY: planner structures are valid during the callback; lists are built in the planner's memory context.
    unsafe {
        let relid = (*rel).relid;
        let (pruning, secured) = used::safe_to_prune(rel, clauses);
        let conditions = pg_sys::extract_actual_clauses(clauses, false);
        let mut attributes = std::ptr::null_mut();
        pg_sys::pull_varattnos((*(*rel).reltarget).exprs.cast(), relid, &mut attributes);
        pg_sys::pull_varattnos(conditions.cast(), relid, &mut attributes);
        let found = quals::collect(pruning, relid);
        let note = PlanNote {
            columns: used::columns_of(attributes),
            quals: found.trees,
            shows_system: used::shows_versions(attributes),
            secured,
        };
        let scan = pg_sys::palloc0(size_of::<pg_sys::CustomScan>()).cast::<pg_sys::CustomScan>();
        (*scan).scan.plan.type_ = pg_sys::NodeTag::T_CustomScan;
        (*scan).scan.plan.targetlist = target;
        (*scan).scan.scanrelid = relid;
        let below = without_gate(list::nth(plans, 0));
        (*scan).flags = (*path).flags;
        // Where the heap's scan could not go back the server keeps the rows itself, as it does for a plain table.
        if pg_sys::ExecSupportsBackwardScan(below) {
            (*scan).flags |= pg_sys::CUSTOMPATH_SUPPORT_BACKWARD_SCAN;
        }
        (*scan).custom_plans = pg_sys::lappend(nil, below.cast());
        // What rows must satisfy, the values that stored ones are compared with, for EXPLAIN in which conditions, and
        // what is computed to be compared.
        let shown = pg_sys::copyObjectImpl(found.clauses.cast());
        let operands = pg_sys::copyObjectImpl(found.operand_nodes.cast());
        (*scan).custom_exprs = [conditions.cast(), found.values.cast(), shown, operands]
            .into_iter()
            .fold(nil, |all, list| pg_sys::lappend(all, list));
        // The note, then what `paths` left: which rows it shows, and the order.
        (*scan).custom_private =
            pg_sys::list_concat(pg_sys::lappend(nil, note.to_list().cast()), (*path).custom_private);
        (*scan).methods = combiner::methods();
        scan.cast()
    }
}

/// The scan below a gate. The planner puts a gate for conditions without columns above each scan, also above ours; the
/// one below would hide the scan, which then would not be known as the combiner's own.
unsafe fn without_gate(mut plan: *mut pg_sys::Plan) -> *mut pg_sys::Plan {
    // SAFETY: the tag of a node tells its type.
    unsafe {
        while (*plan).type_ == pg_sys::NodeTag::T_Result && !(*plan).lefttree.is_null() {
            plan = (*plan).lefttree;
        }
        plan
    }
}
