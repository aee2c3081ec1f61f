//! Identities of databases, tables, segments, branches and claims: uuids that cannot be mixed up.

#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};
use uuid::Uuid;

/// A text that was to be an identity is not a uuid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a uuid")]
pub struct NotAnId;

/// Defines the newtypes; they differ in nothing but their meaning.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a version 4 uuid of sixteen random bytes; the six bits of version and variant are set here.
            /// Applied to the bytes of an existing id it gives that id again.
            pub fn from_bytes(random: [u8; 16]) -> Self {
                Self(uuid::Builder::from_random_bytes(random).into_uuid())
            }

            /// Takes a uuid as it is, for example from the catalog.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The sixteen bytes in network order, as PostgreSQL's uuid stores them.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The uuid inside.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Uuid {
                id.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        /// Hyphenated lower case, as PostgreSQL shows a uuid and as object names hold it.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Uuid::parse_str(text).map(Self).map_err(|_| NotAnId)
            }
        }
    };
}

id! {
    /// A stretched database, for all its life and in all its copies (design §5, F22).
    DbId
}
id! {
    /// A stretched table; object names hold it, so that only one catalog table needs a regclass (F23).
    TableId
}
id! {
    /// One immutable set of cold rows.
    SegmentId
}
id! {
    /// One namespace on the endpoint, owned by whoever holds its highest claim (design §9).
    BranchId
}
id! {
    /// A state of a table's manifest; random at each change, the only cache key (F12).
    ManifestId
}
id! {
    /// What one claim of a branch is known by (F8, F20).
    Nonce
}
id! {
    /// One request of a session to the worker.
    RequestId
}
