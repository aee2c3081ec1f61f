//! What is known of new keys without reading a cold row: by their hashes, by statistics, and by the version of the row
//! before.

use super::known::{Cold, Keyed, Table};
use super::narrow::{self, Range};
use super::order::Order;
use crate::catalog::keys::Key;
use crate::pg::error::Result;
use crate::pg::missing::datumIsEqual;
use crate::pg::slot;
use pgrx::pg_sys;
use std::cmp::Ordering;
use std::collections::HashSet;
use stretch_core::ids::SegmentId;

/// Values of keys, one after the other in the order of their columns; `None` for NULL.
pub type Values = Vec<Option<pg_sys::Datum>>;

/// The keys that a cold row may have, by what is known without reading one, and the segments where none of them is;
/// `None` when no cold row can have any.
///
/// # Safety
/// The slots hold rows of the table.
pub unsafe fn left(
    table: &Table,
    cold: &Cold,
    number: usize,
    keyed: &mut Keyed,
    slots: &[*mut pg_sys::TupleTableSlot],
) -> Result<Option<(Values, HashSet<SegmentId>)>> {
    let Keyed { key, former, hasher } = keyed;
    if let Some(former) = former {
        // SAFETY: keys of calls before are not looked at any more.
        unsafe { former.forget() };
    }
    let filter = cold.filters[number].as_ref();
    let mut values = Values::new();
    let mut left = HashSet::new();
    for slot in slots {
        let formed = match former {
            Some(former) => {
                // SAFETY: a row of the table.
                let formed = unsafe { former.of_slot(*slot) };
                if formed.is_none() {
                    continue;
                }
                formed
            }
            None => None,
        };
        // SAFETY: as above.
        let plain = unsafe { taken_apart(*slot, table.last_column) };
        let value = |place: usize| match formed {
            Some(formed) => formed[place],
            None => plain(key.parts[place].column),
        };
        if let (Some(filter), Some(hasher)) = (filter, &mut *hasher) {
            // SAFETY: values of the key.
            let Some(hash) = (unsafe { hasher.hash(value) }) else {
                continue;
            };
            let found = filter.find(&mut [hash]);
            if found.is_empty() {
                continue;
            }
            left.extend(found);
        } else if !key.nulls_not_distinct && (0..key.parts.len()).any(|place| value(place).is_none()) {
            continue;
        }
        values.extend((0..key.parts.len()).map(value));
    }
    if values.is_empty() {
        return Ok(None);
    }
    if filter.is_none() {
        let may_hold = narrow::may_hold(&table.info, &cold.overview, key, &ranges(key, &values));
        return Ok(may_hold.then(|| (values, HashSet::new())));
    }
    let ids = cold.segments.iter().map(|segment| segment.segment_id);
    Ok(Some((values, ids.filter(|id| !left.contains(id)).collect())))
}

/// Whether the row has the key, bit for bit.
///
/// # Safety
/// The slot holds a row of the table, and the values are of the key.
pub unsafe fn has(
    table: &Table,
    keyed: &mut Keyed,
    row: *mut pg_sys::TupleTableSlot,
    values: &[Option<pg_sys::Datum>],
) -> bool {
    let Keyed { key, former, .. } = keyed;
    // SAFETY: a row of the table, and values of the key.
    unsafe {
        let formed = match former {
            Some(former) => match former.of_slot(row) {
                Some(formed) => Some(formed),
                None => return false,
            },
            None => None,
        };
        let plain = taken_apart(row, table.last_column);
        key.parts.iter().enumerate().all(|(place, part)| {
            let before = match formed {
                Some(formed) => formed[place],
                None => plain(part.column),
            };
            match (before, values[place]) {
                (Some(before), Some(now)) => {
                    let (mut length, mut by_value) = (0, false);
                    pg_sys::get_typlenbyval(part.type_id, &mut length, &mut by_value);
                    datumIsEqual(before, now, by_value, i32::from(length))
                }
                (before, now) => before.is_none() && now.is_none(),
            }
        })
    }
}

/// The values of a row's columns up to `last`, by their numbers.
unsafe fn taken_apart(slot: *mut pg_sys::TupleTableSlot, last: i16) -> impl Fn(i16) -> Option<pg_sys::Datum> {
    // SAFETY: a filled slot of the caller's; its arrays live as long, and hold the values up to `last`.
    unsafe {
        slot::take_apart(slot, last);
        let (values, nulls) = ((*slot).tts_values, (*slot).tts_isnull);
        move |column| {
            let at = column as usize - 1;
            (!*nulls.add(at)).then(|| *values.add(at))
        }
    }
}

/// Least and greatest value of each column among the keys; neither where it is not compared for equality.
pub fn ranges(key: &Key, values: &[Option<pg_sys::Datum>]) -> Vec<Range> {
    let width = key.parts.len();
    let range = |place: usize| {
        if key.parts[place].compare == pg_sys::InvalidOid {
            return Range {
                bounds: None,
                has_null: false,
            };
        }
        let mut order = Order::of(&key.parts[place]);
        let mut range = Range {
            bounds: None,
            has_null: false,
        };
        for value in values.iter().skip(place).step_by(width) {
            let Some(value) = *value else {
                range.has_null = true;
                continue;
            };
            // SAFETY: values of that column of the key.
            let mut is_less = |a, b| unsafe { order.compare(a, b) == Ordering::Less };
            range.bounds = Some(match range.bounds {
                None => (value, value),
                Some((low, high)) => (
                    if is_less(value, low) { value } else { low },
                    if is_less(high, value) { value } else { high },
                ),
            });
        }
        range
    };
    (0..width).map(range).collect()
}
