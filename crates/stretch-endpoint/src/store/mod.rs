//! An open endpoint: create, read and list objects. There is no overwrite, and no delete for other crates.

use crate::credential::Credential;
use crate::disposable::Disposable;
use crate::errmap::translate;
use crate::error::{EndpointError, Unreachable};
use crate::keys::Key;
use crate::open::{self, OpenOptions};
use crate::ranges;
use crate::refusal::Operation;
use crate::url::{EndpointUrl, StorageClass};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path as StorePath;
use object_store::{Attribute, Attributes, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use stretch_core::collect::times::StoreTime;
use stretch_core::ranges::{GAP_OF_READS, GAP_OF_REQUESTS};

mod folder;
#[cfg(test)]
mod folder_tests;
mod limit;
mod links;
mod list;
#[cfg(test)]
mod reply_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
#[cfg(test)]
mod wire_tests;

pub use limit::within;

/// How many range requests of one call run at a time.
const CONCURRENT_RANGES: usize = 4;

/// The answer to a create-if-absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutNew {
    /// This call made the object (or an earlier try of it whose reply was lost could not be told apart; see
    /// [`Endpoint::put_new`]).
    Created {
        /// The store's entity tag, if it gave one.
        etag: Option<String>,
    },
    /// An object of this name is there, perhaps from our own earlier try.
    Exists,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Key below the endpoint's prefix.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// The store's entity tag; content-based only on some stores (F25).
    pub etag: Option<String>,
    /// When the store says that it was written; `None` for a time before 1970.
    pub modified: Option<StoreTime>,
}

impl ObjectInfo {
    fn new(key: String, meta: ObjectMeta) -> Self {
        let micros = u64::try_from(meta.last_modified.timestamp_micros()).ok();
        Self {
            key,
            size: meta.size,
            etag: meta.e_tag,
            modified: micros.map(|micros| StoreTime(Duration::from_micros(micros))),
        }
    }
}

/// An open endpoint. All keys are relative to the prefix of its URL. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Endpoint {
    store: Arc<dyn ObjectStore>,
    /// Without slashes at the ends; may be empty.
    prefix: String,
    /// Of new objects, where the URL names one.
    storage_class: Option<StorageClass>,
    /// Set for `file://`.
    local: Option<folder::LocalFolder>,
}

impl Endpoint {
    /// Opens the endpoint with this credential and no other: environment, profiles and instance metadata are never
    /// asked. No request is sent. For `file://` the directory is made (mode 0700) if it is missing; whether it is
    /// permitted is for [`crate::file_root_check`] to say before.
    ///
    /// # Errors
    /// `BadUrl` (plain http without permission), `BadCredential`, for `file://` also `Local` and `Forbidden`.
    pub fn open(
        url: &EndpointUrl,
        credential: Option<&Credential>,
        options: &OpenOptions,
    ) -> Result<Self, EndpointError> {
        let store = open::build(url, credential, options)?;
        Ok(Self {
            store,
            prefix: url.prefix().to_owned(),
            storage_class: url.storage_class(),
            // Links above the directory are the administrator's; links below are nobody's.
            local: match url.file_path() {
                Some(path) => {
                    let root =
                        std::fs::canonicalize(path).map_err(|error| EndpointError::Local { kind: error.kind() })?;
                    Some(folder::LocalFolder::new(root, options.request_timeout))
                }
                None => None,
            },
        })
    }

    /// An endpoint over a store made elsewhere, for tests: an in-memory store, or one of [`crate::faults`].
    pub fn from_store(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self {
            store,
            prefix: prefix.trim_matches('/').to_owned(),
            storage_class: None,
            local: None,
        }
    }

    /// Creates an object if none of this name exists. `Exists` may also mean that an earlier try of this very call
    /// succeeded and its reply was lost: only the content tells (F20, F26).
    pub async fn put_new(&self, key: &str, bytes: &Bytes) -> Result<PutNew, EndpointError> {
        let put = self.bounded(self.put_once(key, bytes)).await;
        match put {
            // A store that has the object may say so before it has read the body, and hang up. Whoever is still
            // writing then sees a broken connection at every try, and never the answer.
            Err(EndpointError::Unreachable {
                why: Unreachable::Connection,
                ..
            }) if self.exists(key).await == Ok(true) => Ok(PutNew::Exists),
            put => put,
        }
    }

    async fn put_once(&self, key: &str, bytes: &Bytes) -> Result<PutNew, EndpointError> {
        let path = self.object(key).await?;
        let options = PutOptions {
            mode: PutMode::Create,
            attributes: self.attributes(key),
            ..PutOptions::default()
        };
        match self.store.put_opts(&path, bytes.clone().into(), options).await {
            Ok(result) => Ok(PutNew::Created { etag: result.e_tag }),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(PutNew::Exists),
            // A PUT names no object that could be missing: it is the bucket.
            Err(error @ object_store::Error::NotFound { .. }) => match translate(&error, Operation::Create, key) {
                EndpointError::NotFound { .. } => Err(EndpointError::NoSuchBucket),
                other => Err(other),
            },
            Err(error) => Err(translate(&error, Operation::Create, key)),
        }
    }

    /// The whole object.
    pub async fn get(&self, key: &str) -> Result<Bytes, EndpointError> {
        self.bounded(async {
            let path = self.object(key).await?;
            let result = self
                .store
                .get(&path)
                .await
                .map_err(|error| translate(&error, Operation::Read, key))?;
            let size = result.meta.size;
            let bytes = result
                .bytes()
                .await
                .map_err(|error| translate(&error, Operation::Read, key))?;
            if bytes.len() as u64 != size {
                return Err(short(key));
            }
            Ok(bytes)
        })
        .await
    }

    /// Up to how many bytes apart ranges of an object travel in one request.
    pub fn max_gap(&self) -> u64 {
        match self.local {
            Some(_) => GAP_OF_READS,
            None => GAP_OF_REQUESTS,
        }
    }

    /// Ranges of bytes of one object, in the order asked for. Neighbours up to [`max_gap`](Self::max_gap) apart travel
    /// in one request, at most four requests run at a time. A range beyond the end, or a body that is shorter than
    /// asked, is [`EndpointError::Corrupt`].
    pub async fn get_ranges(&self, key: &str, wanted: &[Range<u64>]) -> Result<Vec<Bytes>, EndpointError> {
        self.bounded(async {
            let path = self.object(key).await?;
            if wanted.iter().any(|range| range.start > range.end) {
                return Err(short(key));
            }
            let merged = stretch_core::ranges::coalesce(wanted, self.max_gap());
            let fetched: Vec<Bytes> = match self.local {
                // A file is opened once for all of them.
                Some(_) => self.get_all_ranges(&path, key, &merged).await?,
                None => {
                    futures::stream::iter(merged.iter().cloned())
                        .map(|range| self.get_one_range(&path, key, range))
                        .buffered(CONCURRENT_RANGES)
                        .try_collect()
                        .await?
                }
            };
            ranges::slice(wanted, &merged, &fetched).ok_or_else(|| short(key))
        })
        .await
    }

    async fn get_all_ranges(
        &self,
        path: &StorePath,
        key: &str,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, EndpointError> {
        let found = self.store.get_ranges(path, ranges).await;
        found.map_err(|error| range_error(&error, key))
    }

    async fn get_one_range(&self, path: &StorePath, key: &str, range: Range<u64>) -> Result<Bytes, EndpointError> {
        let asked = range.end - range.start;
        let found = self.store.get_range(path, range).await;
        let bytes = found.map_err(|error| range_error(&error, key))?;
        if bytes.len() as u64 == asked {
            Ok(bytes)
        } else {
            Err(short(key))
        }
    }

    /// Size, entity tag and time of one object.
    pub async fn head(&self, key: &str) -> Result<ObjectInfo, EndpointError> {
        self.bounded(async {
            let path = self.object(key).await?;
            let meta = self
                .store
                .head(&path)
                .await
                .map_err(|error| translate(&error, Operation::Read, key))?;
            Ok(ObjectInfo::new(key.to_owned(), meta))
        })
        .await
    }

    /// Whether an object of this name is there.
    pub async fn exists(&self, key: &str) -> Result<bool, EndpointError> {
        match self.head(key).await {
            Ok(_) => Ok(true),
            Err(EndpointError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes an object of which this crate knows that nobody needs it. One that is not there is success.
    pub(crate) async fn delete(&self, what: &Disposable) -> Result<(), EndpointError> {
        self.bounded(async {
            let key = what.key();
            let path = self.object(key).await?;
            match self.store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(translate(&error, Operation::Delete, key)),
            }
        })
        .await
    }

    /// What the store is told about a new object. Heartbeats live for minutes and stay in the bucket's usual class:
    /// others are paid for by the month.
    fn attributes(&self, key: &str) -> Attributes {
        let mut attributes = Attributes::new();
        if let Some(class) = self.storage_class
            && !matches!(Key::parse(key), Some((_, Key::Lease { .. })))
        {
            attributes.insert(Attribute::StorageClass, class.as_str().into());
        }
        attributes
    }

    /// Removes an empty folder of a `file://` endpoint; other stores have no folders.
    pub(crate) async fn remove_empty_folder(&self, key: &str) {
        if let (Some(local), Ok(_)) = (&self.local, self.path(key)) {
            local.remove_empty(key).await;
        }
    }

    fn path(&self, key: &str) -> Result<StorePath, EndpointError> {
        let bad = EndpointError::BadKey("it must be plain names separated by single slashes");
        if key.is_empty() || !key.split('/').all(plain_segment) {
            return Err(bad);
        }
        let full = match self.prefix.as_str() {
            "" => key.to_owned(),
            prefix => format!("{prefix}/{key}"),
        };
        StorePath::parse(full).map_err(|_| bad)
    }

    /// The path of an object that is about to be read or created.
    async fn object(&self, key: &str) -> Result<StorePath, EndpointError> {
        let path = self.path(key)?;
        if let Some(local) = &self.local {
            local.check_object(key).await?;
        }
        Ok(path)
    }

    /// The path of a folder that is about to be listed; `None` for all of the store.
    async fn folder(&self, prefix: &str) -> Result<Option<StorePath>, EndpointError> {
        let prefix = prefix.trim_end_matches('/');
        let path = match prefix {
            "" if self.prefix.is_empty() => None,
            "" => Some(
                StorePath::parse(&self.prefix)
                    .map_err(|_| EndpointError::BadKey("the endpoint's prefix cannot be a key"))?,
            ),
            prefix => Some(self.path(prefix)?),
        };
        if let Some(local) = &self.local {
            local.check_folder(prefix).await?;
        }
        Ok(path)
    }

    /// Cloud stores have a timeout per request in their client; a folder has one per operation.
    async fn bounded<T>(&self, operation: impl Future<Output = Result<T, EndpointError>>) -> Result<T, EndpointError> {
        match &self.local {
            Some(local) => local.bounded(operation).await,
            None => operation.await,
        }
    }

    /// The key below our prefix.
    fn relative(&self, location: &StorePath) -> Option<String> {
        let text = location.as_ref();
        match self.prefix.as_str() {
            "" => Some(text.to_owned()),
            prefix => Some(text.strip_prefix(prefix)?.strip_prefix('/')?.to_owned()),
        }
    }
}

/// Names that every store, a directory too, keeps as they are.
fn plain_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.=+".contains(&b))
}

/// What a store says to a range of bytes.
fn range_error(error: &object_store::Error, key: &str) -> EndpointError {
    match translate(error, Operation::Read, key) {
        // 416, or the local stores' word for it: the object ends before the range.
        EndpointError::Rejected { reply } if reply.status == Some(416) => short(key),
        EndpointError::Other => short(key),
        other => other,
    }
}

fn short(key: &str) -> EndpointError {
    EndpointError::Corrupt {
        key: key.to_owned(),
        what: "it is shorter than expected",
    }
}
