//! Tombstones: a cold row dies by a row in `stretch.tombstone`, an ordinary transactional write (design §8).
//!
//! Order of a cold write (F2): lock the newest version of the segment's row, so that the segment cannot be retired;
//! write the tombstone, which the unique index gives to one writer only; look into the segment's bitmap as it is now,
//! since a folded tombstone is no longer in that index. The loser of a race gets 40001.

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
