//! PostgreSQL's lists as vectors.

use pgrx::pg_sys;

/// The pointers of a list; nothing for NIL.
///
/// # Safety
/// `list` is NIL or a live list of pointers to `T`.
pub unsafe fn pointers<T>(list: *const pg_sys::List) -> Vec<*mut T> {
    // SAFETY: the caller's promise; a list holds `length` cells.
    unsafe { cells(list).iter().map(|cell| cell.ptr_value.cast()).collect() }
}

/// The OIDs of a list; nothing for NIL.
///
/// # Safety
/// `list` is NIL or a live list of OIDs.
pub unsafe fn oids(list: *const pg_sys::List) -> Vec<pg_sys::Oid> {
    // SAFETY: as above.
    unsafe { cells(list).iter().map(|cell| cell.oid_value).collect() }
}

unsafe fn cells<'a>(list: *const pg_sys::List) -> &'a [pg_sys::ListCell] {
    // SAFETY: as above.
    unsafe {
        match list.as_ref() {
            Some(list) => std::slice::from_raw_parts(list.elements, list.length as usize),
            None => &[],
        }
    }
}

/// Number of members; 0 for NIL.
///
/// # Safety
/// `list` is NIL or a live list.
pub unsafe fn length(list: *const pg_sys::List) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { list.as_ref() }.map_or(0, |list| list.length)
}

/// Member `position` of a list of pointers.
///
/// # Safety
/// `list` is a live list of pointers to `T` with more than `position` members.
pub unsafe fn nth<T>(list: *const pg_sys::List, position: i32) -> *mut T {
    // SAFETY: as the caller promises.
    unsafe { cells(list)[position as usize].ptr_value.cast() }
}

/// The integers of a list; nothing for NIL.
///
/// # Safety
/// `list` is NIL or a live list of integers.
pub unsafe fn integers(list: *const pg_sys::List) -> Vec<i32> {
    // SAFETY: as the caller promises.
    unsafe { cells(list).iter().map(|cell| cell.int_value).collect() }
}
