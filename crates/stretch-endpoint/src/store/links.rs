//! `file://` endpoints follow no symbolic link below their directory (F5).

use crate::error::EndpointError;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Paths already seen to be no link, so that a long listing looks at each folder once.
#[derive(Debug, Default)]
pub(super) struct Checked(HashSet<PathBuf>);

/// What a key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It does not exist.
    Nothing,
    /// A directory.
    Folder,
    /// A regular file.
    File,
    /// A FIFO, socket or device.
    Other,
}

impl Checked {
    /// Fails if any existing part of `key` below `root` is a symbolic link; says what `key` is otherwise. Whoever can
    /// make links there between this check and the use is the server's own user, against whom nothing helps.
    pub(super) fn refuse_links(&mut self, root: &Path, key: &str) -> Result<Found, EndpointError> {
        let mut path = root.to_path_buf();
        let mut found = Found::Folder;
        for segment in key.split('/') {
            path.push(segment);
            if self.0.contains(&path) {
                found = Found::Folder;
                continue;
            }
            match std::fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_symlink() => {
                    return Err(EndpointError::Forbidden(
                        "it holds a symbolic link where an object or folder is expected".into(),
                    ));
                }
                Ok(meta) if meta.is_dir() => {
                    self.0.insert(path.clone());
                    found = Found::Folder;
                }
                Ok(meta) if meta.is_file() => found = Found::File,
                Ok(_) => found = Found::Other,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::Nothing),
                Err(error) => return Err(EndpointError::Local { kind: error.kind() }),
            }
        }
        Ok(found)
    }
}
