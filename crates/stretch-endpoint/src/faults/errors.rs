//! Failures of the connection, of the type that real stores use.

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};
use std::io::ErrorKind;

/// The request never reached the store.
pub(super) fn refused() -> Error {
    broken(HttpErrorKind::Connect, ErrorKind::ConnectionRefused)
}

/// The connection broke in the middle.
pub(super) fn cut() -> Error {
    broken(HttpErrorKind::Interrupted, ErrorKind::ConnectionReset)
}

fn broken(kind: HttpErrorKind, io: ErrorKind) -> Error {
    Error::Generic {
        store: "faulty",
        source: Box::new(HttpError::new(kind, std::io::Error::from(io))),
    }
}
