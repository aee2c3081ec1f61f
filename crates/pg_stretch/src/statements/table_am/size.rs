//! `relation_size`: the size of the heap.
//!
//! ANALYZE looks at no table without blocks. Of one whose rows are all cold it is told that there is one block, which
//! then has cold rows alone (`analyze.rs`). No other callback comes before that, and the server says who it is by the
//! name of its memory context alone (do_analyze_rel of analyze.c).

use super::heap::{self, of_heap};
use crate::catalog::snapshot::LATEST;
use crate::catalog::{stretched, tables};
use crate::pg::error::{OrRaise, Result};
use crate::pg::hook;
use pgrx::pg_sys;
use std::ffi::CStr;

/// `relation_size`.
pub unsafe extern "C-unwind" fn relation_size(relation: pg_sys::Relation, fork: pg_sys::ForkNumber::Type) -> u64 {
    // SAFETY: what the server handed over; the current memory context always has a name.
    unsafe {
        let size = of_heap(heap::routine().relation_size)(relation, fork);
        if size != 0
            || fork != pg_sys::ForkNumber::MAIN_FORKNUM
            || CStr::from_ptr((*pg_sys::CurrentMemoryContext).name) != c"Analyze"
        {
            return size;
        }
        match hook::own_part(|| has_cold_rows((*relation).rd_id).or_raise()) {
            true => u64::from(pg_sys::BLCKSZ),
            false => 0,
        }
    }
}

fn has_cold_rows(relation: pg_sys::Oid) -> Result<bool> {
    let Some(info) = stretched::lookup(relation)? else {
        return Ok(false);
    };
    Ok(tables::manifest(&info.table_id, LATEST)?.is_some_and(|manifest| manifest.row_total > 0))
}
