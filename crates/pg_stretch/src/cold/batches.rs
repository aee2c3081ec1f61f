//! Row groups on their way to whoever reads: their bytes, and which of the rows are dead.

use super::batch::{Asked, Batch, Part, Stored, Undecoded};
use super::choose::{self, Choice};
use super::columns::{self, Target};
use super::counters::Counters;
use super::fetch::{Brought, Fetcher, Want};
use super::reader::{Ask, Reader};
use super::tombstone::{conflicts, kept};
use super::turns::Turns;
use crate::catalog::rows::Segment;
use crate::catalog::tables;
use crate::pg::error::{Error, Result};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use stretch_core::dead_rows::DeadRows;
use stretch_core::ids::SegmentId;
use stretch_segment::{RowRanges, SegmentReader};

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
    /// The place of the row group that was taken last.
    last: Option<usize>,
    /// Parts of row groups are read, of which all are asked for.
    is_narrowed: bool,
    /// Where processes of a parallel query share what is to be read.
    turns: Option<Turns>,
}

impl Reader {
    /// The batches of what was chosen.
    pub fn batches(self: &Rc<Self>, ask: &Ask, choice: Choice) -> Batches {
        let (mut open, mut segments, mut wants) = (Vec::new(), Vec::new(), Vec::new());
        for one in choice.segments {
            let want = |part: choose::Part| {
                let is_whole = part.rows.count() == one.reader.row_groups()[part.row_group].rows as usize;
                let rows = (!is_whole).then_some(part.rows);
                want(ask.columns, &one.reader, (open.len(), part.row_group), rows)
            };
            wants.extend(one.row_groups.into_iter().map(want));
            segments.push((one.segment, one.reader.clone()));
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
            last: None,
            is_narrowed: false,
            turns: None,
        }
    }
}

/// What to read of a row group of the segment at a place.
fn want(
    columns: &[Target],
    reader: &SegmentReader,
    (segment, row_group): (usize, usize),
    rows: Option<RowRanges>,
) -> Want {
    let found = columns
        .iter()
        .filter_map(|target| columns::find(reader.detail(), target.field_id));
    Want::new(reader, (segment, row_group), rows, found)
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
        let (fetcher, count) = (&self.fetcher, self.fetcher.len());
        let taken = match &mut self.turns {
            Some(turns) => turns.take(|segment| fetcher.first_of(segment)..fetcher.first_of(segment + 1)),
            None => {
                let place = self.next;
                self.next += 1;
                (place < count).then_some((place, count))
            }
        };
        self.last = taken.map(|(place, _)| place);
        taken
    }

    /// Whether the last row group was asked for.
    pub fn is_done(&self) -> bool {
        match &self.turns {
            Some(turns) => turns.is_done(),
            None => self.next >= self.fetcher.len(),
        }
    }

    /// All row groups that may be brought, by their numbers: the segment of each, its reader, and which of its rows.
    pub fn groups(&self) -> impl Iterator<Item = (&Segment, &SegmentReader, &Want)> {
        self.fetcher.all().iter().map(|want| {
            let (segment, open) = (self.fetcher.segment(want.segment), &self.open[want.segment]);
            (segment, &open.reader, &**want)
        })
    }

    /// The reader that they are of.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The number of the row group that was brought last.
    pub fn last(&self) -> Option<usize> {
        self.fetcher.number(self.last?)
    }

    /// Begins anew with some of all row groups, by their numbers in ascending order: those are this process's own.
    pub fn only(&mut self, numbers: &[usize]) {
        self.turns = None;
        let picked = numbers
            .iter()
            .map(|number| (*number, self.fetcher.all()[*number].clone()));
        self.fetcher.pick(picked.collect());
        self.next = 0;
    }

    /// The same with parts of them: with the rows of each that are wanted, all where that is not said.
    pub fn only_parts(&mut self, parts: &[(usize, Option<RowRanges>)]) {
        let part = |(number, rows): &(usize, Option<RowRanges>)| {
            let all = &self.fetcher.all()[*number];
            let narrowed = rows.as_ref().map(|rows| {
                let reader = &self.open[all.segment].reader;
                Rc::new(want(
                    &self.targets,
                    reader,
                    (all.segment, all.row_group),
                    Some(rows.clone()),
                ))
            });
            (*number, narrowed.unwrap_or_else(|| all.clone()))
        };
        let picked = parts.iter().map(part).collect();
        self.fetcher.pick(picked);
        self.next = 0;
        self.is_narrowed = true;
    }

    /// Whether other processes take row groups of the same.
    pub fn is_shared(&self) -> bool {
        self.turns.is_some()
    }

    /// Leaves out the row groups of which `known` says that they need not be read: it is given the segment, its reader,
    /// the row group and how many of its rows are dead. Returns how many. Nothing may have been brought before.
    pub fn take_known(&mut self, mut known: impl FnMut(&Segment, &SegmentReader, usize, u32) -> bool) -> Result<u64> {
        let (mut left, all) = (Vec::new(), self.fetcher.all().len());
        for number in 0..all {
            pgrx::check_for_interrupts!();
            let want = &self.fetcher.all()[number];
            let (index, row_group) = (want.segment, want.row_group);
            // Rows that may not be read are not counted either: who asks gets the same error.
            self.fetcher.place(index)?;
            self.read_dead(index)?;
            let (segment, open) = (self.fetcher.segment(index), &self.open[index]);
            let group = &open.reader.row_groups()[row_group];
            let dead = open
                .dead
                .as_ref()
                .map_or(0, |dead| dead.within(group.first_row, group.rows).len());
            if !known(segment, &open.reader, row_group, dead as u32) {
                left.push(number);
            }
        }
        self.only(&left);
        Ok((all - left.len()) as u64)
    }

    /// The one row group that these batches consist of, with the rows of it; `None` when they are none or more, shared,
    /// or read in parts.
    pub fn single(&self) -> Option<(SegmentId, usize, Option<&RowRanges>)> {
        match self.fetcher.all() {
            [want] if self.turns.is_none() && !self.is_narrowed => {
                let segment = self.fetcher.segment(want.segment);
                Some((segment.segment_id, want.row_group, want.rows.as_ref()))
            }
            _ => None,
        }
    }

    /// `None` when all its rows are dead.
    fn group(&mut self, number: usize, end: usize, counters: &mut Counters) -> Result<Option<Undecoded>> {
        let want = self.fetcher.want(number);
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
        let brought = self.fetcher.get(number, end, counters)?;
        counters.row_groups += 1;
        let part = Part {
            reader: open.reader.clone(),
            row_group,
            rows: self.fetcher.want(number).rows.clone(),
            is_kept: self.fetcher.keeps(self.fetcher.want(number)),
        };
        let columns = self.asked(&part, index, brought)?;
        let pages = |stored: &Stored| part.reader.pages(row_group, stored.column(), part.rows.as_ref());
        counters.pages += columns.iter().filter_map(Asked::stored).map(pages).sum::<usize>() as u64;
        Ok(Some(Undecoded::new(
            (self.reader.table.relation, self.fetcher.segment(index)),
            part,
            (self.targets.clone(), columns),
            dead,
        )))
    }

    /// What comes before the first row group of a segment: its place, the mark of its reader, then its dead rows.
    fn reach(&mut self, index: usize, counters: &mut Counters) -> Result<()> {
        self.fetcher.place(index)?;
        counters.tombstones += self.read_dead(index)?;
        Ok(())
    }

    /// Marks a segment as read, then reads which of its rows are dead, unless that was done. Returns how many it read.
    fn read_dead(&mut self, index: usize) -> Result<u64> {
        if self.open[index].dead.is_some() {
            return Ok(0);
        }
        let id = self.fetcher.segment(index).segment_id;
        if self.reader.purpose.marks_reads() {
            conflicts::reads(self.reader.table.relation, &id, self.reader.snapshot);
        }
        // SAFETY: whoever opened the reader holds the snapshot.
        unsafe { kept::show(self.reader.snapshot)? };
        let dead = tables::dead_rows(&id, self.reader.snapshot)?;
        let count = dead.len();
        self.open[index].dead = Some(dead);
        Ok(count)
    }

    /// The columns that were asked for, with how their values are read.
    fn asked(&self, part: &Part, segment: usize, brought: Vec<Brought>) -> Result<Vec<Asked>> {
        let detail = part.reader.detail();
        let mut brought = brought.into_iter();
        let asked = |target: &Target| {
            let Some(column) = columns::find(detail, target.field_id) else {
                let Some(missing) = &target.missing else {
                    return Ok(Asked::Nulls);
                };
                let encoding = &self.fetcher.segment(segment).server_encoding;
                let (array, reading) = missing.column(encoding)?;
                return Ok(Asked::Constant(array, reading));
            };
            let reading = columns::reading(&detail.columns[column], target)?;
            let brought = brought
                .next()
                .ok_or_else(|| Error::internal("a column was not brought"))?;
            Ok(Asked::Stored(Stored::new(column, reading, brought)))
        };
        self.targets.iter().map(asked).collect()
    }
}
