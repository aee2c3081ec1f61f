//! Which functions take a secret, asked of what the server resolved: however a call is written, and through whatever it
//! is made.

use pgrx::pg_sys;
use std::ffi::CStr;

/// Our entry points that take a secret. A function is known by its symbol, so a function that somebody else makes of
/// one is known too.
const SYMBOLS: [&CStr; 5] = [
    c"stretch_create_master_key_wrapper",
    c"stretch_open_master_key_wrapper",
    c"stretch_rotate_master_key_wrapper",
    c"stretch_create_credential_wrapper",
    c"stretch_alter_credential_wrapper",
];

/// The language C in every database (`ClanguageId` of pg_language.dat).
const C_LANGUAGE: pg_sys::Oid = pg_sys::Oid::from_u32(13);

/// The server is about to evaluate a call of this function: its arguments come next.
///
/// # Safety
/// Inside a transaction.
pub unsafe fn executes(function: pg_sys::Oid) {
    // SAFETY: the caller's promise.
    if unsafe { takes_secret(function) } {
        super::mark::mark();
    }
}

unsafe fn takes_secret(function: pg_sys::Oid) -> bool {
    // SAFETY: a look-up in the cache that the call itself needs as well; the row is released before anything else
    // happens.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::PROCOID as i32;
        let row = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(function));
        if row.is_null() {
            return false;
        }
        let form = pg_sys::GETSTRUCT(row).cast::<pg_sys::FormData_pg_proc>();
        let secret = (*form).prolang == C_LANGUAGE && {
            let mut null = false;
            let source = pg_sys::SysCacheGetAttr(cache, row, pg_sys::Anum_pg_proc_prosrc as i16, &mut null);
            !null && {
                let text = pg_sys::text_to_cstring(source.cast_mut_ptr());
                SYMBOLS.contains(&CStr::from_ptr(text))
            }
        };
        pg_sys::ReleaseSysCache(row);
        secret
    }
}
