//! What is to be computed of cold rows, and when it cannot be.

use super::key::GroupKey;
use crate::conditions::Clause;
use crate::expression::Expression;

/// What an aggregate is computed of.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// The row itself, as `count(*)` has it.
    Row,
    /// Whether a column has a value.
    Presence(i16),
    /// A number; also dates and timestamps, in PostgreSQL's days and microseconds.
    Number(Expression),
    /// The first of these whose condition is true, else the last: numbers of one type, which need not have as many
    /// digits behind the point; `None` is NULL.
    Chosen(Vec<(Clause, Option<Expression>)>, Option<Expression>),
    /// A text, in the order of its bytes.
    Text(i16),
    /// A boolean.
    Truth(i16),
}

/// Aggregate functions, by what their transition value is in PostgreSQL 15 (pg_aggregate.dat).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `count`: int8.
    Count,
    /// `sum` of int2 and int4: int8, NULL without a value.
    SumOfSmall,
    /// `avg` of int2 and int4: int8[] of count and sum.
    AverageOfSmall,
    /// `sum` and `avg` of int8: what `int8_avg_serialize` makes.
    OfBig,
    /// `sum` and `avg` of numeric: what `numeric_avg_serialize` makes.
    OfNumeric,
    /// `min` of a type that is passed by value.
    LeastWord,
    /// `max` of one.
    GreatestWord,
    /// `min` of numeric.
    LeastNumeric,
    /// `max` of numeric.
    GreatestNumeric,
    /// `min` of text in the order of its bytes.
    LeastText,
    /// `max` of text in the order of its bytes.
    GreatestText,
    /// `bool_and` and `every`.
    All,
    /// `bool_or`.
    Any,
}

impl Function {
    /// Whether the greatest of the values is kept, and not the least.
    pub(super) fn wants_greatest(self) -> bool {
        matches!(self, Self::GreatestWord | Self::GreatestNumeric | Self::GreatestText)
    }
}

/// One aggregate.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    pub function: Function,
    pub argument: Argument,
    /// Its FILTER: all must hold.
    pub filter: Vec<Clause>,
}

/// What is to be computed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// What rows are grouped by; without any all rows are one group.
    pub keys: Vec<GroupKey>,
    pub aggregates: Vec<Aggregate>,
}

impl Plan {
    /// Whether statistics may know all of it, where every row is wanted: then row groups cost next to nothing.
    pub fn may_be_known(&self) -> bool {
        self.keys.is_empty() && self.aggregates.iter().all(Aggregate::may_be_known)
    }
}

impl Aggregate {
    /// Whether statistics of a row group may know it.
    pub(super) fn may_be_known(&self) -> bool {
        let of_column = match &self.argument {
            Argument::Row | Argument::Presence(_) | Argument::Text(_) => true,
            Argument::Number(expression) => matches!(expression, Expression::Column(_)),
            Argument::Chosen(..) | Argument::Truth(_) => false,
        };
        let is_end_or_count = match self.function {
            Function::Count
            | Function::LeastWord
            | Function::GreatestWord
            | Function::LeastNumeric
            | Function::GreatestNumeric
            | Function::LeastText
            | Function::GreatestText => true,
            Function::SumOfSmall
            | Function::AverageOfSmall
            | Function::OfBig
            | Function::OfNumeric
            | Function::All
            | Function::Any => false,
        };
        of_column && is_end_or_count && self.filter.is_empty()
    }
}
