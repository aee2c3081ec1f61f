//! Every way to store a value has its way to read it, and no other type reads it, but for the two of moments.

use super::*;

const STORED: [StoredType; 14] = [
    StoredType::Bool,
    StoredType::Int16,
    StoredType::Int32,
    StoredType::Int64,
    StoredType::Float32,
    StoredType::Float64,
    StoredType::Decimal128 { precision: 9, scale: 2 },
    StoredType::NumericWire,
    StoredType::Utf8,
    StoredType::Binary,
    StoredType::Date32,
    StoredType::Timestamp,
    StoredType::TimestampTz,
    StoredType::Uuid,
];
const KINDS: [ColumnType; 14] = [
    ColumnType::Bool,
    ColumnType::Int2,
    ColumnType::Int4,
    ColumnType::Int8,
    ColumnType::Float4,
    ColumnType::Float8,
    ColumnType::Numeric { precision: 9, scale: 2 },
    ColumnType::Text,
    ColumnType::Bytea,
    ColumnType::Date,
    ColumnType::Timestamp,
    ColumnType::TimestampTz,
    ColumnType::Uuid,
    ColumnType::Opaque,
];

fn way(form: ValueForm, stored: StoredType, kind: ColumnType) -> Result<Reading, DoesNotFit> {
    let column = ColumnDetail {
        field_id: 1,
        name: "c".into(),
        stored,
        form,
    };
    reading(&column, kind)
}

#[test]
fn native_values_are_read_as_their_own_type_only() {
    let mut fitting = Vec::new();
    for stored in STORED {
        for kind in KINDS {
            fitting.extend(way(ValueForm::Native, stored, kind).ok());
        }
    }
    assert_eq!(
        fitting,
        [
            Reading::Bool,
            Reading::Int16,
            Reading::Int32,
            Reading::Int64,
            Reading::Float32,
            Reading::Float64,
            Reading::Decimal(2),
            Reading::NumericWire,
            Reading::Text,
            Reading::Text,
            Reading::Bytes,
            Reading::Date,
            // Each of the two types of moments is read as both.
            Reading::Timestamp,
            Reading::Timestamp,
            Reading::Timestamp,
            Reading::Timestamp,
            Reading::Uuid,
        ]
    );
}

#[test]
fn sent_values_are_received_as_any_type() {
    for kind in KINDS {
        assert_eq!(way(ValueForm::Send, StoredType::Binary, kind), Ok(Reading::Receive));
        assert_eq!(way(ValueForm::Output, StoredType::Utf8, kind), Ok(Reading::Input));
        assert_eq!(way(ValueForm::Send, StoredType::Int32, kind), Err(DoesNotFit));
    }
}
