//! The plan of an aggregate over hot and cold rows: the server's partial aggregate of the hot ones below it. What is to
//! be computed of the cold ones is read from the target list.

use super::node;
use crate::pg::custom::Methods;
use pgrx::prelude::*;

static METHODS: Methods<pg_sys::CustomPathMethods> = Methods(pg_sys::CustomPathMethods {
    CustomName: node::NAME.as_ptr(),
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
    _rel: *mut pg_sys::RelOptInfo,
    path: *mut pg_sys::CustomPath,
    target: *mut pg_sys::List,
    _clauses: *mut pg_sys::List,
    plans: *mut pg_sys::List,
) -> *mut pg_sys::Plan {
    // SAFETY: planner structures are valid during the callback; the plan is built in the planner's memory context.
    unsafe {
        let scan = pg_sys::palloc0(size_of::<pg_sys::CustomScan>()).cast::<pg_sys::CustomScan>();
        (*scan).scan.plan.type_ = pg_sys::NodeTag::T_CustomScan;
        (*scan).scan.plan.targetlist = target;
        (*scan).flags = (*path).flags;
        (*scan).custom_plans = plans;
        // The rows that this node gives are the target's, of no relation.
        (*scan).custom_scan_tlist = pg_sys::copyObjectImpl(target.cast()).cast();
        (*scan).methods = node::methods();
        scan.cast()
    }
}
