//! The store of an `az://` endpoint: a container of Azure Blob Storage.

use super::options::{OpenOptions, build_failed};
use crate::credential::Credential;
use crate::credential::sas::{self, Sas};
use crate::error::EndpointError;
use crate::url::{EndpointUrl, Inner, check_account};
use chrono::{DateTime, Utc};
use object_store::azure::{AzureAccessKey, AzureCredential, MicrosoftAzureBuilder};
use object_store::{ObjectStore, StaticCredentialProvider};
use std::sync::Arc;

/// Opens the container with the account's key or with a shared access signature.
pub(super) fn azure(
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
    let Opened {
        account,
        secret,
        expires,
    } = if sas::is_announced_by(&credential.identity) {
        by_sas(
            account.as_deref().or_else(|| account_of(endpoint.as_deref()?)),
            credential,
        )?
    } else {
        by_key(account.as_deref(), credential)?
    };
    let address = match endpoint {
        Some(endpoint) => endpoint.clone(),
        None => format!("https://{account}.blob.core.windows.net"),
    };
    let builder = MicrosoftAzureBuilder::new()
        .with_credentials(Arc::new(StaticCredentialProvider::new(secret)))
        .with_account(account)
        .with_container_name(container)
        .with_endpoint(address)
        .with_allow_http(options.allow_http)
        .with_retry(options.retry())
        .with_http_connector(options.connector(url, expires)?);
    Ok(Arc::new(builder.build().map_err(build_failed)?))
}

/// What a credential says.
struct Opened {
    account: String,
    secret: AzureCredential,
    expires: Option<DateTime<Utc>>,
}

fn by_key(account: Option<&str>, credential: &Credential) -> Result<Opened, EndpointError> {
    let account = match account {
        Some(account) if credential.identity.is_empty() || account == credential.identity => account,
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
    Ok(Opened {
        account: account.to_owned(),
        secret: AzureCredential::AccessKey(key),
        expires: None,
    })
}

fn by_sas(account: Option<&str>, credential: &Credential) -> Result<Opened, EndpointError> {
    let account = account.ok_or(EndpointError::BadCredential(
        "with a shared access signature the endpoint URL must name the account: az://container/prefix?account=NAME",
    ))?;
    let sas = Sas::parse(credential.secret.expose())?;
    Ok(Opened {
        account: account.to_owned(),
        secret: AzureCredential::SASToken(sas.parameters),
        expires: sas.expires,
    })
}

/// The first folder of an emulator's address.
fn account_of(endpoint: &str) -> Option<&str> {
    let (_, rest) = endpoint.split_once("://")?;
    let account = rest.split('/').nth(1)?;
    check_account(account).ok().map(|()| account)
}
