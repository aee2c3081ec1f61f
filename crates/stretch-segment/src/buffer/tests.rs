//! Taking a row back, and numeric columns that turn to wire form.

use super::*;
use crate::types::ValueForm;

fn buffer(ty: ColumnType) -> ColumnBuffer {
    ColumnBuffer::new(
        0,
        &ColumnSpec {
            field_id: 1,
            name: "c".into(),
            ty,
            form: ValueForm::Native,
        },
    )
}

fn disk(value: i128, dscale: u16) -> Vec<u8> {
    let mut out = Vec::new();
    numeric::i128_to_disk(value, dscale, &mut out);
    out
}

#[test]
fn truncate_takes_back_values_nulls_and_errors() {
    let mut text = buffer(ColumnType::Text);
    text.push_bytes(b"one");
    text.push_null();
    text.push_bytes(b"two");
    text.push_bool(true);
    assert!(text.error().is_some());
    text.truncate(1);
    assert!(text.error().is_none());
    assert_eq!((text.len(), text.null_count(), text.var_bytes()), (1, 0, 3));
    text.push_bytes(b"x");
    assert_eq!(text.byte_values().unwrap().get(1), b"x");
}

#[test]
fn a_numeric_that_does_not_fit_turns_the_column() {
    let ty = ColumnType::Numeric { precision: 4, scale: 2 };
    let odd: [Vec<u8>; 4] = [
        disk(10_000, 2),
        disk(1, 3),
        disk(1, 0),
        0xC000u16.to_ne_bytes().to_vec(),
    ];
    for payload in odd {
        let mut column = buffer(ty);
        column.push_numeric(&disk(-9_999, 2));
        column.push_null();
        assert!(matches!(column.values(), Values::Decimal(_)));
        column.push_numeric(&payload);
        column.push_numeric(&disk(5, 2));
        let Values::NumericWire(wire) = column.values() else {
            panic!("still decimal")
        };
        assert_eq!(numeric::wire_to_i128(wire.get(0)), Ok(Some((-9_999, 2))));
        assert_eq!(wire.get(1), b"");
        let mut back = Vec::new();
        numeric::wire_to_disk(wire.get(2), &mut back).unwrap();
        assert_eq!(back, payload);
        assert_eq!(numeric::wire_to_i128(wire.get(3)), Ok(Some((5, 2))));
    }
}

#[test]
fn utf8_is_a_matter_of_each_value() {
    let mut text = buffer(ColumnType::Text);
    text.push_bytes(&[0xC3]);
    text.push_bytes(&[0xBC]);
    // Together they are a letter, but neither value is text.
    assert!(!text.byte_values().unwrap().is_utf8());
}
