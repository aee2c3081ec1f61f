//! The foreign data wrapper through which the executor reads the cold side of a stretched table.
//!
//! `plan` finds the columns and the conditions that may prune (`quals`) and leaves a `note` of them in the plan (F12).
//! `executor` holds the callbacks of a running scan: it evaluates the `conditions`, asks the read engine, and shows
//! `rows` in the executor's slot.

pub mod cold;
mod cold_side;
mod combined_plan;
mod combiner;
pub mod conditions;
mod current;
pub mod executor;
mod explain;
mod filter;
mod hot_rows;
mod merge;
mod merged;
mod node;
pub mod note;
mod order;
mod parallel;
pub mod paths;
mod plan;
pub mod quals;
mod rows;
mod shows;

use super::modify::callbacks;
use pgrx::prelude::*;

/// Tells the server that `stretch_fdw_handler` is a version 1 function.
#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_stretch_fdw_handler() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

/// `stretch.fdw_handler()`: the table of callbacks.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn stretch_fdw_handler(_call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    let routine = pg_sys::FdwRoutine {
        type_: pg_sys::NodeTag::T_FdwRoutine,
        GetForeignRelSize: Some(plan::rel_size),
        GetForeignPaths: Some(plan::paths),
        GetForeignPlan: Some(plan::plan),
        IsForeignScanParallelSafe: Some(plan::parallel_safe),
        BeginForeignScan: Some(executor::begin),
        IterateForeignScan: Some(executor::iterate),
        ReScanForeignScan: Some(executor::rescan),
        EndForeignScan: Some(executor::end),
        ExplainForeignScan: Some(explain::explain),
        AddForeignUpdateTargets: Some(callbacks::add_targets),
        PlanForeignModify: Some(callbacks::plan),
        BeginForeignModify: Some(callbacks::begin),
        EndForeignModify: Some(callbacks::end),
        ExecForeignUpdate: Some(callbacks::update),
        ExecForeignDelete: Some(callbacks::delete),
        IsForeignRelUpdatable: Some(callbacks::updatable),
        GetForeignRowMarkType: Some(callbacks::row_mark),
        RefetchForeignRow: Some(callbacks::refetch),
        ..Default::default()
    };
    // SAFETY: the server wants the table of callbacks in its own memory.
    unsafe {
        let place = pg_sys::palloc0(size_of::<pg_sys::FdwRoutine>()).cast::<pg_sys::FdwRoutine>();
        place.write(routine);
        pg_sys::Datum::from(place)
    }
}
