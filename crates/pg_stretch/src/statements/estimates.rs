//! What the planner is told of a table of our access method before it makes paths: how many rows it has, and that its
//! indexes do not know all of them.

use crate::catalog::stretched;
use crate::catalog::tables;
use crate::pg::error::{OrRaise, Result};
use crate::pg::{hook, list};
use pgrx::pg_sys;
use stretch_core::ids::TableId;

static mut PREVIOUS: pg_sys::get_relation_info_hook_type = None;

/// Puts the hook behind those of other libraries; in the postmaster only.
pub fn install() {
    // SAFETY: hook chaining in the single-threaded postmaster.
    unsafe {
        PREVIOUS = pg_sys::get_relation_info_hook;
        pg_sys::get_relation_info_hook = Some(relation_info);
    }
}

unsafe extern "C-unwind" fn relation_info(
    root: *mut pg_sys::PlannerInfo,
    relation: pg_sys::Oid,
    is_parent: bool,
    rel: *mut pg_sys::RelOptInfo,
) {
    // SAFETY: the planner hands over valid structures; calls the hook that was there before us.
    unsafe {
        if let Some(previous) = PREVIOUS {
            previous(root, relation, is_parent, rel);
        }
        if !is_parent && relation.to_u32() >= pg_sys::FirstNormalObjectId {
            hook::own_part(|| add_cold_rows(relation, rel).or_raise());
        }
    }
}

unsafe fn add_cold_rows(relation: pg_sys::Oid, rel: *mut pg_sys::RelOptInfo) -> Result<()> {
    match stretched::lookup(relation)? {
        // SAFETY: the planner's own structure.
        Some(info) => unsafe { adjust(&info.table_id, rel) },
        None => Ok(()),
    }
}

unsafe fn adjust(table: &TableId, rel: *mut pg_sys::RelOptInfo) -> Result<()> {
    let rows = tables::manifest(table, std::ptr::null_mut())?.map_or(0, |manifest| manifest.row_total);
    if rows == 0 {
        return Ok(());
    }
    // SAFETY: the caller's promise; the list holds what its name says.
    unsafe {
        (*rel).tuples += rows as f64;
        for index in list::pointers::<pg_sys::IndexOptInfo>((*rel).indexlist) {
            // As the server has it, an index that is not partial has the rows of the table.
            if (*index).indpred.is_null() {
                (*index).tuples = (*rel).tuples;
            }
            // Else the planner asks the index for the least and greatest value, and takes them for those of all rows.
            // Nothing else looks at this in a B-tree.
            if (*index).relam == pg_sys::BTREE_AM_OID {
                (*index).hypothetical = true;
            }
        }
    }
    Ok(())
}
