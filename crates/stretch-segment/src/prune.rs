//! Decides from statistics alone that no row can match (findings F12, F13). Never loses a matching row.
//!
//! The caller answers for the meaning: bounds of text are in byte order, so it may ask about an order operator
//! only under collation C, and about equality only under a deterministic collation (F13).

use std::cmp::Ordering;

use crate::stats::{Bound, ColumnStats};

/// A comparison of a column (left) with a constant (right).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareOp {
    Lt,
    Le,
    Eq,
    Ge,
    Gt,
}

/// A condition on one column. NULL satisfies `IsNull` only.
#[derive(Debug, Clone, PartialEq)]
pub enum Predicate {
    Compare { column: usize, op: CompareOp, value: Bound },
    In { column: usize, values: Vec<Bound> },
    IsNull { column: usize },
    IsNotNull { column: usize },
}

/// May one of `rows` rows with these statistics satisfy the predicate? `false` is certain. A column without
/// statistics, an unknown bound and a constant of another kind all give `true`.
pub fn may_match(stats: &[ColumnStats], rows: u64, predicate: &Predicate) -> bool {
    let column = match predicate {
        Predicate::Compare { column, .. }
        | Predicate::In { column, .. }
        | Predicate::IsNull { column }
        | Predicate::IsNotNull { column } => *column,
    };
    let Some(stats) = stats.get(column) else {
        return rows > 0;
    };
    let has_values = stats.null_count < rows;
    match predicate {
        Predicate::IsNull { .. } => stats.null_count > 0,
        Predicate::IsNotNull { .. } => has_values,
        Predicate::Compare { op, value, .. } => has_values && may_compare(stats, *op, value),
        Predicate::In { values, .. } => has_values && values.iter().any(|v| may_compare(stats, CompareOp::Eq, v)),
    }
}

fn may_compare(stats: &ColumnStats, op: CompareOp, value: &Bound) -> bool {
    let min = stats.min.as_ref().and_then(|min| min.partial_cmp(value));
    let max = stats.max.as_ref().and_then(|max| max.partial_cmp(value));
    let min_below = min.is_none_or(Ordering::is_lt);
    let min_at_most = min.is_none_or(Ordering::is_le);
    let max_above = max.is_none_or(Ordering::is_gt);
    let max_at_least = max.is_none_or(Ordering::is_ge);
    match op {
        CompareOp::Lt => min_below,
        CompareOp::Le => min_at_most,
        CompareOp::Eq => min_at_most && max_at_least,
        CompareOp::Ge => max_at_least,
        CompareOp::Gt => max_above,
    }
}

#[cfg(test)]
mod tests;
