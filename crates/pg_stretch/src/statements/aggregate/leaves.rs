//! Partial groups of a table with children, as partitioned tables are: those of each leaf, one behind the other.
//!
//! Leaves that are stretched are aggregated as a table by itself is, all others by the server. The path belongs to the
//! parent's relation and its parts to the leaves', so that the server leaves out partitions when it runs the plan, too.

use super::grouping::Grouping;
use super::part::{self, Part, Wanted};
use crate::catalog::stretched;
use crate::pg::error::Result;
use crate::pg::list;
use crate::statements::scan::paths::Processes;
use pgrx::pg_sys;

/// The partial groups of all leaves; `None` where stored values tell those of none.
///
/// # Safety
/// Planner structures are valid; the relation has children.
pub unsafe fn of_parent(grouping: &Grouping, rel: *mut pg_sys::RelOptInfo, wanted: Wanted) -> Result<Option<Part>> {
    let mut found = Leaves::default();
    // SAFETY: the caller's promise; a path is made in the planner's memory context.
    unsafe {
        // Sorts of children would need their columns in the classes of the grouping's keys.
        if grouping.is_grouped() && !grouping.may_hash() {
            return Ok(None);
        }
        found.add_children(grouping, rel, wanted)?;
        let Some(most) = found.most else {
            return Ok(None);
        };
        let (nil, rows) = (std::ptr::null_mut(), found.parts.iter().map(|part| (**part).rows).sum());
        let paths = found
            .parts
            .iter()
            .fold(nil, |all, path| pg_sys::lappend(all, path.cast()));
        let nothing = std::ptr::null_mut();
        let all = pg_sys::create_append_path(grouping.root, rel, paths, nil, nil, nothing, 0, false, rows);
        (*all).path.pathtarget = wanted.partial;
        Ok(Some(Part { path: all.cast(), most }))
    }
}

/// Whether a table below a parent is stretched: others are none of our business, and must not cost anything.
///
/// # Safety
/// As above.
pub unsafe fn any_is_stretched(root: *mut pg_sys::PlannerInfo, parent: *mut pg_sys::RelOptInfo) -> Result<bool> {
    // SAFETY: the caller's promise.
    unsafe {
        for (_, rel) in children(root, parent) {
            let entry = entry(root, rel);
            let is_stretched = match (*entry).inh {
                true => any_is_stretched(root, rel)?,
                false => stretched::lookup((*entry).relid)?.is_some(),
            };
            if is_stretched {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

unsafe fn entry(root: *mut pg_sys::PlannerInfo, rel: *mut pg_sys::RelOptInfo) -> *mut pg_sys::RangeTblEntry {
    // SAFETY: each relation has an entry.
    unsafe { *(*root).simple_rte_array.add((*rel).relid as usize) }
}

/// The children of a relation that can have rows for the query.
unsafe fn children(
    root: *mut pg_sys::PlannerInfo,
    parent: *mut pg_sys::RelOptInfo,
) -> Vec<(*mut pg_sys::AppendRelInfo, *mut pg_sys::RelOptInfo)> {
    // SAFETY: the planner keeps a relation for each child.
    unsafe {
        let all = list::pointers::<pg_sys::AppendRelInfo>((*root).append_rel_list).into_iter();
        all.filter(|child| (**child).parent_relid == (*parent).relid)
            .map(|child| (child, *(*root).simple_rel_array.add((*child).child_relid as usize)))
            .filter(|(_, rel)| !rel.is_null() && !pg_sys::is_dummy_rel(*rel))
            .collect()
    }
}

#[derive(Default)]
struct Leaves {
    parts: Vec<*mut pg_sys::Path>,
    /// The most groups that the keys make, once a leaf is aggregated on stored values.
    most: Option<f64>,
}

impl Leaves {
    unsafe fn add_children(
        &mut self,
        grouping: &Grouping,
        parent: *mut pg_sys::RelOptInfo,
        wanted: Wanted,
    ) -> Result<()> {
        // SAFETY: as for `of_parent`.
        unsafe {
            for (child, rel) in children(grouping.root, parent) {
                self.add(grouping, rel, in_child(grouping, wanted, child))?;
            }
        }
        Ok(())
    }

    unsafe fn add(&mut self, grouping: &Grouping, rel: *mut pg_sys::RelOptInfo, wanted: Wanted) -> Result<()> {
        // SAFETY: as above.
        unsafe {
            let entry = entry(grouping.root, rel);
            if (*entry).inh {
                return self.add_children(grouping, rel, wanted);
            }
            let ours = match stretched::lookup((*entry).relid)? {
                Some(info) => part::of_table(grouping, rel, &info, wanted, Processes::One)?,
                None => None,
            };
            let path = match ours {
                Some(part) => {
                    self.most = Some(part.most);
                    part.path
                }
                None => by_server(grouping, rel, wanted),
            };
            self.parts.push(path);
        }
        Ok(())
    }
}

/// What the server makes of all rows of a leaf.
unsafe fn by_server(grouping: &Grouping, rel: *mut pg_sys::RelOptInfo, wanted: Wanted) -> *mut pg_sys::Path {
    // SAFETY: a relation whose paths are complete has a cheapest one.
    unsafe {
        let rows = pg_sys::create_projection_path(grouping.root, rel, (*rel).cheapest_total_path, wanted.rows);
        let groups = grouping.groups(wanted.keys, (*rows).path.rows);
        grouping.initial(rel, rows.cast(), wanted.partial, groups)
    }
}

/// What is asked of a parent, asked of a child, which may have its columns at other places.
unsafe fn in_child(grouping: &Grouping, wanted: Wanted, mut child: *mut pg_sys::AppendRelInfo) -> Wanted {
    // SAFETY: planner structures are valid; what is made lies in the planner's memory context.
    unsafe {
        let mut list =
            |list: *mut pg_sys::List| pg_sys::adjust_appendrel_attrs(grouping.root, list.cast(), 1, &mut child).cast();
        let mut target = |of: *mut pg_sys::PathTarget| {
            let target = pg_sys::copy_pathtarget(of);
            (*target).exprs = list((*of).exprs);
            target
        };
        Wanted {
            rows: target(wanted.rows),
            partial: target(wanted.partial),
            keys: list(wanted.keys),
        }
    }
}
