//! Brings the bytes of columns, whole chunks or pages: from staging under the query's snapshot, else from the segment
//! cache or the endpoint, ahead of need.
//!
//! Nothing here is trusted: whoever decodes compares them with their checksums first, unless that was done (I-5).

mod cached;
mod failed;
mod place;
mod requests;
mod segments;
mod staged;
mod want;

pub use want::{Brought, Want};

use super::counters::Counters;
use super::reader::Reader;
use super::recent;
use crate::catalog::rows::Segment;
use crate::pg::error::Result;
use bytes::Bytes;
use place::Place;
use requests::{At, Requests};
use segments::Segments;
use staged::Pieces;
use std::ops::Range;
use std::rc::Rc;
use stretch_segment::SegmentReader;

/// A range of a segment's bytes, as far as there is one: what is too short is found out by its checksum.
pub fn part(bytes: &Bytes, range: &Range<u64>) -> Bytes {
    let within = |at: u64| usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
    bytes.slice(within(range.start)..within(range.end).max(within(range.start)))
}

/// Fetches row groups in order.
pub struct Fetcher {
    segments: Segments,
    /// All that may be read.
    all: Vec<Rc<Want>>,
    /// What is read of these, with their numbers among all, which ascend.
    picked: Vec<(usize, Rc<Want>)>,
    requests: Requests,
    pieces: Pieces,
    delivered: bool,
}

impl Fetcher {
    /// A fetcher of `wants` in `segments`.
    pub fn new(reader: Rc<Reader>, segments: Vec<(Segment, SegmentReader)>, wants: Vec<Want>) -> Self {
        let all: Vec<Rc<Want>> = wants.into_iter().map(Rc::new).collect();
        Self {
            segments: Segments::new(reader, segments),
            picked: all.iter().cloned().enumerate().collect(),
            all,
            requests: Requests::default(),
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
        self.requests.clear();
        self.delivered = false;
    }

    /// The number, among all, of the row group that is read at a place.
    pub fn number(&self, place: usize) -> Option<usize> {
        self.picked.get(place).map(|(number, _)| *number)
    }

    /// Segment number `index`.
    pub fn segment(&self, index: usize) -> &Segment {
        self.segments.get(index)
    }

    /// Where segment number `index` is; an error when it is nowhere or may not be read.
    pub fn place(&mut self, index: usize) -> Result<Place> {
        self.segments.place(index)
    }

    /// The columns of the row group at place `number`. Requests for those that follow, before `end`, are started too,
    /// as far as `stretch.prefetch_bytes` reaches; not before the first one was used, so that a LIMIT costs little.
    pub fn get(&mut self, number: usize, end: usize, counters: &mut Counters) -> Result<Vec<Brought>> {
        let want = self.picked[number].1.clone();
        if want.columns.is_empty() {
            return Ok(Vec::new());
        }
        let place = self.place(want.segment)?;
        if let Place::AtHand(bytes) = &place {
            let parts = want.ranges().into_iter().map(|range| part(bytes, &range));
            return Ok(want.deal(parts.collect()));
        }
        let is_staged = place == Place::Staged;
        let id = &self.segment(want.segment).segment_id;
        if self.keeps(&want)
            && let Some(bytes) = recent::get(id, &want.ranges())
        {
            return Ok(want.deal(bytes));
        }
        let staged = match is_staged {
            true => self.staged(&want, counters)?,
            false => None,
        };
        let was_delivered = std::mem::replace(&mut self.delivered, true);
        if let Some(bytes) = staged {
            return Ok(want.deal(bytes));
        }
        let at = At {
            picked: &self.picked,
            number,
            end: was_delivered.then_some(end),
        };
        self.requests.bring(&mut self.segments, &at, counters)
    }

    /// Whether the bytes are kept for the next reader in this process.
    pub fn keeps(&self, want: &Want) -> bool {
        self.segments.keeps(want)
    }

    /// From staging; `None` when the segment is not there any more.
    fn staged(&mut self, want: &Want, counters: &mut Counters) -> Result<Option<Vec<Bytes>>> {
        let of = (want.segment, self.segments.get(want.segment));
        let snapshot = self.segments.reader.snapshot;
        let found = self.pieces.read(of, &want.ranges(), snapshot, counters)?;
        if found.is_none() {
            self.segments.has_left(want.segment)?;
        }
        Ok(found)
    }
}
