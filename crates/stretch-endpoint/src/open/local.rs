//! The store of a `file://` endpoint: a folder.

use crate::error::EndpointError;
use crate::refusal::Operation;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use std::path::Path;
use std::sync::Arc;

/// Opens the folder; makes it (mode 0700) if it is missing.
pub(super) fn local(path: &Path) -> Result<Arc<dyn ObjectStore>, EndpointError> {
    use std::os::unix::fs::DirBuilderExt;
    let io = |error: std::io::Error| EndpointError::Local { kind: error.kind() };
    if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink()) {
        return Err(EndpointError::Forbidden("it is a symbolic link".into()));
    }
    if !path.is_dir() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(io)?;
        if let Some(parent) = path.parent() {
            std::fs::File::open(parent).and_then(|dir| dir.sync_all()).map_err(io)?;
        }
    }
    let store = LocalFileSystem::new_with_prefix(path)
        .map_err(|error| crate::errmap::translate(&error, Operation::Read, ""))?;
    Ok(Arc::new(store.with_fsync(true)))
}
