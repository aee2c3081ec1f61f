//! The new keys that cold rows must not have: one of them, or as many of an INSERT's as fit into `work_mem`, sorted.

use super::new_rows::NewRows;
use super::order::KeyOrder;
use crate::catalog::keys::{self, Key};
use crate::pg::context::Context;
use crate::pg::raw;
use pgrx::pg_sys;

/// Bytes that each value takes besides what it points at: itself, and at most one place in the order.
const VALUE: usize = size_of::<Option<pg_sys::Datum>>() + size_of::<usize>();

/// Sorted keys.
pub struct Wanted {
    order: KeyOrder,
    /// One after the other, a value per column each; `None` for NULL.
    values: Vec<Option<pg_sys::Datum>>,
    /// First values of the keys, in their order.
    sorted: Vec<usize>,
}

impl Wanted {
    /// One key; `None` when no other row can have it, for it has a NULL. `value` gives `None` for NULL.
    pub fn one(key: &Key, value: impl Fn(i16) -> Option<pg_sys::Datum>) -> Option<Self> {
        let values: Vec<_> = key.parts.iter().map(|part| value(part.column)).collect();
        if !key.nulls_not_distinct && values.iter().any(Option::is_none) {
            return None;
        }
        Some(Self::sorted(key, values))
    }

    /// Keys one after the other, a value per column each; `None` for NULL.
    pub fn many(key: &Key, values: Vec<Option<pg_sys::Datum>>) -> Self {
        Self::sorted(key, values)
    }

    fn sorted(key: &Key, values: Vec<Option<pg_sys::Datum>>) -> Self {
        let (width, mut order) = (key.parts.len(), KeyOrder::of(key));
        let mut sorted: Vec<usize> = (0..values.len()).step_by(width).collect();
        // SAFETY: values of the key's columns.
        sorted.sort_unstable_by(|a, b| unsafe { order.compare(|at| values[a + at], |at| values[b + at]) });
        Self { order, values, sorted }
    }

    /// Which of them the key is, by its first value; `value` gives its values by their place in the key.
    ///
    /// # Safety
    /// The values are of the key's columns.
    pub unsafe fn find(&mut self, value: impl Fn(usize) -> Option<pg_sys::Datum>) -> Option<usize> {
        let (order, values) = (&mut self.order, &self.values);
        let place = self
            .sorted
            // SAFETY: the caller's promise.
            .binary_search_by(|first| unsafe { order.compare(|at| values[first + at], &value) });
        place.ok().map(|place| self.sorted[place])
    }

    /// The values of the key whose first one is number `first`.
    pub fn key(&self, first: usize, width: usize) -> &[Option<pg_sys::Datum>] {
        &self.values[first..first + width]
    }
}

/// The keys of an INSERT's new rows, in portions.
pub struct Portions<'a> {
    key: &'a Key,
    rows: NewRows,
    /// Length and way of passing of each column's type.
    types: Vec<(i16, bool)>,
    /// Holds the values of the portion.
    memory: Context,
    is_done: bool,
}

impl<'a> Portions<'a> {
    /// Of the transition table of a trigger.
    ///
    /// # Safety
    /// `data` is that of a trigger with a transition table of new rows, and outlives this.
    pub unsafe fn of(data: &pg_sys::TriggerData, key: &'a Key) -> Self {
        let typed = |part: &keys::Part| {
            let (mut length, mut by_value) = (0, false);
            // SAFETY: an existing type.
            unsafe { pg_sys::get_typlenbyval(part.type_id, &mut length, &mut by_value) };
            (length, by_value)
        };
        Self {
            key,
            // SAFETY: the caller's promise.
            rows: unsafe { NewRows::open(data, keys::last_column(std::slice::from_ref(key))) },
            types: key.parts.iter().map(typed).collect(),
            // SAFETY: a child of the current context, which the caller's look does not outlive.
            memory: unsafe { Context::new(c"pg_stretch new keys") },
            is_done: false,
        }
    }

    /// The next portion, whose values live until the one after it; `None` at the end.
    pub fn next(&mut self) -> Option<Wanted> {
        if self.is_done {
            return None;
        }
        // SAFETY: a plain global, in kilobytes.
        let limit = unsafe { pg_sys::work_mem } as usize * 1024;
        let (key, types, memory) = (self.key, &self.types, self.memory);
        let mut values: Vec<Option<pg_sys::Datum>> = Vec::new();
        // SAFETY: the portion before is gone.
        unsafe { memory.reset() };
        // Only the copies lie in the portion's memory: a row that was read from a file belongs to the slot, which frees
        // it when the next one comes, and that may be in the next portion.
        let rows = &mut self.rows;
        // SAFETY: the values are of the key's columns and are copied before the next row; what grows is owned outside
        // of the loop.
        self.is_done = unsafe {
            rows.each(|row| {
                if !key.nulls_not_distinct && key.parts.iter().any(|part| row.get(part.column).is_none()) {
                    return true;
                }
                for (part, (length, by_value)) in key.parts.iter().zip(types) {
                    values.push(row.get(part.column).map(|value| match by_value {
                        true => value,
                        false => memory.within_unguarded(|| raw::datumCopy(value, false, i32::from(*length))),
                    }));
                }
                memory.size() + values.len() * VALUE < limit
            })
        };
        (!values.is_empty()).then(|| Wanted::sorted(key, values))
    }
}
