//! Where values of a batch are, and what is said of those that cannot be used.

use crate::select::Source;

/// This batch cannot be aggregated here exactly; nothing of it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a batch cannot be aggregated on its stored values")]
pub struct Unfit;

/// Where the values of a batch are: the rows that count, and no others.
pub type SourceOf<'a> = dyn Fn(i16) -> Source<'a> + 'a;
