//! The row identity of a cold row: the item pointer that stands for a row of a segment.
//!
//! A scan numbers the rows of all segments of a table: the segment's number in the manifest's list, then 24 bits for
//! the row. That number is spelled as block and offset, with offsets that no heap row has, so that a cold row is never
//! taken for a hot one. An identity is good for one list of segments, that is for one statement.

use stretch_segment::limits::MAX_ROWS;

/// Heap offsets never reach this number (MaxHeapTuplesPerPage of htup_details.h is 291 with blocks of 8 KiB).
const FIRST_OFFSET: u64 = 300;
/// Offsets per block; the highest stays below those with a special meaning in itemptr.h (0xFFFD, 0xFFFE).
const OFFSETS: u64 = 65_000;
/// Bits of a row number within its segment.
const ROW_BITS: u32 = MAX_ROWS.ilog2();
/// Block numbers; the highest of 32 bits means "no block" (InvalidBlockNumber of block.h).
const BLOCKS: u64 = u32::MAX as u64;
/// Segments of one table: as many as whole ones fit into the numbers.
pub const MAX_SEGMENTS: usize = ((BLOCKS * OFFSETS) >> ROW_BITS) as usize;

const _: () = assert!(MAX_ROWS.is_power_of_two());
const _: () = assert!(FIRST_OFFSET + OFFSETS < 0xFFFD);

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
    #[error("a table of {MAX_SEGMENTS} segments or more has rows without an identity")]
    Segment(usize),
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

/// The item pointer of row `row` (from 0) in the `segment`-th segment (from 0) of the manifest's list.
#[inline]
pub fn identity(segment: usize, row: u32) -> Result<ItemPointer, OutOfRange> {
    if segment >= MAX_SEGMENTS {
        return Err(OutOfRange::Segment(segment));
    }
    if row >= MAX_ROWS {
        return Err(OutOfRange::Row(row));
    }
    let number = ((segment as u64) << ROW_BITS) + u64::from(row);
    Ok(ItemPointer {
        block: (number / OFFSETS) as u32,
        offset: (FIRST_OFFSET + number % OFFSETS) as u16,
    })
}

/// Segment and row that an item pointer stands for.
pub fn cold_row(pointer: ItemPointer) -> Result<(usize, u32), NotCold> {
    let offset = u64::from(pointer.offset)
        .checked_sub(FIRST_OFFSET)
        .ok_or(NotCold::Hot(pointer))?;
    let number = u64::from(pointer.block) * OFFSETS + offset;
    let (segment, row) = ((number >> ROW_BITS) as usize, number as u32 & (MAX_ROWS - 1));
    if offset >= OFFSETS || segment >= MAX_SEGMENTS {
        return Err(NotCold::Unknown(pointer));
    }
    Ok((segment, row))
}

#[cfg(test)]
mod tests;
