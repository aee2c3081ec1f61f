//! SQLSTATEs of our own class through pgrx.
//!
//! pgrx turns each ERROR that crosses Rust frames into a value and raises it again at the next border to C. On that way
//! a SQLSTATE becomes an enum of PostgreSQL's own codes, and every other code becomes XX000. What does travel along
//! unchanged is the report's text domain. So a report with a code of class ST carries the code in its domain too, and
//! the two functions that start every report (the linker puts ours in front, see `build.rs`) take it back from there:
//! clients, PL/pgSQL handlers and the log all see the right code.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};

/// What begins a domain that carries a code. No message catalog has such a name, so nothing is translated by it.
const PREFIX: &str = "pg_stretch-";

unsafe extern "C-unwind" {
    fn __real_errstart(elevel: c_int, domain: *const c_char) -> bool;
    fn __real_errcode(code: c_int) -> c_int;
}

/// The code that the report begun last must get; 0 when its own is right.
static CARRIED: AtomicI32 = AtomicI32::new(0);

/// The domain that carries a SQLSTATE; `None` for codes that pgrx knows.
pub fn domain(sqlstate: &str) -> Option<&'static CStr> {
    static DOMAINS: Mutex<Option<HashMap<String, &'static CStr>>> = Mutex::new(None);
    if !sqlstate.starts_with("ST") {
        return None;
    }
    let mut domains = DOMAINS.lock().ok()?;
    let domains = domains.get_or_insert_default();
    if let Some(known) = domains.get(sqlstate) {
        return Some(known);
    }
    // There are two dozen codes, and PostgreSQL keeps the pointer: they are never freed.
    let made: &'static CStr = Box::leak(CString::new(format!("{PREFIX}{sqlstate}")).ok()?.into_boxed_c_str());
    domains.insert(sqlstate.to_string(), made);
    Some(made)
}

/// The SQLSTATE in a domain.
pub fn carried(domain: Option<&str>) -> Option<&str> {
    domain?.strip_prefix(PREFIX)
}

/// PostgreSQL's packed form of a SQLSTATE (MAKE_SQLSTATE of elog.h): six bits a character.
pub fn pack(sqlstate: &str) -> i32 {
    sqlstate.bytes().take(5).enumerate().fold(0, |code, (i, byte)| {
        code | (((byte.wrapping_sub(b'0')) & 0x3f) as i32) << (6 * i)
    })
}

/// The five characters of a packed SQLSTATE.
pub fn unpack(mut code: i32) -> String {
    let mut text = String::with_capacity(5);
    for _ in 0..5 {
        text.push((((code & 0x3f) as u8) + b'0') as char);
        code >>= 6;
    }
    text
}

/// In front of `errstart`: notes the code that the domain carries.
///
/// # Safety
/// As for `errstart`: `domain` is NULL or a string that outlives the report.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn __wrap_errstart(elevel: c_int, domain: *const c_char) -> bool {
    // SAFETY: as the caller promises.
    unsafe {
        let text = (!domain.is_null())
            .then(|| CStr::from_ptr(domain))
            .and_then(|domain| domain.to_str().ok());
        CARRIED.store(carried(text).map_or(0, pack), Ordering::Relaxed);
        __real_errstart(elevel, domain)
    }
}

/// In front of `errcode`: puts the noted code in the place of the given one.
///
/// # Safety
/// As for `errcode`: called between `errstart` and `errfinish`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn __wrap_errcode(code: c_int) -> c_int {
    let code = match CARRIED.swap(0, Ordering::Relaxed) {
        0 => code,
        noted => noted,
    };
    // SAFETY: as the caller promises.
    unsafe { __real_errcode(code) }
}
