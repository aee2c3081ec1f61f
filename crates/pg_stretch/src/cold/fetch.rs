//! Brings the bytes of column chunks: from staging under the query's snapshot, else from the endpoint, ahead of need.
//!
//! Staging is looked at first. Chunks that are gone were purged, so a verified object exists: its name is then read
//! from the newest version of the segment's row (F51). Nothing here is trusted: the reader checks every chunk (I-5).

use super::counters::Counters;
use super::{lost, segments};
use crate::catalog::rows::{Segment, StretchedTable};
use crate::catalog::tables::{self, CHUNK_BYTES};
use crate::endpoint::{identity, open};
use crate::pg::error::{Error, Result};
use crate::pg::{gucs, io, names};
use bytes::Bytes;
use pgrx::pg_sys;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use stretch_core::errors;
use stretch_endpoint::{Endpoint, EndpointError};

/// Neighbouring ranges with a gap up to this many bytes travel in one request, as `Endpoint::get_ranges` does it.
const MAX_GAP: u64 = 256 * 1024;

/// Where a segment's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Staged,
    /// The object's key.
    Remote(String),
}

/// One row group to read: which segment of the scan, its row group, the ranges of its chunks.
#[derive(Clone, Debug)]
pub struct Want {
    pub segment: usize,
    pub row_group: usize,
    pub ranges: Vec<Range<u64>>,
}

impl Want {
    fn bytes(&self) -> u64 {
        self.ranges.iter().map(|range| range.end - range.start).sum()
    }
}

type Answer = std::result::Result<Vec<Bytes>, EndpointError>;

struct Pending {
    number: usize,
    bytes: u64,
    ticket: io::Ticket<Answer>,
}

/// Fetches the row groups of one scan in order.
pub struct Fetcher {
    snapshot: pg_sys::Snapshot,
    table: StretchedTable,
    /// Query mode LOCAL_ONLY: the endpoint is never asked.
    local_only: bool,
    endpoint: Option<Arc<Endpoint>>,
    places: HashMap<usize, Place>,
    pending: VecDeque<Pending>,
    /// Staged pieces of the segment read last; a piece often serves several row groups.
    pieces: HashMap<i32, Bytes>,
    pieces_of: usize,
    delivered: bool,
}

impl Fetcher {
    /// A fetcher for one scan of `table`.
    pub fn new(table: StretchedTable, snapshot: pg_sys::Snapshot, local_only: bool) -> Self {
        Self {
            snapshot,
            table,
            local_only,
            endpoint: None,
            places: HashMap::new(),
            pending: VecDeque::new(),
            pieces: HashMap::new(),
            pieces_of: usize::MAX,
            delivered: false,
        }
    }

    /// Forgets what is on its way; the scan starts anew.
    pub fn restart(&mut self) {
        self.pending.clear();
        self.pieces.clear();
        self.pieces_of = usize::MAX;
    }

    /// Where segment number `index` of the scan is; an error when it is nowhere or may not be read.
    pub fn place(&mut self, index: usize, segment: &Segment) -> Result<Place> {
        if let Some(place) = self.places.get(&index) {
            return Ok(place.clone());
        }
        let place = if tables::is_staged(&segment.segment_id, self.snapshot)? {
            Place::Staged
        } else {
            self.remote(segment)?
        };
        self.places.insert(index, place.clone());
        Ok(place)
    }

    fn remote(&mut self, segment: &Segment) -> Result<Place> {
        if self.local_only {
            return Err(Error::new(
                &errors::NOT_NOW,
                format!("segment {} left staging while it was read", segment.segment_id),
            )
            .hint("Run the query again."));
        }
        let now = segments::current(segment, self.snapshot)?;
        match now.object_key {
            Some(key) if now.lost => Err(self.why_lost(segment, key)),
            Some(key) => {
                identity::require_read()?;
                Ok(Place::Remote(key))
            }
            None if !self.table.is_reconciled => Err(Error::new(
                &errors::NOT_RECONCILED,
                format!(
                    "table {} is not reconciled: segment {} is not on the endpoint yet",
                    names::relation(self.table.relation),
                    segment.segment_id
                ),
            )),
            None => Err(lost(&self.table, segment)),
        }
    }

    /// Why a segment cannot be read whose object was not the right one at the last comparison: other bytes of the same size are damage.
    fn why_lost(&self, segment: &Segment, key: String) -> Error {
        let size = || -> Result<Option<u64>> {
            identity::require_read()?;
            let endpoint = open::bound(crate::catalog::snapshot::LATEST)?;
            Ok(io::run(async move { endpoint.head(&key).await })?
                .ok()
                .map(|info| info.size))
        };
        match size() {
            Ok(Some(size)) if size == segment.byte_size as u64 => Error::new(
                &errors::CHECKSUM_MISMATCH,
                format!(
                    "segment {} of table {} has other bytes on the endpoint than in the catalog",
                    segment.segment_id,
                    names::relation(self.table.relation)
                ),
            )
            .detail(lost::rows(&self.table, segment)),
            _ => lost(&self.table, segment),
        }
    }

    /// The chunks of row group number `number` of `wants`. Requests for those that follow are started as well, as far
    /// as `stretch.prefetch_bytes` reaches; not before the first one was used, so that a LIMIT costs little.
    pub fn get(
        &mut self,
        wants: &[Want],
        number: usize,
        segments: &[&Segment],
        counters: &mut Counters,
    ) -> Result<Vec<Bytes>> {
        let want = &wants[number];
        if want.ranges.is_empty() {
            return Ok(Vec::new());
        }
        let segment = segments[want.segment];
        if self.place(want.segment, segment)? == Place::Staged {
            if let Some(chunks) = self.staged(want, segment, counters)? {
                self.delivered = true;
                return Ok(chunks);
            }
            let place = self.remote(segment)?;
            self.places.insert(want.segment, place);
        }
        self.pending.retain(|pending| pending.number >= number);
        if self.pending.front().is_none_or(|pending| pending.number != number) {
            self.pending.clear();
            self.request(wants, number, segments, counters)?;
        }
        if self.delivered {
            self.request_ahead(wants, number, segments, counters)?;
        }
        self.delivered = true;
        let Some(pending) = self.pending.pop_front() else {
            return Err(Error::internal("a request was not started"));
        };
        pending
            .ticket
            .wait()?
            .map_err(|error| self.failed(&error, segment, want.row_group))
    }

    /// Starts the request for one row group; false when its segment is staged.
    fn request(
        &mut self,
        wants: &[Want],
        number: usize,
        segments: &[&Segment],
        counters: &mut Counters,
    ) -> Result<bool> {
        let want = &wants[number];
        let Place::Remote(key) = self.place(want.segment, segments[want.segment])? else {
            return Ok(false);
        };
        let endpoint = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => self
                .endpoint
                .insert(open::bound(crate::catalog::snapshot::LATEST)?)
                .clone(),
        };
        let (requests, bytes) = travelling(&want.ranges);
        counters.requests += requests;
        counters.remote_bytes += bytes;
        let ranges = want.ranges.clone();
        let ticket = io::spawn(async move { endpoint.get_ranges(&key, &ranges).await })?;
        self.pending.push_back(Pending { number, bytes, ticket });
        Ok(true)
    }

    fn request_ahead(
        &mut self,
        wants: &[Want],
        number: usize,
        segments: &[&Segment],
        counters: &mut Counters,
    ) -> Result<()> {
        let limit = gucs::PREFETCH_BYTES.get() as u64 * 1024;
        let mut next = self.pending.back().map_or(number, |pending| pending.number) + 1;
        while let Some(want) = wants.get(next) {
            let on_the_way: u64 = self.pending.iter().map(|pending| pending.bytes).sum();
            if want.ranges.is_empty()
                || on_the_way + want.bytes() > limit
                || !self.request(wants, next, segments, counters)?
            {
                break;
            }
            next += 1;
        }
        Ok(())
    }

    /// The chunks from staging; `None` when a piece is not there any more.
    fn staged(&mut self, want: &Want, segment: &Segment, counters: &mut Counters) -> Result<Option<Vec<Bytes>>> {
        if self.pieces_of != want.segment {
            self.pieces.clear();
            self.pieces_of = want.segment;
        }
        let first_needed = want.ranges.iter().map(|range| piece_of(range.start)).min().unwrap_or(0);
        self.pieces.retain(|number, _| *number >= first_needed);
        let mut chunks = Vec::with_capacity(want.ranges.len());
        for range in &want.ranges {
            for number in pieces(range) {
                if self.pieces.contains_key(&number) {
                    continue;
                }
                let Some(piece) = tables::staged_chunk(&segment.segment_id, number, self.snapshot)? else {
                    return Ok(None);
                };
                counters.staged_bytes += piece.len() as u64;
                self.pieces.insert(number, Bytes::from(piece));
                pgrx::check_for_interrupts!();
            }
            chunks.push(cut(&self.pieces, range));
        }
        Ok(Some(chunks))
    }

    fn failed(&self, error: &EndpointError, segment: &Segment, row_group: usize) -> Error {
        match error {
            EndpointError::NotFound { .. } => gone(&self.table, segment),
            EndpointError::Corrupt { .. } => Error::new(
                &errors::CHECKSUM_MISMATCH,
                format!(
                    "segment {} of table {} is shorter on the endpoint than in the catalog",
                    segment.segment_id,
                    names::relation(self.table.relation)
                ),
            )
            .detail(format!("Row group {row_group} could not be read.")),
            other => {
                let error = open::map_error(other);
                Error {
                    message: format!(
                        "segment {} of table {} cannot be read: {}",
                        segment.segment_id,
                        names::relation(self.table.relation),
                        error.message
                    ),
                    ..error
                }
            }
        }
    }
}

/// A missing object: damage, unless the segment was retired long ago and only an old snapshot still asks for it (F49).
fn gone(table: &StretchedTable, segment: &Segment) -> Error {
    let retired = tables::segment_by_id(&segment.segment_id, crate::catalog::snapshot::LATEST)
        .ok()
        .is_none_or(|now| now.is_none_or(|now| now.retired));
    if retired {
        return Error::new(
            &errors::MOVED,
            "canceling statement because its snapshot is too old for the cold rows it needs",
        )
        .hint("Run the query again in a new transaction.");
    }
    lost(table, segment)
}

/// ST003 for a segment that is neither staged nor on the endpoint.
pub fn lost(table: &StretchedTable, segment: &Segment) -> Error {
    Error::new(
        &errors::SEGMENT_LOST,
        format!(
            "segment {} of table {} is neither staged nor on the endpoint",
            segment.segment_id,
            names::relation(table.relation)
        ),
    )
    .detail(lost::rows(table, segment))
}

fn piece_of(offset: u64) -> i32 {
    (offset / CHUNK_BYTES as u64) as i32
}

/// Numbers of the staged pieces that a range of the object touches.
pub(super) fn pieces(range: &Range<u64>) -> Range<i32> {
    if range.start >= range.end {
        return 0..0;
    }
    piece_of(range.start)..piece_of(range.end - 1) + 1
}

/// Cuts a range out of its pieces; shorter when pieces are shorter than they should be, which the checksum finds.
pub(super) fn cut(held: &HashMap<i32, Bytes>, range: &Range<u64>) -> Bytes {
    let mut parts = pieces(range).filter_map(|number| {
        let piece = held.get(&number)?;
        let base = number as u64 * CHUNK_BYTES as u64;
        let end = (range.end - base).min(piece.len() as u64) as usize;
        let start = (range.start.saturating_sub(base) as usize).min(end);
        Some(piece.slice(start..end))
    });
    match (parts.next(), parts.next()) {
        (None, _) => Bytes::new(),
        (Some(only), None) => only,
        (Some(first), Some(second)) => {
            let mut joined = first.to_vec();
            joined.extend_from_slice(&second);
            for part in parts {
                joined.extend_from_slice(&part);
            }
            joined.into()
        }
    }
}

/// Requests and bytes that fetching these ranges costs.
pub(super) fn travelling(ranges: &[Range<u64>]) -> (u64, u64) {
    let mut sorted: Vec<&Range<u64>> = ranges.iter().filter(|range| range.start < range.end).collect();
    sorted.sort_by_key(|range| range.start);
    let (mut requests, mut bytes, mut end) = (0, 0, None::<u64>);
    for range in sorted {
        match end {
            Some(so_far) if range.start <= so_far.saturating_add(MAX_GAP) => {
                let further = range.end.max(so_far);
                bytes += further - so_far;
                end = Some(further);
            }
            _ => {
                requests += 1;
                bytes += range.end - range.start;
                end = Some(range.end);
            }
        }
    }
    (requests, bytes)
}
