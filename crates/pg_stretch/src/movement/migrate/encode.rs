//! A row of the scan into the column buffers of a segment.

use crate::catalog::rows::{Column, Form};
use crate::catalog::types::{self, TypePlan};
use crate::pg::error::{Error, Result};
use crate::pg::missing::datum_image_eq;
use crate::pg::type_io::{Formats, Function, Which};
use pgrx::pg_sys;
use stretch_segment::{BatchBuilder, ColumnSpec, ColumnType, ValueForm};

/// How one column of the table goes into a buffer.
pub struct Encoder {
    pub column: Column,
    plan: TypePlan,
    /// How a value of a type that is not native is written and read; `None` for native ones.
    functions: Option<[Function; 2]>,
    by_value: bool,
    length: i16,
    /// Text must be converted: the server's encoding is neither UTF-8 nor SQL_ASCII (F37).
    convert: bool,
    /// Text must be valid UTF-8: a segment holds other bytes too, but who reads them could not tell them from bytes of
    /// another encoding.
    check: bool,
}

/// Where encoding stopped; read after an ERROR inside a type's function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Index of the encoder.
    pub column: usize,
    /// Row as (block, offset).
    pub tid: (u32, u16),
}

impl Encoder {
    /// The encoder of an attribute; `form` may ask for the output function where the send function is not exact.
    pub fn new(column: Column, type_id: pg_sys::Oid, typmod: i32, force_output: bool) -> Self {
        let mut plan = types::plan(type_id, typmod);
        if force_output && plan.form == Form::Send {
            plan.form = Form::Output;
        }
        let (mut length, mut by_value) = (0i16, false);
        // SAFETY: syscache look-up of an existing type; the transaction's memory context is there.
        let context = unsafe {
            pg_sys::get_typlenbyval(plan.base_type, &mut length, &mut by_value);
            pg_sys::TopTransactionContext
        };
        // Binary functions are there where `types::plan` found them.
        let functions = match plan.form {
            Form::Native => None,
            Form::Send => Some([Which::Send, Which::Receive]),
            Form::Output => Some([Which::Output, Which::Input]),
        };
        let functions = functions.map(|both| both.map(|which| Function::new(which, plan.base_type, context)));
        // SAFETY: plain getter.
        let encoding = unsafe { pg_sys::GetDatabaseEncoding() };
        let text = plan.column_type == ColumnType::Text;
        let check = text && encoding == pg_sys::pg_enc::PG_UTF8 as i32;
        let convert =
            text && encoding != pg_sys::pg_enc::PG_UTF8 as i32 && encoding != pg_sys::pg_enc::PG_SQL_ASCII as i32;
        Self {
            column,
            plan,
            functions,
            by_value,
            length,
            convert,
            check,
        }
    }

    /// The column as the segment describes it.
    pub fn spec(&self) -> ColumnSpec {
        let form = match self.plan.form {
            Form::Native => ValueForm::Native,
            Form::Send => ValueForm::Send,
            Form::Output => ValueForm::Output,
        };
        ColumnSpec {
            field_id: self.column.field_id,
            name: self.column.name.clone(),
            ty: self.plan.column_type,
            form,
        }
    }

    /// Appends one value; the current memory context is reset after each row.
    pub fn push(
        &self,
        formats: &Formats,
        batch: &mut BatchBuilder,
        index: usize,
        value: pg_sys::Datum,
        null: bool,
    ) -> Result<()> {
        let buffer = &mut batch.columns_mut()[index];
        if null {
            buffer.push_null();
            return Ok(());
        }
        match self.plan.column_type {
            ColumnType::Bool => buffer.push_bool(value.value() & 1 == 1),
            ColumnType::Int2 => buffer.push_i16(value.value() as i16),
            ColumnType::Int4 | ColumnType::Date => buffer.push_i32(value.value() as i32),
            ColumnType::Int8 | ColumnType::Timestamp | ColumnType::TimestampTz => buffer.push_i64(value.value() as i64),
            ColumnType::Float4 => buffer.push_f32(f32::from_bits(value.value() as u32)),
            ColumnType::Float8 => buffer.push_f64(f64::from_bits(value.value() as u64)),
            ColumnType::Uuid => {
                // SAFETY: a uuid datum points at 16 bytes.
                buffer.push_bytes(unsafe { std::slice::from_raw_parts(value.cast_mut_ptr::<u8>(), 16) })
            }
            ColumnType::Bytea => buffer.push_bytes(detoasted(value)),
            ColumnType::Text if self.convert => buffer.push_bytes(&to_utf8(detoasted(value))),
            ColumnType::Text => buffer.push_bytes(self.text(detoasted(value))?),
            ColumnType::Numeric { .. } => buffer.push_numeric(detoasted(value)),
            ColumnType::Opaque => buffer.push_bytes(self.opaque(formats, value)?),
        }
        Ok(())
    }

    /// Text as it is. What C functions or damage left behind may be no text at all; its row stays hot.
    fn text<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8]> {
        match self.check && std::str::from_utf8(bytes).is_err() {
            false => Ok(bytes),
            true => Err(Error::internal(format!(
                "a value of column {} is not valid in the encoding of the database",
                self.column.name
            ))),
        }
    }

    /// Bytes of the send or output function, checked: reading them must give the same bits.
    fn opaque(&self, formats: &Formats, value: pg_sys::Datum) -> Result<&'static [u8]> {
        let Some([write, read]) = self.functions else {
            return Err(Error::internal("a type has no functions to write and read its values"));
        };
        let typmod = self.plan.typmod;
        // SAFETY: the functions belong to the type; results live until the row's memory context is reset, which is
        // after the bytes were copied into the buffer.
        let (bytes, back) = unsafe {
            match self.plan.form {
                Form::Output => {
                    let text = formats.output(write, value).to_bytes();
                    (text, formats.input(read, text, typmod))
                }
                _ => {
                    let bytes = detoasted(formats.send(write, value));
                    (bytes, formats.receive(read, bytes, typmod))
                }
            }
        };
        // SAFETY: both are values of the base type.
        if unsafe {
            pg_sys::ffi::pg_guard_ffi_boundary(|| datum_image_eq(value, back, self.by_value, self.length as i32))
        } {
            return Ok(bytes);
        }
        Err(Error::internal(format!(
            "a value of column {} does not survive the round trip",
            self.column.name
        )))
    }

    /// True when the output function could still be tried for this column.
    pub fn has_other_form(&self) -> bool {
        self.plan.form == Form::Send
    }
}

/// The bytes of a varlena without its header, detoasted into the current memory context.
fn detoasted(value: pg_sys::Datum) -> &'static [u8] {
    // SAFETY: a varlena datum; the slice lives until the row's memory context is reset, after the bytes were copied.
    unsafe {
        let flat = pg_sys::pg_detoast_datum_packed(value.cast_mut_ptr());
        std::slice::from_raw_parts(pgrx::vardata_any(flat).cast::<u8>(), pgrx::varsize_any_exhdr(flat))
    }
}

fn to_utf8(bytes: &[u8]) -> Vec<u8> {
    // SAFETY: converts a copy; the result is either the input or a NUL-terminated string in the current context.
    unsafe {
        let out = pg_sys::pg_server_to_any(
            bytes.as_ptr().cast(),
            bytes.len() as i32,
            pg_sys::pg_enc::PG_UTF8 as i32,
        );
        if out.cast_const().cast::<u8>() == bytes.as_ptr() {
            bytes.to_vec()
        } else {
            std::ffi::CStr::from_ptr(out).to_bytes().to_vec()
        }
    }
}
