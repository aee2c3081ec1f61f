//! Where the rows of a segment lay in the heap, or lie after they came back, in the order of the rows: six bytes each.

use crate::identity::ItemPointer;

#[cfg(test)]
mod tests;

/// Bytes of one place: block, then offset, big-endian.
const WIDTH: usize = 6;

/// The place of a row that is not in the heap: rows have offsets from 1.
pub const NOWHERE: ItemPointer = ItemPointer { block: 0, offset: 0 };

/// The places as bytes.
pub fn to_bytes(places: impl Iterator<Item = ItemPointer>) -> Vec<u8> {
    places
        .flat_map(|place| {
            let ([a, b, c, d], [e, f]) = (place.block.to_be_bytes(), place.offset.to_be_bytes());
            [a, b, c, d, e, f]
        })
        .collect()
}

/// The number of the row that lay at a place.
pub fn row_at(bytes: &[u8], place: ItemPointer) -> Option<u32> {
    let wanted = to_bytes(std::iter::once(place));
    let row = bytes.chunks_exact(WIDTH).position(|one| one == wanted)?;
    u32::try_from(row).ok()
}

/// The place of a row; `None` when there are fewer.
pub fn place_at(bytes: &[u8], row: u32) -> Option<ItemPointer> {
    match *bytes.chunks_exact(WIDTH).nth(row as usize)? {
        [a, b, c, d, e, f] => Some(ItemPointer {
            block: u32::from_be_bytes([a, b, c, d]),
            offset: u16::from_be_bytes([e, f]),
        }),
        _ => None,
    }
}
