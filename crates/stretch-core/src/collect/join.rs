//! A merge of sorted streams, one segment after the other: no more than one segment is in memory.

use super::facts::{Mark, Object, Pinned, Row, SegmentOf, Sighting};
use std::iter::Peekable;

/// The streams of a look, each in the order of [`SegmentOf`]. Rows and sightings come once for each segment.
///
/// Items are results: a stream that ends is complete, a stream that fails says so.
#[derive(Debug)]
pub struct Streams<O, R, P, M, S> {
    pub objects: O,
    pub rows: R,
    pub pinned: P,
    pub marks: M,
    pub sightings: S,
}

/// Which stream is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Objects,
    Rows,
    Pinned,
    Marks,
    Sightings,
}

/// Why a stream cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken<E> {
    /// It failed.
    Failed(E),
    /// It is not sorted: a segment could have been passed over.
    Disorder(Source),
}

/// All that the streams say of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub of: SegmentOf,
    /// In the order of their names.
    pub objects: Vec<Object>,
    pub row: Option<Row>,
    pub pins: Vec<usize>,
    pub marks: Vec<Mark>,
    pub seen: Option<super::times::Stamp>,
}

struct Input<T, I: Iterator> {
    source: Source,
    of: fn(&T) -> SegmentOf,
    items: Peekable<I>,
}

impl<T, E, I: Iterator<Item = Result<T, E>>> Input<T, I> {
    fn new(source: Source, items: I, of: fn(&T) -> SegmentOf) -> Self {
        let items = items.peekable();
        Self { source, of, items }
    }

    /// The segment of the next item.
    fn head(&mut self) -> Result<Option<SegmentOf>, Broken<E>> {
        match self.items.next_if(Result::is_err) {
            Some(Err(error)) => Err(Broken::Failed(error)),
            _ => Ok(self.items.peek().and_then(|next| next.as_ref().ok()).map(self.of)),
        }
    }

    /// All items of a segment that no stream has anything before.
    fn take(&mut self, of: SegmentOf) -> Result<Vec<T>, Broken<E>> {
        let mut taken = Vec::new();
        while self.head()?.is_some_and(|next| next <= of) {
            let Some(Ok(item)) = self.items.next() else {
                break;
            };
            // It comes too late: its segment was judged without it.
            if (self.of)(&item) < of {
                return Err(Broken::Disorder(self.source));
            }
            taken.push(item);
        }
        Ok(taken)
    }

    /// The one item of a segment.
    fn take_one(&mut self, of: SegmentOf) -> Result<Option<T>, Broken<E>> {
        let mut taken = self.take(of)?;
        match taken.len() {
            0 | 1 => Ok(taken.pop()),
            _ => Err(Broken::Disorder(self.source)),
        }
    }
}

/// Gives one [`Group`] for each segment that any stream names, in order.
pub(super) struct Join<O: Iterator, R: Iterator, P: Iterator, M: Iterator, S: Iterator> {
    objects: Input<Object, O>,
    rows: Input<Row, R>,
    pinned: Input<Pinned, P>,
    marks: Input<Mark, M>,
    sightings: Input<Sighting, S>,
}

impl<E, O, R, P, M, S> Join<O, R, P, M, S>
where
    O: Iterator<Item = Result<Object, E>>,
    R: Iterator<Item = Result<Row, E>>,
    P: Iterator<Item = Result<Pinned, E>>,
    M: Iterator<Item = Result<Mark, E>>,
    S: Iterator<Item = Result<Sighting, E>>,
{
    pub fn new(streams: Streams<O, R, P, M, S>) -> Self {
        Self {
            objects: Input::new(Source::Objects, streams.objects, |object| object.name.of),
            rows: Input::new(Source::Rows, streams.rows, |row| row.of),
            pinned: Input::new(Source::Pinned, streams.pinned, |pinned| pinned.of),
            marks: Input::new(Source::Marks, streams.marks, |mark| mark.of.of),
            sightings: Input::new(Source::Sightings, streams.sightings, |sighting| sighting.of),
        }
    }

    /// The next segment; `None` when all streams have ended.
    pub fn next(&mut self) -> Result<Option<Group>, Broken<E>> {
        let heads = [
            self.objects.head()?,
            self.rows.head()?,
            self.pinned.head()?,
            self.marks.head()?,
            self.sightings.head()?,
        ];
        let Some(of) = heads.into_iter().flatten().min() else {
            return Ok(None);
        };
        let mut objects = self.objects.take(of)?;
        objects.sort_unstable_by_key(|object| object.name);
        Ok(Some(Group {
            of,
            objects,
            row: self.rows.take_one(of)?,
            pins: self.pinned.take(of)?.into_iter().map(|pinned| pinned.pin).collect(),
            marks: self.marks.take(of)?,
            seen: self.sightings.take_one(of)?.map(|sighting| sighting.at),
        }))
    }
}
