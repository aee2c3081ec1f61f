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
