//! Column chunks out of the pieces in which a segment is staged.

use crate::catalog::rows::Segment;
use crate::catalog::tables::{self, CHUNK_BYTES};
use crate::cold::counters::Counters;
use crate::pg::error::Result;
use bytes::Bytes;
use pgrx::pg_sys;
use std::collections::HashMap;
use std::ops::Range;
use stretch_columns::reading::{self, PIECE_BYTES};

const _: () = assert!(CHUNK_BYTES as u64 == PIECE_BYTES);

/// Pieces of the segment that is read; a piece often serves several row groups.
#[derive(Default)]
pub struct Pieces {
    /// Number of the segment among those of the reader.
    of: Option<usize>,
    held: HashMap<i32, Bytes>,
}

impl Pieces {
    /// The bytes of `ranges` of segment number `index`; `None` when a piece is not in staging any more.
    pub fn read(
        &mut self,
        (index, segment): (usize, &Segment),
        ranges: &[Range<u64>],
        snapshot: pg_sys::Snapshot,
        counters: &mut Counters,
    ) -> Result<Option<Vec<Bytes>>> {
        if self.of != Some(index) {
            self.held.clear();
            self.of = Some(index);
        }
        let first_needed = reading::first_piece(ranges);
        self.held.retain(|number, _| *number >= first_needed);
        let mut chunks = Vec::with_capacity(ranges.len());
        for range in ranges {
            for number in reading::pieces(range) {
                if self.held.contains_key(&number) {
                    continue;
                }
                let Some(piece) = tables::staged_chunk(&segment.segment_id, number, snapshot)? else {
                    return Ok(None);
                };
                counters.staged_bytes += piece.len() as u64;
                self.held.insert(number, Bytes::from(piece));
                pgrx::check_for_interrupts!();
            }
            chunks.push(reading::cut(&self.held, range));
        }
        Ok(Some(chunks))
    }
}
