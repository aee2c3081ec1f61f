//! Partial groups of one stretched table: a path of ours over the server's partial aggregate of its hot rows.

use super::grouping::Grouping;
use super::{plan, recognise};
use crate::catalog::stretched::Info;
use crate::pg::error::Result;
use crate::pg::list;
use crate::statements::scan::paths::{ColdSize, OPEN, Processes, hot_and_rest};
use crate::statements::scan::used;
use pgrx::pg_sys;
use stretch_columns::aggregate::GroupKey;

/// Cost of one value that is aggregated with its whole array, in units of `cpu_operator_cost`.
const VALUE: f64 = 0.1;

/// What is asked of one relation, in its own columns.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// What the server's partial aggregate is given.
    pub rows: *mut pg_sys::PathTarget,
    /// What partial aggregation shows.
    pub partial: *mut pg_sys::PathTarget,
    /// Expressions that rows are grouped by.
    pub keys: *mut pg_sys::List,
}

/// A path of partial groups.
#[derive(Clone, Copy)]
pub struct Part {
    pub path: *mut pg_sys::Path,
    /// The most groups that its keys make; infinity where that is not known.
    pub most: f64,
}

/// The partial groups of a stretched table; `None` where stored values do not tell them.
///
/// # Safety
/// Planner structures are valid, the relation is that table.
pub unsafe fn of_table(
    grouping: &Grouping,
    rel: *mut pg_sys::RelOptInfo,
    info: &Info,
    wanted: Wanted,
    by: Processes,
) -> Result<Option<Part>> {
    // SAFETY: the caller's promise.
    unsafe {
        let (_, secured) = used::safe_to_prune(rel, (*rel).baserestrictinfo);
        let conditions = pg_sys::extract_actual_clauses((*rel).baserestrictinfo, false);
        if secured || !recognise::all_conditions(conditions, (*rel).relid) {
            return Ok(None);
        }
        let expressions = list::pointers::<pg_sys::Node>((*wanted.partial).exprs);
        let Some(found) = recognise::target(&expressions, (*rel).relid) else {
            return Ok(None);
        };
        let Some(hot) = cheapest(rel, by) else {
            return Ok(None);
        };
        let most = most(&found.plan.keys);
        let groups = grouping.groups(wanted.keys, (*hot).rows).min(most);
        let hot = pg_sys::create_projection_path(grouping.root, rel, hot, wanted.rows).cast();
        let part = grouping.initial(rel, hot, wanted.partial, groups);
        let is_known = by == Processes::One && conditions.is_null() && found.plan.may_be_known();
        let path = with_cold(rel, part, groups, ColdSize::of(info)?, is_known);
        Ok(Some(Part { path, most }))
    }
}

/// The partial groups of all processes, gathered; `None` where only one of them may make groups.
///
/// # Safety
/// Planner structures are valid, the path is one of [`of_table`] for several processes.
pub unsafe fn gathered(grouping: &Grouping, rel: *mut pg_sys::RelOptInfo, part: Part) -> Option<Part> {
    // SAFETY: a path is made in the planner's memory context.
    unsafe {
        if !(*part.path).parallel_safe || (*part.path).parallel_workers == 0 {
            return None;
        }
        let mut rows = (*part.path).rows * f64::from((*part.path).parallel_workers + 1);
        let (target, nobody) = ((*part.path).pathtarget, std::ptr::null_mut());
        let path = pg_sys::create_gather_path(grouping.root, rel, part.path, target, nobody, &mut rows).cast();
        Some(Part { path, ..part })
    }
}

/// The cheapest of the scans of hot and cold rows, made one of hot rows and what is left of the cold ones.
unsafe fn cheapest(rel: *mut pg_sys::RelOptInfo, by: Processes) -> Option<*mut pg_sys::Path> {
    // SAFETY: paths of the planner.
    unsafe {
        let all = match by {
            Processes::One => (*rel).pathlist,
            Processes::Several => (*rel).partial_pathlist,
        };
        list::pointers::<pg_sys::Path>(all)
            .into_iter()
            .filter_map(|path| hot_and_rest(path, by))
            .min_by(|a, b| (**a).total_cost.total_cmp(&(**b).total_cost))
    }
}

fn most(keys: &[GroupKey]) -> f64 {
    let all: Option<f64> = keys.iter().map(|key| key.most()).product();
    all.unwrap_or(f64::INFINITY)
}

/// A path of ours over the partial groups of hot rows. Where statistics may answer, row groups count and not their
/// rows.
unsafe fn with_cold(
    rel: *mut pg_sys::RelOptInfo,
    part: *mut pg_sys::Path,
    groups: f64,
    cold: ColdSize,
    is_known: bool,
) -> *mut pg_sys::Path {
    // SAFETY: a path is made in the planner's memory context; globals of costs are plain numbers.
    unsafe {
        let custom = pg_sys::palloc0(size_of::<pg_sys::CustomPath>()).cast::<pg_sys::CustomPath>();
        let target = (*part).pathtarget;
        let values = 1.0 + f64::from(list::length((*target).exprs));
        let counted = match is_known {
            true => cold.rows / cold.row_group,
            false => cold.rows / f64::from((*part).parallel_workers + 1),
        };
        let cost = OPEN + counted * values * VALUE * pg_sys::cpu_operator_cost;
        (*custom).path = pg_sys::Path {
            type_: pg_sys::NodeTag::T_CustomPath,
            pathtype: pg_sys::NodeTag::T_CustomScan,
            parent: rel,
            pathtarget: target,
            parallel_safe: (*part).parallel_safe,
            parallel_workers: (*part).parallel_workers,
            rows: (*part).rows + groups,
            startup_cost: cost,
            total_cost: (*part).total_cost + cost + groups * pg_sys::cpu_tuple_cost,
            ..pg_sys::Path::default()
        };
        (*custom).custom_paths = pg_sys::lappend(std::ptr::null_mut(), part.cast());
        (*custom).methods = plan::methods();
        custom.cast()
    }
}
