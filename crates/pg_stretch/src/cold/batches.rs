//! Row groups on their way to whoever reads: their bytes, and which of the rows are dead.

use super::batch::{Batch, Stored, Undecoded};
use super::choose::Choice;
use super::columns::{self, Target};
use super::counters::Counters;
use super::fetch::{Fetcher, Want};
use super::reader::{Ask, Reader};
use super::tombstone::{conflicts, kept};
use super::turns::Turns;
use crate::catalog::tables;
use crate::pg::error::Result;
use bytes::Bytes;
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use stretch_core::dead_rows::DeadRows;
use stretch_core::ids::SegmentId;
use stretch_segment::SegmentReader;

/// A segment that is read.
struct Open {
    reader: SegmentReader,
    /// Read when the segment is reached.
    dead: Option<DeadRows>,
}

/// Batches to come.
pub struct Batches {
    reader: Rc<Reader>,
    targets: Rc<[Target]>,
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
                dead: None,
            });
        }
        Batches {
            reader: self.clone(),
            targets: ask.columns.into(),
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

    /// All rows of the next row group with living ones; `None` at the end.
    pub fn next(&mut self, counters: &mut Counters) -> Result<Option<Batch>> {
        self.next_undecoded(counters)?.map(|group| group.all()).transpose()
    }

    /// The next row group with living rows, to be decoded as far as it is needed; `None` at the end.
    pub fn next_undecoded(&mut self, counters: &mut Counters) -> Result<Option<Undecoded>> {
        while let Some((number, end)) = self.take() {
            pgrx::check_for_interrupts!();
            if let Some(group) = self.group(number, end, counters)? {
                return Ok(Some(group));
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
    fn group(&mut self, number: usize, end: usize, counters: &mut Counters) -> Result<Option<Undecoded>> {
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
        Ok(Some(Undecoded::new(
            (self.reader.table.relation, self.fetcher.segment(index)),
            (&open.reader, row_group),
            (self.targets.clone(), self.stored(open, chunks)?),
            dead,
        )))
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

    /// The columns that were asked for, with how their values are read.
    fn stored(&self, open: &Open, chunks: Vec<Bytes>) -> Result<Vec<Option<Stored>>> {
        let detail = open.reader.detail();
        let mut chunks = chunks.into_iter();
        let stored = |target: &Target| {
            let Some(column) = columns::find(detail, target.field_id) else {
                return Ok(None);
            };
            let reading = columns::reading(&detail.columns[column], target)?;
            let bytes = chunks.next();
            Ok(bytes.map(|bytes| Stored::new(column, reading, bytes)))
        };
        self.targets.iter().map(stored).collect()
    }
}

/// Where the chunk of a column of a row group lies in the object.
pub(super) fn range(reader: &SegmentReader, row_group: usize, column: usize) -> Range<u64> {
    let chunk = reader.chunk(row_group, column);
    chunk.offset..chunk.offset + chunk.len
}
