//! The folder of this server's segment cache.

use crate::pg::gucs;
use pgrx::prelude::*;
use std::cell::{Cell, OnceCell};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use stretch_core::segment_cache::namespace;

thread_local! {
    static FOLDER: OnceCell<Rc<Path>> = const { OnceCell::new() };
    static COMPLAINED: Cell<bool> = const { Cell::new(false) };
}

/// Its path, which stays the same while the server runs.
pub fn path() -> Rc<Path> {
    let find = || -> PathBuf {
        // SAFETY: reads shared memory that exists in every process.
        let system = unsafe { pg_sys::GetSystemIdentifier() };
        gucs::cache_dir().join(namespace(system, gucs::data_directory().as_os_str().as_bytes()))
    };
    FOLDER.with(|folder| folder.get_or_init(|| find().into()).clone())
}

/// Makes it, for the server's user alone, unless it is there.
pub fn make(folder: &Path) -> io::Result<()> {
    match folder.is_dir() {
        true => Ok(()),
        false => DirBuilder::new().recursive(true).mode(0o700).create(folder),
    }
}

/// Tells the administrator once that nothing can be kept. Queries do without: they are as slow as they were. Clients
/// are not told, nor where the folder is.
pub fn complain(error: &io::Error) {
    if !COMPLAINED.replace(true) {
        ereport!(
            PgLogLevel::LOG_SERVER_ONLY,
            PgSqlErrorCode::ERRCODE_IO_ERROR,
            format!("the segment cache of pg_stretch cannot be written: {error}"),
            "Queries read the endpoint. Look at the folder of stretch.cache_dir, or set stretch.cache_size to 0."
        );
    }
}
