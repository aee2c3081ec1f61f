//! Secrets of S3: a key, or temporary credentials as AWS's own program prints them.

use super::{Credential, expiry};
use crate::error::EndpointError;
use chrono::{DateTime, Utc};
use object_store::aws::AwsCredential;

/// `aws sts assume-role --query Credentials`, `aws sts get-session-token --query Credentials` and
/// `aws configure export-credentials` print these names. Further ones are passed over.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: Option<String>,
}

/// What requests are signed with, and when it says that it ends.
pub(crate) fn aws(credential: &Credential) -> Result<(AwsCredential, Option<DateTime<Utc>>), EndpointError> {
    if credential.identity.is_empty() {
        return Err(EndpointError::BadCredential("its identity must be the access key id"));
    }
    let secret = credential.secret.expose();
    // No secret access key is an object of JSON.
    if !secret.trim_start().starts_with('{') {
        let keys = AwsCredential {
            key_id: credential.identity.clone(),
            secret_key: secret.to_owned(),
            token: None,
        };
        return Ok((keys, None));
    }
    let printed: Printed = serde_json::from_str(secret).map_err(|_| {
        EndpointError::BadCredential(
            "temporary credentials must be JSON with AccessKeyId, SecretAccessKey and SessionToken, \
             as \"aws sts\" prints them below Credentials",
        )
    })?;
    if printed.access_key_id != credential.identity {
        return Err(EndpointError::BadCredential(
            "its identity must be the AccessKeyId of its temporary credentials",
        ));
    }
    let expires = printed.expiration.as_deref().and_then(expiry::parse);
    let keys = AwsCredential {
        key_id: printed.access_key_id,
        secret_key: printed.secret_access_key,
        token: Some(printed.session_token),
    };
    Ok((keys, expires))
}
