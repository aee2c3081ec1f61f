//! Credentials: an identity and a secret that is wiped on drop and never printed.

use std::fmt;
use zeroize::Zeroizing;

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

/// What an endpoint asks for. By scheme: `s3` access key id and secret access key; `az` storage account and account
/// key (base64); `gs` e-mail address of the service account (or anything) and its key as JSON; `file` none.
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
