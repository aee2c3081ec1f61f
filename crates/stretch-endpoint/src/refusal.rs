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

/// The reasons that are told apart by the store's error code, and by what is known here of clock and credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No reason that is known here: identity or secret are wrong, or a right is lacking.
    Credential,
    /// The signature is not the one that the store computes.
    Signature,
    /// The times of this server and of the store are too far apart.
    Clock,
    /// The credential has come to its end.
    Expired,
    /// A policy of the store protects the object from deletion, whoever asks.
    Immutable,
    /// The credential is right and may not do this.
    Permission(Operation),
}

impl Refusal {
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
            Self::Expired => Some("Get a new one from the store and set it with stretch.alter_credential."),
            Self::Immutable => Some("Nothing has to be done: the object stays until the policy permits its deletion."),
            Self::Permission(Operation::Read) => Some(
                "Grant reading: s3:GetObject, storage.objects.get on Google Cloud, r of a shared access signature. \
                 S3 gives the same answer for an object that does not exist while s3:ListBucket is lacking.",
            ),
            Self::Permission(Operation::Create) => Some(
                "Grant creating: s3:PutObject, storage.objects.create on Google Cloud, w of a shared access signature.",
            ),
            Self::Permission(Operation::List) => Some(
                "Grant listing: s3:ListBucket on the bucket itself (not on its objects), \
                 storage.objects.list on Google Cloud, l of a shared access signature for the container.",
            ),
            Self::Permission(Operation::Delete) => Some(
                "Grant deleting: s3:DeleteObject, storage.objects.delete on Google Cloud, \
                 d of a shared access signature.",
            ),
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
            Self::Expired => "the credential has expired",
            Self::Immutable => "a policy of the store forbids the deletion of this object",
            Self::Permission(Operation::Read) => "the credential lacks the permission to read objects (GetObject)",
            Self::Permission(Operation::Create) => "the credential lacks the permission to create objects (PutObject)",
            Self::Permission(Operation::List) => "the credential lacks the permission to list the bucket (ListBucket)",
            Self::Permission(Operation::Delete) => {
                "the credential lacks the permission to delete objects (DeleteObject)"
            }
        })
    }
}
