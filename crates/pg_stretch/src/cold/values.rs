//! Arrow arrays to datums, a slice of a column at a time. Native types make no call into the server per value.

use super::columns::Reading;
use crate::pg::error::{Error, Result};
use crate::pg::type_io::{Formats, Function, Which};
use crate::pg::user;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef};
use pgrx::pg_sys;
use std::ops::Range;
use std::rc::Rc;
use stretch_segment::{date_from_parquet, numeric, timestamp_from_parquet};

/// Longest payload of a varlena with a header of one byte (VARATT_SHORT_MAX less the header).
const SHORT_MAX: usize = 126;

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

impl Maker {
    /// A maker for values of `base_type` in a table of `owner`, stored by a database of the encoding `stored_encoding`. The
    /// function's look-up data live in `context`.
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

    /// Appends the datums of `rows` of `array`; NULL is a zero. What they point at lives in the current memory context.
    pub fn make(&mut self, array: &ArrayRef, rows: Range<usize>, out: &mut Vec<pg_sys::Datum>) -> Result<()> {
        match self.reading {
            Reading::Bool => {
                let array = array.as_boolean();
                out.extend(rows.map(|i| by_value(isize::from(!array.is_null(i) && array.value(i)))));
            }
            Reading::Int16 => {
                let values = array.as_primitive::<Int16Type>().values();
                out.extend(values[rows].iter().map(|v| by_value(*v as isize)));
            }
            Reading::Int32 => {
                let values = array.as_primitive::<Int32Type>().values();
                out.extend(values[rows].iter().map(|v| by_value(*v as isize)));
            }
            Reading::Int64 => {
                let values = array.as_primitive::<Int64Type>().values();
                out.extend(values[rows].iter().map(|v| by_value(*v as isize)));
            }
            Reading::Float32 => {
                let values = array.as_primitive::<Float32Type>().values();
                out.extend(values[rows].iter().map(|v| by_value(v.to_bits() as i32 as isize)));
            }
            Reading::Float64 => {
                let values = array.as_primitive::<Float64Type>().values();
                out.extend(values[rows].iter().map(|v| by_value(v.to_bits() as isize)));
            }
            Reading::Date => {
                let values = array.as_primitive::<Date32Type>().values();
                out.extend(values[rows].iter().map(|v| by_value(date_from_parquet(*v) as isize)));
            }
            Reading::Timestamp => {
                let values = array.as_primitive::<TimestampMicrosecondType>().values();
                out.extend(
                    values[rows]
                        .iter()
                        .map(|v| by_value(timestamp_from_parquet(*v) as isize)),
                );
            }
            Reading::Uuid => {
                let array = array.as_fixed_size_binary();
                let mut area = Area::new();
                for i in rows {
                    area.plain(array.value(i), array.is_null(i));
                }
                area.finish(out);
            }
            Reading::Decimal(scale) => {
                let array = array.as_primitive::<Decimal128Type>();
                let mut digits = Vec::with_capacity(32);
                let mut area = Area::new();
                for i in rows {
                    digits.clear();
                    if !array.is_null(i) {
                        numeric::i128_to_disk(array.value(i), scale.into(), &mut digits);
                    }
                    area.aligned(&digits, array.is_null(i));
                }
                area.finish(out);
            }
            Reading::NumericWire => {
                let array = array.as_binary::<i32>();
                let mut digits = Vec::with_capacity(64);
                let mut area = Area::new();
                for i in rows {
                    digits.clear();
                    if !array.is_null(i) {
                        numeric::wire_to_disk(array.value(i), &mut digits)
                            .map_err(|error| Error::internal(format!("a stored numeric cannot be read: {error}")))?;
                    }
                    area.aligned(&digits, array.is_null(i));
                }
                area.finish(out);
            }
            Reading::Text if self.convert => {
                for i in rows {
                    out.push(match bytes_of(array, i) {
                        None => pg_sys::Datum::from(0),
                        Some(bytes) if bytes.is_ascii() => single(bytes),
                        Some(bytes) => converted(self.verified(bytes, array)?, array)?,
                    });
                }
            }
            Reading::Text | Reading::Bytes => {
                let mut area = Area::new();
                for i in rows {
                    let mut bytes = bytes_of(array, i);
                    if self.reading == Reading::Text {
                        bytes = bytes.map(|bytes| self.verified(bytes, array)).transpose()?;
                    }
                    area.packed(bytes.unwrap_or_default(), bytes.is_none());
                }
                area.finish(out);
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
                        match bytes_of(array, i) {
                            None => pg_sys::Datum::from(0),
                            Some(text) if is_text => formats.input(function, text, -1),
                            Some(bytes) => formats.receive(function, bytes, -1),
                        }
                    });
                }
            }
        }
        Ok(())
    }

    /// Text that was stored as plain bytes is not known to be valid in this database's encoding (F37).
    fn verified<'a>(&self, bytes: &'a [u8], array: &ArrayRef) -> Result<&'a [u8]> {
        let length = bytes.len() as i32;
        if array.as_string_opt::<i32>().is_some() {
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

/// A value that fits the datum; negative numbers are extended by their sign, as the server does it.
fn by_value(value: isize) -> pg_sys::Datum {
    pg_sys::Datum::from(value as usize)
}

fn bytes_of(array: &ArrayRef, row: usize) -> Option<&[u8]> {
    if array.is_null(row) {
        return None;
    }
    match array.as_string_opt::<i32>() {
        Some(text) => Some(text.value(row).as_bytes()),
        None => Some(array.as_binary::<i32>().value(row)),
    }
}

/// Text of a segment in the server's encoding; bytes that were not UTF-8 when stored are taken as they are.
fn converted(bytes: &[u8], array: &ArrayRef) -> Result<pg_sys::Datum> {
    if array.as_string_opt::<i32>().is_none() {
        return Ok(single(bytes));
    }
    // SAFETY: the conversion returns either its argument or a NUL-terminated copy; it raises what cannot be converted.
    unsafe {
        let text = bytes.as_ptr().cast();
        let utf8 = pg_sys::pg_enc::PG_UTF8 as i32;
        let result = pg_sys::pg_any_to_server(text, bytes.len() as i32, utf8);
        if std::ptr::eq(result, text) {
            return Ok(single(bytes));
        }
        Ok(single(std::ffi::CStr::from_ptr(result).to_bytes()))
    }
}

fn single(bytes: &[u8]) -> pg_sys::Datum {
    let mut area = Area::new();
    area.packed(bytes, false);
    let mut out = Vec::with_capacity(1);
    area.finish(&mut out);
    out.pop().unwrap_or(pg_sys::Datum::from(0))
}

/// Values of varying length in one piece of the server's memory. A multiple of four is an aligned place in it.
struct Area {
    bytes: Vec<u8>,
    /// Place of each value; `None` for NULL.
    places: Vec<Option<usize>>,
}

impl Area {
    fn new() -> Self {
        Self {
            bytes: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Bytes without a header.
    fn plain(&mut self, value: &[u8], null: bool) {
        self.places.push((!null).then_some(self.bytes.len()));
        if !null {
            self.bytes.extend_from_slice(value);
        }
    }

    /// A varlena with a header of four bytes, aligned: what functions of numeric want without a copy.
    fn aligned(&mut self, value: &[u8], null: bool) {
        if null {
            self.places.push(None);
            return;
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.places.push(Some(self.bytes.len()));
        self.bytes.extend_from_slice(&long_header(value.len()));
        self.bytes.extend_from_slice(value);
    }

    /// A varlena with the shortest header, as in a stored tuple.
    fn packed(&mut self, value: &[u8], null: bool) {
        if !null && value.len() <= SHORT_MAX {
            self.places.push(Some(self.bytes.len()));
            self.bytes.push(short_header(value.len()));
            self.bytes.extend_from_slice(value);
        } else {
            self.aligned(value, null);
        }
    }

    /// Copies the area into the current memory context and appends one datum per value.
    fn finish(self, out: &mut Vec<pg_sys::Datum>) {
        if self.bytes.is_empty() {
            out.extend(self.places.iter().map(|_| pg_sys::Datum::from(0)));
            return;
        }
        // SAFETY: allocates as much as is copied (palloc aligns to eight bytes); places lie inside.
        unsafe {
            let flags = pg_sys::MCXT_ALLOC_HUGE as i32;
            let area = pg_sys::MemoryContextAllocExtended(pg_sys::CurrentMemoryContext, self.bytes.len(), flags);
            let area = area.cast::<u8>();
            area.copy_from_nonoverlapping(self.bytes.as_ptr(), self.bytes.len());
            out.extend(self.places.iter().map(|place| match place {
                Some(place) => pg_sys::Datum::from(area.add(*place)),
                None => pg_sys::Datum::from(0),
            }));
        }
    }
}

/// SET_VARSIZE: the length with header, moved left by two on little-endian machines.
pub(super) fn long_header(payload: usize) -> [u8; 4] {
    let length = payload as u32 + 4;
    if cfg!(target_endian = "big") {
        length.to_be_bytes()
    } else {
        (length << 2).to_le_bytes()
    }
}

/// SET_VARSIZE_SHORT: the length with header, marked by one bit.
pub(super) fn short_header(payload: usize) -> u8 {
    let length = payload as u8 + 1;
    if cfg!(target_endian = "big") {
        length | 0x80
    } else {
        (length << 1) | 1
    }
}
