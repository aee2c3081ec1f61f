//! Arrow arrays to datums, a slice of a column at a time. Native types make no call into the server per value.

use crate::pg::error::{Error, Result};
use crate::pg::type_io::{Formats, Function, Which};
use crate::pg::user;
use arrow_array::ArrayRef;
use pgrx::pg_sys;
use std::ops::Range;
use std::rc::Rc;
use stretch_columns::images::{self, Area, Images};
use stretch_columns::stored::Reading;

/// What it takes to make datums of one column.
pub struct Maker {
    reading: Reading,
    /// The type's receive or input function, where it is needed.
    function: Option<Function>,
    /// Owner of the table, as whom the function runs.
    owner: pg_sys::Oid,
    /// Name of the encoding of the database that wrote the values.
    stored_encoding: Rc<str>,
    encoding: i32,
    /// Stored text is UTF-8 and the server's encoding is another.
    convert: bool,
}

/// Values of a column as datums; NULL is a zero.
#[derive(Default)]
pub struct Values {
    pub datums: Vec<pg_sys::Datum>,
    /// What datums of native types point at.
    area: Area,
}

impl Maker {
    /// A maker for values of `base_type` in a table of `owner`, stored by a database of the encoding `stored_encoding`.
    /// The function's look-up data live in `context`.
    pub fn new(
        reading: Reading,
        base_type: pg_sys::Oid,
        owner: pg_sys::Oid,
        stored_encoding: Rc<str>,
        context: pg_sys::MemoryContext,
    ) -> Self {
        let which = match reading {
            Reading::Receive => Some(Which::Receive),
            Reading::Input => Some(Which::Input),
            _ => None,
        };
        // SAFETY: plain getter.
        let encoding = unsafe { pg_sys::GetDatabaseEncoding() as u32 };
        Self {
            reading,
            function: which.map(|which| Function::new(which, base_type, context)),
            owner,
            stored_encoding,
            encoding: encoding as i32,
            convert: encoding != pg_sys::pg_enc::PG_UTF8 && encoding != pg_sys::pg_enc::PG_SQL_ASCII,
        }
    }

    /// Makes the datums of `rows` of `array`. What they point at lives in the current memory context, or with them.
    pub fn make(&mut self, array: &ArrayRef, rows: Range<usize>, made: &mut Values) -> Result<()> {
        let Values { datums: out, area } = made;
        out.clear();
        match self.reading {
            Reading::Text if self.convert => {
                for i in rows {
                    out.push(match images::bytes_at(array, i) {
                        None => pg_sys::Datum::from(0),
                        Some(bytes) if bytes.is_ascii() => single(bytes)?,
                        Some(bytes) => converted(self.verified(bytes, array)?, array)?,
                    });
                }
            }
            Reading::Receive | Reading::Input => {
                let function = self
                    .function
                    .ok_or_else(|| Error::internal("a type has no function to read its stored values"))?;
                // Arrays, rows and ranges check the domains in them, with functions of the table's owner: those must
                // not get the rights of whoever reads (F35).
                let _owner = user::ActAs::role(self.owner, true);
                let formats = Formats::of(&self.stored_encoding)?;
                let is_text = self.reading == Reading::Input;
                for i in rows {
                    // SAFETY: the function is the one that belongs to how the values were written.
                    out.push(unsafe {
                        match images::bytes_at(array, i) {
                            None => pg_sys::Datum::from(0),
                            Some(text) if is_text => formats.input(function, text, -1),
                            Some(bytes) => formats.receive(function, bytes, -1),
                        }
                    });
                }
            }
            native => {
                if native == Reading::Text && !images::is_checked_text(array) {
                    for i in rows.clone() {
                        if let Some(bytes) = images::bytes_at(array, i) {
                            self.verified(bytes, array)?;
                        }
                    }
                }
                let images = images::images(native, array, rows, std::mem::take(area))
                    .map_err(|error| Error::internal(format!("a column of a segment cannot be read: {error}")))?;
                match images {
                    Images::Immediate(words) => {
                        out.extend(words.iter().map(|word| pg_sys::Datum::from(*word as usize)))
                    }
                    Images::Placed(placed) => {
                        let base = match placed.address() {
                            Some(address) => address,
                            None => copied(placed.bytes()),
                        };
                        out.extend(placed.datums(base).map(pg_sys::Datum::from));
                        *area = placed;
                    }
                }
            }
        }
        Ok(())
    }

    /// Text that was stored as plain bytes is not known to be valid in this database's encoding (F37).
    fn verified<'a>(&self, bytes: &'a [u8], array: &ArrayRef) -> Result<&'a [u8]> {
        let length = bytes.len() as i32;
        if images::is_checked_text(array) {
            return Ok(bytes);
        }
        // SAFETY: reads `length` bytes; it is told to raise nothing.
        if unsafe { pg_sys::pg_verify_mbstr(self.encoding, bytes.as_ptr().cast(), length, true) } {
            return Ok(bytes);
        }
        Err(Error::internal(
            "a stored text is not valid in the encoding of this database",
        ))
    }
}

/// Text of a segment in the server's encoding; bytes that were not UTF-8 when stored are taken as they are.
fn converted(bytes: &[u8], array: &ArrayRef) -> Result<pg_sys::Datum> {
    if !images::is_checked_text(array) {
        return single(bytes);
    }
    // SAFETY: the conversion returns either its argument or a NUL-terminated copy; it raises what cannot be converted.
    unsafe {
        let text = bytes.as_ptr().cast();
        let utf8 = pg_sys::pg_enc::PG_UTF8 as i32;
        let result = pg_sys::pg_any_to_server(text, bytes.len() as i32, utf8);
        if std::ptr::eq(result, text) {
            return single(bytes);
        }
        single(std::ffi::CStr::from_ptr(result).to_bytes())
    }
}

fn single(bytes: &[u8]) -> Result<pg_sys::Datum> {
    let mut area = Area::with_rows(1);
    area.packed(bytes).map_err(|error| Error::internal(error.to_string()))?;
    Ok(pg_sys::Datum::from(copied(area.bytes())))
}

/// The address of a copy of the bytes, which is a multiple of eight; 0 when there are none.
pub fn copied(bytes: &[u8]) -> usize {
    if bytes.is_empty() {
        return 0;
    }
    // SAFETY: allocates as much as is copied; the server aligns what it allocates.
    unsafe {
        let flags = pg_sys::MCXT_ALLOC_HUGE as i32;
        let area = pg_sys::MemoryContextAllocExtended(pg_sys::CurrentMemoryContext, bytes.len(), flags);
        area.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        area as usize
    }
}
