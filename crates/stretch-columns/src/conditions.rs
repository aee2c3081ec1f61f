//! Conditions with their values, and which segments, row groups and pages statistics leave (F12, F13).
//!
//! The conditions of a scan all hold together. Who makes one answers for its meaning: that the comparison is exact for
//! the type is decided by [`crate::exact`] when the plan is made.

mod choice;
pub mod contradict;
mod like;

pub use choice::{Choice, Field, Place, may_match_any};
pub use like::Like;

use crate::expression::Expression;
use stretch_segment::{Bound, CompareOp, Predicate};

/// A condition on one column, with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Attribute number in the stretched table.
    pub attribute: i16,
    /// True when the value is text, whose bytes depend on the encoding.
    pub text: bool,
    pub test: Test,
}

/// What must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Compare(CompareOp, Bound),
    /// Equal to one of an array's elements that are not NULL. With `or_null` the array has a NULL too, so for what
    /// equals none of them SQL's answer is unknown rather than false.
    In {
        values: Vec<Bound>,
        or_null: bool,
    },
    /// Text of this shape.
    Like(Like),
    /// A comparison with NULL: unknown for every row, so no row satisfies it.
    Unknown,
    IsNull,
    IsNotNull,
}

/// A comparison of what is computed of columns with a value: an integer, day or moment, or a numeric.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    pub expression: Expression,
    pub op: CompareOp,
    pub value: Bound,
}

/// Conditions that are put together.
#[derive(Debug, Clone, PartialEq)]
pub enum Clause {
    Test(Condition),
    Computed(Computed),
    /// Without parts it is true.
    And(Vec<Clause>),
    /// Without parts it is false.
    Or(Vec<Clause>),
    Not(Box<Clause>),
}

impl Clause {
    /// Whether a condition of it is about a column.
    pub fn asks(&self, attribute: i16) -> bool {
        match self {
            Clause::Test(condition) => condition.attribute == attribute,
            Clause::Computed(computed) => computed.expression.asks(attribute),
            Clause::And(parts) | Clause::Or(parts) => parts.iter().any(|part| part.asks(attribute)),
            Clause::Not(inner) => inner.asks(attribute),
        }
    }
}

impl From<Condition> for Clause {
    fn from(condition: Condition) -> Self {
        Clause::Test(condition)
    }
}

impl Condition {
    /// What statistics are asked for it, of a column at place 0 of a list: all must hold.
    fn predicates(&self) -> Vec<Predicate> {
        let column = 0;
        let compare = |op, value| Predicate::Compare { column, op, value };
        match &self.test {
            Test::Compare(op, value) => vec![compare(*op, value.clone())],
            Test::In { values, .. } => vec![Predicate::In {
                column,
                values: values.clone(),
            }],
            Test::Like(like) => {
                let (least, beyond) = like.range();
                let below = beyond.map(|beyond| compare(CompareOp::Lt, beyond));
                std::iter::once(compare(CompareOp::Ge, least)).chain(below).collect()
            }
            Test::Unknown => vec![Predicate::In {
                column,
                values: Vec::new(),
            }],
            Test::IsNull => vec![Predicate::IsNull { column }],
            Test::IsNotNull => vec![Predicate::IsNotNull { column }],
        }
    }

    /// May a row satisfy it that has no value in this column at all?
    fn may_match_null(&self) -> bool {
        self.test == Test::IsNull
    }

    /// Does it say anything about bytes as a segment has them?
    fn counts(&self, text_comparable: bool) -> bool {
        text_comparable || !self.text
    }
}

#[cfg(test)]
mod tests;
