//! Gives each path of a stretched table its cold side: a path of ours that owns the heap's (see `combiner.rs`).
//!
//! Nothing here depends on which segments exist (F12). Where the query contradicts the filter the paths stay as they
//! are, and the plan is that of a plain table; but for a sequential scan, which the access method would take for one of
//! all rows (`table_am/utility_scan.rs`).

use super::shows::Shows;
use super::sort_key::SortKey;
use super::{combined_plan, combiner, filter, hot_rows, order};
use crate::catalog::stretched::{self, Info};
use crate::catalog::tables;
use crate::cold::segments;
use crate::pg::error::{OrRaise, Result};
use crate::pg::{hook, list};
use crate::statements::{planner, table_am};
use pgrx::pg_sys;
use stretch_segment::limits::DEFAULT_ROW_GROUP_ROWS;

/// Relations of the system have smaller OIDs (FirstNormalObjectId of transam.h).
const FIRST_NORMAL_OBJECT: u32 = 16384;
/// Cost of decoding one value, in units of `cpu_operator_cost`; a rough measure against a heap tuple's.
const DECODE_OPERATORS: f64 = 2.0;
/// Cost of opening the cold side: the manifest, and statistics of segments.
pub const OPEN: f64 = 10.0;
/// Bytes of a row of the heap besides its values: a header and a line pointer.
const ROW_HEADER: f64 = 28.0;
/// Rows that are decoded for one that a parameter selects.
const ROWS_PER_MATCH: f64 = 100.0;

static mut PREVIOUS: pg_sys::set_rel_pathlist_hook_type = None;

/// Puts the hook behind those of other libraries; in the postmaster only.
pub fn install() {
    // SAFETY: hook chaining in the single-threaded postmaster; the methods are static.
    unsafe {
        PREVIOUS = pg_sys::set_rel_pathlist_hook;
        pg_sys::set_rel_pathlist_hook = Some(paths);
        pg_sys::RegisterCustomScanMethods(combiner::methods());
    }
}

unsafe extern "C-unwind" fn paths(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    index: pg_sys::Index,
    entry: *mut pg_sys::RangeTblEntry,
) {
    // SAFETY: the planner hands over valid structures; calls the hook that was there before us.
    unsafe {
        if let Some(previous) = PREVIOUS {
            previous(root, rel, index, entry);
        }
        if (*entry).rtekind != pg_sys::RTEKind::RTE_RELATION
            || (*entry).relkind as u8 != pg_sys::RELKIND_RELATION
            || (*entry).inh
            || (*entry).relid.to_u32() < FIRST_NORMAL_OBJECT
        {
            return;
        }
        hook::own_part(|| combine(root, rel, entry).or_raise());
    }
}

unsafe fn combine(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    entry: *mut pg_sys::RangeTblEntry,
) -> Result<()> {
    // SAFETY: planner structures are valid during the callback; the planner holds a lock on the table.
    unsafe {
        let Some(info) = stretched::lookup((*entry).relid)? else {
            return strange(root, rel, (*entry).relid);
        };
        if pg_sys::is_dummy_rel(rel) {
            return Ok(());
        }
        if !(*entry).tablesample.is_null() {
            return Err(planner::sample_refused((*entry).relid));
        }
        let clauses = pg_sys::extract_actual_clauses((*rel).baserestrictinfo, false);
        let no_cold = hot_rows::only(clauses, (*rel).relid)
            || filter::of(&info)?.is_some_and(|filter| filter.is_refuted_by(clauses, (*rel).relid));
        if no_cold {
            hot_alone(root, rel);
            return Ok(());
        }
        let cold = Cold::of(&info, rel)?;
        let paths = list::pointers::<pg_sys::Path>((*rel).pathlist);
        let mut parts = list::pointers::<pg_sys::Path>((*rel).partial_pathlist);
        if parts.is_empty() {
            parts.extend(cold.in_parallel(root, rel));
        }
        ((*rel).pathlist, (*rel).partial_pathlist) = (std::ptr::null_mut(), std::ptr::null_mut());
        for path in paths {
            pg_sys::add_path(rel, cold.beside(root, rel, path));
            if let Some(ordered) = cold.merged(rel, path) {
                pg_sys::add_path(rel, ordered);
            }
        }
        for path in parts {
            pg_sys::add_partial_path(rel, cold.beside(root, rel, path));
            if let Some(ordered) = cold.merged(rel, path) {
                pg_sys::add_partial_path(rel, ordered);
            }
        }
        Ok(())
    }
}

/// A relation that the catalog does not name: where it may have cold rows all the same, its hot rows are read when they
/// are asked for as such, and never taken for all (I-13).
unsafe fn strange(root: *mut pg_sys::PlannerInfo, rel: *mut pg_sys::RelOptInfo, relation: pg_sys::Oid) -> Result<()> {
    // SAFETY: planner structures are valid during the callback; the planner holds a lock on the relation.
    unsafe {
        if stretched::is_known_stranger(relation) || !table_am::is_of(relation) {
            return Ok(());
        }
        let clauses = pg_sys::extract_actual_clauses((*rel).baserestrictinfo, false);
        match hot_rows::only(clauses, (*rel).relid) {
            true => hot_alone(root, rel),
            false => segments::unnamed(relation)?,
        }
        Ok(())
    }
}

/// Puts a path of ours around each sequential scan; parallel ones are the heap's anyway.
unsafe fn hot_alone(root: *mut pg_sys::PlannerInfo, rel: *mut pg_sys::RelOptInfo) {
    // SAFETY: paths of the planner, and new ones of its kind. The list keeps its order, by costs that stay as they are.
    unsafe {
        let mut paths = std::ptr::null_mut();
        for path in list::pointers::<pg_sys::Path>((*rel).pathlist) {
            let path = match (*path).pathtype {
                pg_sys::NodeTag::T_SeqScan if !(*path).parallel_aware => {
                    let custom = owning(path, Shows::Hot, &[]);
                    let may_project = !(*root).hasPseudoConstantQuals;
                    (*custom).flags = if may_project {
                        pg_sys::CUSTOMPATH_SUPPORT_PROJECTION
                    } else {
                        0
                    };
                    custom.cast()
                }
                _ => path,
            };
            paths = pg_sys::lappend(paths, path.cast());
        }
        (*rel).pathlist = paths;
    }
}

/// How much is cold of a table, for all that is known when planning.
#[derive(Clone, Copy, Default)]
pub struct ColdSize {
    pub rows: f64,
    /// Rows of one row group, about; at least one.
    pub row_group: f64,
}

impl ColdSize {
    /// Of a table as it is now. Only costs may rest on it (F12).
    pub fn of(info: &Info) -> Result<Self> {
        let manifest = tables::manifest(&info.table_id, std::ptr::null_mut())?;
        let (rows, segments) = manifest.map_or((0, 0), |manifest| (manifest.row_total, manifest.segments));
        let rows = rows as f64;
        Ok(Self {
            rows,
            row_group: (rows / segments.max(1) as f64).clamp(1.0, DEFAULT_ROW_GROUP_ROWS.into()),
        })
    }
}

/// A path that shows hot and cold rows, made one of hot rows and those cold ones that an aggregate above leaves; `None`
/// for other paths.
///
/// # Safety
/// A path of the planner.
pub unsafe fn hot_and_rest(path: *mut pg_sys::Path, by: Processes) -> Option<*mut pg_sys::Path> {
    // SAFETY: the tag tells the type; copies are made in the planner's memory context.
    unsafe {
        match (*path).type_ {
            pg_sys::NodeTag::T_ProjectionPath => {
                let below = hot_and_rest((*path.cast::<pg_sys::ProjectionPath>()).subpath, by)?;
                let copy = pg_sys::palloc(size_of::<pg_sys::ProjectionPath>()).cast::<pg_sys::ProjectionPath>();
                copy.copy_from_nonoverlapping(path.cast(), 1);
                (*copy).subpath = below;
                ((*copy).path.total_cost, (*copy).path.rows) = ((*below).total_cost, (*below).rows);
                Some(copy.cast())
            }
            pg_sys::NodeTag::T_CustomPath => {
                let ours = path.cast::<pg_sys::CustomPath>();
                let is_plain = std::ptr::eq((*ours).methods, combined_plan::methods())
                    && (*path).parallel_aware == (by == Processes::Several)
                    && (*path).param_info.is_null()
                    && Shows::of(list::integers(list::nth((*ours).custom_private, 0)).first()) == Shows::All
                    && list::length(list::nth((*ours).custom_private, 1)) == 0;
                if !is_plain {
                    return None;
                }
                let heap = list::nth::<pg_sys::Path>((*ours).custom_paths, 0);
                let rest = owning(heap, Shows::Rest, &[]);
                (*rest).flags = (*ours).flags;
                // The target may have changed since the path was made.
                (*rest).path.pathtarget = (*path).pathtarget;
                Some(rest.cast())
            }
            _ => None,
        }
    }
}

/// Who runs a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Processes {
    One,
    /// Those of a parallel query, each of which gets a part of the rows.
    Several,
}

/// What the cold side costs, for all that is known when planning.
struct Cold {
    size: ColdSize,
    per_row: f64,
}

impl Cold {
    unsafe fn of(info: &Info, rel: *mut pg_sys::RelOptInfo) -> Result<Self> {
        // SAFETY: globals of costs are plain numbers.
        let per_row = unsafe {
            let columns = list::length((*(*rel).reltarget).exprs) as f64 + 1.0;
            pg_sys::cpu_tuple_cost
                + pg_sys::cpu_operator_cost * DECODE_OPERATORS * columns
                + (*rel).baserestrictcost.per_tuple
        };
        Ok(Self {
            size: ColdSize::of(info)?,
            per_row,
        })
    }

    /// A parallel scan of the heap, where the server has none because the hot rows are few: there are processes for the
    /// cold ones then.
    unsafe fn in_parallel(
        &self,
        root: *mut pg_sys::PlannerInfo,
        rel: *mut pg_sys::RelOptInfo,
    ) -> Option<*mut pg_sys::Path> {
        // SAFETY: planner structures are valid; makes a path in the planner's memory context.
        unsafe {
            if !(*rel).consider_parallel || !(*rel).lateral_relids.is_null() {
                return None;
            }
            let width = f64::from((*(*rel).reltarget).width) + ROW_HEADER;
            let pages = self.size.rows * width / f64::from(pg_sys::BLCKSZ);
            let workers = pg_sys::compute_parallel_worker(rel, pages, -1.0, pg_sys::max_parallel_workers_per_gather);
            (workers > 0).then(|| pg_sys::create_seqscan_path(root, rel, std::ptr::null_mut(), workers))
        }
    }

    /// A path of ours that owns a path of the heap.
    unsafe fn beside(
        &self,
        root: *mut pg_sys::PlannerInfo,
        rel: *mut pg_sys::RelOptInfo,
        path: *mut pg_sys::Path,
    ) -> *mut pg_sys::Path {
        // SAFETY: makes a path in the planner's memory context.
        unsafe {
            // It fetches rows by their identities, those of cold rows among them.
            if (*path).type_ == pg_sys::NodeTag::T_TidPath {
                return path;
            }
            let one_row = is_one_row(root, rel, path);
            let custom = owning(path, if one_row { Shows::One } else { Shows::All }, &[]);
            (*custom).path.total_cost += self.cost(path, one_row);
            // One row is in any order.
            if !one_row {
                (*custom).path.pathkeys = std::ptr::null_mut();
            }
            // What is above a gate is not the scan's own: see `combined_plan`.
            if !(*root).hasPseudoConstantQuals && (*path).pathtype != pg_sys::NodeTag::T_IndexOnlyScan {
                (*custom).flags = pg_sys::CUSTOMPATH_SUPPORT_PROJECTION;
            }
            custom.cast()
        }
    }

    /// The same in the order in which the heap's rows come; `None` where they come in none.
    unsafe fn merged(&self, rel: *mut pg_sys::RelOptInfo, path: *mut pg_sys::Path) -> Option<*mut pg_sys::Path> {
        // SAFETY: makes a path in the planner's memory context; globals of costs are plain numbers.
        unsafe {
            if (*path).type_ == pg_sys::NodeTag::T_TidPath {
                return None;
            }
            let keys = order::keys(rel, path);
            if keys.is_empty() {
                return None;
            }
            let custom = owning(path, Shows::All, &keys);
            (*custom).path.pathkeys = pg_sys::list_truncate(pg_sys::list_copy((*path).pathkeys), keys.len() as i32);
            let sorted = self.size.rows.max(2.0);
            let sort = 2.0 * pg_sys::cpu_operator_cost * sorted * sorted.log2();
            let cost = self.cost(path, false) + sort;
            // The first row needs one row group, as long as they do not overlap, or none at all.
            let first = OPEN + cost * self.size.row_group / sorted;
            (*custom).path.startup_cost += first.min(cost);
            (*custom).path.total_cost += cost;
            Some(custom.cast())
        }
    }

    /// What comes on top of the heap's cost. A parameter, as a key has one, finds its rows by statistics and key
    /// filters.
    unsafe fn cost(&self, path: *mut pg_sys::Path, one_row: bool) -> f64 {
        // SAFETY: a path of the planner.
        let (path, has_parameter) = unsafe { (&*path, !(*path).param_info.is_null()) };
        let rows = self.size.rows / f64::from(path.parallel_workers + 1);
        match (one_row, has_parameter) {
            (true, _) => 0.001,
            (false, true) => 1.0 + self.per_row * rows.min(path.rows * ROWS_PER_MATCH),
            (false, false) => OPEN + self.per_row * rows,
        }
    }
}

/// A path of ours that is as the heap's path that it owns. It may show rows in the order of the keys, which is a prefix
/// of the path's.
unsafe fn owning(path: *mut pg_sys::Path, shows: Shows, keys: &[SortKey]) -> *mut pg_sys::CustomPath {
    let nil: *mut pg_sys::List = std::ptr::null_mut();
    // SAFETY: makes a path in the planner's memory context.
    unsafe {
        let custom = pg_sys::palloc0(size_of::<pg_sys::CustomPath>()).cast::<pg_sys::CustomPath>();
        (*custom).path = pg_sys::Path {
            type_: pg_sys::NodeTag::T_CustomPath,
            pathtype: pg_sys::NodeTag::T_CustomScan,
            // Processes that share the heap's rows share the segments.
            parallel_aware: (*path).parallel_workers > 0,
            ..*path
        };
        (*custom).custom_paths = pg_sys::lappend(nil, path.cast());
        (*custom).custom_private = pg_sys::lappend(
            pg_sys::lappend(nil, pg_sys::lappend_int(nil, shows as i32).cast()),
            SortKey::to_list(keys).cast(),
        );
        (*custom).methods = combined_plan::methods();
        custom
    }
}

/// Whether equalities on all columns of a unique index select at most one row of the table, hot or cold.
unsafe fn is_one_row(root: *mut pg_sys::PlannerInfo, rel: *mut pg_sys::RelOptInfo, path: *mut pg_sys::Path) -> bool {
    let null = std::ptr::null_mut();
    // SAFETY: conditions of the planner about this relation.
    unsafe {
        let mut joins = null;
        if let Some(parameters) = (*path).param_info.as_ref() {
            for info in list::pointers::<pg_sys::RestrictInfo>(parameters.ppi_clauses) {
                if (*info).can_join {
                    // The side of this relation is the inner one, as for whoever asks about a join.
                    (*info).outer_is_left = pg_sys::bms_is_subset((*info).right_relids, (*rel).relids);
                }
                if !(*info).mergeopfamilies.is_null() {
                    joins = pg_sys::lappend(joins, info.cast());
                }
            }
        }
        let restrictions = list::pointers::<pg_sys::RestrictInfo>((*rel).baserestrictinfo);
        let all = restrictions.into_iter().chain(list::pointers(joins));
        // Under a collation that takes different texts for equal, a condition may select more than the index keeps
        // apart.
        let loose = |info: *mut pg_sys::RestrictInfo| {
            let clause = (*info).clause;
            (*clause).type_ == pg_sys::NodeTag::T_OpExpr && {
                let collation = (*clause.cast::<pg_sys::OpExpr>()).inputcollid;
                collation != pg_sys::InvalidOid && !pg_sys::get_collation_isdeterministic(collation)
            }
        };
        !all.into_iter().any(loose) && pg_sys::relation_has_unique_index_for(root, rel, joins, null, null)
    }
}
