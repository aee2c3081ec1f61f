//! Hot rows that come in an order, and the cold rows merged into them: the cold ones are sorted, and of two rows the
//! lesser is shown first.

use super::cold::ColdRows;
use super::cold_side::ColdSide;
use super::first_key::{FirstKey, Lies};
use super::sort_key::SortKey;
use crate::cold::ordered::{Order, Run};
use crate::pg::error::Result;
use crate::pg::{raw, slot};
use pgrx::pg_sys;
use std::cmp::Ordering;
use std::collections::VecDeque;

/// Cold rows in an order.
pub struct Sorted {
    keys: Vec<SortKey>,
    /// How hot and cold values compare, one for each key.
    support: Vec<pg_sys::SortSupportData>,
    /// Rows on their way into the sort and out of it: the columns of the table, then the row's identity.
    put: *mut pg_sys::TupleTableSlot,
    got: *mut pg_sys::TupleTableSlot,
    sort: *mut pg_sys::Tuplesortstate,
    /// What the statistics say of the first key; `None` where they have another order.
    first_key: Option<FirstKey>,
    /// What was not sorted yet.
    rest: VecDeque<Run>,
    /// Up to so many rows are sorted next, if it is not one run alone.
    next_rows: u64,
    /// What was sorted last may have rows that belong behind the first of the rest.
    touches_rest: bool,
    /// `got` holds such a row, the first of them.
    is_held: bool,
}

/// Up to so many rows runs are joined for one sort, that a whole table is read in few steps.
const JOINED_ROWS: u64 = 65_536;

impl Sorted {
    /// Nothing yet. What it takes lives in the current memory context.
    ///
    /// # Safety
    /// The node is one of ours, initialised; the context lives as long as this.
    pub unsafe fn new(node: *mut pg_sys::CustomScanState, keys: Vec<SortKey>) -> Self {
        // SAFETY: the caller's promise; the slots go with the executor's table of slots.
        unsafe {
            let state = (*node).ss.ps.state;
            let layout = with_identity((*(*node).ss.ss_currentRelation).rd_att);
            let support = keys.iter().map(|key| {
                let mut support = pg_sys::SortSupportData {
                    ssup_cxt: pg_sys::CurrentMemoryContext,
                    ssup_collation: key.collation,
                    ssup_nulls_first: key.nulls_first,
                    ssup_attno: key.attribute,
                    ..Default::default()
                };
                pg_sys::PrepareSortSupportFromOrderingOp(key.operator, &mut support);
                support
            });
            Self {
                support: support.collect(),
                put: pg_sys::ExecInitExtraTupleSlot(state, layout, &pg_sys::TTSOpsVirtual),
                got: pg_sys::ExecInitExtraTupleSlot(state, layout, &pg_sys::TTSOpsMinimalTuple),
                sort: std::ptr::null_mut(),
                first_key: keys
                    .first()
                    .and_then(|key| FirstKey::of(key, (*(*node).ss.ss_currentRelation).rd_att)),
                rest: VecDeque::new(),
                next_rows: 0,
                touches_rest: false,
                is_held: false,
                keys,
            }
        }
    }

    /// Begins with what a cold side has, of which nothing is read yet.
    pub fn begin(&mut self, cold: &mut ColdSide) {
        self.end();
        self.next_rows = 0;
        let order = self.order();
        self.rest = cold
            .begun_rows()
            .map_or_else(VecDeque::new, |rows| rows.runs(order).into());
    }

    /// The order that statistics are asked for.
    fn order(&self) -> Option<Order> {
        Some(self.first_key?.order(self.keys.first()?))
    }

    /// Whether the hot row comes before all rows that were not sorted yet, as far as statistics tell.
    ///
    /// # Safety
    /// The slot has a row of the heap's scan; the context is the node's, for what lives as long as one row.
    pub unsafe fn is_before_rest(&self, hot: *mut pg_sys::TupleTableSlot, context: pg_sys::MemoryContext) -> bool {
        let (Some(run), Some(first), Some(key)) = (self.rest.front(), self.first_key, self.keys.first()) else {
            return self.rest.is_empty();
        };
        let Some(bound) = &run.first else {
            return false;
        };
        // SAFETY: the caller's promise.
        match unsafe { first.lies(hot, key.hot, bound, context) } {
            Lies::Before => true,
            // Of equal rows the hot one is shown first, unless more decides.
            Lies::Beside => self.keys.len() == 1,
            Lies::Among => false,
        }
    }

    /// Whether there are rows that were not sorted yet.
    pub fn has_rest(&self) -> bool {
        !self.rest.is_empty()
    }

    /// What to sort next: the first time the shortest run there is, so that little is read for a LIMIT; then of twice
    /// as many rows as the time before.
    fn take(&mut self, rows: &ColdRows) -> Option<Run> {
        let mut run = self.rest.pop_front()?;
        if run.rows > self.next_rows
            && let Some(order) = self.order()
        {
            for part in rows.divided(order, run).into_iter().rev() {
                self.rest.push_front(part);
            }
            run = self.rest.pop_front()?;
        }
        while let Some(next) = self.rest.front()
            && run.rows + next.rows <= self.next_rows
        {
            run.append(self.rest.pop_front()?);
        }
        self.next_rows = (run.rows * 2).min(JOINED_ROWS);
        self.touches_rest = run.touches_next && self.keys.len() > 1;
        Some(run)
    }

    /// Sorts the rows of the next run, which come in `own`; all before were shown, but for those that are held.
    ///
    /// # Safety
    /// The cold side is that of the node, and began; `own` is its slot.
    pub unsafe fn sort_next(
        &mut self,
        node: *mut pg_sys::CustomScanState,
        cold: &mut ColdSide,
        own: *mut pg_sys::TupleTableSlot,
    ) -> Result<()> {
        let Some(rows) = cold.begun_rows() else {
            return Ok(());
        };
        let Some(run) = self.take(rows) else {
            return Ok(());
        };
        rows.only_run(&run);
        let before = std::mem::replace(&mut self.sort, std::ptr::null_mut());
        // SAFETY: the layouts are those of `new`; the sort copies what it is given.
        unsafe {
            let mut columns: Vec<i16> = self.keys.iter().map(|key| key.attribute).collect();
            let mut operators: Vec<pg_sys::Oid> = self.keys.iter().map(|key| key.operator).collect();
            let mut collations: Vec<pg_sys::Oid> = self.keys.iter().map(|key| key.collation).collect();
            let mut nulls_first: Vec<bool> = self.keys.iter().map(|key| key.nulls_first).collect();
            self.sort = pg_sys::tuplesort_begin_heap(
                (*self.put).tts_tupleDescriptor,
                columns.len() as i32,
                columns.as_mut_ptr(),
                operators.as_mut_ptr(),
                collations.as_mut_ptr(),
                nulls_first.as_mut_ptr(),
                pg_sys::work_mem,
                std::ptr::null_mut(),
                pg_sys::TUPLESORT_NONE as i32,
            );
            self.carry(before);
            while cold.next(node, own)? {
                let (put, sort) = (self.put, self.sort);
                let width = copy_columns(own, put);
                (*put).tts_isnull.add(width).write(false);
                let identity = pg_sys::Datum::from(&raw mut (*own).tts_tid);
                (*put).tts_values.add(width).write(identity);
                filled(put, width + 1);
                raw::guarded(|| raw::tuplesort_puttupleslot(sort, put));
            }
            pg_sys::tuplesort_performsort(self.sort);
        }
        Ok(())
    }

    /// Puts the rows that are held of a sort, and all behind them, into the next one, and ends it.
    unsafe fn carry(&mut self, before: *mut pg_sys::Tuplesortstate) {
        if before.is_null() {
            return;
        }
        let (got, sort) = (self.got, self.sort);
        // SAFETY: the rows of both sorts have one layout; a sort copies what it is given, and the slot is cleared
        // before the memory of its row goes.
        unsafe {
            while std::mem::replace(&mut self.is_held, false)
                || pg_sys::tuplesort_gettupleslot(before, true, false, got, std::ptr::null_mut())
            {
                raw::guarded(|| raw::tuplesort_puttupleslot(sort, got));
            }
            slot::clear(got);
            pg_sys::tuplesort_end(before);
        }
    }

    /// Puts the next row into the slot; false at the end, and before a row that others of the rest may come before.
    ///
    /// # Safety
    /// The slot is the node's own, emptied.
    pub unsafe fn next(&mut self, node: *mut pg_sys::CustomScanState, own: *mut pg_sys::TupleTableSlot) -> bool {
        if self.sort.is_null() || self.is_held {
            return false;
        }
        // SAFETY: the row's values live in the sort's slot until the next one.
        unsafe {
            if !pg_sys::tuplesort_gettupleslot(self.sort, true, false, self.got, std::ptr::null_mut()) {
                return false;
            }
            if self.touches_rest && self.is_among_rest((*(*node).ss.ps.ps_ExprContext).ecxt_per_tuple_memory) {
                self.is_held = true;
                return false;
            }
            let width = (*(*own).tts_tupleDescriptor).natts as usize;
            pg_sys::slot_getsomeattrs_int(self.got, width as i32 + 1);
            copy_columns(self.got, own);
            (*own).tts_tid = *(*(*self.got).tts_values.add(width)).cast_mut_ptr::<pg_sys::ItemPointerData>();
            (*own).tts_tableOid = (*(*node).ss.ss_currentRelation).rd_id;
            filled(own, width);
            true
        }
    }

    /// Whether the row in `got` may come behind one of the rest.
    unsafe fn is_among_rest(&self, context: pg_sys::MemoryContext) -> bool {
        let (Some(run), Some(first), Some(key)) = (self.rest.front(), self.first_key, self.keys.first()) else {
            return false;
        };
        let Some(bound) = &run.first else {
            return true;
        };
        // SAFETY: the slot has a row of the sort.
        unsafe { first.lies(self.got, key.attribute, bound, context) != Lies::Before }
    }

    /// Whether the hot row comes before the cold one, or is equal to it.
    ///
    /// # Safety
    /// Both slots are filled.
    pub unsafe fn hot_first(&mut self, hot: *mut pg_sys::TupleTableSlot, own: *mut pg_sys::TupleTableSlot) -> bool {
        let last = self.keys.iter().map(|key| key.hot).max().unwrap_or_default();
        let (keys, support) = (&self.keys, &mut self.support);
        // SAFETY: the columns of the keys; a comparison may raise an ERROR, and nothing is owned.
        unsafe {
            raw::guarded(|| {
                if (*hot).tts_nvalid < last {
                    raw::slot_getsomeattrs_int(hot, last.into());
                }
                for (key, support) in keys.iter().zip(support) {
                    let value = |slot: *mut pg_sys::TupleTableSlot, column: i16| {
                        let at = column as usize - 1;
                        (!*(*slot).tts_isnull.add(at)).then(|| *(*slot).tts_values.add(at))
                    };
                    match compare(value(hot, key.hot), value(own, key.attribute), support) {
                        Ordering::Less => return true,
                        Ordering::Greater => return false,
                        Ordering::Equal => {}
                    }
                }
                true
            })
        }
    }

    /// Lets go of all.
    pub fn end(&mut self) {
        self.rest.clear();
        (self.touches_rest, self.is_held) = (false, false);
        self.end_sort();
    }

    /// Lets go of what was sorted.
    fn end_sort(&mut self) {
        let sort = std::mem::replace(&mut self.sort, std::ptr::null_mut());
        if !sort.is_null() {
            // SAFETY: the slot holds a row of the sort, which is not looked at any more.
            unsafe {
                slot::clear(self.got);
                pg_sys::tuplesort_end(sort);
            }
        }
    }
}

/// ApplySortComparator of sortsupport.h, inside a guard.
unsafe fn compare(
    a: Option<pg_sys::Datum>,
    b: Option<pg_sys::Datum>,
    support: &mut pg_sys::SortSupportData,
) -> Ordering {
    let nulls = match support.ssup_nulls_first {
        true => Ordering::Less,
        false => Ordering::Greater,
    };
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => nulls,
        (Some(_), None) => nulls.reverse(),
        (Some(a), Some(b)) => {
            let Some(comparator) = support.comparator else {
                return Ordering::Equal;
            };
            // SAFETY: values of the type that the operator orders.
            let order = unsafe { comparator(a, b, support) }.cmp(&0);
            match support.ssup_reverse {
                true => order.reverse(),
                false => order,
            }
        }
    }
}

/// Copies the columns of the table from one slot to another, both with arrays of their own: how many.
unsafe fn copy_columns(from: *mut pg_sys::TupleTableSlot, to: *mut pg_sys::TupleTableSlot) -> usize {
    // SAFETY: one of the two layouts is that of the table, the other has one column more.
    unsafe {
        let width = (*(*from).tts_tupleDescriptor)
            .natts
            .min((*(*to).tts_tupleDescriptor).natts) as usize;
        (*to).tts_values.copy_from_nonoverlapping((*from).tts_values, width);
        (*to).tts_isnull.copy_from_nonoverlapping((*from).tts_isnull, width);
        width
    }
}

/// Says that the first `width` columns of a virtual slot are there.
unsafe fn filled(slot: *mut pg_sys::TupleTableSlot, width: usize) {
    // SAFETY: a virtual slot whose arrays were written.
    unsafe {
        (*slot).tts_flags &= !(pg_sys::TTS_FLAG_EMPTY as u16);
        (*slot).tts_nvalid = width as i16;
    }
}

/// The layout of a table with one more column, for the identity.
unsafe fn with_identity(table: pg_sys::TupleDesc) -> pg_sys::TupleDesc {
    // SAFETY: a descriptor in the current memory context.
    unsafe {
        let width = (*table).natts;
        let layout = pg_sys::CreateTemplateTupleDesc(width + 1);
        for column in 1..=width as i16 {
            pg_sys::TupleDescCopyEntry(layout, column, table, column);
        }
        pg_sys::TupleDescInitEntry(layout, width as i16 + 1, c"ctid".as_ptr(), pg_sys::TIDOID, -1, 0);
        layout
    }
}
