//! Rows of segments on their way into another one: columns are copied as they are stored, and no value is looked at.

#[cfg(test)]
mod tests;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::batch::BatchBuilder;
use crate::buffer::ColumnBuffer;
use crate::detail::{ColumnDetail, SegmentDetail};
use crate::epoch::{date_from_parquet, timestamp_from_parquet};
use crate::error::SegmentError;
use crate::types::{ColumnSpec, ColumnType, StoredType, ValueForm};

/// The columns of a batch that takes rows of this segment, and of others of the same [`shape`].
pub fn specs(detail: &SegmentDetail) -> Vec<ColumnSpec> {
    detail.columns.iter().map(spec).collect()
}

fn spec(column: &ColumnDetail) -> ColumnSpec {
    let ty = match (column.form, column.stored) {
        (ValueForm::Send | ValueForm::Output, _) => ColumnType::Opaque,
        (_, StoredType::Bool) => ColumnType::Bool,
        (_, StoredType::Int16) => ColumnType::Int2,
        (_, StoredType::Int32) => ColumnType::Int4,
        (_, StoredType::Int64) => ColumnType::Int8,
        (_, StoredType::Float32) => ColumnType::Float4,
        (_, StoredType::Float64) => ColumnType::Float8,
        (_, StoredType::Decimal128 { precision, scale }) => ColumnType::Numeric { precision, scale },
        (_, StoredType::NumericWire) => ColumnType::Numeric { precision: 0, scale: 0 },
        (_, StoredType::Utf8) => ColumnType::Text,
        // Text with bytes that are no UTF-8 is stored as bytea is, and stays so.
        (_, StoredType::Binary) => ColumnType::Bytea,
        (_, StoredType::Date32) => ColumnType::Date,
        (_, StoredType::Timestamp) => ColumnType::Timestamp,
        (_, StoredType::TimestampTz) => ColumnType::TimestampTz,
        (_, StoredType::Uuid) => ColumnType::Uuid,
    };
    ColumnSpec {
        field_id: column.field_id,
        name: column.name.clone(),
        ty,
        form: column.form,
    }
}

/// What must be alike of segments whose rows go into one: the same columns in the same order, stored in the same way.
/// Their names may differ. It holds within one process.
pub fn shape(detail: &SegmentDetail) -> u64 {
    let mut hash = DefaultHasher::new();
    for column in &detail.columns {
        let form = match column.form {
            ValueForm::Native => 0u8,
            ValueForm::Send => 1,
            ValueForm::Output => 2,
        };
        (column.field_id, form, format!("{:?}", column.stored)).hash(&mut hash);
    }
    hash.finish()
}

impl BatchBuilder {
    /// Adds rows, by their numbers, of decoded columns: one array for each column of the batch, in its order.
    /// Errors: [`SegmentError::Mismatch`] when they are not of the batch's columns.
    pub fn append(&mut self, arrays: &[ArrayRef], rows: &[u32]) -> Result<(), SegmentError> {
        if arrays.len() != self.columns_mut().len() {
            return Err(SegmentError::Mismatch("as many arrays as columns must be given"));
        }
        for (buffer, array) in self.columns_mut().iter_mut().zip(arrays) {
            append(buffer, array, rows)?;
        }
        rows.iter().for_each(|_| self.end_row());
        Ok(())
    }
}

fn append(buffer: &mut ColumnBuffer, array: &ArrayRef, rows: &[u32]) -> Result<(), SegmentError> {
    let numeric = matches!(buffer.ty(), ColumnType::Numeric { .. });
    match array.data_type() {
        DataType::Boolean => {
            let array = array.as_boolean();
            each(buffer, array, rows, |buffer, row| buffer.push_bool(array.value(row)));
        }
        DataType::Int16 => {
            let array = array.as_primitive::<Int16Type>();
            each(buffer, array, rows, |buffer, row| buffer.push_i16(array.value(row)));
        }
        DataType::Int32 => {
            let array = array.as_primitive::<Int32Type>();
            each(buffer, array, rows, |buffer, row| buffer.push_i32(array.value(row)));
        }
        DataType::Int64 => {
            let array = array.as_primitive::<Int64Type>();
            each(buffer, array, rows, |buffer, row| buffer.push_i64(array.value(row)));
        }
        DataType::Float32 => {
            let array = array.as_primitive::<Float32Type>();
            each(buffer, array, rows, |buffer, row| buffer.push_f32(array.value(row)));
        }
        DataType::Float64 => {
            let array = array.as_primitive::<Float64Type>();
            each(buffer, array, rows, |buffer, row| buffer.push_f64(array.value(row)));
        }
        DataType::Decimal128(..) => {
            let array = array.as_primitive::<Decimal128Type>();
            each(buffer, array, rows, |buffer, row| buffer.push_decimal(array.value(row)));
        }
        DataType::Date32 => {
            let array = array.as_primitive::<Date32Type>();
            let day = |row| date_from_parquet(array.value(row));
            each(buffer, array, rows, |buffer, row| buffer.push_i32(day(row)));
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let array = array.as_primitive::<TimestampMicrosecondType>();
            let moment = |row| timestamp_from_parquet(array.value(row));
            each(buffer, array, rows, |buffer, row| buffer.push_i64(moment(row)));
        }
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            each(buffer, array, rows, |buffer, row| {
                buffer.push_bytes(array.value(row).as_bytes())
            });
        }
        DataType::Binary if numeric => {
            let array = array.as_binary::<i32>();
            each(buffer, array, rows, |buffer, row| {
                buffer.push_numeric_wire(array.value(row))
            });
        }
        DataType::Binary => {
            let array = array.as_binary::<i32>();
            each(buffer, array, rows, |buffer, row| buffer.push_bytes(array.value(row)));
        }
        DataType::FixedSizeBinary(_) => {
            let array = array.as_fixed_size_binary();
            each(buffer, array, rows, |buffer, row| buffer.push_bytes(array.value(row)));
        }
        _ => return Err(SegmentError::Mismatch("an array is of no type that segments have")),
    }
    Ok(())
}

fn each(buffer: &mut ColumnBuffer, array: &dyn Array, rows: &[u32], push: impl Fn(&mut ColumnBuffer, usize)) {
    for row in rows {
        match array.is_null(*row as usize) {
            true => buffer.push_null(),
            false => push(buffer, *row as usize),
        }
    }
}
