//! The digest of a table's live segments, which makes a truncated or mixed-up catalog show (F23).
//!
//! The digest is the sum, modulo 2^256, of one SHA-256 per segment. So it does not depend on order, and adding or
//! retiring a segment needs no other segment.

#[cfg(test)]
mod tests;

use crate::ids::SegmentId;
use sha2::{Digest as _, Sha256};

/// What the digest covers of one live segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveSegment {
    /// Its id.
    pub segment_id: SegmentId,
    /// Its rows, dead ones included.
    pub row_count: u64,
    /// The SHA-256 of the whole object.
    pub sha256: [u8; 32],
}

impl LiveSegment {
    fn hash(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"stretch segment 1")
            .chain_update(self.segment_id.as_bytes())
            .chain_update(self.row_count.to_be_bytes())
            .chain_update(self.sha256)
            .finalize()
            .into()
    }
}

/// Number, row total and digest of live segments, as `stretch.manifest` holds them. The default is the empty table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// How many live segments there are.
    pub segments: u64,
    /// The sum of their row counts.
    pub rows: u64,
    /// The digest, a big-endian number of 256 bits.
    pub digest: [u8; 32],
}

/// The catalog contradicts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Segments are missing or too many, typically after an incomplete restore.
    #[error("the manifest counts {expected} segments, the catalog has {found}")]
    Count {
        /// What the manifest says.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// The row totals differ.
    #[error("the manifest counts {expected} rows, the segments have {found}")]
    Rows {
        /// What the manifest says.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// The number is right, but these are not the same segments.
    #[error("the digest of the segments differs from the manifest's")]
    Digest,
    /// A total would leave the range of its type: it cannot have been right before.
    #[error("a total of the manifest is out of range")]
    OutOfRange,
    /// The stored digest is not one.
    #[error("the manifest's digest has a wrong length")]
    DigestLength,
}

impl Totals {
    /// The totals as the catalog stores them; an empty digest is that of no segments.
    pub fn stored(segments: i64, rows: i64, digest: &[u8]) -> Result<Self, ManifestError> {
        let total = |stored| u64::try_from(stored).map_err(|_| ManifestError::OutOfRange);
        let digest = match digest {
            [] => [0; 32],
            bytes => bytes.try_into().map_err(|_| ManifestError::DigestLength)?,
        };
        Ok(Self {
            segments: total(segments)?,
            rows: total(rows)?,
            digest,
        })
    }

    /// The totals of a set of segments.
    pub fn of<'a>(segments: impl IntoIterator<Item = &'a LiveSegment>) -> Result<Self, ManifestError> {
        segments
            .into_iter()
            .try_fold(Self::default(), |totals, segment| totals.add(segment))
    }

    /// The totals with one more segment.
    pub fn add(&self, segment: &LiveSegment) -> Result<Self, ManifestError> {
        let out = ManifestError::OutOfRange;
        Ok(Self {
            segments: self.segments.checked_add(1).ok_or(out)?,
            rows: self.rows.checked_add(segment.row_count).ok_or(out)?,
            digest: wrapping_add(&self.digest, &segment.hash()),
        })
    }

    /// The totals without a segment that was added before.
    pub fn remove(&self, segment: &LiveSegment) -> Result<Self, ManifestError> {
        let out = ManifestError::OutOfRange;
        Ok(Self {
            segments: self.segments.checked_sub(1).ok_or(out)?,
            rows: self.rows.checked_sub(segment.row_count).ok_or(out)?,
            digest: wrapping_add(&self.digest, &negated(&segment.hash())),
        })
    }

    /// Checks the segments that were found against the manifest's totals.
    pub fn check<'a>(&self, found: impl IntoIterator<Item = &'a LiveSegment>) -> Result<(), ManifestError> {
        let found = Self::of(found)?;
        if found.segments != self.segments {
            return Err(ManifestError::Count {
                expected: self.segments,
                found: found.segments,
            });
        }
        if found.rows != self.rows {
            return Err(ManifestError::Rows {
                expected: self.rows,
                found: found.rows,
            });
        }
        if found.digest != self.digest {
            return Err(ManifestError::Digest);
        }
        Ok(())
    }
}

/// a + b modulo 2^256, big endian.
fn wrapping_add(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let mut sum = [0; 32];
    let mut carry = 0u16;
    for i in (0..32).rev() {
        carry += u16::from(a[i]) + u16::from(b[i]);
        sum[i] = carry as u8;
        carry >>= 8;
    }
    sum
}

/// −a modulo 2^256.
fn negated(a: &[u8; 32]) -> [u8; 32] {
    let mut one = [0; 32];
    one[31] = 1;
    wrapping_add(&a.map(|byte| !byte), &one)
}
