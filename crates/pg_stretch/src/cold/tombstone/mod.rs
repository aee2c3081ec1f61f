//! Tombstones: a cold row dies by a row in `stretch.tombstone`, an ordinary transactional write (design §8).
//!
//! Order of a cold write (F2): lock the row (`row_lock.rs`); look for its tombstone, and into the segment's bitmap as
//! it is now, since a folded tombstone is not found by its number (`fate.rs`); lock the newest version of the segment's
//! row, so that the segment cannot be retired; write the tombstone, which the unique index gives to one writer only.
//! Who waited for the lock of the row goes on with what became of it, as on a heap, or gets 40001.

pub mod conflicts;
pub mod fate;
pub mod kept;
pub mod known;
pub mod lock;
pub mod write;

use crate::pg::error::Error;
use stretch_core::errors;

/// 40001 for a cold row that another transaction deleted or updated, or whose segment it retired.
pub fn conflict(what: &str) -> Error {
    Error::new(
        &errors::MOVED,
        format!("could not serialize access: {what} by another transaction"),
    )
}
