//! The segment cache: ranges of objects as files on a local disk, for all processes of the server.
//!
//! It is a place to look first and nothing more. Any file may be missing, short or wrong at any time, and whoever reads
//! one compares it with the catalog (I-5); what cannot be written is not there. Nothing here raises an error.

mod files;
mod folder;
mod room;

use crate::pg::gucs;
use bytes::Bytes;
use std::collections::HashSet;
use std::io;
use std::ops::Range;
use stretch_core::ids::SegmentId;
use stretch_core::segment_cache::{Place, file, on_disk, places, segment_of};

/// A range of a segment's object, within a column chunk.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    pub segment: &'a SegmentId,
    pub range: &'a Range<u64>,
    /// The range of the whole chunk.
    pub chunk: &'a Range<u64>,
}

impl Wanted<'_> {
    fn places(&self) -> impl Iterator<Item = Place> {
        places(self.segment, self.range, self.chunk)
    }
}

/// Whether there is a cache.
pub fn is_on() -> bool {
    gucs::CACHE_SIZE.get() > 0
}

/// Whether a range seems to be there, without a look at its bytes.
pub fn has(wanted: Wanted<'_>) -> bool {
    let folder = folder::path();
    wanted.places().any(|place| files::exists(&folder, &place))
}

/// The bytes of a range, which nobody has compared with anything.
pub fn get(wanted: Wanted<'_>) -> Option<Bytes> {
    let (folder, length) = (folder::path(), wanted.range.end - wanted.range.start);
    wanted
        .places()
        .find_map(|place| files::read(&folder, &place, length).ok())
}

/// Removes the files that hold a range: one of them is wrong.
pub fn forget(wanted: Wanted<'_>) {
    let folder = folder::path();
    wanted.places().for_each(|place| files::remove(&folder, &place.file));
}

/// Removes all files of segments.
pub fn forget_segments(segments: HashSet<SegmentId>) {
    let folder = folder::path();
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return;
    };
    for name in entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
    {
        if segment_of(&name).is_some_and(|segment| segments.contains(&segment)) {
            files::remove(&folder, &name);
        }
    }
}

/// Keeps the right bytes of a range.
pub fn keep(segment: &SegmentId, range: &Range<u64>, bytes: &[u8]) {
    let folder = folder::path();
    let write = || {
        folder::make(&folder)?;
        match room::reserve(&folder, on_disk(bytes.len() as u64), gucs::cache_size())? {
            // It stays taken until the file is there.
            Some(_room) => files::write(&folder, &file(segment, range), bytes),
            None => Ok(()),
        }
    };
    match write() {
        // Somebody removes the folder just now, which he may.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => folder::complain(&error),
        Ok(()) => {}
    }
}
