//! Brings the bytes of columns, whole chunks or pages: from staging under the query's snapshot, else from the endpoint,
//! ahead of need.
//!
//! Nothing here is trusted: whoever decodes compares them with their checksums first (I-5).

mod failed;
mod place;
mod staged;

use super::counters::Counters;
use super::reader::Reader;
use super::recent;
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
    all: Vec<Rc<Want>>,
    /// What is read of these, with their numbers among all, which ascend.
    picked: Vec<(usize, Rc<Want>)>,
    endpoint: Option<Arc<Endpoint>>,
    places: HashMap<usize, Place>,
    window: Window<io::Ticket<Answer>>,
    pieces: Pieces,
    delivered: bool,
}

impl Fetcher {
    /// A fetcher of `wants` in `segments`.
    pub fn new(reader: Rc<Reader>, segments: Vec<Segment>, wants: Vec<Want>) -> Self {
        let all: Vec<Rc<Want>> = wants.into_iter().map(Rc::new).collect();
        Self {
            reader,
            segments,
            picked: all.iter().cloned().enumerate().collect(),
            all,
            endpoint: None,
            places: HashMap::new(),
            window: Window::default(),
            pieces: Pieces::default(),
            delivered: false,
        }
    }

    /// All that it was made with, picked or not.
    pub fn all(&self) -> &[Rc<Want>] {
        &self.all
    }

    /// How many row groups it reads.
    pub fn len(&self) -> usize {
        self.picked.len()
    }

    /// The row group that is read at a place, counted from 0 to [`len`](Self::len).
    pub fn want(&self, place: usize) -> &Want {
        &self.picked[place].1
    }

    /// The first place whose row group is of a segment with this number or a higher one.
    pub fn first_of(&self, segment: u32) -> usize {
        let is_before = |(_, want): &(usize, Rc<Want>)| self.segment(want.segment).number < segment;
        self.picked.partition_point(is_before)
    }

    /// Begins anew with some of all row groups, or with parts of them: with their numbers, which ascend.
    pub fn pick(&mut self, picked: Vec<(usize, Rc<Want>)>) {
        self.picked = picked;
        self.window = Window::default();
        self.delivered = false;
    }

    /// The number, among all, of the row group that is read at a place.
    pub fn number(&self, place: usize) -> Option<usize> {
        self.picked.get(place).map(|(number, _)| *number)
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
        let want = self.picked[number].1.clone();
        if want.ranges.is_empty() {
            return Ok(Vec::new());
        }
        let is_staged = self.place(want.segment)? == Place::Staged;
        let id = &self.segments[want.segment].segment_id;
        if self.keeps(&want)
            && let Some(bytes) = recent::get(id, &want.ranges)
        {
            return Ok(bytes);
        }
        let staged = match is_staged {
            true => self.staged(&want, counters)?,
            false => None,
        };
        match staged {
            Some(bytes) => Ok(bytes),
            None => self.remote(&want, (number, end), counters),
        }
    }

    /// Whether the bytes are kept for the next reader: those of pages, for of whole row groups there are too many.
    pub fn keeps(&self, want: &Want) -> bool {
        want.rows.is_some() && self.reader.purpose.may_use_cache()
    }

    /// From staging; `None` when the segment is not there any more.
    fn staged(&mut self, want: &Want, counters: &mut Counters) -> Result<Option<Vec<Bytes>>> {
        let segment = &self.segments[want.segment];
        let of = (want.segment, segment);
        let found = self.pieces.read(of, &want.ranges, self.reader.snapshot, counters)?;
        match found.is_some() {
            true => self.delivered = true,
            false => {
                let place = place::remote(&self.reader, segment)?;
                self.places.insert(want.segment, place);
            }
        }
        Ok(found)
    }

    /// From the endpoint.
    fn remote(&mut self, want: &Want, (number, end): (usize, usize), counters: &mut Counters) -> Result<Vec<Bytes>> {
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
        let (table, segment) = (self.reader.table(), &self.segments[want.segment]);
        ticket
            .wait()?
            .map_err(|error| failed::answer(&error, table, segment, want.row_group))
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
