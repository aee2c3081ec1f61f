//! Column types as the caller knows them and as one segment stores them.

/// The type of a column, as far as Parquet has a type of its own for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    /// `numeric(precision, scale)`. Give precision 0 for an unconstrained numeric (or one with a negative
    /// scale or one of more than 38 digits): such a column is always stored in wire form.
    Numeric {
        precision: u8,
        scale: u8,
    },
    /// Text in UTF-8; a segment with any other bytes in the column stores it as binary.
    Text,
    Bytea,
    /// Days since 2000-01-01, PostgreSQL's raw `i32`.
    Date,
    /// Microseconds since 2000-01-01, PostgreSQL's raw `i64`.
    Timestamp,
    /// As `Timestamp`, in UTC.
    TimestampTz,
    /// 16 bytes.
    Uuid,
    /// Any other type: bytes of its send or output function. Has no statistics but the number of nulls.
    Opaque,
}

/// How the caller made the bytes of a column. Kept in the detail for the caller; this crate does not act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueForm {
    /// The type's own representation, as [`ColumnType`] says.
    Native,
    /// Bytes of the type's send function.
    Send,
    /// Bytes of the type's output function, in the server's encoding.
    Output,
}

/// One column of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Identifies the column for ever; written as the Parquet field id.
    pub field_id: i32,
    pub name: String,
    pub ty: ColumnType,
    pub form: ValueForm,
}

/// How one segment stores a column, and so which Arrow array decoding gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredType {
    /// `BooleanArray`
    Bool,
    /// `Int16Array`
    Int16,
    /// `Int32Array`
    Int32,
    /// `Int64Array`
    Int64,
    /// `Float32Array`, bit exact
    Float32,
    /// `Float64Array`, bit exact
    Float64,
    /// `Decimal128Array`: every value is finite and has exactly this display scale
    Decimal128 { precision: u8, scale: u8 },
    /// `BinaryArray` of numeric's wire form, see [`crate::numeric`]
    NumericWire,
    /// `StringArray`
    Utf8,
    /// `BinaryArray`: bytea, opaque, or text that is not UTF-8
    Binary,
    /// `Date32Array` in Parquet's epoch, see [`crate::date_from_parquet`]
    Date32,
    /// `TimestampMicrosecondArray` without zone in Parquet's epoch, see [`crate::timestamp_from_parquet`]
    Timestamp,
    /// `TimestampMicrosecondArray` in UTC, in Parquet's epoch
    TimestampTz,
    /// `FixedSizeBinaryArray` of 16 bytes
    Uuid,
}
