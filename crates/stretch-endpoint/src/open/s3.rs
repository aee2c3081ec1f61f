//! The store of an `s3://` endpoint: a bucket of S3 or of a store that speaks its protocol.

use super::options::{OpenOptions, build_failed};
use crate::credential::{Credential, session};
use crate::error::EndpointError;
use crate::url::{DEFAULT_REGION, Encryption, EndpointUrl, Inner};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum, S3ConditionalPut};
use object_store::{ObjectStore, StaticCredentialProvider};
use std::sync::Arc;

/// Opens the bucket with a key or with temporary credentials.
pub(super) fn s3(
    url: &EndpointUrl,
    credential: &Credential,
    options: &OpenOptions,
) -> Result<Arc<dyn ObjectStore>, EndpointError> {
    let Inner::S3 {
        bucket,
        region,
        endpoint,
        path_style,
        encryption,
        ..
    } = &url.inner
    else {
        return Err(EndpointError::Other);
    };
    let (keys, expires) = session::aws(credential)?;
    // A provider given here is the only one that is ever asked: the builder looks for web identity, container or
    // instance credentials only without it, and reads the environment only in `from_env`.
    let provider = StaticCredentialProvider::new(keys);
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
        .with_http_connector(options.connector(url, expires)?);
    if let Some(encryption) = encryption {
        builder = encrypted(builder, encryption)?;
    }
    if endpoint.is_some() {
        // In the virtual-hosted style the client takes the address as it is, bucket included.
        let address = url.host_for_allow_list().ok_or(EndpointError::Other)?;
        builder = builder.with_endpoint(address);
    }
    Ok(Arc::new(builder.build().map_err(build_failed)?))
}

/// The headers that ask for encryption go with every object that is created. The client's keys of it have no type that
/// could be named.
fn encrypted(builder: AmazonS3Builder, encryption: &Encryption) -> Result<AmazonS3Builder, EndpointError> {
    let key = |name: &str| name.parse::<AmazonS3ConfigKey>().map_err(|_| EndpointError::Other);
    let builder = builder.with_config(key("aws_server_side_encryption")?, encryption.kind.as_str());
    Ok(match &encryption.key {
        Some(id) => builder.with_config(key("aws_sse_kms_key_id")?, id),
        None => builder,
    })
}
