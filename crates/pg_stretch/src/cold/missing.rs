//! What rows show in a column that their segment lacks: the column's default of the time when it was added, which the
//! server keeps for its own old rows as well (attmissingval). The server forgets it when it rewrites the heap, so the
//! catalog has a copy.

use super::conditions::database_encoding;
use crate::catalog::types;
use crate::pg::error::{Error, Result};
use crate::pg::missing::datum_image_eq;
use crate::pg::text;
use crate::pg::type_io::{Formats, Function, Which};
use crate::pg::{names, raw};
use arrow_array::ArrayRef;
use pgrx::pg_sys;
use std::cell::OnceCell;
use stretch_columns::missing::Value;
use stretch_columns::stored::Reading;
use stretch_core::errors;
use stretch_segment::ColumnType;

/// One value for all rows of segments that lack the column.
#[derive(Debug)]
pub struct Missing {
    text: String,
    base_type: pg_sys::Oid,
    kind: ColumnType,
    /// A column of the value, once it was asked for.
    column: OnceCell<(ArrayRef, Reading)>,
}

impl Missing {
    /// Of a column whose type below all domains is `base_type`, with the text that its output function wrote.
    pub fn new(text: String, base_type: pg_sys::Oid, kind: ColumnType) -> Self {
        Self {
            text,
            base_type,
            kind,
            column: OnceCell::new(),
        }
    }

    /// A column of the one value, for a segment that a database of that encoding wrote, and how it is read.
    pub fn column(&self, stored_encoding: &str) -> Result<(ArrayRef, Reading)> {
        // Text of a segment is read as text of the database that wrote it.
        if self.kind == ColumnType::Opaque && !self.text.is_ascii() && database_encoding() != stored_encoding {
            return Err(Error::new(
                &errors::UNSUPPORTED,
                format!("the default of a column cannot be shown for rows stored in encoding {stored_encoding}"),
            )
            .without_hint());
        }
        if let Some(column) = self.column.get() {
            return Ok(column.clone());
        }
        let value = self.value()?;
        Ok(self.column.get_or_init(|| value.column()).clone())
    }

    fn value(&self) -> Result<Value> {
        if self.kind == ColumnType::Text {
            return Ok(Value::Text(self.text.clone()));
        }
        if self.kind == ColumnType::Opaque {
            return Ok(Value::Written(text::to_server(&self.text)?.into_bytes()));
        }
        // SAFETY: what the functions make lies in the current memory context, and is copied.
        unsafe {
            let context = pg_sys::CurrentMemoryContext;
            let formats = Formats::of_database();
            let input = Function::new(Which::Input, self.base_type, context);
            let datum = formats.input(input, text::to_server(&self.text)?.to_bytes(), -1);
            Ok(match self.kind {
                ColumnType::Bool => Value::Bool(datum.value() & 1 == 1),
                ColumnType::Int2 => Value::Int16(datum.value() as i16),
                ColumnType::Int4 => Value::Int32(datum.value() as i32),
                ColumnType::Int8 => Value::Int64(datum.value() as i64),
                ColumnType::Float4 => Value::Float32(f32::from_bits(datum.value() as u32)),
                ColumnType::Float8 => Value::Float64(f64::from_bits(datum.value() as u64)),
                ColumnType::Date => Value::Date(datum.value() as i32),
                ColumnType::Timestamp => Value::Timestamp(datum.value() as i64),
                ColumnType::TimestampTz => Value::TimestampTz(datum.value() as i64),
                ColumnType::Uuid => {
                    let mut bytes = [0; 16];
                    bytes.copy_from_slice(std::slice::from_raw_parts(datum.cast_mut_ptr::<u8>(), 16));
                    Value::Uuid(bytes)
                }
                ColumnType::Numeric { .. } => {
                    let send = Function::new(Which::Send, self.base_type, context);
                    Value::Numeric(content(formats.send(send, datum)).to_vec())
                }
                ColumnType::Bytea => Value::Bytes(content(datum).to_vec()),
                ColumnType::Text | ColumnType::Opaque => return Err(Error::internal("a text is no other value")),
            })
        }
    }
}

/// The bytes of a varlena without its header.
unsafe fn content<'a>(value: pg_sys::Datum) -> &'a [u8] {
    // SAFETY: a varlena, which the caller copies before its memory goes.
    unsafe {
        let flat = pg_sys::pg_detoast_datum_packed(value.cast_mut_ptr());
        std::slice::from_raw_parts(pgrx::vardata_any(flat).cast::<u8>(), pgrx::varsize_any_exhdr(flat))
    }
}

/// Whether this transaction wrote the column's row of pg_attribute: it adds the column, or changes it.
pub fn is_made_here(relation: pg_sys::Oid, attribute: i16) -> bool {
    // SAFETY: a look-up that tolerates missing columns; the tuple is released before returning.
    unsafe {
        let key = [pg_sys::Datum::from(relation), pg_sys::Datum::from(attribute)];
        let tuple = pg_sys::SearchSysCache2(pg_sys::SysCacheIdentifier::ATTNUM as i32, key[0], key[1]);
        if tuple.is_null() {
            return false;
        }
        let writer = (*(*tuple).t_data).t_choice.t_heap.t_xmin;
        let is_made_here = pg_sys::TransactionIdIsCurrentTransactionId(writer);
        pg_sys::ReleaseSysCache(tuple);
        is_made_here
    }
}

/// The value that the server shows in a column for rows of before it was added, as the catalog keeps it; `None` for
/// NULL.
///
/// # Safety
/// The descriptor lives, and the column is one of it.
pub unsafe fn text(layout: pg_sys::TupleDesc, attribute: &pg_sys::FormData_pg_attribute) -> Result<Option<String>> {
    // SAFETY: the caller's promise; values of a descriptor live as long as it.
    unsafe {
        let mut is_null = true;
        let value = pg_sys::getmissingattr(layout, attribute.attnum.into(), &mut is_null);
        if is_null {
            return Ok(None);
        }
        let plan = types::plan(attribute.atttypid, attribute.atttypmod);
        let context = pg_sys::CurrentMemoryContext;
        let formats = Formats::of_database();
        let output = formats.output(Function::new(Which::Output, plan.base_type, context), value);
        let input = Function::new(Which::Input, plan.base_type, context);
        let back = formats.input(input, output.to_bytes(), plan.typmod);
        let (by_value, length) = (attribute.attbyval, i32::from(attribute.attlen));
        if !raw::guarded(|| datum_image_eq(value, back, by_value, length)) {
            return Err(Error::new(
                &errors::UNSUPPORTED,
                format!(
                    "the default of column {} does not survive being written and read",
                    names::quote_ident(&names::text(attribute.attname.data.as_ptr()))
                ),
            )
            .without_hint());
        }
        Ok(Some(names::text(output.as_ptr())))
    }
}
