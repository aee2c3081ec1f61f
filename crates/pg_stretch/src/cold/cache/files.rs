//! Files of the segment cache: each is written under another name and gets its own when it is whole.

use bytes::Bytes;
use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};
use stretch_core::segment_cache::Place;

/// A use is noted where the last one was so long ago: eviction goes by these notes.
const NOTED_AFTER: Duration = Duration::from_secs(5);

/// Whether the file is there.
pub fn exists(folder: &Path, place: &Place) -> bool {
    let there = fs::metadata(folder.join(&place.file));
    there.is_ok_and(|there| there.len() == place.len)
}

/// So many bytes from a place on; an error when the file is missing or has another length.
pub fn read(folder: &Path, place: &Place, length: u64) -> io::Result<Bytes> {
    let file = File::open(folder.join(&place.file))?;
    let there = file.metadata()?;
    if there.len() != place.len {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, place.offset)?;
    let now = SystemTime::now();
    let is_noted = there
        .modified()
        .is_ok_and(|used| now.duration_since(used).is_ok_and(|age| age < NOTED_AFTER));
    if !is_noted {
        file.set_modified(now).ok();
    }
    Ok(bytes.into())
}

/// Makes a file, in place of the one before.
pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    thread_local! {
        static WRITTEN: Cell<u64> = const { Cell::new(0) };
    }
    let number = WRITTEN.replace(WRITTEN.get() + 1);
    // Nobody else has the name: not a process that died and had the same number, nor one in another container.
    let moment = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let moment = moment.map_or(0, |moment| moment.as_nanos());
    let part = folder.join(format!("part.{}.{number}.{moment}", std::process::id()));
    let mut options = OpenOptions::new();
    let whole = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&part)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&part, folder.join(name)));
    if whole.is_err() {
        fs::remove_file(&part).ok();
    }
    whole
}

/// Removes a file.
pub fn remove(folder: &Path, name: &str) {
    fs::remove_file(folder.join(name)).ok();
}
