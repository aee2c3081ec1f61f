//! Room for what is to be kept: files that nobody used longest make way, whoever wrote them.
//!
//! All processes count together, in shared memory, what the folder holds. Only when that says that the cache is full
//! does one of them look at the files, which frees an eighth of the limit.

use crate::pg::shmem;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::SystemTime;
use stretch_core::segment_cache::{Entry, Usage, evict, on_disk};

/// Room that was taken for a file, until it is written.
pub struct Room {
    usage: &'static Usage,
    bytes: u64,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.usage.written(self.bytes);
    }
}

/// Takes room for a file; `None` when there is none, or somebody else is about to make some.
pub fn reserve(folder: &Path, bytes: u64, limit: u64) -> io::Result<Option<Room>> {
    let Some(usage) = shmem::cache().filter(|_| bytes <= limit) else {
        return Ok(None);
    };
    let is_taken = usage.reserve(bytes, limit) || {
        make_room(folder, usage, bytes, limit)?;
        usage.reserve(bytes, limit)
    };
    // Made only where it was taken: what is dropped gives back.
    Ok(is_taken.then(|| Room { usage, bytes }))
}

/// Looks at all files, and removes the oldest where they are too many.
fn make_room(folder: &Path, usage: &Usage, bytes: u64, limit: u64) -> io::Result<()> {
    // The lock is on the folder itself, and ends with the process at the latest.
    let lock = File::open(folder)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let look = usage.look();
    let entries = entries(folder)?;
    let mut held: u64 = entries.iter().map(|entry| entry.bytes).sum();
    for entry in evict(entries, limit, bytes) {
        match fs::remove_file(folder.join(&entry.name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {}
            _ => held -= entry.bytes,
        }
    }
    usage.found(look, held);
    Ok(())
}

/// All files, those among them whose writer died.
fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Files come and go.
        let (Ok(there), Ok(name)) = (entry.metadata(), entry.file_name().into_string()) else {
            continue;
        };
        if !there.is_file() {
            continue;
        }
        let used = there.modified().ok();
        let used = used.and_then(|used| used.duration_since(SystemTime::UNIX_EPOCH).ok());
        entries.push(Entry {
            name,
            bytes: on_disk(there.len()),
            used: used.map_or(0, |used| used.as_nanos() as u64),
        });
    }
    Ok(entries)
}
