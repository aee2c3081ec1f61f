//! Hot rows that come in an order, and the cold rows merged into them: the cold ones are sorted, and of two rows the
//! lesser is shown first.

use super::cold_side::ColdSide;
use super::{conditions, quals};
use crate::pg::error::{Error, Result};
use crate::pg::{list, raw, slot};
use pgrx::pg_sys;
use std::cmp::Ordering;
use std::collections::VecDeque;
use stretch_columns::clusters::{Cluster, Direction};

/// One column of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// Its place in the rows of the heap's scan, from 1.
    pub hot: i16,
    /// Its attribute number.
    pub attribute: i16,
    /// The operator that orders it.
    pub operator: pg_sys::Oid,
    pub collation: pg_sys::Oid,
    pub nulls_first: bool,
}

/// Integers of one key in a plan's note.
const WIDTH: usize = 5;

impl SortKey {
    /// The keys as a list of integers, for a plan.
    pub fn to_list(keys: &[Self]) -> *mut pg_sys::List {
        let numbers = keys.iter().flat_map(|key| {
            [
                i32::from(key.hot),
                i32::from(key.attribute),
                key.operator.to_u32() as i32,
                key.collation.to_u32() as i32,
                i32::from(key.nulls_first),
            ]
        });
        // SAFETY: appends to a list of our own.
        numbers.fold(std::ptr::null_mut(), |list, number| unsafe {
            pg_sys::lappend_int(list, number)
        })
    }

    /// Reads them back.
    ///
    /// # Safety
    /// `note` is NIL or a live list of integers.
    pub unsafe fn from_list(note: *const pg_sys::List) -> Result<Vec<Self>> {
        // SAFETY: the caller's promise.
        let numbers = unsafe { list::integers(note) };
        let key = |key: &[i32]| {
            let &[hot, attribute, operator, collation, nulls_first] = key else {
                return None;
            };
            Some(Self {
                hot: i16::try_from(hot).ok()?,
                attribute: i16::try_from(attribute).ok()?,
                operator: pg_sys::Oid::from(operator as u32),
                collation: pg_sys::Oid::from(collation as u32),
                nulls_first: nulls_first == 1,
            })
        };
        let keys: Option<Vec<Self>> = numbers.chunks(WIDTH).map(key).collect();
        keys.ok_or_else(|| Error::internal("the plan of an ordered scan carries no order"))
    }
}

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
    clusters: VecDeque<Cluster>,
}

/// The first key of an order that is the statistics' too.
#[derive(Clone, Copy)]
struct FirstKey {
    direction: Direction,
    /// The type of a value that is compared.
    value_type: pg_sys::Oid,
}

impl FirstKey {
    /// Of an order of the relation's rows.
    unsafe fn of(key: &SortKey, layout: pg_sys::TupleDesc) -> Option<Self> {
        // SAFETY: the key is a column of the layout.
        unsafe {
            let attribute = &(*layout).attrs.as_slice((*layout).natts as usize)[key.attribute as usize - 1];
            let base = pg_sys::getBaseType(attribute.atttypid);
            let (descending, value_type) = quals::sorts_as_statistics(key.operator, base, key.collation)?;
            Some(Self {
                direction: Direction {
                    descending,
                    nulls_first: key.nulls_first,
                },
                value_type,
            })
        }
    }
}

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
                clusters: VecDeque::new(),
                keys,
            }
        }
    }

    /// Begins with what a cold side has, of which nothing is read yet.
    pub fn begin(&mut self, cold: &mut ColdSide) {
        self.end();
        let order = self.keys.first().zip(self.first_key).map(|(key, first)| {
            let is_text = first.value_type == pg_sys::TEXTOID;
            (key.attribute, is_text, first.direction)
        });
        self.clusters = cold
            .begun_rows()
            .map_or_else(VecDeque::new, |rows| rows.clusters(order).into());
    }

    /// Whether the hot row comes before all rows that were not sorted yet, as far as statistics tell.
    ///
    /// # Safety
    /// The slot has a row of the heap's scan; the context is the node's, for what lives as long as one row.
    pub unsafe fn is_before_rest(&self, hot: *mut pg_sys::TupleTableSlot, context: pg_sys::MemoryContext) -> bool {
        let (Some(cluster), Some(first), Some(key)) = (self.clusters.front(), self.first_key, self.keys.first()) else {
            return self.clusters.is_empty();
        };
        let Some(bound) = &cluster.first else {
            return false;
        };
        // SAFETY: the caller's promise.
        let value = unsafe {
            slot::take_apart(hot, key.hot);
            let at = key.hot as usize - 1;
            if *(*hot).tts_isnull.add(at) {
                // Where NULLs come first, none is among the rest, for its first value is known.
                return key.nulls_first;
            }
            pg_sys::MemoryContextReset(context);
            let outer = pg_sys::MemoryContextSwitchTo(context);
            let value = conditions::bound(*(*hot).tts_values.add(at), first.value_type);
            pg_sys::MemoryContextSwitchTo(outer);
            value
        };
        match value.and_then(|value| first.direction.compare(&value, bound)) {
            Some(Ordering::Less) => true,
            // Of equal rows the hot one is shown first, unless more decides.
            Some(Ordering::Equal) => self.keys.len() == 1,
            Some(Ordering::Greater) | None => false,
        }
    }

    /// Whether there are rows that were not sorted yet.
    pub fn has_rest(&self) -> bool {
        !self.clusters.is_empty()
    }

    /// Sorts the rows of the next cluster, which come in `own`; all before were shown.
    ///
    /// # Safety
    /// The cold side is that of the node, and began; `own` is its slot.
    pub unsafe fn sort_next(
        &mut self,
        node: *mut pg_sys::CustomScanState,
        cold: &mut ColdSide,
        own: *mut pg_sys::TupleTableSlot,
    ) -> Result<()> {
        let Some(cluster) = self.clusters.pop_front() else {
            return Ok(());
        };
        // All of it is what the cold side has begun with; a rescan may have it at hand.
        if let Some(rows) = cold.begun_rows()
            && cluster.members.len() < rows.row_groups()
        {
            rows.only(&cluster.members);
        }
        self.end_sort();
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

    /// Puts the next row into the slot; false at the end.
    ///
    /// # Safety
    /// The slot is the node's own, emptied.
    pub unsafe fn next(&mut self, node: *mut pg_sys::CustomScanState, own: *mut pg_sys::TupleTableSlot) -> bool {
        if self.sort.is_null() {
            return false;
        }
        // SAFETY: the row's values live in the sort's slot until the next one.
        unsafe {
            if !pg_sys::tuplesort_gettupleslot(self.sort, true, false, self.got, std::ptr::null_mut()) {
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
        self.clusters.clear();
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
