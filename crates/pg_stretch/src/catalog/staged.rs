//! The staged bytes of a segment as a whole, put together of their pieces.

use super::tables::{self, CHUNK_BYTES};
use crate::pg::error::Result;
use pgrx::pg_sys;
use stretch_core::ids::SegmentId;

/// What staging holds of a segment.
pub enum Staged {
    /// All its pieces. Their bytes are not compared with the catalog yet, nor is how many they are.
    Whole(Vec<u8>),
    /// The piece of this number is not there, but those before it are.
    Lacks(i32),
}

/// The staged bytes of a segment of `size` bytes under a snapshot.
pub fn bytes(segment: &SegmentId, size: u64, snapshot: pg_sys::Snapshot) -> Result<Staged> {
    let mut bytes = Vec::with_capacity(size as usize);
    for number in 0..(size as usize).div_ceil(CHUNK_BYTES) as i32 {
        pgrx::check_for_interrupts!();
        match tables::staged_chunk(segment, number, snapshot)? {
            Some(piece) => bytes.extend_from_slice(&piece),
            None => return Ok(Staged::Lacks(number)),
        }
    }
    Ok(Staged::Whole(bytes))
}
