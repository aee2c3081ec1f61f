//! Endpoint URLs: `file:///abs/path`, `s3://bucket/prefix`, `az://container/prefix`, `gs://bucket/prefix`.
//!
//! A URL is stored in a table that is dumped and shown, so it must not carry a secret: userinfo, fragments and
//! every parameter outside a short list are refused, and error texts never repeat a value (F5).

use crate::error::EndpointError;
use parts::HTTP_11;
use std::fmt;
use std::path::Path;

mod objects;
mod parts;
mod reason;
#[cfg(test)]
mod tests;

pub(crate) use objects::{Encryption, StorageClass};
pub use parts::HttpVersions;
pub(crate) use parts::{Inner, check_account};

/// The kind of store behind an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// A directory of the server, `file:///abs/path`.
    File,
    /// S3 or a store that speaks its protocol.
    S3,
    /// Azure Blob Storage.
    Az,
    /// Google Cloud Storage.
    Gs,
}

impl Scheme {
    /// As written in a URL, without `://`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::S3 => "s3",
            Self::Az => "az",
            Self::Gs => "gs",
        }
    }
}

/// A checked endpoint URL without secrets. Equal URLs display equally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointUrl {
    pub(crate) inner: Inner,
}

/// The region that is used when an `s3://` URL names none.
pub const DEFAULT_REGION: &str = "us-east-1";

/// The only address that `gs://` talks to for objects.
pub(crate) const GCS_BASE_URL: &str = "https://storage.googleapis.com";

impl EndpointUrl {
    /// Parses and checks `text`. Parameters: `s3`: `region`, `endpoint`, `path_style` (`true`, the default, or
    /// `false`), `sse`, `kms_key`, `storage_class`, `http` (`1.1`); `az`: `account`, `endpoint`, `http`; `file` and
    /// `gs`: none.
    ///
    /// # Errors
    /// [`EndpointError::BadUrl`] with the reason; the text never holds a value of the URL.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        parts::parse(text)
            .map(|inner| Self { inner })
            .map_err(EndpointError::BadUrl)
    }

    /// The kind of store.
    pub fn scheme(&self) -> Scheme {
        match self.inner {
            Inner::File { .. } => Scheme::File,
            Inner::S3 { .. } => Scheme::S3,
            Inner::Az { .. } => Scheme::Az,
            Inner::Gs { .. } => Scheme::Gs,
        }
    }

    /// Whether this is a directory of the server.
    pub fn is_file(&self) -> bool {
        self.scheme() == Scheme::File
    }

    /// The absolute directory of a `file://` endpoint.
    pub fn file_path(&self) -> Option<&Path> {
        match &self.inner {
            Inner::File { path } => Some(path),
            _ => None,
        }
    }

    /// The prefix inside the bucket or container; empty for `file://`.
    pub fn prefix(&self) -> &str {
        match &self.inner {
            Inner::File { .. } => "",
            Inner::S3 { prefix, .. } | Inner::Az { prefix, .. } | Inner::Gs { prefix, .. } => prefix,
        }
    }

    /// The server that will be talked to, as `scheme://host[:port]` (what [`crate::allowed`] matches); `None` for
    /// `file://`, and for `az://` while neither URL nor credential has named the account.
    pub fn host_for_allow_list(&self) -> Option<String> {
        match &self.inner {
            Inner::File { .. } => None,
            Inner::S3 {
                bucket,
                path_style: false,
                ..
            } => {
                let base = self.s3_base()?;
                let (scheme, host) = base.split_once("://")?;
                Some(format!("{scheme}://{bucket}.{host}"))
            }
            Inner::S3 { .. } => self.s3_base(),
            Inner::Az { account, endpoint, .. } => match (endpoint, account) {
                (Some(endpoint), _) => {
                    let (scheme, rest) = endpoint.split_once("://")?;
                    let host = rest.split('/').next()?;
                    Some(format!("{scheme}://{host}"))
                }
                (None, Some(account)) => Some(format!("https://{account}.blob.core.windows.net")),
                (None, None) => None,
            },
            Inner::Gs { .. } => Some(GCS_BASE_URL.to_owned()),
        }
    }

    /// The versions of HTTP that the URL permits.
    pub fn http_versions(&self) -> HttpVersions {
        match self.inner {
            Inner::S3 { http, .. } | Inner::Az { http, .. } => http,
            Inner::File { .. } | Inner::Gs { .. } => HttpVersions::Any,
        }
    }

    /// The storage class that new objects get, where the URL names one.
    pub(crate) fn storage_class(&self) -> Option<StorageClass> {
        match self.inner {
            Inner::S3 { storage_class, .. } => storage_class,
            _ => None,
        }
    }

    /// Whether requests would go over plain http.
    pub fn is_plain_http(&self) -> bool {
        match &self.inner {
            Inner::S3 { endpoint, .. } | Inner::Az { endpoint, .. } => {
                endpoint.as_ref().is_some_and(|base| base.starts_with("http://"))
            }
            _ => false,
        }
    }

    /// `scheme://host[:port]` of an S3 store without any bucket in the host.
    fn s3_base(&self) -> Option<String> {
        match &self.inner {
            Inner::S3 {
                endpoint: Some(endpoint),
                ..
            } => Some(endpoint.clone()),
            Inner::S3 { region, .. } => {
                let region = region.as_deref().unwrap_or(DEFAULT_REGION);
                Some(format!("https://s3.{region}.amazonaws.com"))
            }
            _ => None,
        }
    }
}

impl std::str::FromStr for EndpointUrl {
    type Err = EndpointError;
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        Self::parse(text)
    }
}

impl fmt::Display for EndpointUrl {
    /// The canonical form: parameters in a fixed order, defaults left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut params: Vec<(&str, &str)> = Vec::new();
        match &self.inner {
            Inner::File { path } => return write!(f, "file://{}", path.display()),
            Inner::S3 {
                bucket,
                region,
                endpoint,
                path_style,
                encryption,
                storage_class,
                ..
            } => {
                write!(f, "s3://{bucket}")?;
                params.extend(region.as_deref().map(|value| ("region", value)));
                params.extend(endpoint.as_deref().map(|value| ("endpoint", value)));
                if !path_style {
                    params.push(("path_style", "false"));
                }
                if let Some(encryption) = encryption {
                    params.push(("sse", encryption.kind.as_str()));
                    params.extend(encryption.key.as_deref().map(|key| ("kms_key", key)));
                }
                params.extend(storage_class.map(|class| ("storage_class", class.as_str())));
            }
            Inner::Az {
                container,
                account,
                endpoint,
                ..
            } => {
                write!(f, "az://{container}")?;
                params.extend(account.as_deref().map(|value| ("account", value)));
                params.extend(endpoint.as_deref().map(|value| ("endpoint", value)));
            }
            Inner::Gs { bucket, .. } => write!(f, "gs://{bucket}")?,
        }
        match self.http_versions() {
            HttpVersions::Any => {}
            HttpVersions::Http11 => params.push(("http", HTTP_11)),
        }
        if !self.prefix().is_empty() {
            write!(f, "/{}", self.prefix())?;
        }
        for (position, (name, value)) in params.iter().enumerate() {
            let separator = if position == 0 { '?' } else { '&' };
            write!(f, "{separator}{name}={value}")?;
        }
        Ok(())
    }
}
