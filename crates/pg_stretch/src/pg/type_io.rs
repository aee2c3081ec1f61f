//! Stored values go through the functions by which their types write and read them; here alone they are called, and
//! only under one fixed set of the settings that they obey. Otherwise what a segment holds would depend on who wrote
//! it, and what a query returns on who reads.
//!
//! A call needs a [`Formats`], so the compiler sees to it that nobody forgets the settings; `cargo xtask ci` sees to it
//! that the server's functions for such calls are named nowhere else.

use super::error::{Error, Result};
use super::local_settings::{LocalSettings, PATH};
use pgrx::pg_sys;
use std::ffi::CStr;
use stretch_core::errors;

/// Every setting of PostgreSQL 15 that the send, receive, output and input functions of its types obey, with the value
/// under which stored values are written and read, besides `client_encoding`: that is the one of the stored bytes (see
/// [`Formats::of`]). Some change what is written, others what the same text means when it is read.
///
/// Left out: `timezone_abbreviations`, since what is written names zones by their offset; `lc_numeric` and `lc_time`,
/// which only to_char and its kin obey; `backslash_quote`, since quotes are never written that way.
pub const SETTINGS: [(&CStr, &CStr); 12] = [
    // Values of the reg types are names: of all but PostgreSQL's own objects with their schema.
    PATH,
    (c"quote_all_identifiers", c"off"),
    // What a backslash in a literal means, which is how the constants of a filter are written.
    (c"standard_conforming_strings", c"on"),
    // Whether NULL without quotes is one, in arrays.
    (c"array_nulls", c"on"),
    (c"bytea_output", c"hex"),
    (c"DateStyle", c"ISO, YMD"),
    (c"IntervalStyle", c"postgres"),
    (c"TimeZone", c"UTC"),
    // The shortest text that is read as the same number.
    (c"extra_float_digits", c"1"),
    (c"lc_monetary", c"C"),
    (c"xmloption", c"content"),
    (c"xmlbinary", c"base64"),
];

// As they are in the server: none of them raises anything for encodings that were in use before.
unsafe extern "C-unwind" {
    fn pg_get_client_encoding() -> i32;
    fn SetClientEncoding(encoding: i32) -> i32;
    fn PrepareClientEncoding(encoding: i32) -> i32;
}

/// Pins the settings alone, for the text of an expression that is written or read: that never passes through a client's
/// encoding.
pub fn settings() -> LocalSettings {
    LocalSettings::new(&SETTINGS)
}

/// While it lives, types write and read as stored values want it. Also when an error unwinds it ends before the error
/// is sent.
pub struct Formats {
    _settings: LocalSettings,
    client_encoding: i32,
    stored_encoding: i32,
}

impl Formats {
    /// For bytes in the encoding of this database.
    pub fn of_database() -> Self {
        // SAFETY: getters; the database's own encoding needs no conversion, so it can always be set.
        unsafe {
            let encoding = pg_sys::GetDatabaseEncoding();
            let client_encoding = pg_get_client_encoding();
            let settings = settings();
            SetClientEncoding(encoding);
            Self {
                _settings: settings,
                client_encoding,
                stored_encoding: encoding,
            }
        }
    }

    /// For bytes that a database of the encoding with this name wrote. Types convert between the client's encoding and
    /// the database's, so for them the writer is the client.
    pub fn of(encoding: &str) -> Result<Self> {
        let mut formats = Self::of_database();
        // SAFETY: looks for conversions in the catalog; inside a transaction, as every scan is.
        let stored = unsafe {
            let name = std::ffi::CString::new(encoding).unwrap_or_default();
            pg_sys::pg_char_to_encoding(name.as_ptr())
        };
        if stored == formats.stored_encoding {
            return Ok(formats);
        }
        // SAFETY: as above. An ERROR in the look-up is caught by the guard, and owns nothing here.
        let known = stored >= 0
            && unsafe { super::raw::guarded(|| PrepareClientEncoding(stored) >= 0 && SetClientEncoding(stored) >= 0) };
        if !known {
            return Err(Error::new(
                &errors::UNSUPPORTED,
                format!("values stored in encoding {encoding} cannot be converted to the encoding of this database"),
            ));
        }
        formats.stored_encoding = stored;
        Ok(formats)
    }

    /// The bytes of a value, in the current memory context.
    ///
    /// # Safety
    /// The function was looked up as the send function of the value's type.
    pub unsafe fn send(&self, function: Function, value: pg_sys::Datum) -> pg_sys::Datum {
        // SAFETY: the caller's promise; a varlena comes back.
        unsafe { pg_sys::Datum::from(pg_sys::SendFunctionCall(function.info, value)) }
    }

    /// A value from the bytes that its type sent, in the current memory context.
    ///
    /// # Safety
    /// The function was looked up as a receive function.
    pub unsafe fn receive(&self, function: Function, bytes: &[u8], typmod: i32) -> pg_sys::Datum {
        // SAFETY: the caller's promise; the buffer lies in the current memory context.
        unsafe {
            let mut buffer = pg_sys::StringInfoData {
                data: terminated(bytes),
                len: bytes.len() as i32,
                maxlen: bytes.len() as i32 + 1,
                cursor: 0,
            };
            pg_sys::ReceiveFunctionCall(function.info, &mut buffer, function.io_param, typmod)
        }
    }

    /// The text of a value, in the current memory context.
    ///
    /// # Safety
    /// The function was looked up as the output function of the value's type.
    pub unsafe fn output<'a>(&self, function: Function, value: pg_sys::Datum) -> &'a CStr {
        // SAFETY: the caller's promise; a NUL-terminated string comes back.
        unsafe { CStr::from_ptr(pg_sys::OutputFunctionCall(function.info, value)) }
    }

    /// A value from its text, in the current memory context.
    ///
    /// # Safety
    /// The function was looked up as an input function.
    pub unsafe fn input(&self, function: Function, text: &[u8], typmod: i32) -> pg_sys::Datum {
        // SAFETY: the caller's promise; the conversion gives its argument back or a copy, both end with a zero.
        unsafe {
            let text = pg_sys::pg_any_to_server(terminated(text), text.len() as i32, self.stored_encoding);
            pg_sys::InputFunctionCall(function.info, text, function.io_param, typmod)
        }
    }
}

impl Drop for Formats {
    fn drop(&mut self) {
        // SAFETY: it was in use before, so its conversions are at hand.
        unsafe { SetClientEncoding(self.client_encoding) };
    }
}

/// A copy with a zero behind it, which some functions write to and others read.
unsafe fn terminated(bytes: &[u8]) -> *mut std::ffi::c_char {
    // SAFETY: allocates one byte more than is copied.
    unsafe {
        let copy = pg_sys::palloc(bytes.len() + 1).cast::<u8>();
        copy.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        copy.add(bytes.len()).write(0);
        copy.cast()
    }
}

/// One of the functions of a type, looked up. It lives as long as the memory context it was looked up in.
#[derive(Clone, Copy)]
pub struct Function {
    info: *mut pg_sys::FmgrInfo,
    io_param: pg_sys::Oid,
}

/// Which of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Send,
    Receive,
    Output,
    Input,
}

impl Function {
    /// Looks the function of an existing type up, which must have one.
    pub fn new(which: Which, of_type: pg_sys::Oid, context: pg_sys::MemoryContext) -> Self {
        let (mut function, mut io_param, mut varlena) = (pg_sys::InvalidOid, pg_sys::InvalidOid, false);
        // SAFETY: syscache look-ups of an existing type; the FmgrInfo lies in the context.
        unsafe {
            match which {
                Which::Send => pg_sys::getTypeBinaryOutputInfo(of_type, &mut function, &mut varlena),
                Which::Receive => pg_sys::getTypeBinaryInputInfo(of_type, &mut function, &mut io_param),
                Which::Output => pg_sys::getTypeOutputInfo(of_type, &mut function, &mut varlena),
                Which::Input => pg_sys::getTypeInputInfo(of_type, &mut function, &mut io_param),
            }
            let info = pg_sys::MemoryContextAllocZero(context, size_of::<pg_sys::FmgrInfo>()).cast();
            pg_sys::fmgr_info_cxt(function, info, context);
            Self { info, io_param }
        }
    }
}
