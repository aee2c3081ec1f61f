//! Offers a path for an aggregate over one table that is stretched, or has children that are: finished by the server,
//! of partial groups that nodes of ours give. The server chooses by cost, as among its own.

use super::grouping::Grouping;
use super::part::{self, Part, Wanted};
use super::{leaves, target};
use crate::catalog::stretched;
use crate::pg::error::{OrRaise, Result};
use crate::pg::hook;
use crate::statements::scan::paths::Processes;
use pgrx::pg_sys;

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
            && (*input).rtekind == pg_sys::RTEKind::RTE_RELATION
            && !extra.is_null()
        {
            let extra = extra.cast();
            hook::own_part(|| offer(input, &Grouping { root, output, extra }).or_raise());
        }
    }
}

unsafe fn offer(input: *mut pg_sys::RelOptInfo, grouping: &Grouping) -> Result<()> {
    // SAFETY: planner structures are valid during the callback.
    unsafe {
        let Grouping { root, output, extra } = *grouping;
        // A child is asked for by itself where the server groups partition by partition.
        let is_parent = match (*input).reloptkind {
            pg_sys::RelOptKind::RELOPT_BASEREL => has_children(root, input),
            pg_sys::RelOptKind::RELOPT_OTHER_MEMBER_REL if !has_children(root, input) => false,
            _ => return Ok(()),
        };
        if !grouping.may_be_partial() || (*root).hasPseudoConstantQuals || (*(*root).parse).hasTargetSRFs {
            return Ok(());
        }
        let wanted = || Wanted {
            rows: (*input).reltarget,
            partial: target::partial(root, (*output).reltarget, (*extra).havingQual),
            keys: grouping.keys(),
        };
        let offer = |part: Option<Part>| {
            if let Some(part) = part {
                let groups = grouping.groups(grouping.keys(), (*input).rows).min(part.most);
                grouping.finish(part.path, groups);
            }
        };
        if is_parent {
            if leaves::any_is_stretched(root, input)? {
                offer(leaves::of_parent(grouping, input, wanted())?);
            }
        } else {
            let entry = *(*root).simple_rte_array.add((*input).relid as usize);
            let Some(info) = stretched::lookup((*entry).relid)? else {
                return Ok(());
            };
            let part = |by| part::of_table(grouping, input, &info, wanted(), by);
            offer(part(Processes::One)?);
            if (*output).consider_parallel && !(*input).partial_pathlist.is_null() {
                let part = part(Processes::Several)?;
                offer(part.and_then(|part| part::gathered(grouping, input, part)));
            }
        }
        Ok(())
    }
}

unsafe fn has_children(root: *mut pg_sys::PlannerInfo, rel: *mut pg_sys::RelOptInfo) -> bool {
    // SAFETY: each relation has an entry.
    unsafe { (**(*root).simple_rte_array.add((*rel).relid as usize)).inh }
}
