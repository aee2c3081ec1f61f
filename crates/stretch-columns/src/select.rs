//! Which rows of a decoded batch the conditions leave, by SQL's three-valued logic and PostgreSQL's comparisons.
//!
//! A condition that cannot be decided on the stored values as PostgreSQL decides it has no answer here, and the caller
//! must leave it to the server. Who makes a condition answers for its operator and collation ([`exact::statistics`]);
//! what the type and the way of storing it allow is decided here. Nothing here raises an error, so it may run before a
//! policy.

mod keep;
mod kernels;
mod truth;

pub use crate::source::{Column, Source};
pub use keep::Keep;
pub use truth::Truths;

use crate::conditions::{Clause, Condition, Test};
use crate::exact;
use crate::numbers;
use arrow_array::Array;
use arrow_buffer::BooleanBuffer;

/// What clauses that all must hold leave of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// True for each row that satisfies all clauses but the open ones.
    pub rows: BooleanBuffer,
    /// Numbers of the clauses that nothing was said about: the server must check them.
    pub open: Vec<usize>,
}

/// The rows of a batch of `rows` rows that satisfy all clauses.
pub fn select<'a>(rows: usize, clauses: &[Clause], source_of: &dyn Fn(i16) -> Source<'a>) -> Selection {
    let mut left = BooleanBuffer::new_set(rows);
    let mut open = Vec::new();
    for (number, clause) in clauses.iter().enumerate() {
        match clause_truths(rows, clause, source_of) {
            Some(found) => left = &left & found.yes(),
            None => open.push(number),
        }
    }
    Selection { rows: left, open }
}

/// What a clause is for each row; `None` when nothing can be said about a part of it.
pub fn clause_truths<'a>(rows: usize, clause: &Clause, source_of: &dyn Fn(i16) -> Source<'a>) -> Option<Truths> {
    let part = |clause: &Clause| clause_truths(rows, clause, source_of);
    match clause {
        Clause::Test(condition) => truths(rows, condition, source_of(condition.attribute)),
        Clause::Computed(computed) => {
            let numbers = numbers::of_expression(&computed.expression, rows, source_of).ok()?;
            kernels::compare_numbers(rows, &numbers, computed.op, &computed.value)
        }
        Clause::And(parts) => parts.iter().try_fold(Truths::constant(rows, Some(true)), |all, next| {
            Some(all.and(&part(next)?))
        }),
        Clause::Or(parts) => parts.iter().try_fold(Truths::constant(rows, Some(false)), |any, next| {
            Some(any.or(&part(next)?))
        }),
        Clause::Not(inner) => part(inner).map(Truths::negated),
    }
}

/// What one condition is for each row of its column.
pub fn truths(rows: usize, condition: &Condition, source: Source<'_>) -> Option<Truths> {
    let column = match source {
        Source::Decoded(column) if column.array.len() == rows => column,
        Source::Missing => return Some(of_nulls(rows, &condition.test)),
        Source::Constant(column) => return Some(truths(1, condition, Source::Decoded(column))?.repeated(rows)),
        Source::Decoded(_) | Source::NotDecoded => return None,
    };
    match &condition.test {
        Test::IsNull => Some(is_null(column.array)),
        Test::IsNotNull => Some(is_null(column.array).negated()),
        Test::Unknown => Some(Truths::constant(rows, None)),
        Test::Compare(..) | Test::In { .. } | Test::Like(_) => {
            let exact = exact::rows(column.base_type) && (column.text_comparable || !condition.text);
            exact.then(|| kernels::decide(&column, &condition.test)).flatten()
        }
    }
}

fn is_null(array: &dyn Array) -> Truths {
    match array.nulls() {
        Some(valid) => Truths::known(!valid.inner()),
        None => Truths::constant(array.len(), Some(false)),
    }
}

/// What a test is for rows without a value. With no element to compare with, even NULL is in no list: that is false.
fn of_nulls(rows: usize, test: &Test) -> Truths {
    let truth = match test {
        Test::IsNull => Some(true),
        Test::IsNotNull => Some(false),
        Test::In { values, or_null } if values.is_empty() && !or_null => Some(false),
        Test::In { .. } | Test::Compare(..) | Test::Like(_) | Test::Unknown => None,
    };
    Truths::constant(rows, truth)
}

#[cfg(test)]
mod tests;
