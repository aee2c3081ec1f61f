//! Whether conditions rule each other out: a query that contradicts the filter of a table wants no cold row (I-11).

use super::{Clause, Condition, Test};
use std::cmp::Ordering;
use stretch_segment::{Bound, CompareOp};

/// Whether no row satisfies all of `given` and all of `wanted`, as far as pairs of conditions on one column tell.
/// `true` is certain. The values that are compared with one column must be comparable with each other: those are that
/// its statistics are compared with.
pub fn contradict(given: &[Clause], wanted: &[Clause]) -> bool {
    wanted.iter().any(|wanted| contradicts(given, wanted))
}

/// Whether no row satisfies all of `given` and the clause.
fn contradicts(given: &[Clause], wanted: &Clause) -> bool {
    match wanted {
        Clause::Test(wanted) => {
            wanted.test == Test::Unknown || given.iter().any(|given| given_contradicts(given, wanted))
        }
        Clause::And(parts) => parts.iter().any(|part| contradicts(given, part)),
        Clause::Or(parts) => parts.iter().all(|part| contradicts(given, part)),
        Clause::Computed(_) | Clause::Not(_) => false,
    }
}

fn given_contradicts(given: &Clause, wanted: &Condition) -> bool {
    match given {
        Clause::Test(given) => given.attribute == wanted.attribute && !compatible(&given.test, &wanted.test),
        Clause::And(parts) => parts.iter().any(|part| given_contradicts(part, wanted)),
        Clause::Or(parts) => parts.iter().all(|part| given_contradicts(part, wanted)),
        Clause::Computed(_) | Clause::Not(_) => false,
    }
}

/// May one value, or NULL, satisfy both?
fn compatible(a: &Test, b: &Test) -> bool {
    match (a, b) {
        (Test::Unknown, _) | (_, Test::Unknown) => false,
        (Test::IsNull, Test::IsNull) | (Test::IsNotNull, Test::IsNotNull) => true,
        (Test::IsNull, _) | (_, Test::IsNull) => false,
        (Test::IsNotNull | Test::Like(_), _) | (_, Test::IsNotNull | Test::Like(_)) => true,
        (Test::In { values, .. }, other) | (other, Test::In { values, .. }) => values
            .iter()
            .any(|value| compatible(&Test::Compare(CompareOp::Eq, value.clone()), other)),
        (Test::Compare(op_a, value_a), Test::Compare(op_b, value_b)) => overlap(*op_a, value_a, *op_b, value_b),
    }
}

/// Is there room for a value between two comparisons? That nothing lies between two neighbouring integers is not seen.
fn overlap(op_a: CompareOp, a: &Bound, op_b: CompareOp, b: &Bound) -> bool {
    use CompareOp::{Eq, Ge, Gt, Le, Lt};
    let Some(order) = a.partial_cmp(b) else {
        return true;
    };
    match (op_a, op_b) {
        (Eq, _) => holds(order, op_b),
        (_, Eq) => holds(order.reverse(), op_a),
        (Lt | Le, Lt | Le) | (Gt | Ge, Gt | Ge) => true,
        (Le, Ge) => order != Ordering::Less,
        (Lt | Le, Gt | Ge) => order == Ordering::Greater,
        (Ge, Le) => order != Ordering::Greater,
        (Gt | Ge, Lt | Le) => order == Ordering::Less,
    }
}

/// Whether a value that stands in this order to another satisfies the comparison with it.
fn holds(order: Ordering, op: CompareOp) -> bool {
    match op {
        CompareOp::Lt => order == Ordering::Less,
        CompareOp::Le => order != Ordering::Greater,
        CompareOp::Eq => order == Ordering::Equal,
        CompareOp::Ge => order != Ordering::Less,
        CompareOp::Gt => order == Ordering::Greater,
    }
}

#[cfg(test)]
mod tests;
