//! Offers a path for an aggregate over one stretched table: finished by the server, of partial groups that a node of
//! ours gives. The server chooses by cost, as among its own.

use super::{plan, recognise, target};
use crate::catalog::stretched;
use crate::pg::error::{OrRaise, Result};
use crate::pg::missing::get_agg_clause_costs;
use crate::pg::{hook, list};
use crate::statements::scan::paths::{ColdSize, OPEN, hot_and_rest};
use crate::statements::scan::used;
use pgrx::pg_sys;
use stretch_columns::aggregate::GroupKey;

/// Cost of one value that is aggregated with its whole array, in units of `cpu_operator_cost`.
const VALUE: f64 = 0.1;

static mut PREVIOUS: pg_sys::create_upper_paths_hook_type = None;

/// Puts the hook behind those of other libraries; in the postmaster only.
pub fn install() {
    // SAFETY: hook chaining in the single-threaded postmaster; the methods are static.
    unsafe {
        PREVIOUS = pg_sys::create_upper_paths_hook;
        pg_sys::create_upper_paths_hook = Some(upper_paths);
        pg_sys::RegisterCustomScanMethods(super::node::methods());
    }
}

unsafe extern "C-unwind" fn upper_paths(
    root: *mut pg_sys::PlannerInfo,
    stage: pg_sys::UpperRelationKind::Type,
    input: *mut pg_sys::RelOptInfo,
    output: *mut pg_sys::RelOptInfo,
    extra: *mut std::ffi::c_void,
) {
    // SAFETY: the planner hands over valid structures; calls the hook that was there before us.
    unsafe {
        if let Some(previous) = PREVIOUS {
            previous(root, stage, input, output, extra);
        }
        if stage == pg_sys::UpperRelationKind::UPPERREL_GROUP_AGG
            && (*input).reloptkind == pg_sys::RelOptKind::RELOPT_BASEREL
            && (*input).rtekind == pg_sys::RTEKind::RTE_RELATION
            && !extra.is_null()
        {
            hook::own_part(|| offer(root, input, output, extra.cast()).or_raise());
        }
    }
}

unsafe fn offer(
    root: *mut pg_sys::PlannerInfo,
    input: *mut pg_sys::RelOptInfo,
    output: *mut pg_sys::RelOptInfo,
    extra: *mut pg_sys::GroupPathExtraData,
) -> Result<()> {
    // SAFETY: planner structures are valid during the callback.
    unsafe {
        let may_be_partial = (*extra).flags as u32 & pg_sys::GROUPING_CAN_PARTIAL_AGG != 0;
        let entry = *(*root).simple_rte_array.add((*input).relid as usize);
        if !may_be_partial || (*root).hasPseudoConstantQuals || (*(*root).parse).hasTargetSRFs || (*entry).inh {
            return Ok(());
        }
        let Some(info) = stretched::lookup((*entry).relid)? else {
            return Ok(());
        };
        let (_, secured) = used::safe_to_prune(input, (*input).baserestrictinfo);
        let conditions = pg_sys::extract_actual_clauses((*input).baserestrictinfo, false);
        if secured || !recognise::all_conditions(conditions, (*input).relid) {
            return Ok(());
        }
        let Some(hot) = cheapest(input) else {
            return Ok(());
        };
        let partial = target::partial(root, (*output).reltarget, (*extra).havingQual);
        let expressions = list::pointers::<pg_sys::Node>((*partial).exprs);
        let Some(found) = recognise::target(&expressions, (*input).relid) else {
            return Ok(());
        };
        let offer = Offer {
            root,
            output,
            extra,
            partial,
            groups: groups(root, extra, (*hot).rows).min(most(&found.plan.keys)),
            cold: ColdSize::of(&info)?,
            is_known: conditions.is_null() && found.plan.may_be_known(),
        };
        offer.add(hot);
        Ok(())
    }
}

/// The cheapest of the scans of hot and cold rows, made one of hot rows and what is left of the cold ones.
unsafe fn cheapest(input: *mut pg_sys::RelOptInfo) -> Option<*mut pg_sys::Path> {
    // SAFETY: paths of the planner.
    unsafe {
        list::pointers::<pg_sys::Path>((*input).pathlist)
            .into_iter()
            .filter_map(|path| hot_and_rest(path))
            .min_by(|a, b| (**a).total_cost.total_cmp(&(**b).total_cost))
    }
}

unsafe fn groups(root: *mut pg_sys::PlannerInfo, extra: *mut pg_sys::GroupPathExtraData, rows: f64) -> f64 {
    // SAFETY: planner structures are valid during the callback.
    unsafe {
        let clauses = (*(*root).parse).groupClause;
        if clauses.is_null() {
            return 1.0;
        }
        let keys = pg_sys::get_sortgrouplist_exprs(clauses, (*extra).targetList);
        pg_sys::estimate_num_groups(root, keys, rows, std::ptr::null_mut(), std::ptr::null_mut())
    }
}

/// The most groups that keys make; infinity where that is not known.
fn most(keys: &[GroupKey]) -> f64 {
    let all: Option<f64> = keys.iter().map(|key| key.most()).product();
    all.unwrap_or(f64::INFINITY)
}

struct Offer {
    root: *mut pg_sys::PlannerInfo,
    output: *mut pg_sys::RelOptInfo,
    extra: *mut pg_sys::GroupPathExtraData,
    partial: *mut pg_sys::PathTarget,
    groups: f64,
    cold: ColdSize,
    /// Statistics may answer, so that row groups count and not their rows.
    is_known: bool,
}

impl Offer {
    unsafe fn add(&self, hot: *mut pg_sys::Path) {
        // SAFETY: planner structures are valid during the callback; paths are made in its memory context.
        unsafe {
            let flags = (*self.extra).flags as u32;
            let is_grouped = !(*(*self.root).parse).groupClause.is_null();
            let (may_hash, may_sort) = (
                flags & pg_sys::GROUPING_CAN_USE_HASH != 0,
                flags & pg_sys::GROUPING_CAN_USE_SORT != 0,
            );
            let part = match (is_grouped, may_hash) {
                (false, _) => self.aggregate(hot, pg_sys::AggStrategy::AGG_PLAIN, Split::Initial),
                (true, true) => self.aggregate(hot, pg_sys::AggStrategy::AGG_HASHED, Split::Initial),
                (true, false) => self.aggregate(self.sorted(hot), pg_sys::AggStrategy::AGG_SORTED, Split::Initial),
            };
            let both = self.with_cold(part);
            if !is_grouped {
                let whole = self.aggregate(both, pg_sys::AggStrategy::AGG_PLAIN, Split::Final);
                return pg_sys::add_path(self.output, whole);
            }
            if may_hash {
                let whole = self.aggregate(both, pg_sys::AggStrategy::AGG_HASHED, Split::Final);
                pg_sys::add_path(self.output, whole);
            }
            if may_sort {
                let whole = self.aggregate(self.sorted(both), pg_sys::AggStrategy::AGG_SORTED, Split::Final);
                pg_sys::add_path(self.output, whole);
            }
        }
    }

    unsafe fn sorted(&self, path: *mut pg_sys::Path) -> *mut pg_sys::Path {
        // SAFETY: as for `add`.
        unsafe { pg_sys::create_sort_path(self.root, self.output, path, (*self.root).group_pathkeys, -1.0).cast() }
    }

    unsafe fn aggregate(
        &self,
        path: *mut pg_sys::Path,
        strategy: pg_sys::AggStrategy::Type,
        split: Split,
    ) -> *mut pg_sys::Path {
        // SAFETY: as for `add`.
        unsafe {
            let mut costs = pg_sys::AggClauseCosts::default();
            get_agg_clause_costs(self.root, split.of_server(), &mut costs);
            let (target, having) = match split {
                Split::Initial => (self.partial, std::ptr::null_mut()),
                Split::Final => ((*self.output).reltarget, (*self.extra).havingQual.cast()),
            };
            pg_sys::create_agg_path(
                self.root,
                self.output,
                path,
                target,
                strategy,
                split.of_server(),
                (*(*self.root).parse).groupClause,
                having,
                &costs,
                self.groups,
            )
            .cast()
        }
    }

    /// A path of ours over the partial groups of hot rows.
    unsafe fn with_cold(&self, part: *mut pg_sys::Path) -> *mut pg_sys::Path {
        // SAFETY: as for `add`; globals of costs are plain numbers.
        unsafe {
            let custom = pg_sys::palloc0(size_of::<pg_sys::CustomPath>()).cast::<pg_sys::CustomPath>();
            let values = 1.0 + f64::from(list::length((*self.partial).exprs));
            let counted = match self.is_known {
                true => self.cold.rows / self.cold.row_group,
                false => self.cold.rows,
            };
            let cost = OPEN + counted * values * VALUE * pg_sys::cpu_operator_cost;
            (*custom).path = pg_sys::Path {
                type_: pg_sys::NodeTag::T_CustomPath,
                pathtype: pg_sys::NodeTag::T_CustomScan,
                parent: self.output,
                pathtarget: self.partial,
                rows: (*part).rows + self.groups,
                startup_cost: cost,
                total_cost: (*part).total_cost + cost + self.groups * pg_sys::cpu_tuple_cost,
                ..pg_sys::Path::default()
            };
            (*custom).custom_paths = pg_sys::lappend(std::ptr::null_mut(), part.cast());
            (*custom).methods = plan::methods();
            custom.cast()
        }
    }
}

/// The two parts of an aggregation.
#[derive(Clone, Copy)]
enum Split {
    Initial,
    Final,
}

impl Split {
    fn of_server(self) -> pg_sys::AggSplit::Type {
        match self {
            Self::Initial => pg_sys::AggSplit::AGGSPLIT_INITIAL_SERIAL,
            Self::Final => pg_sys::AggSplit::AGGSPLIT_FINAL_DESERIAL,
        }
    }
}
