//! The segment cache of one server: which file holds a range of an object, and which files make room for others.
//!
//! A file holds one range as a reader fetched it: a column chunk, or a run of its pages. What a segment holds never
//! changes, so no file ever does; that a file is what its name says is for the reader to check (I-5).

mod usage;

pub use usage::Usage;

#[cfg(test)]
mod tests;

use crate::ids::SegmentId;
use sha2::{Digest, Sha256};
use std::ops::Range;

/// What a file takes of a disk is a multiple of this, about.
const BLOCK: u64 = 4096;

/// Name of the folder of one server, which may stand beside those of others: a copy of a server has the same system
/// identifier in another place.
pub fn namespace(system_identifier: u64, data_directory: &[u8]) -> String {
    let digest = Sha256::digest(data_directory);
    let place: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{system_identifier:016x}-{place}")
}

/// Where a range is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name of a file.
    pub file: String,
    /// Bytes of the whole file.
    pub len: u64,
    /// Where in the file the range begins.
    pub offset: u64,
}

/// Name of the file that holds exactly this range of a segment's object.
pub fn file(segment: &SegmentId, range: &Range<u64>) -> String {
    format!("{segment}.{}-{}", range.start, range.end)
}

/// The segment of which a file holds a range; `None` for a file of another kind.
pub fn segment_of(file: &str) -> Option<SegmentId> {
    let (id, _) = file.split_once('.')?;
    uuid::Uuid::try_parse(id).ok().map(SegmentId::from_uuid)
}

/// The files to look into for a range of a column chunk: that of the range itself, then that of the whole chunk, which
/// somebody may have read before. A range that is not within the chunk is in the first alone.
pub fn places(segment: &SegmentId, range: &Range<u64>, chunk: &Range<u64>) -> impl Iterator<Item = Place> {
    let is_part = range != chunk && chunk.start <= range.start && range.end <= chunk.end;
    let place = |of: &Range<u64>| Place {
        file: file(segment, of),
        len: of.end.saturating_sub(of.start),
        offset: range.start - of.start,
    };
    [Some(place(range)), is_part.then(|| place(chunk))]
        .into_iter()
        .flatten()
}

/// What a file of so many bytes takes of the disk.
pub fn on_disk(len: u64) -> u64 {
    len.div_ceil(BLOCK).saturating_mul(BLOCK)
}

/// A file of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    /// What it takes of the disk.
    pub bytes: u64,
    /// When it was written or used last; any clock that goes forward.
    pub used: u64,
}

/// The files to remove so that `room` more bytes fit within `limit`: those that nobody used longest. Where anything
/// must go, an eighth of the limit becomes free beside the room, for whoever comes next: a look at all files is dear.
pub fn evict(mut entries: Vec<Entry>, limit: u64, room: u64) -> Vec<Entry> {
    let mut held = entries.iter().fold(0u64, |sum, entry| sum.saturating_add(entry.bytes));
    if held.saturating_add(room) <= limit {
        return Vec::new();
    }
    let target = limit.saturating_sub(room).saturating_sub(limit / 8);
    entries.sort_by(|a, b| (a.used, &a.name).cmp(&(b.used, &b.name)));
    let mut goes = 0;
    while held > target && goes < entries.len() {
        held = held.saturating_sub(entries[goes].bytes);
        goes += 1;
    }
    entries.truncate(goes);
    entries
}
