//! What a scan needs of its cold side: the columns that are used, and the conditions that may leave segments out.

use super::note::Columns;
use crate::pg::list;
use pgrx::prelude::*;

/// The conditions that may prune, and whether some are held back: how much is read must not tell a condition's outcome
/// for rows that a policy hides, unless the server itself would check it before the policy (F32).
///
/// # Safety
/// `clauses` is a list of conditions of the planner about `rel`.
pub unsafe fn safe_to_prune(rel: *mut pg_sys::RelOptInfo, clauses: *mut pg_sys::List) -> (*mut pg_sys::List, bool) {
    let mut safe = std::ptr::null_mut();
    let mut secured = false;
    // SAFETY: a scan's conditions are RestrictInfos.
    unsafe {
        for info in list::pointers::<pg_sys::RestrictInfo>(clauses) {
            let later = (*info).security_level > (*rel).baserestrict_min_security;
            secured |= later;
            if !later || (*info).leakproof {
                safe = pg_sys::lappend(safe, info.cast());
            }
        }
        (pg_sys::extract_actual_clauses(safe, false), secured)
    }
}

/// The bitmapset that `pull_varattnos` fills begins at this number.
const OFFSET: i32 = pg_sys::FirstLowInvalidHeapAttributeNumber;

/// The columns of a set that `pull_varattnos` filled.
///
/// # Safety
/// The set is valid.
pub unsafe fn columns_of(used: *mut pg_sys::Bitmapset) -> Columns {
    let mut columns = Vec::new();
    let mut member = -1;
    loop {
        // SAFETY: walks a valid set.
        member = unsafe { pg_sys::bms_next_member(used, member) };
        if member < 0 {
            return Columns::Some(columns);
        }
        match member + OFFSET {
            0 => return Columns::WholeRow,
            attribute if attribute > 0 => columns.push(attribute as i16),
            _ => {}
        }
    }
}

/// True when a cold row would have to show who made and changed it: a segment does not keep that.
///
/// # Safety
/// The set is one that `pull_varattnos` filled.
pub unsafe fn shows_versions(used: *mut pg_sys::Bitmapset) -> bool {
    let columns = [
        pg_sys::MinTransactionIdAttributeNumber,
        pg_sys::MinCommandIdAttributeNumber,
        pg_sys::MaxTransactionIdAttributeNumber,
        pg_sys::MaxCommandIdAttributeNumber,
    ];
    // SAFETY: the caller's promise.
    let is_used = |attribute: &i32| unsafe { pg_sys::bms_is_member(attribute - OFFSET, used) };
    columns.iter().any(is_used)
}
