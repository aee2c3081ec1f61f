//! Identities there and back, at the edges and between them.

use super::*;
use crate::seeded::runner;
use proptest::prelude::*;
use std::collections::HashSet;

/// What a heap page of 8 KiB can hold, and the special offsets of itemptr.h.
const HEAP_OFFSETS: u16 = 291;
const SPECIAL_OFFSET: u16 = 0xFFFD;

#[test]
fn identities_differ_and_are_never_those_of_a_heap_row() {
    let mut seen = HashSet::new();
    for segment in [0, 1, 2, 1000, 16_000_000, MAX_SEGMENTS - 1] {
        for row in [0, 1, 64_999, 65_000, 65_001, MAX_ROWS - 1] {
            let pointer = identity(segment, row).unwrap();
            assert!(pointer.offset > HEAP_OFFSETS && pointer.offset < SPECIAL_OFFSET);
            assert!(pointer.block < u32::MAX);
            assert!(seen.insert(pointer), "{segment} {row}");
            assert_eq!(cold_row(pointer), Ok((segment, row)));
        }
    }
}

#[test]
fn what_has_no_identity_is_refused() {
    assert_eq!(identity(MAX_SEGMENTS, 0), Err(OutOfRange::Segment(MAX_SEGMENTS)));
    assert_eq!(identity(0, MAX_ROWS), Err(OutOfRange::Row(MAX_ROWS)));
    assert_eq!(MAX_SEGMENTS, 16_639_999);
}

#[test]
fn pointers_of_others_are_refused() {
    let at = |block, offset| ItemPointer { block, offset };
    for offset in [0, 1, HEAP_OFFSETS, 299] {
        assert_eq!(cold_row(at(7, offset)), Err(NotCold::Hot(at(7, offset))));
    }
    for pointer in [at(7, 65_300), at(0, SPECIAL_OFFSET), at(0, u16::MAX), at(u32::MAX, 300)] {
        assert_eq!(cold_row(pointer), Err(NotCold::Unknown(pointer)));
    }
    assert_eq!(cold_row(at(0, 300)), Ok((0, 0)));
}

#[test]
fn words_are_those_of_the_server() {
    let pointer = ItemPointer {
        block: 0x0001_0203,
        offset: 400,
    };
    assert_eq!(pointer.words(), (1, 0x0203, 400));
    assert_eq!(ItemPointer::from_words(1, 0x0203, 400), pointer);
}

#[test]
fn every_row_comes_back_and_every_pointer_means_one_row() {
    runner(2000)
        .run(
            &(0..MAX_SEGMENTS, 0..MAX_ROWS, any::<u32>(), any::<u16>()),
            |(segment, row, block, offset)| {
                let pointer = identity(segment, row).unwrap();
                prop_assert_eq!(cold_row(pointer), Ok((segment, row)));
                let (high, low, position) = pointer.words();
                prop_assert_eq!(ItemPointer::from_words(high, low, position), pointer);
                let any = ItemPointer { block, offset };
                if let Ok((segment, row)) = cold_row(any) {
                    prop_assert_eq!(identity(segment, row), Ok(any));
                }
                Ok(())
            },
        )
        .unwrap();
}
