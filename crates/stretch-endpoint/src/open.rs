//! From a URL and a credential to a store. Credentials come from the caller alone (F5).

use crate::credential::Credential;
use crate::error::EndpointError;
use crate::http::{GuardedConnector, NO_CLIENT};
use crate::refusal::Operation;
use crate::url::{DEFAULT_REGION, EndpointUrl, GCS_BASE_URL, Inner, check_account};
use object_store::aws::{AmazonS3Builder, AwsCredential, Checksum, S3ConditionalPut};
use object_store::azure::{AzureAccessKey, AzureCredential, MicrosoftAzureBuilder};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::{BackoffConfig, ObjectStore, RetryConfig, StaticCredentialProvider};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Time limits and the retry budget of one endpoint.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// For making a connection.
    pub connect_timeout: Duration,
    /// For one request, from sending it to the last byte of the answer; for `file://`, for one operation.
    pub request_timeout: Duration,
    /// How often a failed request is repeated (connection errors, 429, 5xx).
    pub max_retries: usize,
    /// No repetition begins later than this after the first try.
    pub retry_timeout: Duration,
    /// Plain http is permitted. A caller sets it only where the allow list names the http address.
    pub allow_http: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(60),
            max_retries: 3,
            retry_timeout: Duration::from_secs(20),
            allow_http: false,
        }
    }
}

impl OpenOptions {
    fn connector(&self, url: &EndpointUrl) -> GuardedConnector {
        GuardedConnector {
            connect_timeout: self.connect_timeout,
            request_timeout: self.request_timeout,
            plain_http: url.is_plain_http(),
            versions: url.http_versions(),
        }
    }

    fn retry(&self) -> RetryConfig {
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
        Inner::File { path } => local(path),
        Inner::S3 { .. } => s3(url, need()?, options),
        Inner::Az { .. } => azure(url, need()?, options),
        Inner::Gs { .. } => google(url, need()?, options),
    }
}

/// A builder fails on malformed credentials or addresses only; its text may quote them, so it is dropped.
fn build_failed(error: object_store::Error) -> EndpointError {
    if matches!(&error, object_store::Error::Generic { store, .. } if *store == NO_CLIENT) {
        return EndpointError::NoTls;
    }
    EndpointError::BadCredential("the store's client cannot be set up with it")
}

fn local(path: &Path) -> Result<Arc<dyn ObjectStore>, EndpointError> {
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

fn s3(
    url: &EndpointUrl,
    credential: &Credential,
    options: &OpenOptions,
) -> Result<Arc<dyn ObjectStore>, EndpointError> {
    let Inner::S3 {
        bucket,
        region,
        endpoint,
        path_style,
        ..
    } = &url.inner
    else {
        return Err(EndpointError::Other);
    };
    if credential.identity.is_empty() {
        return Err(EndpointError::BadCredential("its identity must be the access key id"));
    }
    // A provider given here is the only one that is ever asked: the builder looks for web identity, container or
    // instance credentials only without it, and reads the environment only in `from_env`.
    let provider = StaticCredentialProvider::new(AwsCredential {
        key_id: credential.identity.clone(),
        secret_key: credential.secret.expose().to_owned(),
        token: None,
    });
    let mut builder = AmazonS3Builder::new()
        .with_credentials(Arc::new(provider))
        .with_bucket_name(bucket)
        .with_region(region.as_deref().unwrap_or(DEFAULT_REGION))
        .with_virtual_hosted_style_request(!path_style)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_checksum_algorithm(Checksum::SHA256)
        // One object is deleted at a time, and some compatible stores know no request for many.
        .with_disable_bulk_delete(true)
        .with_allow_http(options.allow_http)
        .with_retry(options.retry())
        .with_http_connector(options.connector(url));
    if endpoint.is_some() {
        // In the virtual-hosted style the client takes the address as it is, bucket included.
        let address = url.host_for_allow_list().ok_or(EndpointError::Other)?;
        builder = builder.with_endpoint(address);
    }
    Ok(Arc::new(builder.build().map_err(build_failed)?))
}

fn azure(
    url: &EndpointUrl,
    credential: &Credential,
    options: &OpenOptions,
) -> Result<Arc<dyn ObjectStore>, EndpointError> {
    let Inner::Az {
        container,
        account,
        endpoint,
        ..
    } = &url.inner
    else {
        return Err(EndpointError::Other);
    };
    let account = match account {
        Some(account) if credential.identity.is_empty() || *account == credential.identity => account,
        Some(_) => {
            return Err(EndpointError::BadCredential(
                "its identity is not the account of the endpoint URL",
            ));
        }
        None => &credential.identity,
    };
    check_account(account).map_err(|_| EndpointError::BadCredential("its identity must be the storage account"))?;
    let key = AzureAccessKey::try_new(credential.secret.expose())
        .map_err(|_| EndpointError::BadCredential("its secret must be the account key (base64)"))?;
    let provider = StaticCredentialProvider::new(AzureCredential::AccessKey(key));
    let address = match endpoint {
        Some(endpoint) => endpoint.clone(),
        None => format!("https://{account}.blob.core.windows.net"),
    };
    let builder = MicrosoftAzureBuilder::new()
        .with_credentials(Arc::new(provider))
        .with_account(account)
        .with_container_name(container)
        .with_endpoint(address)
        .with_allow_http(options.allow_http)
        .with_retry(options.retry())
        .with_http_connector(options.connector(url));
    Ok(Arc::new(builder.build().map_err(build_failed)?))
}

fn google(
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
        .with_http_connector(options.connector(url));
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
