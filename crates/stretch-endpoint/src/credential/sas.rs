//! A shared access signature (SAS) of Azure: parameters that are added to each request in the place of a signature.

use super::expiry;
use crate::error::EndpointError;
use chrono::{DateTime, Utc};

/// The identity that says that the secret is a SAS. It is SQL Server's, where a credential for Azure is made by
/// `CREATE DATABASE SCOPED CREDENTIAL … WITH IDENTITY = 'SHARED ACCESS SIGNATURE'`.
const IDENTITY: &str = "SHARED ACCESS SIGNATURE";

/// A token taken apart.
pub(crate) struct Sas {
    /// Names and values, decoded.
    pub(crate) parameters: Vec<(String, String)>,
    /// The end that the token names itself (`se`); a stored access policy may hold it instead.
    pub(crate) expires: Option<DateTime<Utc>>,
}

/// Whether this identity announces a SAS.
pub(crate) fn is_announced_by(identity: &str) -> bool {
    identity.trim().eq_ignore_ascii_case(IDENTITY)
}

impl Sas {
    /// Takes a token as the portal and the `az` program show it, with or without its question mark.
    pub(crate) fn parse(secret: &str) -> Result<Self, EndpointError> {
        const BAD: EndpointError = EndpointError::BadCredential(
            "its secret must be the shared access signature alone: the part of the address after the question mark",
        );
        let token = secret.trim();
        let token = token.strip_prefix('?').unwrap_or(token);
        if token.contains(['?', ' ']) {
            return Err(BAD);
        }
        // A plus sign that was not encoded is one, and no space: signatures are base64.
        let token = zeroize::Zeroizing::new(token.replace('+', "%2B"));
        let parameters: Vec<(String, String)> = url::form_urlencoded::parse(token.as_bytes()).into_owned().collect();
        let value = |name: &str| {
            parameters
                .iter()
                .find(|(other, value)| other == name && !value.is_empty())
                .map(|(_, value)| value.as_str())
        };
        if value("sig").is_none() || value("sv").is_none() {
            return Err(BAD);
        }
        let expires = value("se").and_then(expiry::parse);
        Ok(Self { parameters, expires })
    }
}
