//! The range of the new keys of an INSERT or COPY, in one pass over its transition table.

use super::new_rows;
use crate::catalog::keys::{self, Key, Part};
use crate::pg::raw;
use pgrx::pg_sys;

/// Values of one column of a key among the new rows.
pub struct Range {
    /// Least and greatest value; `None` when all are null.
    pub bounds: Option<(pg_sys::Datum, pg_sys::Datum)>,
    pub has_null: bool,
}

/// Compares values of one column as its index does.
struct Column<'a> {
    part: &'a Part,
    order: Order,
    by_value: bool,
    length: i16,
    range: Range,
}

/// How values compare.
enum Order {
    /// As the integers that they are.
    Int4,
    Int8,
    /// As the index's function says; boxed, so that its address stays.
    Function(Box<pg_sys::FmgrInfo>),
}

impl Order {
    unsafe fn of(part: &Part) -> Self {
        match part.operand {
            pg_sys::INT4OID | pg_sys::DATEOID => Self::Int4,
            pg_sys::INT8OID | pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID => Self::Int8,
            _ => {
                let mut function = Box::<pg_sys::FmgrInfo>::default();
                // SAFETY: an existing function.
                unsafe { pg_sys::fmgr_info(part.compare, &mut *function) };
                Self::Function(function)
            }
        }
    }
}

impl<'a> Column<'a> {
    unsafe fn new(part: &'a Part) -> Self {
        let (mut length, mut by_value) = (0, false);
        // SAFETY: an existing type.
        unsafe { pg_sys::get_typlenbyval(part.type_id, &mut length, &mut by_value) };
        Self {
            part,
            // SAFETY: a part of an index.
            order: unsafe { Order::of(part) },
            by_value,
            length,
            range: Range {
                bounds: None,
                has_null: false,
            },
        }
    }

    /// Inside a guard.
    unsafe fn add(&mut self, value: Option<pg_sys::Datum>) {
        let Some(value) = value else {
            self.range.has_null = true;
            return;
        };
        // SAFETY: a value of the column; kept ones are copied where they lie in the row.
        unsafe {
            let (low, high) = match self.range.bounds {
                Some((low, high)) => (self.is_less(value, low), self.is_less(high, value)),
                None => (true, true),
            };
            if low || high {
                let kept = match self.by_value {
                    true => value,
                    false => raw::datumCopy(value, false, i32::from(self.length)),
                };
                let (before_low, before_high) = self.range.bounds.unwrap_or((kept, kept));
                self.range.bounds = Some((
                    if low { kept } else { before_low },
                    if high { kept } else { before_high },
                ));
            }
        }
    }

    unsafe fn is_less(&mut self, a: pg_sys::Datum, b: pg_sys::Datum) -> bool {
        match &mut self.order {
            Order::Int4 => (a.value() as i32) < b.value() as i32,
            Order::Int8 => (a.value() as i64) < b.value() as i64,
            Order::Function(function) => {
                // SAFETY: the order function of the index's operator class, on values of its column.
                let order = unsafe { raw::FunctionCall2Coll(&mut **function, self.part.collation, a, b) };
                (order.value() as i32) < 0
            }
        }
    }
}

/// For each key the ranges of its columns among the first `rows` new rows; they live in the current memory context.
///
/// # Safety
/// `data` is that of a trigger with a transition table of new rows.
pub unsafe fn of(data: &pg_sys::TriggerData, keys: &[Key], rows: u64) -> Vec<Vec<Range>> {
    // SAFETY: the values are of the columns' types; `add` owns nothing.
    unsafe {
        let mut columns: Vec<Vec<Column>> = keys
            .iter()
            .map(|key| key.parts.iter().map(|part| Column::new(part)).collect())
            .collect();
        let mut left = rows;
        new_rows::each(data, keys::last_column(keys), |row| {
            for column in columns.iter_mut().flatten() {
                column.add(row.get(column.part.column));
            }
            left -= 1;
            left > 0
        });
        let ranges = |columns: Vec<Column>| columns.into_iter().map(|column| column.range).collect();
        columns.into_iter().map(ranges).collect()
    }
}
