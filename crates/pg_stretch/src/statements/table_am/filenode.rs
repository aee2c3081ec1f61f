//! A new file for a table, or an emptied one: TRUNCATE takes the cold rows, too, and gives them back when it is rolled
//! back.
//!
//! The server makes a new file under a table's own name for TRUNCATE alone. Whatever rewrites a table makes the file of
//! another relation first, which has no cold rows (`utility_scan.rs` sees to the rewrites that read all rows).

use super::heap::{self, of_heap};
use crate::catalog::snapshot::LATEST;
use crate::catalog::{retire, stretched, tables};
use crate::pg::error::{OrRaise, Result};
use crate::pg::hook;
use pgrx::pg_sys;
use std::ffi::c_char;

/// `relation_set_new_filenode`: a relation is made, or truncated.
pub unsafe extern "C-unwind" fn relation_set_new_filenode(
    relation: pg_sys::Relation,
    node: *const pg_sys::RelFileNode,
    persistence: c_char,
    freeze: *mut pg_sys::TransactionId,
    multi: *mut pg_sys::MultiXactId,
) {
    // SAFETY: what the server handed over.
    unsafe {
        hook::own_part(|| emptied((*relation).rd_id).or_raise());
        of_heap(heap::routine().relation_set_new_filenode)(relation, node, persistence, freeze, multi)
    }
}

/// `relation_nontransactional_truncate`: TRUNCATE of a table whose file this transaction made.
pub unsafe extern "C-unwind" fn relation_nontransactional_truncate(relation: pg_sys::Relation) {
    // SAFETY: what the server handed over.
    unsafe {
        hook::own_part(|| emptied((*relation).rd_id).or_raise());
        of_heap(heap::routine().relation_nontransactional_truncate)(relation)
    }
}

/// The rows of a relation go, and nobody else looks at it until the transaction ends.
fn emptied(relation: pg_sys::Oid) -> Result<()> {
    let Some(info) = stretched::lookup(relation)? else {
        return Ok(());
    };
    // pg_restore with several jobs empties each table before it fills it, and may have brought the catalog before.
    if !tables::binding(LATEST)?.is_some_and(|binding| binding.is_of_here()) {
        return Ok(());
    }
    retire::rows(&info.table_id)
}
