//! The folder of a `file://` endpoint: what is looked at before an operation, and how long an operation may take.
//!
//! A share that hangs holds whoever touches it, so everything here touches it on tokio's blocking threads; the caller
//! waits no longer than the request timeout and leaves the thread behind.

use super::limit::within;
use super::links::{Checked, Found};
use crate::error::{EndpointError, Reply, Unreachable};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// An existing folder, links above it resolved.
#[derive(Debug, Clone)]
pub(super) struct LocalFolder {
    root: Arc<Path>,
    limit: Duration,
}

impl LocalFolder {
    /// `limit` is for each operation as a whole.
    pub(super) fn new(root: PathBuf, limit: Duration) -> Self {
        Self {
            root: root.into(),
            limit,
        }
    }

    /// Ends `operation` when the time is over.
    pub(super) async fn bounded<T>(
        &self,
        operation: impl Future<Output = Result<T, EndpointError>>,
    ) -> Result<T, EndpointError> {
        within(self.limit, operation).await
    }

    /// `key` is about to be read or created: it is a regular file or not there. Opening a FIFO or a device would hang
    /// or do worse, so that is refused before.
    pub(super) async fn check_object(&self, key: &str) -> Result<(), EndpointError> {
        let key = key.to_owned();
        self.look(move |root| match Checked::default().refuse_links(root, &key)? {
            Found::Nothing | Found::File => Ok(()),
            Found::Folder | Found::Other => Err(EndpointError::NotAFile { key }),
        })
        .await
    }

    /// Everything below `key` is about to be listed ("" for all).
    pub(super) async fn check_folder(&self, key: &str) -> Result<(), EndpointError> {
        let key = key.to_owned();
        self.look(move |root| match key.as_str() {
            "" => Ok(()),
            key => Checked::default().refuse_links(root, key).map(|_| ()),
        })
        .await
    }

    /// A listing showed these keys.
    pub(super) async fn check_listed(&self, keys: Vec<String>) -> Result<(), EndpointError> {
        self.look(move |root| {
            let mut checked = Checked::default();
            keys.iter()
                .try_for_each(|key| checked.refuse_links(root, key).map(|_| ()))
        })
        .await
    }

    /// Removes the folder `key` if it is empty. Nobody depends on it, so nothing is reported.
    pub(super) async fn remove_empty(&self, key: &str) {
        let key = key.to_owned();
        let removed = self.look(move |root| {
            let _ = std::fs::remove_dir(root.join(key));
            Ok(())
        });
        let _ = self.bounded(removed).await;
    }

    /// Runs `what` on a blocking thread, after a look whether the folder is there. A folder that is gone is a share
    /// that is not mounted: its objects are not missing, and it must not be made anew.
    async fn look(
        &self,
        what: impl FnOnce(&Path) -> Result<(), EndpointError> + Send + 'static,
    ) -> Result<(), EndpointError> {
        let root = Arc::clone(&self.root);
        let looked = tokio::task::spawn_blocking(move || match std::fs::metadata(&root) {
            Ok(meta) if meta.is_dir() => what(&root),
            Ok(_) => Err(EndpointError::Local {
                kind: std::io::ErrorKind::NotADirectory,
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(EndpointError::Unreachable {
                why: Unreachable::FolderMissing,
                reply: Reply::default(),
            }),
            Err(error) => Err(EndpointError::Local { kind: error.kind() }),
        });
        looked.await.unwrap_or(Err(EndpointError::Other))
    }
}
