//! Filter functions: inline table-valued functions of the one shape that SQL Server takes as a filter, and the boolean
//! expression of PostgreSQL that each becomes.

mod constant;
mod convert;
mod expression;
mod function;
mod moment;
mod number;
pub(crate) mod predicate;
mod render;
mod replace;
pub(crate) mod types;

pub use function::FilterFunction;
pub(crate) use function::FilterParameter;
pub use replace::may_replace;
