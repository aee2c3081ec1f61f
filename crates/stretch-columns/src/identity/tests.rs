//! Identities there and back, at the edges and between them, and in the order of the server.

use super::*;
use crate::seeded::runner;
use proptest::prelude::*;
use std::collections::HashSet;

/// What a heap page of 8 KiB can hold, and the special offsets of itemptr.h.
const HEAP_OFFSETS: u16 = 291;
const SPECIAL_OFFSET: u16 = 0xFFFD;
/// InvalidBlockNumber of block.h.
const NO_BLOCK: u32 = 0xFFFF_FFFF;

/// ItemPointerCompare of itemptr.h.
fn place(pointer: ItemPointer) -> (u32, u16) {
    (pointer.block, pointer.offset)
}

fn is_one_of_ours(pointer: ItemPointer) -> bool {
    (0x8000_0000..NO_BLOCK).contains(&pointer.block)
        && pointer.offset > HEAP_OFFSETS
        && pointer.offset < SPECIAL_OFFSET
        && is_cold(pointer)
}

#[test]
fn identities_differ_and_are_never_those_of_a_heap_row() {
    let mut seen = HashSet::new();
    for number in [0, 1, 2, 1000, 8_000_000, MAX_SEGMENTS - 1] {
        for row in [0, 1, 64_999, 65_000, 65_001, MAX_ROWS - 1] {
            let pointer = identity(number, row).unwrap();
            assert!(is_one_of_ours(pointer), "{pointer:?}");
            assert!(seen.insert(pointer), "{number} {row}");
            assert_eq!(cold_row(pointer), Ok((number, row)));
        }
    }
}

#[test]
fn what_has_no_identity_is_refused() {
    assert_eq!(identity(MAX_SEGMENTS, 0), Err(OutOfRange::Segment(MAX_SEGMENTS)));
    assert_eq!(identity(u32::MAX, 0), Err(OutOfRange::Segment(u32::MAX)));
    assert_eq!(identity(0, MAX_ROWS), Err(OutOfRange::Row(MAX_ROWS)));
    assert_eq!(MAX_SEGMENTS, 8_319_999);
}

#[test]
fn pointers_of_others_are_refused() {
    let at = |block, offset| ItemPointer { block, offset };
    for offset in [0, 1, HEAP_OFFSETS, 299, 300, u16::MAX] {
        for block in [0, 7, 0x7FFF_FFFF] {
            assert_eq!(cold_row(at(block, offset)), Err(NotCold::Hot(at(block, offset))));
            assert!(!is_cold(at(block, offset)));
        }
    }
    let ours = 0x8000_0000;
    for pointer in [
        at(ours, 0),
        at(ours, 299),
        at(ours + 7, 65_300),
        at(ours, SPECIAL_OFFSET),
        at(ours, u16::MAX),
        at(NO_BLOCK, 300),
    ] {
        assert_eq!(cold_row(pointer), Err(NotCold::Unknown(pointer)));
    }
    assert_eq!(cold_row(at(ours, 300)), Ok((0, 0)));
}

#[test]
fn words_are_those_of_the_server() {
    let pointer = ItemPointer {
        block: 0x8001_0203,
        offset: 400,
    };
    assert_eq!(pointer.words(), (0x8001, 0x0203, 400));
    assert_eq!(ItemPointer::from_words(0x8001, 0x0203, 400), pointer);
}

#[test]
fn every_row_comes_back_and_every_pointer_means_one_row() {
    runner(2000)
        .run(
            &(0..MAX_SEGMENTS, 0..MAX_ROWS, 0x8000_0000..=u32::MAX, any::<u16>()),
            |(number, row, block, offset)| {
                let pointer = identity(number, row).unwrap();
                prop_assert!(is_one_of_ours(pointer));
                prop_assert_eq!(cold_row(pointer), Ok((number, row)));
                let (high, low, position) = pointer.words();
                prop_assert_eq!(ItemPointer::from_words(high, low, position), pointer);
                let any = ItemPointer { block, offset };
                if let Ok((number, row)) = cold_row(any) {
                    prop_assert_eq!(identity(number, row), Ok(any));
                }
                let below = ItemPointer {
                    block: block - 0x8000_0000,
                    offset,
                };
                prop_assert_eq!(cold_row(below), Err(NotCold::Hot(below)));
                Ok(())
            },
        )
        .unwrap();
}

#[test]
fn a_whole_segment_is_no_row() {
    let mut seen = HashSet::new();
    for number in [0, 1, 2, 8_000_000, MAX_SEGMENTS - 1] {
        for pointer in [whole_segment(number).unwrap(), wait_for_segment(number).unwrap()] {
            assert!(is_cold(pointer) && seen.insert(pointer));
            assert_eq!(cold_row(pointer), Err(NotCold::Unknown(pointer)));
        }
    }
    assert!(wait_for_segment(MAX_SEGMENTS).is_err());
    assert_eq!(whole_segment(MAX_SEGMENTS), Err(OutOfRange::Segment(MAX_SEGMENTS)));
}

#[test]
fn identities_sort_as_their_rows_do() {
    let row = || prop_oneof![0..MAX_ROWS, 0..3u32, MAX_ROWS - 3..MAX_ROWS];
    let number = || prop_oneof![0..MAX_SEGMENTS, 0..3u32];
    runner(2000)
        .run(&(number(), row(), number(), row()), |(a, row_a, b, row_b)| {
            let (one, other) = (identity(a, row_a).unwrap(), identity(b, row_b).unwrap());
            prop_assert_eq!((a, row_a).cmp(&(b, row_b)), place(one).cmp(&place(other)));
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_condition_on_hot_rows_names_the_first_cold_block() {
    assert!(IS_HOT.contains(&format!("'({FIRST_BLOCK},0)'")), "{IS_HOT}");
}
