//! Whole segments: round trips of every type, checksums, permutation, a golden object, the standard reader.

mod corrupt;
mod files;
pub(crate) mod model;
mod roundtrip;
mod shapes;
