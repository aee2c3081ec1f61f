//! A unique index that is made for a table with cold rows. The server sees to the hot rows, whose entries the index
//! gets; here all rows are looked at together, so that no key is in the table twice.
//!
//! An ATTACH gives the partition the unique indexes of its parent. Whatever makes an index again (REINDEX, VACUUM FULL,
//! TRUNCATE) does it under the index's own name, and a dump brings its indexes before anything moves.

use crate::catalog::snapshot::Latest;
use crate::catalog::{duplicates, stretched, tables, way_back};
use crate::pg::error::{Error, Result};
use crate::pg::{names, txn};
use pgrx::pg_sys;
use stretch_core::errors;

/// InvalidSubTransactionId of c.h.
const NO_SUBTRANSACTION: pg_sys::SubTransactionId = 0;

/// For a unique index that this transaction makes for a table which has segments: 23505 where two rows have one key.
/// One that is made CONCURRENTLY is not looked at before all others write into it, see [`check_concurrent`]. Where that
/// failed, the index is there and not valid, and a REINDEX that gives it a new file makes it valid; VACUUM FULL does
/// not, and leaves the keys uncompared.
///
/// # Safety
/// Table and index are open.
pub unsafe fn check(table: pg_sys::Relation, index: pg_sys::Relation, info: *mut pg_sys::IndexInfo) -> Result<()> {
    // SAFETY: the caller's promise; a plain global.
    unsafe {
        let becomes_valid = (*info).ii_Unique
            && !(*(*index).rd_index).indisvalid
            && (*index).rd_newRelfilenodeSubid != NO_SUBTRANSACTION;
        let is_made_here = (*index).rd_createSubid != NO_SUBTRANSACTION || becomes_valid;
        match is_made_here && pg_sys::ParallelWorkerNumber < 0 {
            true => check_rows(table, index),
            false => Ok(()),
        }
    }
}

/// The same for an index that is made CONCURRENTLY: whoever writes a row now knows the index, and looks at the cold
/// rows for its key. Here are those that came before.
///
/// # Safety
/// Table and index are open.
pub unsafe fn check_concurrent(table: pg_sys::Relation, index: pg_sys::Relation) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe {
        match (*(*index).rd_index).indisvalid {
            true => Ok(()),
            false => check_rows(table, index),
        }
    }
}

unsafe fn check_rows(table: pg_sys::Relation, index: pg_sys::Relation) -> Result<()> {
    // SAFETY: the caller's promise.
    let (relation, is_unique, excludes) = unsafe {
        let form = &*(*index).rd_index;
        ((*table).rd_id, form.indisunique, form.indisexclusion)
    };
    if !is_unique && !excludes {
        return Ok(());
    }
    let Some(info) = stretched::lookup(relation)? else {
        return Ok(());
    };
    let latest = Latest::take();
    let is_bound = tables::binding(latest.get())?.is_some_and(|binding| binding.is_of_here());
    let has_cold = tables::manifest(&info.table_id, latest.get())?.is_none_or(|manifest| manifest.segments > 0);
    if !is_bound || !has_cold {
        return Ok(());
    }
    if excludes {
        return Err(Error::new(
            &errors::UNSUPPORTED,
            format!(
                "stretched table {} cannot get an exclusion constraint",
                names::relation(relation)
            ),
        )
        .detail("It would be checked against the hot rows only.")
        .hint("Give the table the index before it is stretched."));
    }
    // SAFETY: the index is open, and nobody else knows the entry of the relation cache. While it is not valid there, no
    // plan looks into the index, which is not made yet. After an error the entry goes with the transaction.
    unsafe {
        let form = (*index).rd_index;
        let is_valid = std::mem::replace(&mut (*form).indisvalid, false);
        // An error of the query is one of the server's by now, which no `?` meets.
        let checked = txn::catch(|| duplicates::check(relation, (*index).rd_id, &latest));
        (*form).indisvalid = is_valid;
        checked.map_err(|error| unread(relation, error))
    }
}

/// ALTER TYPE makes the index of a key again, and that asks for the cold keys as values of the new type before anything
/// says that they cannot be read so.
fn unread(relation: pg_sys::Oid, error: Error) -> Error {
    match error.is(&errors::UNSUPPORTED) && error.hint.is_none() {
        true => error.hint(way_back::then(relation, "then change the table and enable it again")),
        false => error,
    }
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
