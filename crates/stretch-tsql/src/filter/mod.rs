//! Filter functions: inline table-valued functions of the one shape that SQL Server takes as a filter, and the boolean
//! expression of PostgreSQL that each becomes (stretch-behaviour §2).

pub(crate) mod constant;
mod convert;
pub(crate) mod moment;
pub(crate) mod number;
pub(crate) mod predicate;
mod render;
mod replace;
pub(crate) mod types;

use crate::ast::ObjectName;
use crate::error::{Error, Kind, number as numbers};
use crate::position::Position;
use constant::Constant;
use types::FilterType;

pub use replace::may_replace;

/// A filter function: its parameters stand for columns.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterFunction {
    /// Its name, one or two parts.
    pub name: ObjectName,
    pub(crate) parameters: Vec<FilterParameter>,
    /// Conditions that must all hold.
    pub(crate) conditions: Vec<Condition>,
}

/// A parameter of a filter function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FilterParameter {
    /// In lower case, with its `@`.
    pub name: String,
    pub kind: FilterType,
}

/// Tests of which one must hold.
pub(crate) type Condition = Vec<Test>;

/// A test of one column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Test {
    /// Which parameter.
    pub parameter: usize,
    pub check: Check,
}

/// What a test asks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Check {
    Compare(Operator, Constant),
    IsNull,
    IsNotNull,
    In(Vec<Constant>),
}

/// A comparison; `!<` and `!>` are read as `>=` and `<=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl FilterFunction {
    /// The number of parameters, thus of columns it is applied to.
    pub fn arity(&self) -> usize {
        self.parameters.len()
    }

    /// The filter as text of PostgreSQL over these columns, each the column's name as in the catalog. `at` is where
    /// the function is used.
    pub fn bind(&self, columns: &[&str], at: Position) -> Result<String, Error> {
        if columns.len() != self.parameters.len() {
            let message = format!(
                "the filter function takes {} columns, {} are given",
                self.parameters.len(),
                columns.len()
            );
            return Err(Error::new(Kind::Filter, numbers::FILTER_ARGUMENTS, at, message));
        }
        Ok(render::filter(self, columns))
    }
}

/// 14853: nothing that can be a filter.
pub(crate) fn unfit(at: Position, message: impl Into<String>) -> Error {
    Error::new(Kind::Filter, numbers::FILTER_UNFIT, at, message)
}
