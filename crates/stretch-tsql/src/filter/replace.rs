//! Which filter may replace another, by SQL Server's rule: the same tests in the same order, where only constants of
//! order comparisons change, and only so that more rows match.

use super::constant::Constant;
use super::function::{Check, FilterFunction, Operator, Test};
use crate::error::{Error, Kind, number};
use crate::position::Position;
use std::cmp::Ordering;

/// Whether `new` over its columns may replace `old` over its columns; 14841 when not. `at` is where it is asked for.
pub fn may_replace(
    old: &FilterFunction,
    old_columns: &[&str],
    new: &FilterFunction,
    new_columns: &[&str],
    at: Position,
) -> Result<(), Error> {
    let refused =
        |message: &str| {
            Err(Error::new(Kind::Replacement, number::FILTER_REPLACEMENT, at, message).supported(
            "Keep every test and its order; only constants of <, <=, > and >= may change, so that more rows match.",
        ))
        };
    let same_shape = old.conditions.len() == new.conditions.len()
        && old
            .conditions
            .iter()
            .zip(&new.conditions)
            .all(|(a, b)| a.len() == b.len());
    if !same_shape {
        return refused("the new filter has more or fewer tests than the one before");
    }
    let pairs = old.conditions.iter().flatten().zip(new.conditions.iter().flatten());
    for (a, b) in pairs {
        let same_column =
            old_columns.get(a.parameter).is_some() && old_columns.get(a.parameter) == new_columns.get(b.parameter);
        if !same_column || !same_question(a, b) {
            return refused("a test of the new filter is not the one before");
        }
        if !at_least_as_loose(&a.check, &b.check) {
            return refused("a test of the new filter selects fewer rows than the one before");
        }
    }
    Ok(())
}

/// Same kind of test with the same operator; everything but constants of order comparisons is equal.
fn same_question(old: &Test, new: &Test) -> bool {
    match (&old.check, &new.check) {
        (Check::Compare(a, old), Check::Compare(b, new)) => {
            a == b && (!matches!(a, Operator::Equal | Operator::NotEqual) || equal(old, new))
        }
        (Check::In(a), Check::In(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (a, b) => a == b,
    }
}

fn equal(a: &Constant, b: &Constant) -> bool {
    order(a, b) == Some(Ordering::Equal)
}

fn at_least_as_loose(old: &Check, new: &Check) -> bool {
    let (Check::Compare(operator, old), Check::Compare(_, new)) = (old, new) else {
        return true;
    };
    match operator {
        Operator::Less | Operator::LessOrEqual => matches!(order(new, old), Some(Ordering::Greater | Ordering::Equal)),
        Operator::Greater | Operator::GreaterOrEqual => {
            matches!(order(new, old), Some(Ordering::Less | Ordering::Equal))
        }
        Operator::Equal | Operator::NotEqual => true,
    }
}

/// Text in byte order, as columns with the collation "C" compare it; other collations are no filters (F13).
fn order(a: &Constant, b: &Constant) -> Option<Ordering> {
    match (a, b) {
        (Constant::Number(a), Constant::Number(b)) => a.order(*b),
        (Constant::Text(a), Constant::Text(b)) => Some(a.cmp(b)),
        (Constant::Moment(a), Constant::Moment(b)) => Some(a.instant().cmp(&b.instant())),
        _ => None,
    }
}
