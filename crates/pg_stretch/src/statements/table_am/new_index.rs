//! An index that is made for a table with cold rows. A unique one, by a command that no guard sees, is refused: nobody
//! would look at the cold rows for its keys.
//!
//! An ATTACH gives the partition the unique indexes of its parent. Whatever makes an index again (REINDEX, VACUUM FULL,
//! TRUNCATE) does it under the index's own name, and a dump brings its indexes before anything moves.

use crate::catalog::snapshot::Latest;
use crate::catalog::{stretched, tables};
use crate::pg::error::{Error, Result};
use crate::pg::names;
use pgrx::pg_sys;
use stretch_core::errors;

/// InvalidSubTransactionId of c.h.
const NO_SUBTRANSACTION: pg_sys::SubTransactionId = 0;

/// 0A000 for a unique index that this transaction makes for a table which has segments.
///
/// # Safety
/// Table and index are open.
pub unsafe fn check(table: pg_sys::Relation, index: pg_sys::Relation) -> Result<()> {
    // SAFETY: the caller's promise.
    let (relation, is_new) = unsafe {
        let is_unique = (*(*index).rd_index).indisunique || (*(*index).rd_index).indisexclusion;
        let is_made_here = (*index).rd_createSubid != NO_SUBTRANSACTION;
        ((*table).rd_id, is_unique && is_made_here)
    };
    let Some(info) = (if is_new { stretched::lookup(relation)? } else { None }) else {
        return Ok(());
    };
    let latest = Latest::take();
    let is_bound = tables::binding(latest.get())?.is_some_and(|binding| binding.is_of_here());
    let has_cold = tables::manifest(&info.table_id, latest.get())?.is_none_or(|manifest| manifest.segments > 0);
    if !is_bound || !has_cold {
        return Ok(());
    }
    Err(Error::new(
        &errors::UNSUPPORTED,
        format!(
            "stretched table {} cannot get a unique index",
            names::relation(relation)
        ),
    )
    .detail("It would be made of the hot rows only.")
    .hint("Give the table the index before it is stretched."))
}

/// Whether this process is the one that sees to the cold rows of a new index, which this transaction makes or a command
/// CONCURRENTLY. Of processes that build an index together it is the one that began, which always takes part
/// (_bt_leader_participate_as_worker of nbtsort.c).
///
/// # Safety
/// The index is open.
pub unsafe fn is_made(index: pg_sys::Relation) -> bool {
    // SAFETY: the caller's promise; a plain global.
    unsafe {
        let is_new = (*index).rd_createSubid != NO_SUBTRANSACTION || !(*(*index).rd_index).indisvalid;
        is_new && pg_sys::ParallelWorkerNumber < 0
    }
}
