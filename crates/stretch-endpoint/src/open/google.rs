//! The store of a `gs://` endpoint: a bucket of Google Cloud Storage.

use super::options::{OpenOptions, build_failed};
use crate::credential::Credential;
use crate::error::EndpointError;
use crate::url::{EndpointUrl, GCS_BASE_URL, Inner};
use object_store::ObjectStore;
use object_store::gcp::GoogleCloudStorageBuilder;
use std::sync::Arc;

/// Opens the bucket with the key of a service account.
pub(super) fn google(
    url: &EndpointUrl,
    credential: &Credential,
    options: &OpenOptions,
) -> Result<Arc<dyn ObjectStore>, EndpointError> {
    let Inner::Gs { bucket, .. } = &url.inner else {
        return Err(EndpointError::Other);
    };
    let key = service_account_key(credential)?;
    let builder = GoogleCloudStorageBuilder::new()
        .with_service_account_key(key.as_str())
        .with_base_url(GCS_BASE_URL)
        .with_bucket_name(bucket)
        .with_retry(options.retry())
        .with_http_connector(options.connector(url, None)?);
    Ok(Arc::new(builder.build().map_err(build_failed)?))
}

/// The four fields of a service account key that are needed. The file format also lets it choose the server and
/// switch authentication off, which a database owner must not (F5): those fields are left behind.
fn service_account_key(credential: &Credential) -> Result<zeroize::Zeroizing<String>, EndpointError> {
    const BAD: EndpointError = EndpointError::BadCredential("its secret must be the JSON key of a service account");
    #[derive(serde::Deserialize, serde::Serialize)]
    struct Key<'a> {
        #[serde(borrow)]
        private_key: std::borrow::Cow<'a, str>,
        private_key_id: std::borrow::Cow<'a, str>,
        client_email: std::borrow::Cow<'a, str>,
    }
    impl Drop for Key<'_> {
        fn drop(&mut self) {
            use zeroize::Zeroize;
            if let std::borrow::Cow::Owned(text) = &mut self.private_key {
                text.zeroize();
            }
        }
    }
    let key: Key<'_> = serde_json::from_str(credential.secret.expose()).map_err(|_| BAD)?;
    let text = serde_json::to_string(&key).map_err(|_| BAD)?;
    Ok(zeroize::Zeroizing::new(text))
}
