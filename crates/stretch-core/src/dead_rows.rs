//! The dead rows of a segment: a set of row numbers, its form in the catalog, and when a bitmap is worth it (F53).

use roaring::RoaringBitmap;

/// Number in `stretch.tombstone` of the row that holds a segment's bitmap; rows of segments count from 0.
pub const BITMAP_ROW: i32 = -1;
/// A statement that deletes more than this part of a segment's rows writes a bitmap instead of single tombstones (F53).
const SHARE: u64 = 16;
/// Below this many rows single tombstones cost less than the exclusive lock that a bitmap needs.
const MIN_BITMAP: u64 = 64;
/// Single tombstones of a segment at which they are folded into its bitmap.
const MIN_FOLD: u64 = 256;

/// Numbers of dead rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeadRows(RoaringBitmap);

/// Bytes that are no bitmap.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the bitmap of dead rows is damaged")]
pub struct Damaged;

impl DeadRows {
    /// All rows of a segment of so many.
    pub fn all(rows: u32) -> Self {
        Self((0..rows).collect())
    }

    /// Reads the portable format of Roaring bitmaps.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Damaged> {
        RoaringBitmap::deserialize_from(bytes).map(Self).map_err(|_| Damaged)
    }

    /// The portable format of Roaring bitmaps, which other programs read as well.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.serialized_size());
        // Writing to a vector cannot fail.
        self.0.serialize_into(&mut bytes).unwrap_or_default();
        bytes
    }

    /// Adds a row; false when it was there.
    pub fn insert(&mut self, row: u32) -> bool {
        self.0.insert(row)
    }

    /// Adds all rows of another set.
    pub fn add(&mut self, other: &Self) {
        self.0 |= &other.0;
    }

    /// Whether the row is dead.
    pub fn contains(&self, row: u32) -> bool {
        self.0.contains(row)
    }

    /// The lowest row that both sets hold.
    pub fn first_common(&self, other: &Self) -> Option<u32> {
        (&self.0 & &other.0).min()
    }

    /// Number of dead rows.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// True when no row is dead.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter()
    }

    /// The dead ones of `rows` rows from `first` on, in order.
    pub fn within(&self, first: u32, rows: u32) -> Vec<u32> {
        self.0.range(first..first.saturating_add(rows)).collect()
    }
}

/// Whether `dead` rows that one statement deletes from a segment of `rows` rows go into a bitmap.
pub fn is_bitmap_worth(dead: u64, rows: u64) -> bool {
    dead >= MIN_BITMAP && dead.saturating_mul(SHARE) > rows
}

/// Whether a segment's single tombstones are to be folded into its bitmap.
pub fn is_fold_worth(single: u64) -> bool {
    single >= MIN_FOLD
}

#[cfg(test)]
mod tests;
