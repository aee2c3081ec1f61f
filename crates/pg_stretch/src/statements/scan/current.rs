//! WHERE CURRENT OF: hot rows under a cursor are found by the heap's own scan; the cold side only says whether the
//! cursor stands on one of its rows, which cannot be named across statements and is refused.

use crate::pg::error::{Error, Result};
use crate::pg::{list, names};
use pgrx::pg_sys;
use stretch_core::errors;

/// Takes `CURRENT OF` out of a scan's conditions: the other conditions, and the expression if there is one.
///
/// # Safety
/// `clauses` is a list of expressions; lists are made in the current memory context.
pub unsafe fn split(clauses: *mut pg_sys::List) -> (*mut pg_sys::List, Option<*mut pg_sys::Node>) {
    let (mut rest, mut current) = (std::ptr::null_mut(), None);
    // SAFETY: the caller's promise.
    unsafe {
        for clause in list::pointers::<pg_sys::Node>(clauses) {
            if (*clause).type_ == pg_sys::NodeTag::T_CurrentOfExpr {
                current = Some(clause);
            } else {
                rest = pg_sys::lappend(rest, clause.cast());
            }
        }
    }
    (rest, current)
}

/// Refuses when the cursor stands on a cold row; the scan has no row otherwise.
///
/// # Safety
/// `expression` is what `split` found, `context` that of the scan of `child`.
pub unsafe fn refuse_cold(
    expression: *mut pg_sys::Node,
    context: *mut pg_sys::ExprContext,
    child: pg_sys::Oid,
    table: pg_sys::Oid,
) -> Result<()> {
    let mut tid = pg_sys::ItemPointerData::default();
    // SAFETY: the caller's promise; the cursor is looked up by name.
    if unsafe { pg_sys::execCurrentOf(expression.cast(), context, child, &mut tid) } {
        return Err(Error::new(
            &errors::UNSUPPORTED,
            format!(
                "WHERE CURRENT OF a cold row of table {} is not supported",
                names::relation(table)
            ),
        )
        .hint("Name the row by its key instead."));
    }
    Ok(())
}
