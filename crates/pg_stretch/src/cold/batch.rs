//! A row group whose bytes are at hand. Columns are checked and decoded when they are needed: first those that the
//! conditions are about, then the others, of which only the rows are decoded that the conditions left.

use super::columns::Target;
use super::conditions::database_encoding;
use super::damage::damaged;
use crate::catalog::rows::Segment;
use crate::pg::error::{Error, Result};
use crate::pg::names;
use arrow_array::ArrayRef;
use arrow_buffer::BooleanBuffer;
use bytes::Bytes;
use pgrx::pg_sys;
use std::cell::OnceCell;
use std::rc::Rc;
use stretch_columns::conditions::Condition;
use stretch_columns::exact;
use stretch_columns::select::{Column, Keep, Source, select};
use stretch_columns::stored::Reading;
use stretch_core::ids::SegmentId;
use stretch_segment::{Checked, SegmentError, SegmentReader};

/// Rows are decoded one by one where at most one in so many is wanted; else all are, and the others left out.
const FEW: usize = 8;

/// Decoded rows of a row group.
pub struct Batch {
    /// Permanent number of the segment in its table.
    pub segment: u32,
    pub segment_id: SegmentId,
    /// Number of the row group's first row within the segment.
    first_row: u32,
    pub rows: usize,
    /// One per column asked for; nothing when the segment has no such column, so that all is NULL.
    pub columns: Vec<Option<(ArrayRef, Reading)>>,
    /// Name of the encoding of the database that wrote the segment.
    pub encoding: Rc<str>,
    /// Sorted numbers, within the segment, of dead rows.
    dead: Rc<[u32]>,
    /// Numbers of the rows within the row group, where others were left out.
    kept: Option<Vec<u32>>,
}

impl Batch {
    /// The number of the batch's row `row` within the segment.
    pub fn number(&self, row: usize) -> u32 {
        let row = self.kept.as_ref().map_or(row as u32, |kept| kept[row]);
        self.first_row + row
    }

    /// Whether the batch's row `row` is dead.
    pub fn is_dead(&self, row: usize) -> bool {
        !self.dead.is_empty() && self.dead.binary_search(&self.number(row)).is_ok()
    }
}

/// A column that was asked for and that the segment has.
pub struct Stored {
    /// Its place in the segment.
    pub column: usize,
    pub reading: Reading,
    pub bytes: Bytes,
}

/// A row group that is not decoded yet.
pub struct Undecoded {
    pub reader: SegmentReader,
    pub row_group: usize,
    pub segment: Segment,
    /// The stretched table.
    pub relation: pg_sys::Oid,
    pub targets: Rc<[Target]>,
    pub columns: Vec<Option<Stored>>,
    /// Sorted numbers, within the segment, of dead rows.
    pub dead: Rc<[u32]>,
    decoded: Decoded,
}

/// What became of each column so far.
struct Decoded {
    checked: Vec<OnceCell<Checked>>,
    whole: Vec<OnceCell<ArrayRef>>,
}

impl Undecoded {
    /// Of a segment of `relation`, with one column for each of the targets.
    pub fn new(
        (relation, segment): (pg_sys::Oid, &Segment),
        (reader, row_group): (&SegmentReader, usize),
        (targets, columns): (Rc<[Target]>, Vec<Option<Stored>>),
        dead: Vec<u32>,
    ) -> Self {
        Self {
            decoded: Decoded {
                checked: columns.iter().map(|_| OnceCell::new()).collect(),
                whole: columns.iter().map(|_| OnceCell::new()).collect(),
            },
            reader: reader.clone(),
            row_group,
            segment: segment.clone(),
            relation,
            targets,
            columns,
            dead: dead.into(),
        }
    }

    /// How many rows there are, dead ones among them.
    pub fn rows(&self) -> usize {
        self.reader.row_groups()[self.row_group].rows as usize
    }

    /// All its rows.
    pub fn all(&self) -> Result<Batch> {
        self.batch(&[])
    }

    /// Its rows without those that the conditions rule out, as far as that can be said of stored values and is worth
    /// it.
    pub fn batch(&self, conditions: &[Condition]) -> Result<Batch> {
        let about = |target: &Target| {
            conditions
                .iter()
                .any(|condition| condition.attribute == target.attribute)
        };
        let asked: Vec<usize> = (0..self.targets.len())
            .filter(|place| about(&self.targets[*place]))
            .collect();
        if asked.is_empty() {
            return self.whole();
        }
        self.decode_whole(&asked)?;
        let selected = select(self.rows(), conditions, &|attribute| self.source(attribute)).rows;
        match Keep::of(&selected) {
            Some(keep) => self.kept(&selected, keep),
            None => self.whole(),
        }
    }

    /// Where the values of an attribute are, for conditions.
    fn source(&self, attribute: i16) -> Source<'_> {
        let Some(place) = self.targets.iter().position(|target| target.attribute == attribute) else {
            return Source::NotDecoded;
        };
        match (&self.columns[place], self.decoded.whole[place].get()) {
            (None, _) => Source::Missing,
            (Some(_), None) => Source::NotDecoded,
            (Some(stored), Some(array)) => Source::Decoded(Column {
                base_type: self.targets[place].base_type.to_u32(),
                reading: stored.reading,
                text_comparable: exact::text_comparable(&database_encoding(), &self.segment.server_encoding),
                array,
            }),
        }
    }

    fn whole(&self) -> Result<Batch> {
        self.decode_whole(&(0..self.columns.len()).collect::<Vec<_>>())?;
        let array = |place: usize| self.decoded.whole[place].get().cloned();
        Ok(self.made(self.rows(), array, None))
    }

    fn kept(&self, selected: &BooleanBuffer, keep: Keep) -> Result<Batch> {
        let is_left = |place: &usize| self.columns[*place].is_some() && self.decoded.whole[*place].get().is_none();
        let left: Vec<usize> = (0..self.columns.len()).filter(is_left).collect();
        let rows = keep.rows.len();
        let mut arrays: Vec<Option<ArrayRef>> = vec![None; self.columns.len()];
        match rows * FEW <= self.rows() {
            true if rows > 0 => {
                for (place, array) in left.iter().zip(self.decode(&left, Some(selected))?) {
                    arrays[*place] = Some(array);
                }
            }
            // Nobody asks for a value of no row.
            true => {}
            false => self.decode_whole(&left)?,
        }
        for (place, array) in arrays.iter_mut().enumerate() {
            if let Some(whole) = self.decoded.whole[place].get() {
                *array = Some(keep.values(whole).ok_or_else(differs)?);
            }
        }
        Ok(self.made(rows, |place| arrays[place].clone(), Some(keep.rows)))
    }

    fn made(&self, rows: usize, array: impl Fn(usize) -> Option<ArrayRef>, kept: Option<Vec<u32>>) -> Batch {
        let column = |(place, stored): (usize, &Option<Stored>)| Some((array(place)?, stored.as_ref()?.reading));
        Batch {
            segment: self.segment.number,
            segment_id: self.segment.segment_id,
            first_row: self.reader.row_groups()[self.row_group].first_row,
            rows,
            columns: self.columns.iter().enumerate().map(column).collect(),
            encoding: self.segment.server_encoding.as_str().into(),
            dead: self.dead.clone(),
            kept,
        }
    }

    /// Decodes all rows of columns, unless that was done.
    fn decode_whole(&self, places: &[usize]) -> Result<()> {
        let is_left = |place: &&usize| self.columns[**place].is_some() && self.decoded.whole[**place].get().is_none();
        let left: Vec<usize> = places.iter().filter(is_left).copied().collect();
        for (place, array) in left.iter().zip(self.decode(&left, None)?) {
            self.decoded.whole[*place].get_or_init(|| array);
        }
        Ok(())
    }

    /// Decodes columns that the segment has, after each was checked once.
    fn decode(&self, places: &[usize], selected: Option<&BooleanBuffer>) -> Result<Vec<ArrayRef>> {
        let mut chunks = Vec::with_capacity(places.len());
        for place in places {
            let checked = &self.decoded.checked[*place];
            let Some(stored) = &self.columns[*place] else {
                return Err(differs());
            };
            let chunk = match checked.get() {
                Some(chunk) => chunk,
                None => {
                    let found = self.reader.check(self.row_group, stored.column, stored.bytes.clone());
                    let found = found.map_err(|error| self.damaged(&error))?;
                    checked.get_or_init(|| found)
                }
            };
            chunks.push(chunk.clone());
        }
        let arrays = self.reader.decode(self.row_group, &chunks, selected);
        arrays.map_err(|error| self.damaged(&error))
    }

    fn damaged(&self, error: &SegmentError) -> Error {
        let name = names::relation(self.relation);
        damaged(error, &self.segment, &self.reader, self.row_group, &name)
    }
}

fn differs() -> Error {
    Error::internal("the columns of a row group differ in their rows")
}
