//! The row identity of a cold row: the item pointer that stands for a row of a segment.
//!
//! A cold row is known by the number of its segment, which the table gave to that segment alone and for good, and by 24
//! bits for the row in it. Both together are spelled as block and offset. Nothing of it depends on which other segments
//! there are, so an identity is the same under every snapshot and in every transaction, and after a restore. Identities
//! sort as the rows do that they stand for: by segment, then by row.
//!
//! Blocks are those of the upper half, which a heap reaches at 16 TiB only, and offsets are those that no heap row has,
//! so that a cold row is never taken for a hot one.

use stretch_segment::limits::MAX_ROWS;

/// Block numbers of cold rows begin here.
pub const FIRST_BLOCK: u32 = 0x8000_0000;
/// The condition, in SQL, that hot rows satisfy and no cold one: the place before the first cold row's block.
pub const IS_HOT: &str = "ctid OPERATOR(pg_catalog.<) '(2147483648,0)'::pg_catalog.tid";
/// Blocks from there on; the highest of 32 bits means "no block" (InvalidBlockNumber of block.h), also where a row has
/// moved to another partition (MovedPartitionsBlockNumber of itemptr.h).
const BLOCKS: u64 = (u32::MAX - FIRST_BLOCK) as u64;
/// Heap offsets never reach this number (MaxHeapTuplesPerPage of htup_details.h is 291 with blocks of 8 KiB).
const FIRST_OFFSET: u64 = 300;
/// Offsets per block; the highest stays below those with a special meaning in itemptr.h (0xFFFD, 0xFFFE).
const OFFSETS: u64 = 65_000;
/// Bits of a row number within its segment.
const ROW_BITS: u32 = MAX_ROWS.ilog2();
/// Segments that one table can have in its life, numbered from 0: as many as whole ones fit into the identities. A
/// number is not given again when its segment has left the table.
pub const MAX_SEGMENTS: u32 = ((BLOCKS * OFFSETS) >> ROW_BITS) as u32;

const _: () = assert!(MAX_ROWS.is_power_of_two());
const _: () = assert!(FIRST_OFFSET + OFFSETS < 0xFFFD);
// The catalog keeps numbers of segments as integers with a sign.
const _: () = assert!((BLOCKS * OFFSETS) >> ROW_BITS < i32::MAX as u64);

/// An item pointer (ItemPointerData of itemptr.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ItemPointer {
    pub block: u32,
    pub offset: u16,
}

impl ItemPointer {
    /// From the words that the server keeps: `bi_hi` and `bi_lo` of the block, and `ip_posid`.
    pub fn from_words(block_high: u16, block_low: u16, offset: u16) -> Self {
        Self {
            block: (u32::from(block_high) << 16) | u32::from(block_low),
            offset,
        }
    }

    /// The words `bi_hi`, `bi_lo` and `ip_posid`.
    pub fn words(self) -> (u16, u16, u16) {
        ((self.block >> 16) as u16, self.block as u16, self.offset)
    }
}

/// A row that no item pointer can stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutOfRange {
    #[error("a table of more than {MAX_SEGMENTS} segments has rows without an identity")]
    Segment(u32),
    #[error("a segment of more than {MAX_ROWS} rows has rows without an identity")]
    Row(u32),
}

/// An item pointer that stands for no cold row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCold {
    /// A heap row's, or none at all.
    #[error("the identity of a cold row is that of a hot one")]
    Hot(ItemPointer),
    /// Neither a heap row's nor one that [`identity`] makes.
    #[error("the identity of a cold row is none that a scan gives")]
    Unknown(ItemPointer),
}

/// The item pointer of row `row` (from 0) in the table's segment with this permanent number.
#[inline]
pub fn identity(number: u32, row: u32) -> Result<ItemPointer, OutOfRange> {
    if number >= MAX_SEGMENTS {
        return Err(OutOfRange::Segment(number));
    }
    if row >= MAX_ROWS {
        return Err(OutOfRange::Row(row));
    }
    let place = (u64::from(number) << ROW_BITS) + u64::from(row);
    Ok(ItemPointer {
        block: FIRST_BLOCK + (place / OFFSETS) as u32,
        offset: (FIRST_OFFSET + place % OFFSETS) as u16,
    })
}

/// What stands for all rows of the segment with this number, where rows are locked: no row has the offset.
pub fn whole_segment(number: u32) -> Result<ItemPointer, OutOfRange> {
    if number >= MAX_SEGMENTS {
        return Err(OutOfRange::Segment(number));
    }
    Ok(ItemPointer {
        block: FIRST_BLOCK + number,
        offset: 1,
    })
}

/// What stands for the right to wait for all rows of the segment with this number: no row has the offset.
pub fn wait_for_segment(number: u32) -> Result<ItemPointer, OutOfRange> {
    let whole = whole_segment(number)?;
    Ok(ItemPointer { offset: 2, ..whole })
}

/// Whether an item pointer stands for a cold row, which its block alone says.
#[inline]
pub fn is_cold(pointer: ItemPointer) -> bool {
    pointer.block >= FIRST_BLOCK
}

/// The permanent number of the segment, and the row, that an item pointer stands for.
pub fn cold_row(pointer: ItemPointer) -> Result<(u32, u32), NotCold> {
    if !is_cold(pointer) {
        return Err(NotCold::Hot(pointer));
    }
    let unknown = NotCold::Unknown(pointer);
    let offset = u64::from(pointer.offset).checked_sub(FIRST_OFFSET).ok_or(unknown)?;
    let place = u64::from(pointer.block - FIRST_BLOCK) * OFFSETS + offset;
    let (number, row) = ((place >> ROW_BITS) as u32, place as u32 & (MAX_ROWS - 1));
    if offset >= OFFSETS || number >= MAX_SEGMENTS {
        return Err(unknown);
    }
    Ok((number, row))
}

#[cfg(test)]
mod tests;
