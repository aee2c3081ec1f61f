//! Plain columns among expressions.

use crate::catalog::types;
use crate::statements::scan::quals;
use pgrx::pg_sys;
use stretch_segment::ColumnType;

/// A plain column of the relation.
pub struct Column {
    pub attribute: i16,
    /// Its type below all domains.
    pub base: pg_sys::Oid,
    pub kind: ColumnType,
}

/// The column that an expression is; binary-compatible casts are looked through.
///
/// # Safety
/// An expression of the planner, or of a finished plan.
pub unsafe fn column(node: *mut pg_sys::Node, relid: u32) -> Option<Column> {
    // SAFETY: the caller's promise.
    unsafe {
        let var = quals::plain_column(node, relid)?;
        let plan = types::plan((*var).vartype, (*var).vartypmod);
        Some(Column {
            attribute: (*var).varattno,
            base: plan.base_type,
            kind: plan.column_type,
        })
    }
}
