//! Text between Rust, where it is UTF-8, and the server, where it is in the encoding of the database.
//!
//! What comes from the server always becomes a text; what goes there can hold characters that the database's encoding
//! lacks.

use super::encoding::{Direction, convert, differs, encoding, from_server, look_up, message};
use super::error::{Error, Result};
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::{FromDatum, IntoDatum};
use pgrx::nullable::Nullable;
use pgrx::pg_sys;
use std::ffi::CString;
use std::ops::Deref;
use stretch_core::errors;
use zeroize::Zeroizing;

/// A text for the server to work with, exactly; an error where its encoding lacks a character, or the text holds a zero
/// byte.
pub fn to_server(text: &str) -> Result<CString> {
    let mut bytes = Vec::new();
    if text.is_ascii() || !differs(encoding()) {
        bytes.extend_from_slice(text.as_bytes());
    } else {
        look_up();
        if convert(text.as_bytes(), Direction::ToServer, &mut bytes) < text.len() {
            return Err(Error::new(
                &errors::UNSUPPORTED,
                "a text holds a character that the encoding of this database lacks",
            )
            .hint("Use characters of that encoding alone."));
        }
    }
    CString::new(bytes).map_err(|_| Error::argument("a text holds a zero byte"))
}

/// A value of type text, as argument, as result, and in rows. Its memory is overwritten when it goes, for it may be a
/// secret.
#[derive(Clone, Default)]
pub struct Text(Zeroizing<String>);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.to_string()
    }
}

impl FromDatum for Text {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _type: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: a value of type text; what detoasting takes stays in the current memory context.
        unsafe {
            let flat = pg_sys::pg_detoast_datum_packed(datum.cast_mut_ptr());
            Some(Self(Zeroizing::new(from_server(pgrx::varlena_to_byte_slice(flat)))))
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl IntoDatum for Text {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        // The same bytes as bytea and as text are the same value.
        message(&self).to_bytes().into_datum()
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::TEXTOID
    }

    /// A value of type json is its text.
    fn is_compatible_with(other: pg_sys::Oid) -> bool {
        other == pg_sys::TEXTOID || other == pg_sys::JSONOID
    }
}

// SAFETY: gives what `IntoDatum` makes.
unsafe impl BoxRet for Text {
    unsafe fn box_into<'fcx>(self, call: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        match self.into_datum() {
            // SAFETY: a value of the result's type in the current memory context.
            Some(datum) => unsafe { call.return_raw_datum(datum) },
            None => call.return_null(),
        }
    }
}

// SAFETY: takes what `FromDatum` takes.
unsafe impl<'fcx> ArgAbi<'fcx> for Text {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the argument is declared as text. Functions that are not strict take an Option.
        unsafe { arg.unbox_arg_using_from_datum() }.unwrap_or_default()
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        // SAFETY: as above.
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.into()
    }
}
