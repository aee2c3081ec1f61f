//! One cold row by its identity: found, seen to be alive, and put into a slot of the executor as if the heap had it.

use super::columns::{find, reading};
use super::counters::Counters;
use super::damage::damaged;
use super::fetch::{Brought, Fetcher, Want};
use super::identity;
use super::reader::{Reader, refuse_disabled};
use super::segments;
use super::side::Side;
use super::tombstone::{conflicts, kept};
use super::tuples;
use super::values::{Maker, Values};
use crate::catalog::rows::Segment;
use crate::catalog::tables;
use crate::pg::context::OwnContext;
use crate::pg::error::{Error, Result};
use crate::pg::names;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::BooleanBuffer;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::rc::Rc;
use stretch_core::bounded::Bounded;
use stretch_core::ids::SegmentId;
use stretch_core::purpose::Purpose;
use stretch_segment::{Checked, RowRanges, SegmentReader};

/// Bytes of decoded pages that one backend keeps, for the rows that come next.
const MAX_BYTES: usize = 64 << 20;

/// Rows of a row group, in pages that are read together: all columns of the segment.
type Rows = Rc<Vec<ArrayRef>>;

/// Which rows: of what segment and row group, and which of its rows.
type Key = (SegmentId, usize, RowRanges);

thread_local! {
    static ROWS: RefCell<Bounded<Key, Rows>> = RefCell::new(Bounded::new(MAX_BYTES));
}

/// A cold row of a table.
pub struct ColdRow {
    side: Rc<Side>,
    tid: pg_sys::ItemPointerData,
    /// Its segment's.
    segment_number: u32,
    number: u32,
}

impl ColdRow {
    /// The row that the identity stands for, whether it is alive or not; `None` when no segment has it.
    ///
    /// # Safety
    /// The relation is open and locked.
    pub unsafe fn any(relation: pg_sys::Relation, tid: pg_sys::ItemPointerData) -> Result<Option<Self>> {
        let (number, _) = identity::read(tid)?;
        // SAFETY: the caller's promise.
        match unsafe { Side::with(relation, number)? } {
            Some(side) => Self::of(side, tid),
            None => Ok(None),
        }
    }

    /// The row, if an MVCC snapshot sees it.
    ///
    /// # Safety
    /// The relation is open and locked, and the caller holds the snapshot.
    pub unsafe fn visible(
        relation: pg_sys::Relation,
        tid: pg_sys::ItemPointerData,
        snapshot: pg_sys::Snapshot,
    ) -> Result<Option<Self>> {
        // SAFETY: the caller's promise.
        let side = unsafe { Side::under(relation, snapshot)? };
        let found = match side {
            Some(side) => Self::of(side, tid)?,
            None => None,
        };
        let Some(found) = found else {
            return Ok(None);
        };
        let id = found.segment()?.segment_id;
        conflicts::reads(found.side.table.relation, &id, snapshot);
        // SAFETY: the caller's promise.
        unsafe { kept::show(snapshot)? };
        Ok((!tables::is_dead(&id, found.number, snapshot)?).then_some(found))
    }

    fn of(side: Rc<Side>, tid: pg_sys::ItemPointerData) -> Result<Option<Self>> {
        let (segment_number, number) = identity::read(tid)?;
        let has = side
            .segment(segment_number)
            .is_some_and(|segment| i64::from(number) < segment.row_count);
        Ok(has.then_some(Self {
            side,
            tid,
            segment_number,
            number,
        }))
    }

    /// Its table.
    pub fn side(&self) -> &Side {
        &self.side
    }

    /// Its segment.
    pub fn segment(&self) -> Result<&Segment> {
        let segment = self.side.segment(self.segment_number);
        segment.ok_or_else(|| Error::internal("a cold row lost its segment"))
    }

    /// Its number in the segment.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Puts the row into a slot, whose memory it then lies in. False when the purpose keeps it from the reader: its
    /// bytes are on the endpoint alone, which may not be asked.
    ///
    /// # Safety
    /// The slot has the relation's columns; the caller holds the snapshot under which the catalog is read, or gives
    /// null for the newest state.
    pub unsafe fn store(
        &self,
        relation: pg_sys::Relation,
        snapshot: pg_sys::Snapshot,
        purpose: Purpose,
        slot: *mut pg_sys::TupleTableSlot,
    ) -> Result<bool> {
        refuse_disabled(purpose, self.side.table.relation)?;
        let segment = self.segment()?;
        if !purpose.may_ask_endpoint() && !tables::is_staged(&segment.segment_id, snapshot)? {
            return Ok(false);
        }
        let reader = segments::reader(segment, snapshot)?;
        let at = group_of(&reader, self.number);
        let row = self.number - reader.row_groups()[at].first_row;
        let key = (segment.segment_id, at, reader.around(at, row));
        let rows = match ROWS.with_borrow_mut(|kept| kept.get(&key).cloned()) {
            Some(rows) => rows,
            None => self.read(&reader, &key, snapshot, purpose)?,
        };
        let place = row - key.2.rows().next().unwrap_or(0);
        // SAFETY: the caller's promise.
        unsafe { self.fill(relation, &reader, &rows, place as usize, slot)? };
        Ok(true)
    }

    fn read(&self, reader: &SegmentReader, key: &Key, snapshot: pg_sys::Snapshot, purpose: Purpose) -> Result<Rows> {
        let (segment, table) = (self.segment()?, &self.side.table);
        let (_, at, wanted) = key;
        // SAFETY: the caller holds the snapshot, and the engine goes with this function.
        let engine = Rc::new(unsafe { Reader::open(table.clone(), Vec::new(), snapshot, purpose)? });
        let columns: Vec<usize> = (0..reader.detail().columns.len()).collect();
        let want = Want::new(reader, (0, *at), Some(wanted.clone()), columns.iter().copied());
        let segments = vec![(segment.clone(), reader.clone())];
        let mut fetcher = Fetcher::new(engine, segments, vec![want]);
        let brought = fetcher.get(0, 1, &mut Counters::default())?;
        let check = |(column, brought): (&usize, Brought)| match brought.checked {
            Some(checked) => Ok(checked),
            None => reader.check(*at, *column, Some(wanted), &brought.bytes),
        };
        let decode = |checked: Vec<Checked>| {
            let all = BooleanBuffer::new_set(wanted.count());
            let mask = wanted.spread(&all, reader.row_groups()[*at].rows as usize);
            reader.decode(*at, &checked, Some(&mask))
        };
        let arrays = columns
            .iter()
            .zip(brought)
            .map(check)
            .collect::<std::result::Result<_, _>>()
            .and_then(decode)
            .map_err(|error| damaged(&error, segment, reader, *at, &names::relation(table.relation)))?;
        let bytes = arrays.iter().map(|array| array.get_array_memory_size()).sum();
        let rows = Rc::new(arrays);
        if purpose.may_use_cache() {
            ROWS.with_borrow_mut(|kept| kept.insert(key.clone(), rows.clone(), bytes));
        }
        Ok(rows)
    }

    unsafe fn fill(
        &self,
        relation: pg_sys::Relation,
        reader: &SegmentReader,
        rows: &[ArrayRef],
        row: usize,
        slot: *mut pg_sys::TupleTableSlot,
    ) -> Result<()> {
        // SAFETY: the arrays are as long as the relation's descriptor; the tuple is made in the slot's memory, and goes
        // with the slot's content.
        unsafe {
            let descriptor = (*relation).rd_att;
            let width = (*descriptor).natts as usize;
            let (mut values, mut nulls) = (vec![pg_sys::Datum::from(0); width], vec![true; width]);
            let context = OwnContext::new(c"pg_stretch row");
            let inside = context.get().enter();
            let encoding: Rc<str> = self.segment()?.server_encoding.as_str().into();
            let mut kept = Vec::with_capacity(self.side.columns.len());
            for target in &self.side.columns {
                let (array, reading, row) = match (find(reader.detail(), target.field_id), &target.missing) {
                    (Some(column), _) => {
                        let reading = reading(&reader.detail().columns[column], target)?;
                        (rows[column].clone(), reading, row)
                    }
                    (None, Some(missing)) => {
                        let (array, reading) = missing.column(&encoding)?;
                        (array, reading, 0)
                    }
                    (None, None) => continue,
                };
                if array.is_null(row) {
                    continue;
                }
                let area = context.get().as_ptr();
                let mut maker = Maker::new(reading, target.base_type, self.side.owner, encoding.clone(), area);
                let mut made = Values::default();
                maker.make(&array, row..row + 1, &mut made)?;
                let place = target.attribute as usize - 1;
                values[place] = made.datums.first().copied().unwrap_or(pg_sys::Datum::from(0));
                nulls[place] = false;
                // The tuple is a copy; until then the values are looked at.
                kept.push(made);
            }
            pg_sys::MemoryContextSwitchTo((*slot).tts_mcxt);
            let tuple = pg_sys::heap_form_tuple(descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
            tuples::mark(tuple, (*relation).rd_id, self.tid);
            tuples::show(tuple, slot);
            drop(inside);
        }
        Ok(())
    }
}

/// The row group that holds a row.
fn group_of(reader: &SegmentReader, row: u32) -> usize {
    let after = reader.row_groups().partition_point(|group| group.first_row <= row);
    after.saturating_sub(1)
}
