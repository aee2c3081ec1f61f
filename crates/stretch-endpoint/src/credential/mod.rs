//! Credentials: an identity and a secret that is wiped on drop and never printed.
//!
//! Some secrets are more than one key: [`sas`] and [`session`] read those.

use std::fmt;
use zeroize::Zeroizing;

mod expiry;
pub(crate) mod sas;
pub(crate) mod session;
#[cfg(test)]
mod tests;

/// A secret text: wiped when dropped, redacted in every output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the place that signs requests.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What an endpoint asks for, by scheme:
///
/// | scheme | identity | secret |
/// |---|---|---|
/// | `s3` | access key id | secret access key, or temporary credentials as JSON |
/// | `az` | storage account | account key (base64) |
/// | `az` | `SHARED ACCESS SIGNATURE` | the token |
/// | `gs` | anything | key of a service account as JSON |
/// | `file` | anything | not used |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Not secret, but not shown by this crate either.
    pub identity: String,
    /// The secret half.
    pub secret: Secret,
}

impl Credential {
    /// A credential of both halves.
    pub fn new(identity: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            identity: identity.into(),
            secret: Secret::new(secret.into()),
        }
    }
}
