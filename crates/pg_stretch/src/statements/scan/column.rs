//! Plain columns among expressions.

use crate::catalog::types;
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
        let var = plain_column(node, relid)?;
        let plan = types::plan((*var).vartype, (*var).vartypmod);
        Some(Column {
            attribute: (*var).varattno,
            base: plan.base_type,
            kind: plan.column_type,
        })
    }
}

/// A plain column of the relation; binary-compatible casts are looked through.
///
/// # Safety
/// An expression of the planner.
pub unsafe fn plain_column(mut node: *mut pg_sys::Node, relid: u32) -> Option<*mut pg_sys::Var> {
    // SAFETY: node tags tell the types.
    unsafe {
        while !node.is_null() && (*node).type_ == pg_sys::NodeTag::T_RelabelType {
            node = (*node.cast::<pg_sys::RelabelType>()).arg.cast();
        }
        if node.is_null() || (*node).type_ != pg_sys::NodeTag::T_Var {
            return None;
        }
        let var = node.cast::<pg_sys::Var>();
        let ours = (*var).varno == relid as i32 && (*var).varlevelsup == 0 && (*var).varattno > 0;
        ours.then_some(var)
    }
}
