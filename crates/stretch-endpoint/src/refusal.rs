//! Why a store refuses a request (401 or 403): not always because the credential is wrong.

use std::fmt;

/// What was asked of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// An object's bytes, or its size.
    Read,
    /// A new object.
    Create,
    /// The names below a folder.
    List,
    /// An object of ours that nobody needs any more.
    Delete,
}

/// The reasons that are told apart by the store's error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No reason that is known here: identity or secret are wrong, or a right is lacking.
    Credential,
    /// The signature is not the one that the store computes.
    Signature,
    /// The times of this server and of the store are too far apart.
    Clock,
    /// The credential is right and may not do this.
    Permission(Operation),
}

impl Refusal {
    /// From the store's error code, which S3, Azure and Google Cloud spell differently.
    pub(crate) fn from_code(code: Option<&str>, operation: Operation) -> Self {
        match code {
            Some("SignatureDoesNotMatch") => Self::Signature,
            Some("RequestTimeTooSkewed") => Self::Clock,
            Some("AccessDenied" | "AuthorizationPermissionMismatch" | "InsufficientAccountPermissions") => {
                Self::Permission(operation)
            }
            _ => Self::Credential,
        }
    }

    /// What to do about it, where that is more than to look at the credential.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::Credential => None,
            Self::Signature => Some(
                "Set the secret anew with stretch.alter_credential; if it is right, \
                 see whether a proxy between this server and the store changes headers or paths, \
                 and try http=1.1 in the endpoint URL.",
            ),
            Self::Clock => Some("Set the clock of this server, for example with NTP."),
            Self::Permission(Operation::Read) => Some(
                "Grant reading: s3:GetObject, or storage.objects.get on Google Cloud. \
                 S3 gives the same answer for an object that does not exist while s3:ListBucket is lacking.",
            ),
            Self::Permission(Operation::Create) => {
                Some("Grant creating: s3:PutObject, or storage.objects.create on Google Cloud.")
            }
            Self::Permission(Operation::List) => Some(
                "Grant listing: s3:ListBucket on the bucket itself (not on its objects), \
                 or storage.objects.list on Google Cloud.",
            ),
            Self::Permission(Operation::Delete) => {
                Some("Grant deleting: s3:DeleteObject, or storage.objects.delete on Google Cloud.")
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credential => "the endpoint refused the credential",
            Self::Signature => {
                "the endpoint refused the signature: the secret is wrong, or a proxy changes the request on its way"
            }
            Self::Clock => "the endpoint refused the request because the clock of this server is wrong",
            Self::Permission(Operation::Read) => "the credential lacks the permission to read objects (GetObject)",
            Self::Permission(Operation::Create) => "the credential lacks the permission to create objects (PutObject)",
            Self::Permission(Operation::List) => "the credential lacks the permission to list the bucket (ListBucket)",
            Self::Permission(Operation::Delete) => {
                "the credential lacks the permission to delete objects (DeleteObject)"
            }
        })
    }
}
