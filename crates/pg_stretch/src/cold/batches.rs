//! Row groups on their way to whoever reads: bytes, checksums, arrays, and which of the rows are dead.

use super::choose::Choice;
use super::columns::{self, Target};
use super::conditions::database_encoding;
use super::counters::Counters;
use super::damage::damaged;
use super::fetch::{Fetcher, Want};
use super::reader::{Ask, Reader};
use super::tombstone::{conflicts, kept};
use super::turns::Turns;
use crate::catalog::rows::Segment;
use crate::catalog::tables;
use crate::pg::error::{Error, Result};
use crate::pg::names;
use arrow_array::ArrayRef;
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use stretch_columns::conditions::Condition;
use stretch_columns::exact;
use stretch_columns::select::{Column, Keep, Source, select};
use stretch_columns::stored::Reading;
use stretch_core::dead_rows::DeadRows;
use stretch_core::ids::SegmentId;
use stretch_segment::{SegmentError, SegmentReader};

/// A decoded row group with the columns that were asked for.
pub struct Batch {
    /// Permanent number of the segment in its table.
    pub segment: u32,
    pub segment_id: SegmentId,
    /// Number of the first row within the segment.
    pub first_row: u32,
    pub rows: usize,
    /// One per column asked for; nothing when the segment has no such column, so that all is NULL.
    pub columns: Vec<Option<(ArrayRef, Reading)>>,
    /// Name of the encoding of the database that wrote the segment.
    pub encoding: Rc<str>,
    /// Sorted numbers, within the segment, of dead rows.
    pub dead: Vec<u32>,
    /// Numbers of the rows within the row group, where others were left out.
    kept: Option<Vec<u32>>,
}

impl Batch {
    /// The number of the batch's row `row` within the segment.
    pub fn number(&self, row: usize) -> u32 {
        let row = self.kept.as_ref().map_or(row as u32, |kept| kept[row]);
        self.first_row + row
    }

    /// The batch without rows that the conditions rule out, as far as that can be said of stored values and is worth
    /// it. The columns are those of `targets`.
    pub fn selected(&self, targets: &[Target], conditions: &[Condition]) -> Option<Self> {
        if conditions.is_empty() {
            return None;
        }
        let text_comparable = exact::text_comparable(&database_encoding(), &self.encoding);
        let source_of = |attribute: i16| {
            let Some(place) = targets.iter().position(|target| target.attribute == attribute) else {
                return Source::NotDecoded;
            };
            self.columns[place]
                .as_ref()
                .map_or(Source::Missing, |(array, reading)| {
                    Source::Decoded(Column {
                        base_type: targets[place].base_type.to_u32(),
                        reading: *reading,
                        text_comparable,
                        array,
                    })
                })
        };
        let keep = Keep::of(&select(self.rows, conditions, &source_of).rows)?;
        let column = |column: &Option<(ArrayRef, Reading)>| match column {
            Some((array, reading)) => keep.values(array).map(|array| Some((array, *reading))),
            None => Some(None),
        };
        Some(Self {
            rows: keep.rows.len(),
            columns: self.columns.iter().map(column).collect::<Option<_>>()?,
            encoding: self.encoding.clone(),
            dead: self.dead.clone(),
            kept: Some(keep.rows),
            ..*self
        })
    }

    /// Whether the batch's row `row` is dead.
    pub fn is_dead(&self, row: usize) -> bool {
        !self.dead.is_empty() && self.dead.binary_search(&self.number(row)).is_ok()
    }
}

/// A segment that is read.
struct Open {
    reader: SegmentReader,
    /// Its columns that are needed, in the order in which they were asked for.
    needed: Vec<usize>,
    /// Read when the segment is reached.
    dead: Option<DeadRows>,
}

/// Batches to come.
pub struct Batches {
    reader: Rc<Reader>,
    columns: Vec<Target>,
    open: Vec<Open>,
    fetcher: Fetcher,
    next: usize,
    /// Where processes of a parallel query share what is to be read.
    turns: Option<Turns>,
}

impl Reader {
    /// The batches of what was chosen.
    pub fn batches(self: &Rc<Self>, ask: &Ask, choice: Choice) -> Batches {
        let (mut open, mut segments, mut wants) = (Vec::new(), Vec::new(), Vec::new());
        for one in choice.segments {
            let detail = one.reader.detail();
            let needed: Vec<usize> = ask
                .columns
                .iter()
                .filter_map(|target| columns::find(detail, target.field_id))
                .collect();
            wants.extend(one.row_groups.iter().map(|row_group| {
                Want {
                    segment: open.len(),
                    row_group: *row_group,
                    ranges: needed
                        .iter()
                        .map(|column| range(&one.reader, *row_group, *column))
                        .collect(),
                }
            }));
            segments.push(one.segment);
            open.push(Open {
                reader: one.reader,
                needed,
                dead: None,
            });
        }
        Batches {
            reader: self.clone(),
            columns: ask.columns.to_vec(),
            open,
            fetcher: Fetcher::new(self.clone(), segments, wants),
            next: 0,
            turns: None,
        }
    }
}

impl Batches {
    /// Shares them with the other processes of a parallel query, which count by `next` what they took.
    ///
    /// # Safety
    /// The counter lives as long as the batches.
    pub unsafe fn share(&mut self, next: *const AtomicU64) -> Result<()> {
        let numbers = self.reader.segments()?.iter().map(|segment| segment.number).collect();
        // SAFETY: the caller's promise.
        self.turns = Some(unsafe { Turns::new(next, numbers) });
        Ok(())
    }

    /// The next row group with living rows; `None` at the end.
    pub fn next(&mut self, counters: &mut Counters) -> Result<Option<Batch>> {
        while let Some((number, end)) = self.take() {
            pgrx::check_for_interrupts!();
            if let Some(batch) = self.batch(number, end, counters)? {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// The next row group to read, and the end of those that this process will read after it.
    fn take(&mut self) -> Option<(usize, usize)> {
        let wants = self.fetcher.wants();
        let Some(turns) = &mut self.turns else {
            let number = self.next;
            self.next += 1;
            return (number < wants.len()).then_some((number, wants.len()));
        };
        let fetcher = &self.fetcher;
        turns.take(|segment| {
            let before = |want: &Want, number: u32| fetcher.segment(want.segment).number < number;
            let start = wants.partition_point(|want| before(want, segment));
            start..wants.partition_point(|want| before(want, segment + 1))
        })
    }

    /// Whether the last row group was asked for.
    pub fn is_done(&self) -> bool {
        match &self.turns {
            Some(turns) => turns.is_done(),
            None => self.next >= self.fetcher.wants().len(),
        }
    }

    /// The one row group that these batches consist of; `None` when they are none or more, or shared.
    pub fn single(&self) -> Option<(SegmentId, usize)> {
        match self.fetcher.wants() {
            [want] if self.turns.is_none() => Some((self.fetcher.segment(want.segment).segment_id, want.row_group)),
            _ => None,
        }
    }

    /// `None` when all its rows are dead.
    fn batch(&mut self, number: usize, end: usize, counters: &mut Counters) -> Result<Option<Batch>> {
        let want = &self.fetcher.wants()[number];
        let (index, row_group) = (want.segment, want.row_group);
        self.reach(index, counters)?;
        let open = &self.open[index];
        let group = &open.reader.row_groups()[row_group];
        let (first_row, rows) = (group.first_row, group.rows);
        let dead = open
            .dead
            .as_ref()
            .map_or_else(Vec::new, |dead| dead.within(first_row, rows));
        if dead.len() == rows as usize {
            return Ok(None);
        }
        let chunks = self.fetcher.get(number, end, counters)?;
        counters.row_groups += 1;
        let segment = self.fetcher.segment(index);
        let arrays = open
            .reader
            .decode_row_group(row_group, &open.needed, &chunks)
            .map_err(|error| self.damaged(&error, segment, open, row_group))?;
        Ok(Some(Batch {
            segment: segment.number,
            segment_id: segment.segment_id,
            first_row,
            rows: rows as usize,
            columns: self.with_readings(open, arrays)?,
            encoding: segment.server_encoding.as_str().into(),
            dead,
            kept: None,
        }))
    }

    /// What comes before the first row group of a segment: its place, the mark of its reader, then its dead rows.
    fn reach(&mut self, index: usize, counters: &mut Counters) -> Result<()> {
        if self.open[index].dead.is_some() {
            return Ok(());
        }
        self.fetcher.place(index)?;
        let id = self.fetcher.segment(index).segment_id;
        if self.reader.purpose.marks_reads() {
            conflicts::reads(self.reader.table.relation, &id, self.reader.snapshot);
        }
        // SAFETY: whoever opened the reader holds the snapshot.
        unsafe { kept::show(self.reader.snapshot)? };
        let dead = tables::dead_rows(&id, self.reader.snapshot)?;
        counters.tombstones += dead.len();
        self.open[index].dead = Some(dead);
        Ok(())
    }

    /// The arrays, one for each column that was asked for, with how their values are read.
    fn with_readings(&self, open: &Open, arrays: Vec<ArrayRef>) -> Result<Vec<Option<(ArrayRef, Reading)>>> {
        let detail = open.reader.detail();
        let mut arrays = arrays.into_iter();
        self.columns
            .iter()
            .map(|target| match columns::find(detail, target.field_id) {
                Some(column) => {
                    let reading = columns::reading(&detail.columns[column], target)?;
                    Ok(arrays.next().map(|array| (array, reading)))
                }
                None => Ok(None),
            })
            .collect()
    }

    fn damaged(&self, error: &SegmentError, segment: &Segment, open: &Open, row_group: usize) -> Error {
        let name = names::relation(self.reader.table.relation);
        damaged(error, segment, &open.reader, row_group, &name)
    }
}

/// Where the chunk of a column of a row group lies in the object.
pub(super) fn range(reader: &SegmentReader, row_group: usize, column: usize) -> Range<u64> {
    let chunk = reader.chunk(row_group, column);
    chunk.offset..chunk.offset + chunk.len
}
