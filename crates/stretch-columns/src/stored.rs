//! How a stored column becomes values of the table's column (F37).

use stretch_segment::{ColumnDetail, ColumnType, StoredType, ValueForm};

/// The way to read a stored column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Bool,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Date,
    Timestamp,
    /// A numeric with this display scale.
    Decimal(u8),
    NumericWire,
    Uuid,
    /// Text that may need converting to the server's encoding.
    Text,
    Bytes,
    /// Through the type's receive function.
    Receive,
    /// Through the type's input function.
    Input,
}

/// A column is stored in a way that does not fit the type it is read as. The caller names the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a column of a segment is stored in a way that does not fit the column's type")]
pub struct DoesNotFit;

/// Chooses the way to read a stored column as values of `kind`. What was sent or put out as text is read by the type's
/// own functions, whatever its kind is now.
pub fn reading(column: &ColumnDetail, kind: ColumnType) -> Result<Reading, DoesNotFit> {
    let way = match (column.form, column.stored, kind) {
        (ValueForm::Send, StoredType::Binary | StoredType::Utf8, _) => Reading::Receive,
        (ValueForm::Output, StoredType::Binary | StoredType::Utf8, _) => Reading::Input,
        (ValueForm::Native, StoredType::Bool, ColumnType::Bool) => Reading::Bool,
        (ValueForm::Native, StoredType::Int16, ColumnType::Int2) => Reading::Int16,
        (ValueForm::Native, StoredType::Int32, ColumnType::Int4) => Reading::Int32,
        (ValueForm::Native, StoredType::Int64, ColumnType::Int8) => Reading::Int64,
        (ValueForm::Native, StoredType::Float32, ColumnType::Float4) => Reading::Float32,
        (ValueForm::Native, StoredType::Float64, ColumnType::Float8) => Reading::Float64,
        (ValueForm::Native, StoredType::Date32, ColumnType::Date) => Reading::Date,
        // The same microseconds: where a session's zone is UTC, the server changes one type to the other without new
        // rows.
        (
            ValueForm::Native,
            StoredType::Timestamp | StoredType::TimestampTz,
            ColumnType::Timestamp | ColumnType::TimestampTz,
        ) => Reading::Timestamp,
        (ValueForm::Native, StoredType::Decimal128 { scale, .. }, ColumnType::Numeric { .. }) => {
            Reading::Decimal(scale)
        }
        (ValueForm::Native, StoredType::NumericWire, ColumnType::Numeric { .. }) => Reading::NumericWire,
        (ValueForm::Native, StoredType::Uuid, ColumnType::Uuid) => Reading::Uuid,
        (ValueForm::Native, StoredType::Utf8 | StoredType::Binary, ColumnType::Text) => Reading::Text,
        (ValueForm::Native, StoredType::Binary, ColumnType::Bytea) => Reading::Bytes,
        _ => return Err(DoesNotFit),
    };
    Ok(way)
}

#[cfg(test)]
mod tests;
