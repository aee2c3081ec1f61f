//! The new keys that cold rows must not have: one of them, or those of all rows that are inserted in one call.

use super::order::KeyOrder;
use crate::catalog::keys::{Key, Part};
use crate::pg::raw;
use pgrx::pg_sys;

/// Keys, and how it is found whether a row has one of them.
pub struct Wanted {
    conflict: Conflict,
    /// One after the other, a value per column each; `None` for NULL.
    values: Vec<Option<pg_sys::Datum>>,
    /// First values of the keys, in their order if they have one.
    first: Vec<usize>,
}

/// When two keys are in conflict.
enum Conflict {
    /// When they are equal.
    Equal(KeyOrder),
    /// When the functions of an exclusion constraint all say so; boxed, so that their addresses stay.
    Operators(Vec<(Box<pg_sys::FmgrInfo>, pg_sys::Oid)>),
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
        let mut first: Vec<usize> = (0..values.len()).step_by(key.parts.len()).collect();
        let conflict = match &key.excludes {
            Some(functions) => Conflict::Operators(operators(key, functions)),
            None => {
                let mut order = KeyOrder::of(key);
                // SAFETY: values of the key's columns.
                first.sort_unstable_by(|a, b| unsafe { order.compare(|at| values[a + at], |at| values[b + at]) });
                Conflict::Equal(order)
            }
        };
        Self {
            conflict,
            values,
            first,
        }
    }

    /// Which of them is in conflict with a key, by its first value; `value` gives that one's values by their place in
    /// the key.
    ///
    /// # Safety
    /// The values are of the key's columns.
    pub unsafe fn find(&mut self, value: impl Fn(usize) -> Option<pg_sys::Datum>) -> Option<usize> {
        let values = &self.values;
        match &mut self.conflict {
            Conflict::Equal(order) => {
                let place = self
                    .first
                    // SAFETY: the caller's promise.
                    .binary_search_by(|first| unsafe { order.compare(|at| values[first + at], &value) });
                place.ok().map(|place| self.first[place])
            }
            Conflict::Operators(operators) => self.first.iter().copied().find(|first| {
                operators
                    .iter_mut()
                    .enumerate()
                    .all(|(at, operator)| match (value(at), values[first + at]) {
                        // SAFETY: the caller's promise; the operator's function, which gives a boolean.
                        (Some(there), Some(new)) => unsafe { holds(operator, there, new) },
                        // Such operators are taken for strict, as the server does it.
                        _ => false,
                    })
            }),
        }
    }

    /// The values of the key whose first one is number `first`.
    pub fn key(&self, first: usize, width: usize) -> &[Option<pg_sys::Datum>] {
        &self.values[first..first + width]
    }
}

fn operators(key: &Key, functions: &[pg_sys::Oid]) -> Vec<(Box<pg_sys::FmgrInfo>, pg_sys::Oid)> {
    let operator = |(part, function): (&Part, &pg_sys::Oid)| {
        let mut info = Box::<pg_sys::FmgrInfo>::default();
        // SAFETY: the function of an operator of an existing constraint.
        unsafe { pg_sys::fmgr_info(*function, &mut *info) };
        (info, part.collation)
    };
    key.parts.iter().zip(functions).map(operator).collect()
}

/// Whether an operator holds between a value of a row and one of a new key.
unsafe fn holds(operator: &mut (Box<pg_sys::FmgrInfo>, pg_sys::Oid), there: pg_sys::Datum, new: pg_sys::Datum) -> bool {
    let (function, collation) = operator;
    // SAFETY: the caller's promise.
    unsafe { raw::guarded(|| raw::FunctionCall2Coll(&mut **function, *collation, there, new)) }.value() != 0
}
