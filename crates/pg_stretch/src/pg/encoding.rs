//! Conversion between UTF-8, as Rust has texts, and the encoding of the database.

use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::{CStr, CString};

const UTF8: i32 = pg_sys::pg_enc::PG_UTF8 as i32;
/// MAX_CONVERSION_GROWTH of pg_wchar.h: bytes that one byte can become.
const GROWTH: usize = 4;
/// Stands for what cannot be converted.
const UNKNOWN: u8 = b'?';

/// A text of the server as a text of Rust.
pub fn from_server(bytes: &[u8]) -> String {
    look_up();
    from_error(bytes)
}

/// The same for a text of an error that has been caught, or is being written: then the catalog must not be asked.
/// Conversions that this process has not looked up by then give question marks.
pub fn from_error(bytes: &[u8]) -> String {
    if bytes.is_ascii() || !differs(encoding()) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let (mut text, mut rest) = (Vec::with_capacity(bytes.len() * 2), bytes);
    while !rest.is_empty() {
        let done = convert(rest, Direction::FromServer, &mut text);
        rest = &rest[done..];
        if let Some((_, after)) = rest.split_first() {
            text.push(UNKNOWN);
            rest = after;
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// A string of the server; empty for NULL.
pub fn of_string(string: *const std::ffi::c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: PostgreSQL hands out NUL-terminated strings.
    from_server(unsafe { CStr::from_ptr(string) }.to_bytes())
}

/// A message for the server: what its encoding lacks becomes a question mark, since an error must not fail of its own
/// text. Asks no catalog, as `from_error`.
pub fn message(text: &str) -> CString {
    let text = text.replace('\0', "");
    if text.is_ascii() || !differs(encoding()) {
        return CString::new(text).unwrap_or_default();
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_str());
    while !rest.is_empty() {
        let done = convert(rest.as_bytes(), Direction::ToServer, &mut bytes);
        rest = rest.get(done..).unwrap_or_default();
        if let Some(lacking) = rest.chars().next() {
            match lacking {
                '…' => bytes.extend_from_slice(b"..."),
                _ => bytes.push(UNKNOWN),
            }
            rest = &rest[lacking.len_utf8()..];
        }
    }
    CString::new(bytes).unwrap_or_default()
}

/// The encoding of the database.
pub fn encoding() -> i32 {
    // SAFETY: plain getter.
    unsafe { pg_sys::GetDatabaseEncoding() }
}

/// Whether text in the encoding is something else than UTF-8, or bytes of which nobody knows more.
pub fn differs(encoding: i32) -> bool {
    encoding != UTF8 && encoding != pg_sys::pg_enc::PG_SQL_ASCII as i32
}

/// Which way a text is converted.
#[derive(Clone, Copy)]
pub enum Direction {
    FromServer,
    ToServer,
}

impl Direction {
    /// The encodings from and to which it converts.
    fn encodings(self) -> (i32, i32) {
        match self {
            Self::FromServer => (encoding(), UTF8),
            Self::ToServer => (UTF8, encoding()),
        }
    }
}

thread_local! {
    /// The functions that convert, by direction, from when they are needed first. A process has one database.
    static CONVERSIONS: Cell<[*mut pg_sys::FmgrInfo; 2]> = const { Cell::new([std::ptr::null_mut(); 2]) };
}

/// Looks the conversions up, once, where the catalog may be asked.
pub fn look_up() {
    let known = CONVERSIONS.get();
    // SAFETY: plain getter; look-ups inside a transaction that goes on; what they find lives as long as the process.
    unsafe {
        if !differs(encoding()) || !known[0].is_null() || !pg_sys::IsTransactionState() {
            return;
        }
        let found = [Direction::FromServer, Direction::ToServer].map(|direction| {
            let (from, to) = direction.encodings();
            let function = pg_sys::FindDefaultConversionProc(from, to);
            if function == pg_sys::InvalidOid {
                return std::ptr::null_mut();
            }
            let context = pg_sys::TopMemoryContext;
            let info = pg_sys::MemoryContextAllocZero(context, size_of::<pg_sys::FmgrInfo>()).cast();
            pg_sys::fmgr_info_cxt(function, info, context);
            info
        });
        CONVERSIONS.set(found);
    }
}

/// Converts as much as can be converted, and tells how many bytes that were; raises nothing.
pub fn convert(bytes: &[u8], direction: Direction, out: &mut Vec<u8>) -> usize {
    let ascii = bytes.iter().take_while(|byte| byte.is_ascii()).count();
    out.extend_from_slice(&bytes[..ascii]);
    let rest = &bytes[ascii..];
    let function = CONVERSIONS.get()[direction as usize];
    if rest.is_empty() || function.is_null() {
        return ascii;
    }
    let (from, to) = direction.encodings();
    let mut buffer = vec![0u8; rest.len() * GROWTH + 1];
    // SAFETY: the arguments of a conversion function, the last of which tells it to raise nothing; the buffer has room
    // for all that the bytes can become, and a zero.
    let done = unsafe {
        pg_sys::FunctionCall6Coll(
            function,
            pg_sys::InvalidOid,
            pg_sys::Datum::from(from),
            pg_sys::Datum::from(to),
            pg_sys::Datum::from(rest.as_ptr()),
            pg_sys::Datum::from(buffer.as_mut_ptr()),
            pg_sys::Datum::from(rest.len() as i32),
            pg_sys::Datum::from(true),
        )
    };
    let length = buffer.iter().position(|byte| *byte == 0).unwrap_or_default();
    out.extend_from_slice(&buffer[..length]);
    ascii + done.value() as u32 as usize
}
