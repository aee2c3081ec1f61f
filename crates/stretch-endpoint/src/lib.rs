//! Endpoints: from a URL and a credential to an object store, and the objects of a stretched database on it.
//!
//! Everything that talks to a store is `async` and runs on whatever tokio runtime the caller has (a current-thread
//! runtime with I/O and time enabled suffices). Nothing here knows PostgreSQL. Nothing here ever overwrites an object:
//! every write is create-if-absent (invariant I-4). What may be deleted is what [`disposable`] can name: replaced
//! heartbeats, the objects of a probe, pins of backups, and what a collector condemned.

pub mod allow;
pub mod bodies;
pub mod branch;
pub mod branches;
pub mod claim;
pub mod collect;
pub mod credential;
mod disposable;
#[cfg(test)]
mod disturbed;
mod errmap;
pub mod error;
pub mod faults;
pub mod file_root;
mod http;
pub mod keys;
pub mod lease;
mod open;
pub mod pin;
pub mod probe;
pub mod quarantine;
mod ranges;
mod refusal;
pub mod store;
#[cfg(test)]
mod testing;
pub mod upload;
pub mod url;

pub use allow::{DEFAULT_ALLOWED_ENDPOINTS, allowed};
pub use credential::{Credential, Secret};
pub use error::{EndpointError, ErrorKind, Unreachable};
pub use file_root::file_root_check;
pub use keys::{Key, Label, SegmentName};
pub use open::OpenOptions;
pub use refusal::{Operation, Refusal};
pub use store::{Endpoint, ObjectInfo, PutNew};
pub use url::{EndpointUrl, HttpVersions, Scheme};
