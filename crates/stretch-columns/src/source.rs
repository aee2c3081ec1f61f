//! Where values of a batch are, and what is said of those that cannot be used.

use crate::stored::Reading;
use arrow_array::Array;

/// A column of a decoded batch, with what its values can be compared by.
#[derive(Clone, Copy)]
pub struct Column<'a> {
    /// Its type below all domains.
    pub base_type: u32,
    pub reading: Reading,
    /// Stored text has the bytes that conditions have ([`crate::exact::text_comparable`]).
    pub text_comparable: bool,
    pub array: &'a dyn Array,
}

/// Where the values of an attribute are.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    Decoded(Column<'a>),
    /// The segment has no such column, so that all is NULL.
    Missing,
    /// The segment has no such column, and all rows show the one value of this array.
    Constant(Column<'a>),
    /// Not at hand: nothing can be said.
    NotDecoded,
}

/// Where the values of a batch are: the rows that count, and no others.
pub type SourceOf<'a> = dyn Fn(i16) -> Source<'a> + 'a;

/// This batch cannot be taken here exactly; nothing of it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a batch cannot be computed on its stored values")]
pub struct Unfit;
