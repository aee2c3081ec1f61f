//! The foreign data wrapper that serves the cold side of a stretched table.
//!
//! `plan` chooses nothing but columns and conditions that may prune (F12); `scan` holds the callbacks of the executor;
//! `cold` says under the query's snapshot which segments there are; `prune` leaves out what cannot match; `fetch` brings
//! bytes from staging or the endpoint; `columns` and `values` turn them into datums; `modify` hands writes to `cold_write`.

pub mod conditions;
mod current;
pub mod executor;
mod explain;
mod plan;
mod quals;
mod rows;

use super::modify::callbacks as modify;
use executor as scan;
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
        BeginForeignScan: Some(scan::begin),
        IterateForeignScan: Some(scan::iterate),
        ReScanForeignScan: Some(scan::rescan),
        EndForeignScan: Some(scan::end),
        ExplainForeignScan: Some(explain::explain),
        AddForeignUpdateTargets: Some(modify::add_targets),
        PlanForeignModify: Some(modify::plan),
        BeginForeignModify: Some(modify::begin),
        EndForeignModify: Some(modify::end),
        ExecForeignUpdate: Some(modify::update),
        ExecForeignDelete: Some(modify::delete),
        IsForeignRelUpdatable: Some(modify::updatable),
        GetForeignRowMarkType: Some(modify::row_mark),
        RefetchForeignRow: Some(modify::refetch),
        ..Default::default()
    };
    // SAFETY: the server wants the table of callbacks in its own memory.
    unsafe {
        let place = pg_sys::palloc0(size_of::<pg_sys::FdwRoutine>()).cast::<pg_sys::FdwRoutine>();
        place.write(routine);
        pg_sys::Datum::from(place)
    }
}
