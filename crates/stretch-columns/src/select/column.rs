//! A column of a decoded batch, with what its values can be compared by.

use crate::stored::Reading;
use arrow_array::Array;

/// A column of a batch.
#[derive(Clone, Copy)]
pub struct Column<'a> {
    /// Its type below all domains.
    pub base_type: u32,
    pub reading: Reading,
    /// Stored text has the bytes that conditions have ([`crate::exact::text_comparable`]).
    pub text_comparable: bool,
    pub array: &'a dyn Array,
}
