//! Key filters: hashes of a segment's unique keys, from which it is known without its bytes that a key is not in it
//! (F13, F27).
//!
//! What is kept is a sorted list of the first 48 bits of each hash, coded by its gaps. A key that is in none of the
//! segments is taken for one that is with a probability of (rows of all segments) / 2^48: under 10⁻³ up to 2.8 · 10¹¹
//! rows. A list, other than a Bloom filter, can be merged with others; it takes log2(2^48 / rows) + 1.5 bits a key, 3.7
//! bytes at a million rows.
//!
//! ```text
//! magic "PGKF" · version u16 · environment (length u8, UTF-8) · number of filters u8
//! per filter: number of columns u8, their field ids i32, nulls not distinct u8, hashes u32, bits of a remainder u8,
//!             per hash: the gap to the one before, its quotient in unary, then its remainder (Golomb-Rice); to a whole
//!             byte
//! checksum 16 of everything before
//! ```
//! Integers are big-endian.

use crate::detail::checksum;
use crate::error::SegmentError;
use crate::limits::{CHECKSUM_BYTES, MAX_ROWS};
use bitstream_io::{BigEndian, BitRead, BitReader, BitWrite, BitWriter};
use std::io;

/// Bits of a hash that are kept.
pub const HASH_BITS: u32 = 48;
/// Columns of an index (INDEX_MAX_KEYS of PostgreSQL), and filters of one segment.
const MAX_COLUMNS: usize = 32;
const MAX_FILTERS: usize = 255;
const MAGIC: &[u8; 4] = b"PGKF";
const VERSION: u16 = 1;

/// Which key is meant: its columns' field ids in the order of the index, and whether NULL equals NULL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyId {
    pub fields: Vec<i32>,
    pub nulls_not_distinct: bool,
}

/// The hashes of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFilter {
    pub key: KeyId,
    hashes: Vec<u64>,
}

impl KeyFilter {
    /// Of 64-bit hashes in any order.
    pub fn new(key: KeyId, hashes: impl IntoIterator<Item = u64>) -> Self {
        let mut hashes: Vec<u64> = hashes.into_iter().map(cut).collect();
        hashes.sort_unstable();
        hashes.dedup();
        Self { key, hashes }
    }

    /// What is kept of the hashes: distinct, in ascending order.
    pub(crate) fn hashes(&self) -> &[u64] {
        &self.hashes
    }
}

/// The part of a 64-bit hash that is kept.
pub(crate) fn cut(hash: u64) -> u64 {
    hash >> (64 - HASH_BITS)
}

/// The filters of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFilters {
    /// What the hashes depend on besides the keys, such as the server's encoding. Filters of another one are of no use.
    pub environment: String,
    pub filters: Vec<KeyFilter>,
}

impl KeyFilters {
    /// The binary form. Errors: [`SegmentError::TooLarge`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, SegmentError> {
        let limit = |what, got: usize, limit: usize| {
            if got <= limit {
                return Ok(());
            }
            Err(SegmentError::TooLarge {
                what,
                got: got as u64,
                limit: limit as u64,
            })
        };
        limit("the environment of key filters", self.environment.len(), 255)?;
        limit("the number of key filters", self.filters.len(), MAX_FILTERS)?;
        for filter in &self.filters {
            limit("the number of columns of a key", filter.key.fields.len(), MAX_COLUMNS)?;
            limit("the number of keys", filter.hashes.len(), MAX_ROWS as usize)?;
        }
        let mut bytes = write(self).map_err(|_| SegmentError::BadOption("key filters"))?;
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum);
        Ok(bytes)
    }

    /// The filters of a segment that has the rows of several: of each key that all of them have a filter for. Dead
    /// rows may have had keys that are in it as well, which only makes it less sharp. `None` when they were made in
    /// different environments.
    pub fn merged(all: &[Self]) -> Option<Self> {
        let (first, others) = all.split_first()?;
        if others.iter().any(|one| one.environment != first.environment) {
            return None;
        }
        let merge = |filter: &KeyFilter| {
            let mut hashes = filter.hashes.clone();
            for one in others {
                let same = one.filters.iter().find(|other| other.key == filter.key)?;
                hashes.extend_from_slice(&same.hashes);
            }
            hashes.sort_unstable();
            hashes.dedup();
            Some(KeyFilter {
                key: filter.key.clone(),
                hashes,
            })
        };
        Some(Self {
            environment: first.environment.clone(),
            filters: first.filters.iter().filter_map(merge).collect(),
        })
    }

    /// Reads the binary form. Never panics, and allocates no more than a small multiple of the input.
    /// Errors: [`SegmentError::UnknownVersion`], [`SegmentError::CorruptDetail`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SegmentError> {
        let damaged = SegmentError::CorruptDetail("the key filters are damaged");
        if bytes.get(..4) != Some(MAGIC) {
            return Err(damaged);
        }
        match bytes.get(4..6) {
            Some(version) if version == VERSION.to_be_bytes() => {}
            Some(version) => {
                return Err(SegmentError::UnknownVersion(u16::from_be_bytes([
                    version[0], version[1],
                ])));
            }
            None => return Err(damaged),
        }
        let Some((body, sum)) = bytes.split_last_chunk::<CHECKSUM_BYTES>() else {
            return Err(damaged);
        };
        if checksum(body) != *sum {
            return Err(damaged);
        }
        read(body).map_err(|_| damaged)
    }
}

fn write(filters: &KeyFilters) -> io::Result<Vec<u8>> {
    let mut out = BitWriter::endian(Vec::new(), BigEndian);
    out.write_bytes(MAGIC)?;
    out.write_bytes(&VERSION.to_be_bytes())?;
    out.write_bytes(&[filters.environment.len() as u8])?;
    out.write_bytes(filters.environment.as_bytes())?;
    out.write_bytes(&[filters.filters.len() as u8])?;
    for filter in &filters.filters {
        out.write_bytes(&[filter.key.fields.len() as u8])?;
        for field in &filter.key.fields {
            out.write_bytes(&field.to_be_bytes())?;
        }
        out.write_bytes(&[filter.key.nulls_not_distinct.into()])?;
        out.write_bytes(&(filter.hashes.len() as u32).to_be_bytes())?;
        let bits = remainder_bits(filter.hashes.len());
        out.write_bytes(&[bits as u8])?;
        let mut before = 0;
        for hash in &filter.hashes {
            let gap = hash - before;
            before = *hash;
            // A quotient is at most 2^48 / 2^bits, which is twice the number of hashes.
            out.write_unary::<1>((gap >> bits) as u32)?;
            out.write_var(bits, gap & ((1 << bits) - 1))?;
        }
        out.byte_align()?;
    }
    Ok(out.into_writer())
}

/// The remainder that makes codes of evenly spread hashes short: the logarithm of the mean gap.
fn remainder_bits(hashes: usize) -> u32 {
    HASH_BITS - (hashes.max(1) as u64).ilog2()
}

fn read(bytes: &[u8]) -> io::Result<KeyFilters> {
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    let size = bytes.len();
    let mut input = BitReader::endian(bytes, BigEndian);
    input.skip(8 * 6)?;
    let length = input.read_to::<u8>()?;
    let environment = String::from_utf8(input.read_to_vec(length.into())?).map_err(|_| bad())?;
    let count = input.read_to::<u8>()?;
    let mut filters = Vec::new();
    for _ in 0..count {
        let columns = input.read_to::<u8>()?;
        let fields = (0..columns)
            .map(|_| input.read_to::<i32>())
            .collect::<io::Result<_>>()?;
        let nulls_not_distinct = input.read_to::<u8>()? != 0;
        let number = input.read_to::<u32>()? as usize;
        let bits = u32::from(input.read_to::<u8>()?);
        // Each code takes a bit at least.
        if number > 8 * size || bits > HASH_BITS {
            return Err(bad());
        }
        let mut hashes = Vec::with_capacity(number);
        let mut before = 0u64;
        for _ in 0..number {
            let quotient = u64::from(input.read_unary::<1>()?);
            let gap = (quotient << bits) | input.read_var::<u64>(bits)?;
            before = before
                .checked_add(gap)
                .filter(|hash| *hash < 1 << HASH_BITS)
                .ok_or_else(bad)?;
            hashes.push(before);
        }
        input.byte_align();
        let key = KeyId {
            fields,
            nulls_not_distinct,
        };
        filters.push(KeyFilter { key, hashes });
    }
    Ok(KeyFilters { environment, filters })
}

#[cfg(test)]
mod tests;
