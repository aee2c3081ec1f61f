//! Runs as files that all sessions map: copies of what the catalog holds, made when they are needed.
//!
//! They lie among PostgreSQL's own temporary files, so no backup takes them and each start of the server removes them.
//! They may be deleted at any time: whoever has one mapped keeps it, whoever misses one makes it again.

use crate::pg::error::{Error, Result};
use memmap2::Mmap;
use pgrx::pg_sys;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use stretch_core::ids::TableId;
use stretch_segment::key_run::KeyRun;

/// The bytes of a run: mapped, or in memory where the file could not be written.
pub enum Bytes {
    Mapped(Mmap),
    /// Words, so that they are aligned, and their length in bytes.
    Owned(Vec<u64>, usize),
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            // SAFETY: initialized words hold at least this many bytes.
            Bytes::Owned(words, length) => unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), *length) },
        }
    }
}

/// A run that can be searched.
pub type Run = KeyRun<Bytes>;

/// `base/pgsql_tmp`; the working directory of a server's process is its data directory.
fn directory() -> PathBuf {
    Path::new("base").join(pg_sys::PG_TEMP_FILES_DIR.to_string_lossy().as_ref())
}

fn prefix(database: pg_sys::Oid) -> String {
    let prefix = pg_sys::PG_TEMP_FILE_PREFIX.to_string_lossy();
    format!("{prefix}.stretch.{}.", database.to_u32())
}

fn path(table: &TableId, name: &str) -> PathBuf {
    // SAFETY: plain getter.
    let database = unsafe { pg_sys::MyDatabaseId };
    directory().join(format!("{}{table}.{name}", prefix(database)))
}

/// Maps a run; `None` when there is no such file, or it is damaged.
pub fn open(table: &TableId, name: &str) -> Option<Run> {
    let file = File::open(path(table, name)).ok()?;
    // SAFETY: nobody writes to such a file once it has its name; what shortens it from outside ends the process, as
    // with any file of the data directory that a library maps.
    let map = unsafe { Mmap::map(&file) }.ok()?;
    KeyRun::open(Bytes::Mapped(map))
}

/// Whether the file is there.
pub fn exists(table: &TableId, name: &str) -> bool {
    path(table, name).exists()
}

/// Makes a run's file under another name first, so that nobody maps half of one; two who make the same run make the
/// same bytes.
pub fn create(
    table: &TableId,
    name: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let target = path(table, name);
    let part = target.with_extension(format!("part{}", std::process::id()));
    fs::create_dir_all(directory())?;
    let whole = File::create(&part).and_then(|file| {
        let mut out = BufWriter::with_capacity(1 << 18, file);
        write(&mut out)?;
        out.flush()?;
        fs::rename(&part, &target)
    });
    if whole.is_err() {
        fs::remove_file(&part).ok();
    }
    whole
}

/// A run in this process's own memory.
pub fn in_memory(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> Result<Run> {
    let damaged = || Error::internal("a run of key filters could not be made");
    let mut bytes = Vec::new();
    write(&mut bytes).map_err(|_| damaged())?;
    let words = bytes
        .chunks(8)
        .map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_ne_bytes(word)
        })
        .collect();
    KeyRun::open(Bytes::Owned(words, bytes.len())).ok_or_else(damaged)
}

/// Removes a run's file; whoever has it mapped keeps it.
pub fn remove(table: &TableId, name: &str) {
    fs::remove_file(path(table, name)).ok();
}

/// Removes the files of this database whose tables are none of these.
pub fn sweep(tables: &[TableId]) {
    // SAFETY: plain getter.
    let prefix = prefix(unsafe { pg_sys::MyDatabaseId });
    let Ok(entries) = fs::read_dir(directory()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(&prefix) else {
            continue;
        };
        if !tables.iter().any(|table| rest.starts_with(&table.to_string())) {
            fs::remove_file(entry.path()).ok();
        }
    }
}
