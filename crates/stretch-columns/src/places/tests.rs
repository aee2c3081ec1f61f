//! Rows are found by where they lay.

use super::*;

fn at(block: u32, offset: u16) -> ItemPointer {
    ItemPointer { block, offset }
}

#[test]
fn rows_are_found_by_their_places() {
    let places = [at(0, 1), at(7, 300), at(0x0001_0203, 0x0405), at(u32::MAX >> 1, 2)];
    let bytes = to_bytes(places.into_iter());
    for (row, place) in (0..).zip(places) {
        assert_eq!(row_at(&bytes, place), Some(row));
        assert_eq!(place_at(&bytes, row), Some(place));
    }
    // Bytes of two neighbours are no place.
    for strange in [at(0, 2), at(0x0001_0000, 0x0007), at(0x0203_0405, 0x7fff)] {
        assert_eq!(row_at(&bytes, strange), None);
    }
    assert_eq!(row_at(&[], at(0, 1)), None);
    assert_eq!(place_at(&bytes, places.len() as u32), None);
}
