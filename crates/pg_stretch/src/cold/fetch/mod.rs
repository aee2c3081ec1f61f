//! Brings the bytes of columns, whole chunks or pages: from staging under the query's snapshot, else from the endpoint,
//! ahead of need.
//!
//! Nothing here is trusted: whoever decodes compares them with their checksums first (I-5).

mod failed;
mod place;
mod staged;

use super::counters::Counters;
use super::reader::Reader;
use crate::catalog::rows::Segment;
use crate::catalog::snapshot::LATEST;
use crate::endpoint::open;
use crate::pg::error::{Error, Result};
use crate::pg::{gucs, io};
use bytes::Bytes;
use place::Place;
use staged::Pieces;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use stretch_columns::reading::{Window, cost};
use stretch_endpoint::{Endpoint, EndpointError};
use stretch_segment::RowRanges;

/// One row group to read.
#[derive(Clone, Debug)]
pub struct Want {
    /// Which segment of the fetcher.
    pub segment: usize,
    pub row_group: usize,
    /// The rows of it that are wanted; all of them where that is not said.
    pub rows: Option<RowRanges>,
    /// The bytes that hold these, column after column.
    pub ranges: Vec<Range<u64>>,
}

type Answer = std::result::Result<Vec<Bytes>, EndpointError>;

/// Fetches row groups in order.
pub struct Fetcher {
    reader: Rc<Reader>,
    segments: Vec<Segment>,
    /// All that may be read.
    all: Vec<Want>,
    /// What is read of these, by their numbers, in ascending order.
    picked: Vec<usize>,
    endpoint: Option<Arc<Endpoint>>,
    places: HashMap<usize, Place>,
    window: Window<io::Ticket<Answer>>,
    pieces: Pieces,
    delivered: bool,
}

impl Fetcher {
    /// A fetcher of `wants` in `segments`.
    pub fn new(reader: Rc<Reader>, segments: Vec<Segment>, wants: Vec<Want>) -> Self {
        Self {
            reader,
            segments,
            picked: (0..wants.len()).collect(),
            all: wants,
            endpoint: None,
            places: HashMap::new(),
            window: Window::default(),
            pieces: Pieces::default(),
            delivered: false,
        }
    }

    /// All that it was made with, picked or not.
    pub fn all(&self) -> &[Want] {
        &self.all
    }

    /// How many row groups it reads.
    pub fn len(&self) -> usize {
        self.picked.len()
    }

    /// The row group that is read at a place, counted from 0 to [`len`](Self::len).
    pub fn want(&self, place: usize) -> &Want {
        &self.all[self.picked[place]]
    }

    /// The first place whose row group is of a segment with this number or a higher one.
    pub fn first_of(&self, segment: u32) -> usize {
        let is_before = |number: &usize| self.segment(self.all[*number].segment).number < segment;
        self.picked.partition_point(is_before)
    }

    /// Begins anew with some of all row groups, by their numbers in ascending order.
    pub fn pick(&mut self, numbers: &[usize]) {
        self.picked = numbers.to_vec();
        self.window = Window::default();
        self.delivered = false;
    }

    /// The number, among all, of the row group that is read at a place.
    pub fn number(&self, place: usize) -> Option<usize> {
        self.picked.get(place).copied()
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

    /// The bytes of the row group at place `number`, one for each of its ranges. Requests for those that follow, before
    /// `end`, are started too, as far as `stretch.prefetch_bytes` reaches; not before the first one was used, so that a
    /// LIMIT costs little.
    pub fn get(&mut self, number: usize, end: usize, counters: &mut Counters) -> Result<Vec<Bytes>> {
        let (index, row_group) = (self.want(number).segment, self.want(number).row_group);
        if self.want(number).ranges.is_empty() {
            return Ok(Vec::new());
        }
        if self.place(index)? == Place::Staged {
            let (segment, ranges) = (&self.segments[index], &self.all[self.picked[number]].ranges);
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
        if !self.window.advance(number) {
            self.request(number, counters)?;
        }
        if self.delivered {
            self.request_ahead(number, end, counters)?;
        }
        self.delivered = true;
        let Some(ticket) = self.window.take() else {
            return Err(Error::internal("a request was not started"));
        };
        let (table, segment) = (self.reader.table(), &self.segments[index]);
        ticket
            .wait()?
            .map_err(|error| failed::answer(&error, table, segment, row_group))
    }

    /// Starts the request for one row group; false when its segment is staged.
    fn request(&mut self, number: usize, counters: &mut Counters) -> Result<bool> {
        let Place::Remote(key) = self.place(self.want(number).segment)? else {
            return Ok(false);
        };
        let endpoint = self.endpoint()?;
        let ranges = &self.want(number).ranges;
        let cost = cost(ranges, endpoint.max_gap());
        counters.requests += cost.requests;
        counters.remote_bytes += cost.bytes;
        let asked = ranges.clone();
        let ticket = io::spawn(async move { endpoint.get_ranges(&key, &asked).await })?;
        self.window.started(number, cost, ticket);
        Ok(true)
    }

    fn request_ahead(&mut self, number: usize, end: usize, counters: &mut Counters) -> Result<()> {
        let limit = gucs::PREFETCH_BYTES.get() as u64 * 1024;
        let mut next = self.window.next(number);
        while next < end {
            let max_gap = self.endpoint()?.max_gap();
            let cost = cost(&self.want(next).ranges, max_gap);
            if !self.window.admits(cost, limit) || !self.request(next, counters)? {
                break;
            }
            next += 1;
        }
        Ok(())
    }

    /// The endpoint, opened at its first need.
    fn endpoint(&mut self) -> Result<Arc<Endpoint>> {
        if let Some(endpoint) = &self.endpoint {
            return Ok(endpoint.clone());
        }
        Ok(self.endpoint.insert(open::bound(LATEST)?).clone())
    }
}
