//! How a store is opened, and what clients of every store have in common.

use crate::error::EndpointError;
use crate::http::{GuardedConnector, NO_CLIENT, ca_file};
use crate::url::EndpointUrl;
use chrono::{DateTime, Utc};
use object_store::{BackoffConfig, RetryConfig};
use std::path::PathBuf;
use std::time::Duration;

/// Time limits and the retry budget of one endpoint.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// For making a connection.
    pub connect_timeout: Duration,
    /// For one request, from sending it to the last byte of the answer; for `file://`, for one operation. A pause that
    /// a store asks for by `Retry-After` lasts at most as long.
    pub request_timeout: Duration,
    /// How often a failed request is repeated (connection errors, 429, 5xx).
    pub max_retries: usize,
    /// No repetition begins later than this after the first try.
    pub retry_timeout: Duration,
    /// Plain http is permitted. A caller sets it only where the allow list names the http address.
    pub allow_http: bool,
    /// A PEM file of certificates that are trusted beside the system's, for https.
    pub ca_file: Option<PathBuf>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(60),
            max_retries: 3,
            retry_timeout: Duration::from_secs(20),
            allow_http: false,
            ca_file: None,
        }
    }
}

impl OpenOptions {
    /// `expires`: when the credential says that it ends.
    pub(super) fn connector(
        &self,
        url: &EndpointUrl,
        expires: Option<DateTime<Utc>>,
    ) -> Result<GuardedConnector, EndpointError> {
        let authorities = match &self.ca_file {
            Some(path) if !url.is_plain_http() => ca_file::read(path)?,
            _ => Vec::new(),
        };
        Ok(GuardedConnector {
            connect_timeout: self.connect_timeout,
            request_timeout: self.request_timeout,
            plain_http: url.is_plain_http(),
            versions: url.http_versions(),
            authorities,
            expires,
        })
    }

    pub(super) fn retry(&self) -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(2),
                base: 2.0,
            },
            max_retries: self.max_retries,
            retry_timeout: self.retry_timeout,
        }
    }
}

/// A builder fails on malformed credentials or addresses only; its text may quote them, so it is dropped.
pub(super) fn build_failed(error: object_store::Error) -> EndpointError {
    if matches!(&error, object_store::Error::Generic { store, .. } if *store == NO_CLIENT) {
        return EndpointError::NoTls;
    }
    EndpointError::BadCredential("the store's client cannot be set up with it")
}
