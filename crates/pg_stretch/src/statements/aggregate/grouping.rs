//! The aggregation that a query asks for, and the server's own paths of its two parts.

use crate::pg::missing::get_agg_clause_costs;
use pgrx::pg_sys;

/// An aggregation, at the stage of grouping.
pub struct Grouping {
    pub root: *mut pg_sys::PlannerInfo,
    pub output: *mut pg_sys::RelOptInfo,
    pub extra: *mut pg_sys::GroupPathExtraData,
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

impl Grouping {
    /// Whether it may be done in two parts.
    ///
    /// # Safety
    /// Planner structures are valid, here and below.
    pub unsafe fn may_be_partial(&self) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.has(pg_sys::GROUPING_CAN_PARTIAL_AGG) }
    }

    /// Whether its keys can be hashed.
    ///
    /// # Safety
    /// As above.
    pub unsafe fn may_hash(&self) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.has(pg_sys::GROUPING_CAN_USE_HASH) }
    }

    unsafe fn has(&self, flag: u32) -> bool {
        // SAFETY: the caller's promise.
        unsafe { (*self.extra).flags as u32 & flag != 0 }
    }

    /// Whether it has keys.
    ///
    /// # Safety
    /// As above.
    pub unsafe fn is_grouped(&self) -> bool {
        // SAFETY: the caller's promise.
        unsafe { !(*(*self.root).parse).groupClause.is_null() }
    }

    /// The keys.
    ///
    /// # Safety
    /// As above.
    pub unsafe fn keys(&self) -> *mut pg_sys::List {
        // SAFETY: the caller's promise.
        unsafe { pg_sys::get_sortgrouplist_exprs((*(*self.root).parse).groupClause, (*self.extra).targetList) }
    }

    /// About how many groups so many rows make by these keys.
    ///
    /// # Safety
    /// As above; a list of expressions.
    pub unsafe fn groups(&self, keys: *mut pg_sys::List, rows: f64) -> f64 {
        if keys.is_null() {
            return 1.0;
        }
        // SAFETY: the caller's promise.
        unsafe { pg_sys::estimate_num_groups(self.root, keys, rows, std::ptr::null_mut(), std::ptr::null_mut()) }
    }

    /// The server's partial groups of the rows of a path.
    ///
    /// # Safety
    /// As above; a path of the relation whose target has the keys of the grouping.
    pub unsafe fn initial(
        &self,
        rel: *mut pg_sys::RelOptInfo,
        path: *mut pg_sys::Path,
        target: *mut pg_sys::PathTarget,
        groups: f64,
    ) -> *mut pg_sys::Path {
        // SAFETY: the caller's promise.
        unsafe {
            let (strategy, path) = match (self.is_grouped(), self.may_hash()) {
                (false, _) => (pg_sys::AggStrategy::AGG_PLAIN, path),
                (true, true) => (pg_sys::AggStrategy::AGG_HASHED, path),
                (true, false) => (pg_sys::AggStrategy::AGG_SORTED, self.sorted(rel, path)),
            };
            self.aggregate(rel, path, target, strategy, Split::Initial, groups)
        }
    }

    /// Offers to finish the groups of a path of partial ones.
    ///
    /// # Safety
    /// As above; a path whose target is that of the partial aggregation.
    pub unsafe fn finish(&self, path: *mut pg_sys::Path, groups: f64) {
        // SAFETY: the caller's promise.
        unsafe {
            let whole = |path, strategy| {
                let target = (*self.output).reltarget;
                let path = self.aggregate(self.output, path, target, strategy, Split::Final, groups);
                pg_sys::add_path(self.output, path);
            };
            if !self.is_grouped() {
                return whole(path, pg_sys::AggStrategy::AGG_PLAIN);
            }
            if self.may_hash() {
                whole(path, pg_sys::AggStrategy::AGG_HASHED);
            }
            if self.has(pg_sys::GROUPING_CAN_USE_SORT) {
                whole(self.sorted(self.output, path), pg_sys::AggStrategy::AGG_SORTED);
            }
        }
    }

    unsafe fn sorted(&self, rel: *mut pg_sys::RelOptInfo, path: *mut pg_sys::Path) -> *mut pg_sys::Path {
        // SAFETY: planner structures are valid; paths are made in the planner's memory context.
        unsafe { pg_sys::create_sort_path(self.root, rel, path, (*self.root).group_pathkeys, -1.0).cast() }
    }

    unsafe fn aggregate(
        &self,
        rel: *mut pg_sys::RelOptInfo,
        path: *mut pg_sys::Path,
        target: *mut pg_sys::PathTarget,
        strategy: pg_sys::AggStrategy::Type,
        split: Split,
        groups: f64,
    ) -> *mut pg_sys::Path {
        // SAFETY: as above.
        unsafe {
            let mut costs = pg_sys::AggClauseCosts::default();
            get_agg_clause_costs(self.root, split.of_server(), &mut costs);
            let having = match split {
                Split::Initial => std::ptr::null_mut(),
                Split::Final => (*self.extra).havingQual.cast(),
            };
            pg_sys::create_agg_path(
                self.root,
                rel,
                path,
                target,
                strategy,
                split.of_server(),
                (*(*self.root).parse).groupClause,
                having,
                &costs,
                groups,
            )
            .cast()
        }
    }
}
