//! Runs: the key filters of several segments merged into one sorted array, in which a key is found by two looks into
//! memory.
//!
//! A run is made once, never changed, and usually mapped from a file. Runs are merged by fours ([`tiers`]), so a table
//! of a thousand segments is searched in about ten of them, and a key is written again four times on the way there.
//!
//! ```text
//! magic "PGKR0001" · entries u64 · bits of the directory u32 · segments u32
//! per segment: id 16 · per segment: 1 when nothing is known of its keys u8 · to a multiple of 8
//! entries: hash of 48 bits, number of the segment in the run 16 bits; ascending, u64
//! directory: for each value of a hash's first bits where its entries begin, and the end, u32
//! ```
//! Integers have the machine's byte order: a run never leaves it.

mod tiers;

pub use tiers::{CHILDREN, tiers};

use crate::key_filter::{HASH_BITS, KeyFilter, cut};
use std::io::{self, Write};
use std::ops::Range;

const MAGIC: &[u8; 8] = b"PGKR0001";
const HEADER: usize = 24;
/// Entries that share a place of the directory, on average: two cache lines.
const SHARED: u64 = 16;
/// Hashes that are looked for together: more loads than this are not under way at once on usual processors.
const ABREAST: usize = 16;
const SEGMENT_BITS: u32 = 64 - HASH_BITS;
/// Segments of a run, by the width of their numbers.
pub const MAX_SEGMENTS: usize = 1 << SEGMENT_BITS;
/// Entries of a run, by the width of the directory's numbers.
pub const MAX_ENTRIES: u64 = u32::MAX as u64;

/// A segment of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    pub id: [u8; 16],
    /// False when nothing is known of its keys, so that any key may be in it.
    pub known: bool,
}

/// One run over its bytes.
#[derive(Debug)]
pub struct KeyRun<B> {
    bytes: B,
    members: Vec<Member>,
    entries: Range<usize>,
    directory: Range<usize>,
    bits: u32,
}

/// The entry of a hash, as filters keep it, in segment `number`.
fn entry(hash: u64, number: u64) -> u64 {
    hash << SEGMENT_BITS | number
}

fn hash_of(entry: u64) -> u64 {
    entry >> SEGMENT_BITS
}

fn directory_bits(entries: u64) -> u32 {
    (entries / SHARED).max(1).ilog2()
}

impl<B: AsRef<[u8]>> KeyRun<B> {
    /// Looks at header and lengths; `None` when these are not the bytes of a run.
    pub fn open(bytes: B) -> Option<Self> {
        let all = bytes.as_ref();
        let number = |at: usize, width: usize| -> Option<u64> {
            let slice = all.get(at..at + width)?;
            match width {
                8 => slice.try_into().ok().map(u64::from_ne_bytes),
                _ => slice.try_into().ok().map(u32::from_ne_bytes).map(u64::from),
            }
        };
        if all.get(..8)? != MAGIC {
            return None;
        }
        let (entries, bits, segments) = (number(8, 8)?, number(16, 4)? as u32, number(20, 4)? as usize);
        if entries > MAX_ENTRIES || segments > MAX_SEGMENTS || bits != directory_bits(entries) {
            return None;
        }
        let known = HEADER + 16 * segments;
        let first = (known + segments).next_multiple_of(8);
        let end = first + 8 * entries as usize;
        let directory = end..end + 4 * ((1 << bits) + 1);
        if directory.end != all.len() {
            return None;
        }
        let members = (0..segments)
            .map(|i| {
                Some(Member {
                    id: all.get(HEADER + 16 * i..HEADER + 16 * (i + 1))?.try_into().ok()?,
                    known: *all.get(known + i)? == 0,
                })
            })
            .collect::<Option<_>>()?;
        let run = Self {
            members,
            entries: first..end,
            directory,
            bits,
            bytes,
        };
        // Mapped and allocated memory is aligned enough; what is not would be of no use.
        let aligned = bytemuck::try_cast_slice::<u8, u64>(&run.bytes.as_ref()[run.entries.clone()]).is_ok();
        aligned.then_some(run)
    }

    /// The segments, by the numbers that [`KeyRun::find_each`] gives.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// All entries in ascending order.
    fn entries(&self) -> &[u64] {
        bytemuck::cast_slice(&self.bytes.as_ref()[self.entries.clone()])
    }

    /// Calls `found` with the number of each segment that holds one of the 64-bit hashes, less those of which nothing
    /// is known.
    pub fn find_each(&self, hashes: &[u64], mut found: impl FnMut(usize)) {
        let entries = self.entries();
        let directory: &[u32] = bytemuck::cast_slice(&self.bytes.as_ref()[self.directory.clone()]);
        // Each of the three loops reads places that do not depend on one another, so that memory is waited for once,
        // not for each hash.
        for hashes in hashes.chunks(ABREAST) {
            let mut parts = [&entries[..0]; ABREAST];
            for (part, hash) in parts.iter_mut().zip(hashes) {
                let place = (cut(*hash) >> (HASH_BITS - self.bits)) as usize;
                let range = match directory.get(place..place + 2) {
                    Some([from, to]) => entries.get(*from as usize..*to as usize),
                    _ => None,
                };
                // A damaged directory only makes the search long.
                *part = range.unwrap_or(entries);
            }
            let middles = parts.iter().filter_map(|part| part.get(part.len() / 2));
            std::hint::black_box(middles.fold(0, |all, entry| all ^ entry));
            for (part, hash) in parts.iter().zip(hashes.iter().copied().map(cut)) {
                let from = part.partition_point(|entry| hash_of(*entry) < hash);
                for entry in part[from..].iter().take_while(|entry| hash_of(**entry) == hash) {
                    found((entry & (MAX_SEGMENTS as u64 - 1)) as usize);
                }
            }
        }
    }
}

/// Writes the run of one segment; without a filter nothing is known of its keys.
pub fn write_one(out: &mut impl Write, id: [u8; 16], filter: Option<&KeyFilter>) -> io::Result<()> {
    let hashes = filter.map_or(&[][..], KeyFilter::hashes);
    let member = Member {
        id,
        known: filter.is_some(),
    };
    let entries = hashes.iter().map(|hash| entry(*hash, 0));
    write(out, &[member], hashes.len() as u64, entries)
}

/// Writes the run of all segments of some runs, in their order. `every_million` is called now and then.
/// Errors: those of `out`; `InvalidInput` when there are more than [`MAX_SEGMENTS`] or [`MAX_ENTRIES`].
pub fn write_merged<B: AsRef<[u8]>>(
    out: &mut impl Write,
    runs: &[KeyRun<B>],
    mut every_million: impl FnMut(),
) -> io::Result<()> {
    let members: Vec<Member> = runs.iter().flat_map(|run| run.members.iter().copied()).collect();
    let count = runs.iter().map(|run| run.entries().len() as u64).sum();
    let mut offset = 0;
    let mut heads: Vec<_> = runs
        .iter()
        .map(|run| {
            let first = offset;
            offset += run.members.len() as u64;
            run.entries().iter().map(move |entry| entry + first).peekable()
        })
        .collect();
    let mut written = 0u64;
    let merged = std::iter::from_fn(|| {
        written += 1;
        if written.is_multiple_of(1 << 20) {
            every_million();
        }
        let least = heads
            .iter_mut()
            .enumerate()
            .filter_map(|(i, head)| head.peek().map(|entry| (*entry, i)))
            .min()?;
        heads[least.1].next()
    });
    write(out, &members, count, merged)
}

fn write(out: &mut impl Write, members: &[Member], count: u64, entries: impl Iterator<Item = u64>) -> io::Result<()> {
    if members.len() > MAX_SEGMENTS || count > MAX_ENTRIES {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let bits = directory_bits(count);
    out.write_all(MAGIC)?;
    out.write_all(&count.to_ne_bytes())?;
    out.write_all(&bits.to_ne_bytes())?;
    out.write_all(&(members.len() as u32).to_ne_bytes())?;
    for member in members {
        out.write_all(&member.id)?;
    }
    for member in members {
        out.write_all(&[u8::from(!member.known)])?;
    }
    let length = HEADER + 17 * members.len();
    out.write_all(&[0; 8][..length.next_multiple_of(8) - length])?;
    let mut directory = Vec::with_capacity((1 << bits) + 1);
    let mut number = 0u32;
    for entry in entries {
        let place = (hash_of(entry) >> (HASH_BITS - bits)) as usize;
        if directory.len() <= place {
            directory.resize(place + 1, number);
        }
        out.write_all(&entry.to_ne_bytes())?;
        number += 1;
    }
    directory.resize((1 << bits) + 1, number);
    out.write_all(bytemuck::cast_slice(&directory))
}

#[cfg(test)]
mod tests;
