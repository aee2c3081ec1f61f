//! What can go wrong with an endpoint, in words that may be shown to a user.
//!
//! No text holds a secret, a signed URL or a response body: at most the HTTP status and the store's short error
//! code (finding F5: a body may come from somebody else's service).

use crate::refusal::Refusal;
use std::fmt;
use uuid::Uuid;

/// Why a store could not be reached; all of these may pass by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// Nothing listens on the host's port.
    ConnectionRefused,
    /// The host's name could not be resolved.
    Dns,
    /// No answer within the connect or request timeout.
    Timeout,
    /// TLS failed for another reason than the three that follow.
    Tls,
    /// The store's certificate is signed by an authority that is not trusted here.
    UnknownAuthority,
    /// The store's certificate is for other host names.
    CertificateName,
    /// The store's certificate has expired, or is not valid yet.
    CertificateTime,
    /// The connection broke, or could not be made for another reason.
    Connection,
    /// The store answered 429 or 5xx, also after retries.
    Busy,
    /// The folder of a `file://` endpoint is gone, as that of a share that is not mounted.
    FolderMissing,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConnectionRefused => "connection refused",
            Self::Dns => "host name not found",
            Self::Timeout => "timed out",
            Self::Tls => "TLS handshake failed",
            Self::UnknownAuthority => "its certificate is signed by an authority that is not trusted here",
            Self::CertificateName => "its certificate is for another host name",
            Self::CertificateTime => "its certificate is not valid at this time",
            Self::Connection => "connection failed",
            Self::Busy => "server error",
            Self::FolderMissing => "its folder does not exist",
        })
    }
}

impl Unreachable {
    /// What to do, where that is more than to wait.
    fn hint(self) -> Option<&'static str> {
        match self {
            Self::UnknownAuthority => Some(
                "Let stretch.ca_file name a PEM file with the certificate of that authority, and reload the server.",
            ),
            Self::CertificateName => Some("Write the host name into the endpoint URL for which the certificate is."),
            Self::CertificateTime => {
                Some("Renew the store's certificate, or set the clock of this server, for example with NTP.")
            }
            _ => None,
        }
    }
}

/// HTTP status and the store's own error code (letters and digits only), as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The store's error code, such as `SignatureDoesNotMatch`; at most 64 ASCII letters and digits.
    pub code: Option<String>,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, &self.code) {
            (None, None) => Ok(()),
            (Some(status), None) => write!(f, " (HTTP status {status})"),
            (Some(status), Some(code)) => write!(f, " (HTTP status {status}, {code})"),
            (None, Some(code)) => write!(f, " ({code})"),
        }
    }
}

/// Why a file of certificate authorities cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCaFile {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
    /// It is a folder, FIFO or device, or far too large.
    #[error("is not a regular file of certificates")]
    NoFile,
    /// Something in it is no certificate, or it holds none.
    #[error("holds no certificates in PEM form, or damaged ones")]
    NoCertificate,
}

/// Any failure of this crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The store does not answer; worth trying again later.
    #[error("the endpoint cannot be reached: {why}{reply}")]
    Unreachable { why: Unreachable, reply: Reply },
    /// 401 or 403: mostly the credential is wrong or lacks a right.
    #[error("{why}{reply}")]
    Refused { why: Refusal, reply: Reply },
    /// The object is in an archived storage class, where it cannot be read.
    #[error("object \"{key}\" is in an archived storage class and has to be restored before it can be read{reply}")]
    Archived { key: String, reply: Reply },
    /// An object is not there.
    #[error("object \"{key}\" does not exist on the endpoint")]
    NotFound { key: String },
    /// The bucket or container is not there.
    #[error("the bucket or container of the endpoint does not exist")]
    NoSuchBucket,
    /// The store wants to send us elsewhere, which is never followed (F5).
    #[error("the endpoint redirects, which is not followed{reply}; check region and address")]
    Redirected { reply: Reply },
    /// The store rejected the request for another reason.
    #[error("the endpoint rejected the request{reply}")]
    Rejected { reply: Reply },
    /// The endpoint URL is not acceptable; the text names the reason, not the URL.
    #[error("invalid endpoint URL: {0}")]
    BadUrl(String),
    /// The credential is missing or has the wrong form.
    #[error("invalid credential for this endpoint: {0}")]
    BadCredential(&'static str),
    /// An argument cannot be part of an object key.
    #[error("invalid object key: {0}")]
    BadKey(&'static str),
    /// The path of a `file://` endpoint is not permitted.
    #[error("endpoint directory is not permitted: {0}")]
    Forbidden(String),
    /// The store broke a promise that pg_stretch depends on.
    #[error("the endpoint broke a promise: {which}")]
    BrokenPromise { which: &'static str },
    /// The place belongs to another database.
    #[error("the endpoint belongs to another database ({found})")]
    Foreign { found: Uuid },
    /// An object was written by a newer version.
    #[error("object \"{key}\" has format {found}, this version knows {known}")]
    NewerFormat { key: String, found: u32, known: u32 },
    /// An object's content is not what it must be.
    #[error("object \"{key}\" is corrupt: {what}")]
    Corrupt { key: String, what: &'static str },
    /// An operation on local files (`file://`) failed.
    #[error("file operation of the endpoint failed: {kind}")]
    Local { kind: std::io::ErrorKind },
    /// A `file://` endpoint holds a folder, FIFO or device where an object is expected; it was not opened.
    #[error("object \"{key}\" of the endpoint is not a regular file")]
    NotAFile { key: String },
    /// No HTTPS client can be made on this machine.
    #[error("no TLS client can be set up; are the system's CA certificates installed?")]
    NoTls,
    /// The file of authorities that [`crate::OpenOptions`] names cannot be used.
    #[error("the file of certificate authorities {0}")]
    CaFile(BadCaFile),
    /// Any other failure, of which nothing may be shown.
    #[error("the endpoint failed in an unexpected way")]
    Other,
}

/// The kinds of [`EndpointError`], for a caller that maps them to error codes of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ErrorKind {
    Unreachable,
    Refused,
    Archived,
    NotFound,
    NoSuchBucket,
    Redirected,
    Rejected,
    BadUrl,
    BadCredential,
    BadKey,
    Forbidden,
    BrokenPromise,
    Foreign,
    NewerFormat,
    Corrupt,
    Local,
    NotAFile,
    NoTls,
    CaFile,
    Other,
}

impl EndpointError {
    /// Whether a policy of the store protects the object that was to be deleted: a matter of this object alone.
    pub fn is_protection(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                why: Refusal::Immutable,
                ..
            }
        )
    }

    /// The kind, without data.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreachable { .. } => ErrorKind::Unreachable,
            Self::Refused { .. } => ErrorKind::Refused,
            Self::Archived { .. } => ErrorKind::Archived,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::NoSuchBucket => ErrorKind::NoSuchBucket,
            Self::Redirected { .. } => ErrorKind::Redirected,
            Self::Rejected { .. } => ErrorKind::Rejected,
            Self::BadUrl(_) => ErrorKind::BadUrl,
            Self::BadCredential(_) => ErrorKind::BadCredential,
            Self::BadKey(_) => ErrorKind::BadKey,
            Self::Forbidden(_) => ErrorKind::Forbidden,
            Self::BrokenPromise { .. } => ErrorKind::BrokenPromise,
            Self::Foreign { .. } => ErrorKind::Foreign,
            Self::NewerFormat { .. } => ErrorKind::NewerFormat,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Local { .. } => ErrorKind::Local,
            Self::NotAFile { .. } => ErrorKind::NotAFile,
            Self::NoTls => ErrorKind::NoTls,
            Self::CaFile(_) => ErrorKind::CaFile,
            Self::Other => ErrorKind::Other,
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// What to do, where the kind alone does not say it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Refused { why, .. } => why.hint(),
            Self::Unreachable { why, .. } => why.hint(),
            Self::CaFile(_) => Some(
                "Let stretch.ca_file name a PEM file of certificates that the server's OS user can read, or nothing.",
            ),
            Self::Archived { .. } => Some(
                "Restore the object on the store, and exclude the endpoint's prefix from rules that archive objects.",
            ),
            _ => None,
        }
    }

    /// A timeout without an answer.
    pub fn timeout() -> Self {
        Self::Unreachable {
            why: Unreachable::Timeout,
            reply: Reply::default(),
        }
    }
}
