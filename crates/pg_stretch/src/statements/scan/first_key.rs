//! The first key of an order, where it is that of statistics: so these tell which rows come before which.

use super::sort_key::SortKey;
use super::{bound, quals};
use crate::cold::ordered::Order;
use crate::pg::slot;
use pgrx::pg_sys;
use std::cmp::Ordering;
use stretch_columns::clusters::Direction;
use stretch_segment::Bound;

/// The first key of an order that is the statistics' too.
#[derive(Clone, Copy)]
pub struct FirstKey {
    direction: Direction,
    /// The type of a value that is compared.
    value_type: pg_sys::Oid,
}

/// How a row lies to those that do not come before a bound.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Lies {
    Before,
    /// It has the value of the bound itself.
    Beside,
    /// Or that is not known.
    Among,
}

impl FirstKey {
    /// Of an order of rows of this layout; `None` where statistics have another order.
    ///
    /// # Safety
    /// The key is a column of the layout.
    pub unsafe fn of(key: &SortKey, layout: pg_sys::TupleDesc) -> Option<Self> {
        // SAFETY: the caller's promise.
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

    /// The order that statistics are asked for.
    pub fn order(self, key: &SortKey) -> Order {
        Order {
            attribute: key.attribute,
            is_text: self.value_type == pg_sys::TEXTOID,
            direction: self.direction,
        }
    }

    /// How the row in a slot, which has the key in `column`, lies to the rows that do not come before the bound, none
    /// of which is NULL at their beginning. The context is reset.
    ///
    /// # Safety
    /// The slot has a row with the column; the context is for what lives as long as one row.
    pub unsafe fn lies(
        self,
        row: *mut pg_sys::TupleTableSlot,
        column: i16,
        bound: &Bound,
        context: pg_sys::MemoryContext,
    ) -> Lies {
        // SAFETY: the caller's promise.
        let value = unsafe {
            slot::take_apart(row, column);
            let at = column as usize - 1;
            if *(*row).tts_isnull.add(at) {
                return match self.direction.nulls_first {
                    true => Lies::Before,
                    false => Lies::Among,
                };
            }
            pg_sys::MemoryContextReset(context);
            let outer = pg_sys::MemoryContextSwitchTo(context);
            let value = bound::bound(*(*row).tts_values.add(at), self.value_type);
            pg_sys::MemoryContextSwitchTo(outer);
            value
        };
        match value.and_then(|value| self.direction.compare(&value, bound)) {
            Some(Ordering::Less) => Lies::Before,
            Some(Ordering::Equal) => Lies::Beside,
            Some(Ordering::Greater) | None => Lies::Among,
        }
    }
}
