//! A damaged object or detail is an error: never a wrong value, never a panic.

use std::panic::AssertUnwindSafe;

use arrow_buffer::BooleanBuffer;
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::model::*;
use crate::seeded::seed;
use crate::*;

fn small() -> EncodedSegment {
    let types = [
        ColumnType::Int4,
        ColumnType::Text,
        ColumnType::Numeric { precision: 6, scale: 2 },
    ];
    let rows: Vec<Vec<Value>> = (0..7)
        .map(|i| {
            vec![
                Value::I32(i),
                Value::Bytes(format!("row {i}").into_bytes()),
                Value::Numeric(numeric(i.into(), 2)),
            ]
        })
        .collect();
    build(&types, &rows)
        .finish(
            &[],
            &EncodeOptions {
                row_group_rows: 4,
                page_rows: 2,
                ..EncodeOptions::default()
            },
        )
        .unwrap()
}

#[test]
fn every_flipped_byte_of_the_object_is_found_or_does_not_matter() {
    let segment = small();
    let reader = SegmentReader::new(segment.detail.clone()).unwrap();
    let decode = |object: &Bytes| -> Result<Vec<Vec<arrow_array::ArrayRef>>, SegmentError> {
        (0..2)
            .map(|g| reader.decode_row_group(g, &[0, 1, 2], &chunks_of(&reader, object, g, &[0, 1, 2])))
            .collect()
    };
    let right = decode(&segment.bytes).unwrap();
    let (mut inside, mut outside) = (0, 0);
    for i in 0..segment.bytes.len() {
        let mut object = segment.bytes.to_vec();
        object[i] ^= 1 << (i % 8);
        let hit = segment.detail.row_groups.iter().enumerate().find_map(|(g, group)| {
            let column = group
                .chunks
                .iter()
                .position(|c| (c.offset..c.offset + c.len).contains(&(i as u64)))?;
            Some((g, column))
        });
        match (hit, decode(&Bytes::from(object))) {
            (Some((row_group, column)), Err(error)) => {
                assert_eq!(error, SegmentError::Checksum { row_group, column });
                inside += 1;
            }
            (None, Ok(arrays)) => {
                assert_eq!(arrays, right);
                outside += 1;
            }
            (hit, result) => panic!("byte {i}: {hit:?} {result:?}"),
        }
    }
    assert!(inside > 100 && outside > 100, "{inside} {outside}");
}

#[test]
fn every_flipped_byte_of_a_page_that_is_read_alone_is_found() {
    let segment = small();
    let reader = SegmentReader::new(segment.detail.clone()).unwrap();
    let wanted = RowRanges::one(2..4);
    let (mut read, mut left) = (0, 0);
    for column in 0..3 {
        let chunk = reader.chunk(0, column);
        assert_eq!(chunk.pages.data.len(), 2, "{:?}", chunk.pages);
        let ranges = reader.ranges(0, column, Some(&wanted));
        for i in chunk.offset..chunk.offset + chunk.len {
            let mut object = segment.bytes.to_vec();
            object[i as usize] ^= 1 << (i % 8);
            let found = checked_pages(&reader, &Bytes::from(object), (0, column), &wanted);
            match ranges.iter().any(|range| range.contains(&i)) {
                true => {
                    let error = found.map(|_| ()).unwrap_err();
                    assert_eq!(error, SegmentError::Checksum { row_group: 0, column });
                    read += 1;
                }
                false => {
                    assert!(found.is_ok());
                    left += 1;
                }
            }
        }
        // The right bytes of other pages.
        let other = reader.ranges(0, column, Some(&RowRanges::one(0..2)));
        let bytes: Vec<Bytes> = other
            .iter()
            .map(|r| segment.bytes.slice(r.start as usize..r.end as usize))
            .collect();
        assert!(reader.check(0, column, Some(&wanted), &bytes).is_err());
    }
    assert!(read > 100 && left > 60, "{read} {left}");
}

#[test]
fn a_row_of_a_page_that_was_not_brought_is_an_error() {
    let segment = small();
    let reader = SegmentReader::new(segment.detail.clone()).unwrap();
    let pages = checked_pages(&reader, &segment.bytes, (0, 1), &RowRanges::one(2..4)).unwrap();
    for selection in [None, Some(BooleanBuffer::from(&[false, true, true, false][..]))] {
        let decoded = reader.decode(0, std::slice::from_ref(&pages), selection.as_ref());
        assert!(matches!(decoded, Err(SegmentError::Mismatch(_))), "{decoded:?}");
    }
}

#[test]
fn a_chunk_of_wrong_length_is_a_checksum_error() {
    let segment = small();
    let reader = SegmentReader::new(segment.detail.clone()).unwrap();
    let chunk = chunks_of(&reader, &segment.bytes, 1, &[1]).remove(0);
    for wrong in [Bytes::new(), chunk.slice(1..), chunk.slice(..chunk.len() - 1)] {
        let error = reader.decode_row_group(1, &[1], &[wrong]).unwrap_err();
        assert_eq!(
            error,
            SegmentError::Checksum {
                row_group: 1,
                column: 1
            }
        );
    }
    // The right bytes of another column.
    let error = reader.decode_row_group(1, &[0], &[chunk]).unwrap_err();
    assert_eq!(
        error,
        SegmentError::Checksum {
            row_group: 1,
            column: 0
        }
    );
}

#[test]
fn a_damaged_detail_never_panics() {
    let mut rng = StdRng::seed_from_u64(seed());
    let right = small().detail.to_bytes();
    let (mut refused, mut parsed) = (0, 0);
    for round in 0..20_000 {
        let mut bytes = right.clone();
        for _ in 0..rng.random_range(1..4) {
            match rng.random_range(0..4) {
                0 => bytes.truncate(rng.random_range(0..=bytes.len())),
                1 if !bytes.is_empty() => {
                    let i = rng.random_range(0..bytes.len());
                    bytes[i] = rng.random();
                }
                2 if !bytes.is_empty() => {
                    let i = rng.random_range(0..bytes.len());
                    bytes[i] ^= 1 << rng.random_range(0..8);
                }
                _ => {
                    let i = rng.random_range(0..=bytes.len());
                    bytes.insert(i, rng.random());
                }
            }
        }
        // Half of them with a right checksum, so that the parser behind it is reached.
        if round % 2 == 0 && bytes.len() > 16 {
            let at = bytes.len() - 16;
            let sum = detail::checksum(&bytes[..at]);
            bytes[at..].copy_from_slice(&sum);
        }
        match SegmentDetail::from_bytes(&bytes) {
            Ok(detail) => {
                parsed += 1;
                // Whatever was parsed is written again as it was, and opening it is no panic of ours.
                assert_eq!(
                    SegmentDetail::from_bytes(&detail.to_bytes()).unwrap().to_bytes(),
                    detail.to_bytes()
                );
                let opened = std::panic::catch_unwind(AssertUnwindSafe(|| SegmentReader::new(detail).is_ok()));
                assert!(opened.is_ok(), "opening panicked");
            }
            Err(_) => refused += 1,
        }
    }
    println!("refused {refused}, parsed {parsed}");
    assert!(refused > 1000 && parsed > 100, "refused {refused}, parsed {parsed}");
}
