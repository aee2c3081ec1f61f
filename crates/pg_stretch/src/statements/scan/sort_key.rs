//! What a scan's rows are ordered by, as a plan carries it.

use crate::pg::error::{Error, Result};
use crate::pg::list;
use pgrx::pg_sys;

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
