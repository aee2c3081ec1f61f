//! A row group whose bytes are at hand. Columns are checked and decoded when they are needed: first those that the
//! conditions are about, then the others, of which only the rows are decoded that the conditions left.

use super::columns::Target;
use super::conditions::database_encoding;
use super::damage::damaged;
use super::fetch::Brought;
use super::recent;
use crate::catalog::rows::Segment;
use crate::pg::error::{Error, Result};
use crate::pg::names;
use arrow_array::ArrayRef;
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use bytes::Bytes;
use pgrx::pg_sys;
use std::cell::OnceCell;
use std::rc::Rc;
use stretch_columns::conditions::Clause;
use stretch_columns::exact;
use stretch_columns::select::{Column, Keep, Source, select};
use stretch_columns::stored::Reading;
use stretch_core::ids::SegmentId;
use stretch_segment::{Checked, RowRanges, SegmentError, SegmentReader};

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
    pub columns: Vec<Option<Content>>,
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

/// The values of a column, and how they are read.
#[derive(Clone)]
pub struct Content {
    pub array: ArrayRef,
    pub reading: Reading,
    /// The segment has no such column, and the array's one value stands for all rows.
    pub is_constant: bool,
}

/// A column that was asked for.
pub enum Asked {
    Stored(Stored),
    /// The segment has no such column, and all rows show the one value of an array.
    Constant(ArrayRef, Reading),
    /// The segment has no such column, and all is NULL.
    Nulls,
}

impl Asked {
    /// The column of the segment.
    pub fn stored(&self) -> Option<&Stored> {
        match self {
            Self::Stored(stored) => Some(stored),
            Self::Constant(..) | Self::Nulls => None,
        }
    }

    /// What it shows, where values of the segment's column were decoded.
    fn content(&self, decoded: impl FnOnce(&Stored) -> Result<Option<ArrayRef>>) -> Result<Option<Content>> {
        Ok(match self {
            Self::Stored(stored) => decoded(stored)?.map(|array| Content {
                array,
                reading: stored.reading,
                is_constant: false,
            }),
            Self::Constant(array, reading) => Some(Content {
                array: array.clone(),
                reading: *reading,
                is_constant: true,
            }),
            Self::Nulls => None,
        })
    }
}

/// A column that was asked for and that the segment has.
pub struct Stored {
    /// Its place in the segment.
    column: usize,
    reading: Reading,
    bytes: Vec<Bytes>,
    /// The bytes, once they were compared with the catalog.
    checked: OnceCell<Checked>,
    /// The values of all rows of the part, once they were decoded.
    whole: OnceCell<ArrayRef>,
}

impl Stored {
    /// Column number `column` of the segment, of which nothing is decoded yet: its bytes are those of
    /// [`SegmentReader::ranges`].
    pub fn new(column: usize, reading: Reading, brought: Brought) -> Self {
        Self {
            column,
            reading,
            bytes: brought.bytes,
            checked: brought.checked.map_or_else(OnceCell::new, OnceCell::from),
            whole: OnceCell::new(),
        }
    }

    /// Its place in the segment.
    pub fn column(&self) -> usize {
        self.column
    }
}

/// A row group of a segment, or the part of it that some of its pages hold.
pub struct Part {
    pub reader: SegmentReader,
    pub row_group: usize,
    /// The rows of the part; all of them where that is not said.
    pub rows: Option<RowRanges>,
    /// Whether its bytes are kept for the next reader, once they were compared with the catalog.
    pub is_kept: bool,
}

impl Part {
    /// Rows of the whole row group.
    fn of_group(&self) -> usize {
        self.reader.row_groups()[self.row_group].rows as usize
    }

    /// How many rows the part has.
    fn count(&self) -> usize {
        self.rows.as_ref().map_or(self.of_group(), RowRanges::count)
    }

    /// Number of the row group's first row within the segment.
    fn first_row(&self) -> u32 {
        self.reader.row_groups()[self.row_group].first_row
    }

    /// Numbers of the part's rows within the row group; nothing where they are all.
    fn numbers(&self) -> Option<Vec<u32>> {
        Some(self.rows.as_ref()?.rows().collect())
    }

    /// The rows of the row group that are those of the part, where `selected` says which of these. `None` for all.
    fn of(&self, selected: Option<&BooleanBuffer>) -> Option<BooleanBuffer> {
        let Some(rows) = &self.rows else {
            return selected.cloned();
        };
        let all = || BooleanBuffer::new_set(rows.count());
        Some(rows.spread(&selected.cloned().unwrap_or_else(all), self.of_group()))
    }
}

/// A part of a row group that is not decoded yet.
pub struct Undecoded {
    /// The stretched table.
    relation: pg_sys::Oid,
    segment: Segment,
    part: Part,
    targets: Rc<[Target]>,
    /// One for each target.
    columns: Vec<Asked>,
    /// Sorted numbers, within the segment, of dead rows.
    dead: Rc<[u32]>,
}

impl Undecoded {
    /// Of a segment of `relation`, with one column for each of the targets.
    pub fn new(
        (relation, segment): (pg_sys::Oid, &Segment),
        part: Part,
        (targets, columns): (Rc<[Target]>, Vec<Asked>),
        dead: Vec<u32>,
    ) -> Self {
        Self {
            relation,
            segment: segment.clone(),
            part,
            targets,
            columns,
            dead: dead.into(),
        }
    }

    /// How many rows there are, dead ones among them.
    pub fn rows(&self) -> usize {
        self.part.count()
    }

    /// All its rows.
    pub fn all(&self) -> Result<Batch> {
        self.batch(&[])
    }

    /// Its rows without those that the conditions rule out, as far as that can be said of stored values and is worth
    /// it.
    pub fn batch(&self, conditions: &[Clause]) -> Result<Batch> {
        self.decode_asked(conditions)?;
        let selected = select(self.rows(), conditions, &|attribute| self.source(attribute)).rows;
        match Keep::of(&selected) {
            Some(keep) => self.kept(&selected, keep),
            None => self.whole(),
        }
    }

    /// Decodes the columns that conditions are about.
    fn decode_asked(&self, conditions: &[Clause]) -> Result<()> {
        let is_asked = |target: &Target| conditions.iter().any(|clause| clause.asks(target.attribute));
        let pairs = self.targets.iter().zip(&self.columns);
        let asked = pairs
            .filter(|(target, _)| is_asked(target))
            .filter_map(|(_, column)| column.stored());
        self.decode_whole(asked)
    }

    /// Its living rows that satisfy the conditions, and no others; `None` where stored values do not tell.
    pub fn exactly(&self, conditions: &[Clause]) -> Result<Option<Batch>> {
        self.decode_asked(conditions)?;
        let selection = select(self.rows(), conditions, &|attribute| self.source(attribute));
        if !selection.open.is_empty() {
            return Ok(None);
        }
        let selected = &selection.rows & &self.living();
        match selected.count_set_bits() == self.rows() {
            true => self.whole().map(Some),
            false => self.kept(&selected, Keep::exactly(&selected)).map(Some),
        }
    }

    /// The rows that are not dead.
    fn living(&self) -> BooleanBuffer {
        let first = self.part.first_row();
        let is_alive = |row: u32| self.dead.binary_search(&(first + row)).is_err();
        match self.part.numbers() {
            Some(numbers) => BooleanBuffer::collect_bool(numbers.len(), |place| is_alive(numbers[place])),
            None => {
                let mut living = BooleanBufferBuilder::new(self.rows());
                living.append_n(self.rows(), true);
                for number in self.dead.iter() {
                    living.set_bit((number - first) as usize, false);
                }
                living.finish()
            }
        }
    }

    /// Where the values of an attribute are, for conditions.
    fn source(&self, attribute: i16) -> Source<'_> {
        let Some(place) = self.targets.iter().position(|target| target.attribute == attribute) else {
            return Source::NotDecoded;
        };
        let column = |array, reading| Column {
            base_type: self.targets[place].base_type.to_u32(),
            reading,
            text_comparable: exact::text_comparable(&database_encoding(), &self.segment.server_encoding),
            array,
        };
        match &self.columns[place] {
            Asked::Nulls => Source::Missing,
            Asked::Constant(array, reading) => Source::Constant(column(array, *reading)),
            Asked::Stored(stored) => (stored.whole.get()).map_or(Source::NotDecoded, |array| {
                Source::Decoded(column(array, stored.reading))
            }),
        }
    }

    fn whole(&self) -> Result<Batch> {
        self.decode_whole(self.columns.iter().filter_map(Asked::stored))?;
        let decoded = |stored: &Stored| stored.whole.get().cloned().ok_or_else(differs).map(Some);
        let columns = self.columns.iter().map(|column| column.content(decoded));
        Ok(self.made(self.rows(), columns.collect::<Result<_>>()?, self.part.numbers()))
    }

    fn kept(&self, selected: &BooleanBuffer, keep: Keep) -> Result<Batch> {
        let rows = keep.rows.len();
        let is_left = |stored: &&Stored| stored.whole.get().is_none();
        let left: Vec<&Stored> = self.columns.iter().filter_map(Asked::stored).filter(is_left).collect();
        let mut some = match rows {
            // Nobody asks for a value of no row.
            0 => Vec::new(),
            _ if rows * FEW <= self.rows() => self.decode(&left, Some(selected))?,
            _ => {
                self.decode_whole(left.into_iter())?;
                Vec::new()
            }
        }
        .into_iter();
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let decoded = |stored: &Stored| match stored.whole.get() {
                Some(whole) => keep.values(whole).ok_or_else(differs).map(Some),
                None => Ok(some.next()),
            };
            columns.push(column.content(decoded)?);
        }
        let number = |row: u32, numbers: &[u32]| numbers.get(row as usize).copied().ok_or_else(differs);
        let numbers = match self.part.numbers() {
            Some(numbers) => keep
                .rows
                .iter()
                .map(|row| number(*row, &numbers))
                .collect::<Result<_>>()?,
            None => keep.rows,
        };
        Ok(self.made(rows, columns, Some(numbers)))
    }

    fn made(&self, rows: usize, columns: Vec<Option<Content>>, kept: Option<Vec<u32>>) -> Batch {
        Batch {
            segment: self.segment.number,
            segment_id: self.segment.segment_id,
            first_row: self.part.first_row(),
            rows,
            columns,
            encoding: self.segment.server_encoding.as_str().into(),
            dead: self.dead.clone(),
            kept,
        }
    }

    /// Decodes all rows of columns, unless that was done.
    fn decode_whole<'a>(&self, columns: impl Iterator<Item = &'a Stored>) -> Result<()> {
        let left: Vec<&Stored> = columns.filter(|stored| stored.whole.get().is_none()).collect();
        for (stored, array) in left.iter().zip(self.decode(&left, None)?) {
            stored.whole.get_or_init(|| array);
        }
        Ok(())
    }

    /// Decodes columns, after each was checked once: all rows of the part, or those that are selected of them.
    fn decode(&self, columns: &[&Stored], selected: Option<&BooleanBuffer>) -> Result<Vec<ArrayRef>> {
        let Part {
            reader,
            row_group,
            rows,
            is_kept,
        } = &self.part;
        let mut found = Vec::with_capacity(columns.len());
        for stored in columns {
            found.push(match stored.checked.get() {
                Some(checked) => checked.clone(),
                None => {
                    let checked = reader.check(*row_group, stored.column, rows.as_ref(), &stored.bytes);
                    let checked = checked.map_err(|error| self.damaged(&error))?;
                    if *is_kept {
                        let ranges = reader.ranges(*row_group, stored.column, rows.as_ref());
                        recent::keep(&self.segment.segment_id, &ranges, &stored.bytes);
                    }
                    stored.checked.get_or_init(|| checked).clone()
                }
            });
        }
        let arrays = reader.decode(*row_group, &found, self.part.of(selected).as_ref());
        arrays.map_err(|error| self.damaged(&error))
    }

    fn damaged(&self, error: &SegmentError) -> Error {
        let name = names::relation(self.relation);
        damaged(error, &self.segment, &self.part.reader, self.part.row_group, &name)
    }
}

fn differs() -> Error {
    Error::internal("the columns of a row group differ in their rows")
}
