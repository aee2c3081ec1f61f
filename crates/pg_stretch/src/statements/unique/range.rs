//! The range of the new keys of an INSERT or COPY, in one pass over its transition table.

use super::new_rows;
use super::order::Order;
use crate::catalog::keys::{self, Key, Part};
use crate::pg::raw;
use pgrx::pg_sys;
use std::cmp::Ordering;

/// Values of one column of a key among the new rows.
pub struct Range {
    /// Least and greatest value; `None` when all are null.
    pub bounds: Option<(pg_sys::Datum, pg_sys::Datum)>,
    pub has_null: bool,
}

/// Compares values of one column as its index does.
struct Column {
    column: i16,
    order: Order,
    by_value: bool,
    length: i16,
    range: Range,
}

impl Column {
    unsafe fn new(part: &Part) -> Self {
        let (mut length, mut by_value) = (0, false);
        // SAFETY: an existing type.
        unsafe { pg_sys::get_typlenbyval(part.type_id, &mut length, &mut by_value) };
        Self {
            column: part.column,
            order: Order::of(part),
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
        // SAFETY: values of the column, inside a guard.
        unsafe { self.order.compare_unguarded(a, b) == Ordering::Less }
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
                column.add(row.get(column.column));
            }
            left -= 1;
            left > 0
        });
        let ranges = |columns: Vec<Column>| columns.into_iter().map(|column| column.range).collect();
        columns.into_iter().map(ranges).collect()
    }
}
