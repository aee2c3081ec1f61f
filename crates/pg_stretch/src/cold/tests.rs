//! Checks of the parts that need no server.

use super::fetch::{cut, pieces, travelling};
use super::identity::{cold_row, identity};
use super::values::{long_header, short_header};
use bytes::Bytes;
use std::collections::{HashMap, HashSet};

const MIB: u64 = 1024 * 1024;

#[test]
fn pieces_cover_a_range() {
    assert_eq!(pieces(&(0..0)), 0..0);
    assert_eq!(pieces(&(0..MIB)), 0..1);
    assert_eq!(pieces(&(MIB - 1..MIB + 1)), 0..2);
    assert_eq!(pieces(&(MIB..3 * MIB)), 1..3);
}

#[test]
fn a_range_is_cut_across_pieces() {
    let content: Vec<u8> = (0..2 * MIB + 100).map(|i| (i % 251) as u8).collect();
    let held: HashMap<i32, Bytes> = content
        .chunks(MIB as usize)
        .enumerate()
        .map(|(i, piece)| (i as i32, Bytes::copy_from_slice(piece)))
        .collect();
    for range in [0..10, MIB - 3..MIB + 3, 5..2 * MIB + 100, 2 * MIB..2 * MIB + 100, 7..7] {
        assert_eq!(
            cut(&held, &range),
            content[range.start as usize..range.end as usize],
            "{range:?}"
        );
    }
    // A staged segment that lost its end gives fewer bytes, which no checksum passes.
    assert_eq!(cut(&held, &(2 * MIB..2 * MIB + 500)).len(), 100);
}

#[test]
fn requests_are_counted_as_they_travel() {
    assert_eq!(travelling(&[]), (0, 0));
    assert_eq!(travelling(&[0..10, 10..20]), (1, 20));
    assert_eq!(travelling(&[MIB..MIB + 5, 0..10]), (2, 15));
    assert_eq!(travelling(&[0..10, 5..8, 100..110]), (1, 110));
}

#[test]
fn identities_differ_and_are_never_those_of_a_heap_row() {
    let mut seen = HashSet::new();
    assert_eq!(cold_row(7, 291), None);
    for segment in [0, 1, 2, 1000, 16_000_000] {
        for row in [0, 1, 64_999, 65_000, 65_001, (1 << 24) - 1] {
            let (block, offset) = identity(segment, row);
            assert!(offset > 291 && offset < 0xfffd, "{segment} {row}: {offset}");
            assert!(seen.insert((block, offset)), "{segment} {row}");
            assert_eq!(cold_row(block, offset), Some((segment, row)));
        }
    }
}

#[cfg(target_endian = "little")]
#[test]
fn headers_are_those_of_varlena() {
    assert_eq!(long_header(0), [16, 0, 0, 0]);
    assert_eq!(long_header(1000), (1004u32 << 2).to_le_bytes());
    assert_eq!(short_header(0), 3);
    assert_eq!(short_header(126), 255);
}
