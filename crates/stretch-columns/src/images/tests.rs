//! Images are read back by a plain decoder, and headers and alignments are those of PostgreSQL.

use super::area::{long_header, short_header};
use super::*;
use crate::seeded::runner;
use arrow_array::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;
use stretch_segment::limits::MAX_VALUE_BYTES;
use stretch_segment::{date_to_parquet, timestamp_to_parquet};

#[cfg(target_endian = "little")]
#[test]
fn headers_are_those_of_varlena() {
    assert_eq!(long_header(0), Ok([16, 0, 0, 0]));
    assert_eq!(long_header(1000), Ok((1004u32 << 2).to_le_bytes()));
    assert_eq!(short_header(0), Some(3));
    assert_eq!(short_header(126), Some(255));
    assert_eq!(short_header(127), None);
}

#[test]
fn no_header_lies_about_a_value_that_is_too_long() {
    assert!(long_header(0x3FFF_FFFF - 4).is_ok());
    for bytes in [0x3FFF_FFFF - 3, MAX_VALUE_BYTES, usize::MAX] {
        assert_eq!(long_header(bytes), Err(TooLong { bytes }));
    }
}

/// The payload of the varlena at `place`, by the macros of varatt.h: VARATT_IS_1B, VARSIZE_1B, VARSIZE_4B.
#[cfg(target_endian = "little")]
fn varlena(bytes: &[u8], place: usize) -> &[u8] {
    let first = bytes[place];
    if first & 1 == 1 {
        // 1 alone would be a pointer to a TOAST table.
        assert!(first != 1);
        let size = usize::from(first >> 1);
        return &bytes[place + 1..place + size];
    }
    assert_eq!(place % 4, 0, "a long header is aligned");
    assert_eq!(first & 3, 0, "compressed values have bit 1");
    let size = u32::from_le_bytes(bytes[place..place + 4].try_into().unwrap()) >> 2;
    &bytes[place + 4..place + size as usize]
}

fn area(images: Images) -> Area {
    match images {
        Images::Placed(area) => area,
        Images::Immediate(_) => panic!("these values are passed by reference"),
    }
}

fn words(reading: Reading, array: &dyn Array, rows: Range<usize>) -> Vec<u64> {
    match images(reading, array, rows, Area::default()).unwrap() {
        Images::Immediate(words) => words,
        Images::Placed(_) => panic!("these values are passed by value"),
    }
}

#[test]
fn values_that_fit_a_datum_are_extended_by_their_sign() {
    let bools = BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]);
    assert_eq!(words(Reading::Bool, &bools, 2..4), [0, 1]);
    let ints = Int16Array::from(vec![0, -1, i16::MIN, 7]);
    assert_eq!(words(Reading::Int16, &ints, 1..4), [u64::MAX, (-32768i64) as u64, 7]);
    let ints = Int32Array::from(vec![i32::MIN, -1, 7]);
    assert_eq!(
        words(Reading::Int32, &ints, 0..3),
        [i64::from(i32::MIN) as u64, u64::MAX, 7]
    );
    let ints = Int64Array::from(vec![i64::MIN, -1, 7]);
    assert_eq!(words(Reading::Int64, &ints, 0..3), [i64::MIN as u64, u64::MAX, 7]);
    let floats = Float32Array::from(vec![1.0, -1.0]);
    assert_eq!(
        words(Reading::Float32, &floats, 0..2),
        [0x3F80_0000, 0xFFFF_FFFF_BF80_0000]
    );
    let floats = Float64Array::from(vec![-0.0, f64::NAN]);
    assert_eq!(words(Reading::Float64, &floats, 0..2), [1 << 63, f64::NAN.to_bits()]);
}

#[test]
fn times_count_from_2000() {
    let dates: Vec<i32> = vec![0, -1, i32::MAX, i32::MIN, i32::MAX - 3];
    let stored = Date32Array::from_iter_values(dates.iter().map(|date| date_to_parquet(*date)));
    let expected: Vec<u64> = dates.iter().map(|date| i64::from(*date) as u64).collect();
    assert_eq!(words(Reading::Date, &stored, 0..5), expected);
    let times: Vec<i64> = vec![0, -1, i64::MAX, i64::MIN, i64::MAX - 3];
    let stored = TimestampMicrosecondArray::from_iter_values(times.iter().map(|time| timestamp_to_parquet(*time)));
    let expected: Vec<u64> = times.iter().map(|time| *time as u64).collect();
    assert_eq!(words(Reading::Timestamp, &stored, 0..5), expected);
    let in_utc = stored.with_timezone("UTC");
    assert_eq!(words(Reading::Timestamp, &in_utc, 0..5), expected);
}

#[cfg(target_endian = "little")]
#[test]
fn bytes_come_back_with_the_shortest_header() {
    let length = prop_oneof![3 => 0usize..6, 2 => 120usize..135, 1 => 0usize..3000];
    let value = prop_oneof![1 => Just(None), 5 => length.prop_map(Some)];
    let seen = std::cell::Cell::new((0, 0));
    runner(300)
        .run(&(vec(value, 0..20), any::<u8>()), |(lengths, first)| {
            let value = |length: usize| (0..length).map(|i| first.wrapping_add(i as u8)).collect::<Vec<_>>();
            let values: Vec<Option<Vec<u8>>> = lengths.iter().map(|length| length.map(value)).collect();
            let array = BinaryArray::from_iter(values.clone());
            let skipped = values.len() / 3;
            let area = area(images(Reading::Bytes, &array, skipped..values.len(), Area::default()).unwrap());
            prop_assert_eq!(area.places().len(), values.len() - skipped);
            for (place, value) in area.places().iter().zip(&values[skipped..]) {
                prop_assert_eq!(place.map(|place| varlena(area.bytes(), place)), value.as_deref());
                if let (Some(place), Some(value)) = (place, value) {
                    let short = area.bytes()[*place] & 1 == 1;
                    prop_assert_eq!(short, value.len() <= 126);
                    let (shorts, longs) = seen.get();
                    seen.set((shorts + usize::from(short), longs + usize::from(!short)));
                }
            }
            Ok(())
        })
        .unwrap();
    let (shorts, longs) = seen.get();
    assert!(shorts > 100 && longs > 100, "{shorts} {longs}");
}

#[cfg(target_endian = "little")]
#[test]
fn text_is_taken_as_it_is() {
    let text: Arc<dyn Array> = Arc::new(StringArray::from(vec![Some("é"), None, Some("")]));
    let bytes: Arc<dyn Array> = Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\xE9"), None, Some(b"")]));
    for (array, first, checked) in [(&text, &b"\xC3\xA9"[..], true), (&bytes, &b"\xE9"[..], false)] {
        let area = area(images(Reading::Text, array, 0..3, Area::default()).unwrap());
        let found: Vec<_> = area
            .places()
            .iter()
            .map(|p| p.map(|p| varlena(area.bytes(), p)))
            .collect();
        assert_eq!(found, [Some(first), None, Some(&b""[..])]);
        assert_eq!(is_checked_text(array), checked);
        assert_eq!(
            [0, 1, 2, 3].map(|row| bytes_at(array, row)),
            [Some(first), None, Some(&b""[..]), None]
        );
    }
    assert_eq!(bytes_at(&Int32Array::from(vec![1]), 0), None);
}

#[test]
fn uuids_have_no_header() {
    let values = [Some([1u8; 16]), None, Some([2; 16])];
    let array = FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.iter().copied(), 16).unwrap();
    let area = area(images(Reading::Uuid, &array, 0..3, Area::default()).unwrap());
    assert_eq!(area.places(), [Some(0), None, Some(16)]);
    assert_eq!(area.bytes(), [[1u8; 16], [2; 16]].concat());
    assert_eq!(area.datums(4096).collect::<Vec<_>>(), [4096, 0, 4112]);
}

/// The value of a numeric datum, digit by digit: base 10,000, with the weight of the first digit (numeric.c). `None`
/// when its display scale is another.
fn decoded(payload: &[u8], scale: u16) -> Option<i128> {
    let words: Vec<u16> = payload
        .chunks(2)
        .map(|word| u16::from_ne_bytes([word[0], word[1]]))
        .collect();
    let header = words[0];
    let (negative, dscale, weight, digits) = if header & 0xC000 == 0x8000 {
        let low = i32::from(header & 0x3F);
        let weight = if header & 0x40 == 0 { low } else { low - 64 };
        (header & 0x2000 != 0, (header >> 7) & 0x3F, weight, &words[1..])
    } else {
        let weight = i32::from(words[1] as i16);
        (header & 0xC000 == 0x4000, header & 0x3FFF, weight, &words[2..])
    };
    let mut value = 0i128;
    for (place, digit) in digits.iter().enumerate() {
        let exponent = 4 * (weight - place as i32) + i32::from(scale);
        let digit = i128::from(*digit);
        value += match exponent {
            0.. => digit * 10i128.pow(exponent as u32),
            _ => digit / 10i128.pow(exponent.unsigned_abs()),
        };
    }
    (dscale == scale).then_some(if negative { -value } else { value })
}

#[cfg(target_endian = "little")]
#[test]
fn numerics_are_aligned_and_come_back() {
    let most = 10i128.pow(38) - 1;
    let value = prop_oneof![
        1 => Just(None),
        2 => (-20_000i128..20_000).prop_map(Some),
        2 => (-most..most).prop_map(Some),
        // Few values, often met again, of which some differ in their high bits alone.
        9 => (-3i128..3, 0..3).prop_map(|(low, high)| Some(low * 100 + (i128::from(high) << 64))),
    ];
    runner(500)
        .run(&(vec(value, 0..60), 0u8..=38), |(values, scale)| {
            let decimals = Decimal128Array::from_iter(values.iter().copied());
            let decimals = decimals.with_precision_and_scale(38, scale as i8).unwrap();
            let sent = values.iter().map(|value| {
                value.map(|value| {
                    let mut sent = Vec::new();
                    numeric::i128_to_wire(value, scale.into(), &mut sent);
                    sent
                })
            });
            let sent = BinaryArray::from_iter(sent);
            let rows = 0..values.len();
            let from_decimals =
                area(images(Reading::Decimal(scale), &decimals, rows.clone(), Area::default()).unwrap());
            let from_wire = area(images(Reading::NumericWire, &sent, rows, Area::default()).unwrap());
            for area in [&from_decimals, &from_wire] {
                prop_assert_eq!(area.places().len(), values.len());
                for (place, value) in area.places().iter().zip(&values) {
                    let read = place.map(|place| {
                        assert_eq!(place % 4, 0);
                        decoded(varlena(area.bytes(), place), scale.into())
                    });
                    prop_assert_eq!(read, value.map(Some));
                }
            }
            // What is met again is found where it lies.
            prop_assert!(from_decimals.bytes().len() <= from_wire.bytes().len());
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_has_no_image_is_an_error() {
    let ints = Int32Array::from(vec![1, 2]);
    let error = |reading, rows| images(reading, &ints, rows, Area::default()).unwrap_err();
    assert_eq!(error(Reading::Receive, 0..2), ImageError::NotNative);
    assert_eq!(error(Reading::Input, 0..2), ImageError::NotNative);
    assert_eq!(error(Reading::Int32, 0..3), ImageError::WrongArray);
    for reading in [
        Reading::Bool,
        Reading::Int16,
        Reading::Int64,
        Reading::Float32,
        Reading::Float64,
        Reading::Date,
        Reading::Timestamp,
        Reading::Decimal(2),
        Reading::NumericWire,
        Reading::Uuid,
        Reading::Text,
        Reading::Bytes,
    ] {
        assert_eq!(error(reading, 0..2), ImageError::WrongArray, "{reading:?}");
    }
    let damaged = BinaryArray::from_vec(vec![b"no numeric"]);
    let result = images(Reading::NumericWire, &damaged, 0..1, Area::default());
    assert!(matches!(result, Err(ImageError::Numeric(numeric::Malformed))));
}
