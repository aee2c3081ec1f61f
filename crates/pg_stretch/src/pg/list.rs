//! Reading of PostgreSQL's lists; the functions are inline there, so the bindings lack them.

use pgrx::pg_sys;

/// Number of members; 0 for NIL.
///
/// # Safety
/// `list` is NIL or a valid list.
pub unsafe fn length(list: *const pg_sys::List) -> i32 {
    // SAFETY: as the caller promises.
    if list.is_null() { 0 } else { unsafe { (*list).length } }
}

/// Member `position` of a list of pointers.
///
/// # Safety
/// `list` is a valid list of pointers with more than `position` members.
pub unsafe fn nth<T>(list: *const pg_sys::List, position: i32) -> *mut T {
    // SAFETY: as the caller promises.
    unsafe { (*(*list).elements.add(position as usize)).ptr_value.cast() }
}

/// Member `position` of a list of integers.
///
/// # Safety
/// `list` is a valid list of integers with more than `position` members.
pub unsafe fn nth_int(list: *const pg_sys::List, position: i32) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { (*(*list).elements.add(position as usize)).int_value }
}
