//! What a filter function is: parameters, and tests of them.

use super::constant::Constant;
use super::types::FilterType;
use crate::names::ObjectName;

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
}
