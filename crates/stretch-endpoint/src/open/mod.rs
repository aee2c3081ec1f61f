//! From a URL and a credential to a store. Credentials come from the caller alone (F5).

use crate::credential::Credential;
use crate::error::EndpointError;
use crate::url::{EndpointUrl, Inner};
use object_store::ObjectStore;
use std::sync::Arc;

mod azure;
mod google;
mod local;
mod options;
mod s3;

pub use options::OpenOptions;

/// Makes the store. No request is sent; a `file://` directory is created (mode 0700) if it is missing.
pub(crate) fn build(
    url: &EndpointUrl,
    credential: Option<&Credential>,
    options: &OpenOptions,
) -> Result<Arc<dyn ObjectStore>, EndpointError> {
    if url.is_plain_http() && !options.allow_http {
        return Err(EndpointError::BadUrl("plain http is not permitted; use https".into()));
    }
    let need = || {
        let usable = |c: &&Credential| !c.secret.expose().is_empty();
        credential
            .filter(usable)
            .ok_or(EndpointError::BadCredential("a credential with a secret is needed"))
    };
    match &url.inner {
        Inner::File { path } => local::local(path),
        Inner::S3 { .. } => s3::s3(url, need()?, options),
        Inner::Az { .. } => azure::azure(url, need()?, options),
        Inner::Gs { .. } => google::google(url, need()?, options),
    }
}
