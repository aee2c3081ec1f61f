//! The new keys that cold rows must not have: one of them, or those of all rows that are inserted in one call, sorted.

use super::order::KeyOrder;
use crate::catalog::keys::Key;
use pgrx::pg_sys;

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
