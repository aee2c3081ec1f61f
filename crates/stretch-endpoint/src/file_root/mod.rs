//! Where a `file://` endpoint may lie (F5): below a permitted root, apart from the server's own directories.

use crate::error::EndpointError;
use std::path::{Component, Path, PathBuf};

#[cfg(test)]
mod tests;

/// Checks that `path`, links resolved, lies below one of `roots` (or is one) and neither in nor around any of
/// `forbidden` (data directory, tablespaces, key and cache directories). Parts that do not exist yet count as
/// written. Returns the resolved path.
///
/// For a superuser, whom no root binds, pass `Path::new("/")` as the only root. A root or forbidden directory that
/// does not exist is resolved as far as it does.
///
/// # Errors
/// [`EndpointError::Forbidden`], [`EndpointError::Local`] if a directory cannot be looked at.
pub fn file_root_check(path: &Path, roots: &[PathBuf], forbidden: &[PathBuf]) -> Result<PathBuf, EndpointError> {
    let resolved = resolve(path)?;
    let mut below_a_root = false;
    for root in roots {
        below_a_root |= resolved.starts_with(resolve(root)?);
    }
    if !below_a_root {
        return Err(EndpointError::Forbidden(
            "it is not below a directory of stretch.file_roots".into(),
        ));
    }
    for directory in forbidden {
        let directory = resolve(directory)?;
        if resolved.starts_with(&directory) || directory.starts_with(&resolved) {
            return Err(EndpointError::Forbidden(
                "it overlaps a directory of the database server".into(),
            ));
        }
    }
    Ok(resolved)
}

/// The real path of the longest existing part, with the rest appended.
fn resolve(path: &Path) -> Result<PathBuf, EndpointError> {
    let plain = |c: Component<'_>| matches!(c, Component::RootDir | Component::Normal(_));
    if !path.is_absolute() || !path.components().all(plain) {
        return Err(EndpointError::Forbidden(
            "it must be an absolute path without ..".into(),
        ));
    }
    let mut existing = path;
    let mut rest: Vec<&std::ffi::OsStr> = Vec::new();
    loop {
        match std::fs::canonicalize(existing) {
            Ok(mut resolved) => {
                resolved.extend(rest.iter().rev());
                return Ok(resolved);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // A dangling link would be followed once its target exists.
                if std::fs::symlink_metadata(existing).is_ok() {
                    return Err(EndpointError::Forbidden(
                        "it leads through a symbolic link to nothing".into(),
                    ));
                }
                match (existing.parent(), existing.file_name()) {
                    (Some(parent), Some(name)) => {
                        rest.push(name);
                        existing = parent;
                    }
                    _ => return Err(EndpointError::Local { kind: error.kind() }),
                }
            }
            Err(error) => return Err(EndpointError::Local { kind: error.kind() }),
        }
    }
}
