//! Brings the bytes of column chunks: from staging under the query's snapshot, else from the endpoint, ahead of need.
//!
//! Nothing here is trusted: whoever decodes compares every chunk with its checksum first (I-5).

mod failed;
mod place;
mod staged;

use super::counters::Counters;
use super::reader::Reader;
use crate::catalog::rows::Segment;
use crate::catalog::snapshot::LATEST;
use crate::catalog::tables::CHUNK_BYTES;
use crate::endpoint::open;
use crate::pg::error::{Error, Result};
use crate::pg::{gucs, io};
use bytes::Bytes;
use place::Place;
use staged::Pieces;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use stretch_endpoint::{Endpoint, EndpointError};

/// Neighbouring ranges with a gap up to this many bytes travel in one request, as `Endpoint::get_ranges` does it.
const MAX_GAP: u64 = 256 * 1024;

/// One row group to read: which segment of the fetcher, its row group, the ranges of its chunks.
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

/// Fetches row groups in order.
pub struct Fetcher {
    reader: Rc<Reader>,
    segments: Vec<Segment>,
    wants: Vec<Want>,
    endpoint: Option<Arc<Endpoint>>,
    places: HashMap<usize, Place>,
    pending: VecDeque<Pending>,
    pieces: Pieces,
    delivered: bool,
}

impl Fetcher {
    /// A fetcher of `wants` in `segments`.
    pub fn new(reader: Rc<Reader>, segments: Vec<Segment>, wants: Vec<Want>) -> Self {
        Self {
            reader,
            segments,
            wants,
            endpoint: None,
            places: HashMap::new(),
            pending: VecDeque::new(),
            pieces: Pieces::default(),
            delivered: false,
        }
    }

    /// The row groups to read.
    pub fn wants(&self) -> &[Want] {
        &self.wants
    }

    /// Segment number `index`.
    pub fn segment(&self, index: usize) -> &Segment {
        &self.segments[index]
    }

    /// Where segment number `index` is; an error when it is nowhere or may not be read.
    pub fn place(&mut self, index: usize) -> Result<Place> {
        if let Some(place) = self.places.get(&index) {
            return Ok(place.clone());
        }
        let place = place::of(&self.reader, &self.segments[index])?;
        self.places.insert(index, place.clone());
        Ok(place)
    }

    /// The chunks of row group number `number`. Requests for those that follow are started as well, as far as
    /// `stretch.prefetch_bytes` reaches; not before the first one was used, so that a LIMIT costs little.
    pub fn get(&mut self, number: usize, counters: &mut Counters) -> Result<Vec<Bytes>> {
        let (index, row_group) = (self.wants[number].segment, self.wants[number].row_group);
        if self.wants[number].ranges.is_empty() {
            return Ok(Vec::new());
        }
        if self.place(index)? == Place::Staged {
            let (segment, ranges) = (&self.segments[index], &self.wants[number].ranges);
            let staged = self
                .pieces
                .read((index, segment), ranges, self.reader.snapshot, counters)?;
            if let Some(chunks) = staged {
                self.delivered = true;
                return Ok(chunks);
            }
            let place = place::remote(&self.reader, segment)?;
            self.places.insert(index, place);
        }
        self.pending.retain(|pending| pending.number >= number);
        if self.pending.front().is_none_or(|pending| pending.number != number) {
            self.pending.clear();
            self.request(number, counters)?;
        }
        if self.delivered {
            self.request_ahead(number, counters)?;
        }
        self.delivered = true;
        let Some(pending) = self.pending.pop_front() else {
            return Err(Error::internal("a request was not started"));
        };
        let (table, segment) = (self.reader.table(), &self.segments[index]);
        pending
            .ticket
            .wait()?
            .map_err(|error| failed::answer(&error, table, segment, row_group))
    }

    /// Starts the request for one row group; false when its segment is staged.
    fn request(&mut self, number: usize, counters: &mut Counters) -> Result<bool> {
        let Place::Remote(key) = self.place(self.wants[number].segment)? else {
            return Ok(false);
        };
        let endpoint = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => self.endpoint.insert(open::bound(LATEST)?).clone(),
        };
        let ranges = self.wants[number].ranges.clone();
        let (requests, bytes) = travelling(&ranges);
        counters.requests += requests;
        counters.remote_bytes += bytes;
        let ticket = io::spawn(async move { endpoint.get_ranges(&key, &ranges).await })?;
        self.pending.push_back(Pending { number, bytes, ticket });
        Ok(true)
    }

    fn request_ahead(&mut self, number: usize, counters: &mut Counters) -> Result<()> {
        let limit = gucs::PREFETCH_BYTES.get() as u64 * 1024;
        let mut next = self.pending.back().map_or(number, |pending| pending.number) + 1;
        while let Some(want) = self.wants.get(next) {
            let on_the_way: u64 = self.pending.iter().map(|pending| pending.bytes).sum();
            if want.ranges.is_empty() || on_the_way + want.bytes() > limit || !self.request(next, counters)? {
                break;
            }
            next += 1;
        }
        Ok(())
    }
}

fn piece_of(offset: u64) -> i32 {
    (offset / CHUNK_BYTES as u64) as i32
}

/// Numbers of the staged pieces that a range of the object touches.
pub fn pieces(range: &Range<u64>) -> Range<i32> {
    if range.start >= range.end {
        return 0..0;
    }
    piece_of(range.start)..piece_of(range.end - 1) + 1
}

/// Cuts a range out of its pieces; shorter when pieces are shorter than they should be, which the checksum finds.
pub fn cut(held: &HashMap<i32, Bytes>, range: &Range<u64>) -> Bytes {
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
pub fn travelling(ranges: &[Range<u64>]) -> (u64, u64) {
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
