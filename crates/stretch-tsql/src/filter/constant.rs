//! The value of a constant expression.

use super::moment::Moment;
use super::number::Number;

/// The value of a constant expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Constant {
    Number(Number),
    Text(String),
    Moment(Moment),
}
