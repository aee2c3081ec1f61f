//! The content of the small objects, as JSON; how they are created and read is in `stored`.
//!
//! Unknown fields are ignored, so that a newer version may add some; a raised `format` says that an older version
//! must not go on. LSNs are plain 64-bit numbers.

use crate::error::EndpointError;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

mod stored;
#[cfg(test)]
mod tests;

pub(crate) use stored::create_or_read;
pub use stored::{create_branch, create_database, open_database, read_branch};

/// The format that this version writes and the highest that it reads.
pub const FORMAT: u32 = 1;

/// `stretch.json`: whose place this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StretchJson {
    /// Version of the whole layout below the database's folder.
    pub format: u32,
    /// The database.
    #[serde(with = "uuid_text")]
    pub db_id: Uuid,
    /// When, as text of the creator's making; for people only.
    pub created_at: String,
}

/// `branch.json`: where a branch comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchJson {
    /// Version of this body.
    pub format: u32,
    /// The branch.
    #[serde(with = "uuid_text")]
    pub branch_id: Uuid,
    /// The branch it was copied from, if any.
    #[serde(with = "optional_uuid_text", default)]
    pub parent: Option<Uuid>,
    /// The parent's generation at the fork.
    #[serde(default)]
    pub fork_generation: Option<u64>,
    /// The copied catalog's position at the fork.
    #[serde(default)]
    pub fork_lsn: Option<u64>,
    /// Who and when, for people only.
    pub created_by: String,
}

/// `claim/<generation>`: who owns the branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimBody {
    /// Version of this body.
    pub format: u32,
    /// As in the name.
    pub generation: u64,
    /// Random, one per claim; written to the local marker before the claim is tried (F20).
    #[serde(with = "uuid_text")]
    pub nonce: Uuid,
    /// PostgreSQL's system identifier.
    pub system_identifier: u64,
    /// The database's oid.
    pub database_oid: u32,
    /// Timeline at the claim.
    pub timeline: u32,
    /// Position at the claim.
    pub lsn: u64,
    /// Retention in force at the claim, in seconds (C-9).
    pub retention_seconds: u64,
    /// Who and when, for people only.
    pub created_by: String,
}

/// `lease/<generation>-<sequence>`: one heartbeat (F41).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseBody {
    /// Version of this body.
    pub format: u32,
    /// As in the name.
    pub generation: u64,
    /// As in the name.
    pub sequence: u64,
    /// The claim's nonce.
    #[serde(with = "uuid_text")]
    pub nonce: Uuid,
    /// PostgreSQL's system identifier.
    pub system_identifier: u64,
    /// The database's oid.
    pub database_oid: u32,
    /// Timeline of the position.
    pub timeline: u32,
    /// A position that is flushed to disk, never a later one.
    pub flushed_lsn: u64,
    /// Retention in force, in seconds; versions that did not say so leave it out.
    #[serde(default)]
    pub retention_seconds: Option<u64>,
}

impl LeaseBody {
    /// The retention that the owner of a branch promised last, in seconds. A claim tells that of its own moment: it may
    /// have been raised since, and a restore to a moment before must not shorten it; or lowered, as its owner wanted.
    pub fn promised(claim: &ClaimBody, newest: Option<&Self>) -> u64 {
        let said = newest.filter(|lease| lease.generation == claim.generation);
        said.and_then(|lease| lease.retention_seconds)
            .unwrap_or(claim.retention_seconds)
    }
}

/// `pin/…`: which objects of the branch somebody needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinBody {
    /// Version of this body.
    pub format: u32,
    /// The branch that needs them: the child, or for a backup the branch itself.
    #[serde(with = "uuid_text")]
    pub branch_id: Uuid,
    /// Their keys below the endpoint's prefix.
    pub keys: Vec<String>,
    /// What else a backup needs. Absent in pins of branches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupRange>,
}

/// What a backup needs besides the objects that were live when it was pinned: whatever its server had later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRange {
    /// Where the log stood.
    pub from_lsn: u64,
    /// The generation of the claim.
    pub generation: u64,
    /// When the backup is given up, in seconds since 1970; never if there is none.
    #[serde(default)]
    pub expires_at: Option<u64>,
}

/// `quarantine/<n>`: objects that were made after a restore point with which somebody took the branch over (F18).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineBody {
    /// Version of this body.
    pub format: u32,
    /// The generation of the claim that took the branch over.
    pub generation: u64,
    /// Where the log of the restored database stood.
    pub lsn: u64,
    /// Who and when, for people only.
    pub created_by: String,
    /// Keys of the objects below the endpoint's prefix.
    pub keys: Vec<String>,
}

/// Every body starts with its format.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

/// Reads a body of any format up to [`FORMAT`].
pub(crate) fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, EndpointError> {
    let corrupt = |_| EndpointError::Corrupt {
        key: key.to_owned(),
        what: "its content is not the expected JSON",
    };
    let found: FormatOnly = serde_json::from_slice(bytes).map_err(corrupt)?;
    if found.format > FORMAT {
        return Err(EndpointError::NewerFormat {
            key: key.to_owned(),
            found: found.format,
            known: FORMAT,
        });
    }
    serde_json::from_slice(bytes).map_err(corrupt)
}

/// The bytes of a body.
pub(crate) fn encode<T: Serialize>(body: &T) -> Result<Bytes, EndpointError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|_| EndpointError::Other)
}

/// UUIDs as text in JSON.
mod uuid_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use uuid::Uuid;

    pub(super) fn serialize<S: Serializer>(id: &Uuid, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Uuid, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(|_| D::Error::custom("not a UUID"))
    }
}

/// Optional UUIDs as text or null in JSON.
mod optional_uuid_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use uuid::Uuid;

    pub(super) fn serialize<S: Serializer>(id: &Option<Uuid>, to: S) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => to.collect_str(id),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Uuid>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(|_| D::Error::custom("not a UUID")))
            .transpose()
    }
}
