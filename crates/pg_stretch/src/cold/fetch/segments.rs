//! The segments that are read, and where each of them is.

use super::cached::Cached;
use super::place::{self, Place};
use super::want::Want;
use crate::catalog::rows::Segment;
use crate::cold::cache;
use crate::cold::reader::Reader;
use crate::pg::error::Result;
use std::collections::HashMap;
use std::rc::Rc;
use stretch_segment::SegmentReader;

/// Segments of one reader, by their numbers from 0.
pub struct Segments {
    pub reader: Rc<Reader>,
    all: Vec<(Segment, SegmentReader)>,
    places: HashMap<usize, Place>,
}

impl Segments {
    /// Of a reader.
    pub fn new(reader: Rc<Reader>, all: Vec<(Segment, SegmentReader)>) -> Self {
        Self {
            reader,
            all,
            places: HashMap::new(),
        }
    }

    /// One of them.
    pub fn get(&self, index: usize) -> &Segment {
        &self.all[index].0
    }

    /// Where it is; an error when it is nowhere or may not be read.
    pub fn place(&mut self, index: usize) -> Result<Place> {
        if let Some(place) = self.places.get(&index) {
            return Ok(place.clone());
        }
        let place = place::of(&self.reader, self.get(index))?;
        self.places.insert(index, place.clone());
        Ok(place)
    }

    /// It is not staged any more.
    pub fn has_left(&mut self, index: usize) -> Result<()> {
        let place = place::remote(&self.reader, self.get(index))?;
        self.places.insert(index, place);
        Ok(())
    }

    /// What the segment cache may have of a row group; `None` for who must not look into it.
    pub fn cached<'a>(&'a self, want: &'a Want) -> Option<Cached<'a>> {
        let (segment, reader) = &self.all[want.segment];
        let uses_cache = cache::is_on() && self.reader.purpose.may_use_cache();
        uses_cache.then_some(Cached { segment, reader, want })
    }

    /// Whether the bytes are kept in this process, too: those of pages, for of whole row groups there are too many.
    pub fn keeps(&self, want: &Want) -> bool {
        want.rows.is_some() && self.reader.purpose.may_use_cache()
    }
}
