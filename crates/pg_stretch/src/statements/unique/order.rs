//! How the values of a key compare: as its index does it.

use crate::catalog::keys::{Key, Part};
use crate::pg::raw;
use pgrx::pg_sys;
use std::cmp::Ordering;

/// Compares the values of one column of a key.
pub enum Order {
    /// As the integers that they are.
    Int4,
    Int8,
    /// As the function of the index's operator class says; boxed, so that its address stays.
    Function {
        function: Box<pg_sys::FmgrInfo>,
        collation: pg_sys::Oid,
    },
}

impl Order {
    /// The order of a column of a key.
    pub fn of(part: &Part) -> Self {
        match part.compare.to_u32() {
            pg_sys::F_BTINT4CMP | pg_sys::F_DATE_CMP => Self::Int4,
            pg_sys::F_BTINT8CMP | pg_sys::F_TIMESTAMP_CMP | pg_sys::F_TIMESTAMPTZ_CMP => Self::Int8,
            _ => {
                let mut function = Box::<pg_sys::FmgrInfo>::default();
                // SAFETY: the function that orders the values of an existing index.
                unsafe { pg_sys::fmgr_info(part.compare, &mut *function) };
                Self::Function {
                    function,
                    collation: part.collation,
                }
            }
        }
    }

    /// The order of two values.
    ///
    /// # Safety
    /// Both are values of the column.
    pub unsafe fn compare(&mut self, a: pg_sys::Datum, b: pg_sys::Datum) -> Ordering {
        // SAFETY: the caller's promise; integers call nothing that could raise an error.
        unsafe {
            match self {
                Self::Function { .. } => raw::guarded(|| self.compare_unguarded(a, b)),
                _ => self.compare_unguarded(a, b),
            }
        }
    }

    /// The same in a loop inside a guard, see [`raw`].
    ///
    /// # Safety
    /// Both are values of the column.
    pub unsafe fn compare_unguarded(&mut self, a: pg_sys::Datum, b: pg_sys::Datum) -> Ordering {
        match self {
            Self::Int4 => (a.value() as i32).cmp(&(b.value() as i32)),
            Self::Int8 => (a.value() as i64).cmp(&(b.value() as i64)),
            Self::Function { function, collation } => {
                // SAFETY: a function of two values of the column, which gives an int4.
                let order = unsafe { raw::FunctionCall2Coll(&mut **function, *collation, a, b) };
                (order.value() as i32).cmp(&0)
            }
        }
    }
}

/// Compares whole keys, column by column; a NULL comes after every value and is equal to another one.
pub struct KeyOrder(Vec<Order>);

impl KeyOrder {
    /// The order of a key.
    pub fn of(key: &Key) -> Self {
        Self(key.parts.iter().map(Order::of).collect())
    }

    /// The order of two keys, each with one value per column.
    ///
    /// # Safety
    /// Both give values of the key's columns.
    pub unsafe fn compare(
        &mut self,
        a: impl Fn(usize) -> Option<pg_sys::Datum>,
        b: impl Fn(usize) -> Option<pg_sys::Datum>,
    ) -> Ordering {
        for (at, order) in self.0.iter_mut().enumerate() {
            let found = match (a(at), b(at)) {
                // SAFETY: the caller's promise.
                (Some(a), Some(b)) => unsafe { order.compare(a, b) },
                (a, b) => a.is_none().cmp(&b.is_none()),
            };
            if found != Ordering::Equal {
                return found;
            }
        }
        Ordering::Equal
    }
}
