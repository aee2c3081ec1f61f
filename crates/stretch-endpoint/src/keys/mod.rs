//! The names of all objects of a database below the endpoint's prefix (design §9).
//!
//! ```text
//! <db_id>/stretch.json
//! <db_id>/<branch>/branch.json
//! <db_id>/<branch>/claim/<generation>
//! <db_id>/<branch>/lease/<generation>-<sequence>
//! <db_id>/<branch>/pin/<child branch>-<n>
//! <db_id>/<branch>/pin/backup-<label>-<n>
//! <db_id>/<branch>/segment/<table_id>/<segment_id>-<generation>-<attempt>.parquet
//! <db_id>/<branch>/trash/<table_id>/<segment_id>-<generation>-<attempt>.parquet.<mark>
//! <db_id>/<branch>/quarantine/<n>
//! ```
//! Ids are lower-case UUIDs with hyphens. `generation`, `sequence` and `n` outside of segment names are decimal,
//! padded with zeros to 20 digits, so that listings are in numerical order; numbers in segment names and marks are
//! plain decimal. A name has exactly one spelling.

use crate::error::EndpointError;
use stretch_core::collect::facts::{ObjectName, SegmentOf};
use stretch_core::ids::{SegmentId, TableId};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// A number in a name that is listed in order.
const WIDTH: usize = 20;

/// A backup label that can be part of a name: 1 to 64 of ASCII letters, digits, `_`, `-`, `.`, the first a letter or
/// digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(String);

impl Label {
    /// Checks the text.
    ///
    /// # Errors
    /// [`EndpointError::BadKey`] for any other text.
    pub fn new(text: &str) -> Result<Self, EndpointError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
        let good =
            (1..=64).contains(&text.len()) && text.bytes().all(plain) && text.as_bytes()[0].is_ascii_alphanumeric();
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(EndpointError::BadKey(
                "a label is 1 to 64 letters, digits and _ - . beginning with a letter or digit",
            ))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What names one uploaded object of a segment. The same segment may have several: one per attempt (F26).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentName {
    /// The stretched table.
    pub table: Uuid,
    /// The segment.
    pub segment: Uuid,
    /// The claim's generation under which it was uploaded.
    pub generation: u64,
    /// Counts from 0; the next one is used where a name is taken by other bytes.
    pub attempt: u32,
}

impl SegmentName {
    fn file(&self) -> String {
        let Self {
            segment,
            generation,
            attempt,
            ..
        } = self;
        format!("{segment}-{generation}-{attempt}.parquet")
    }

    fn parse(table: &str, file: &str) -> Option<Self> {
        let stem = file.strip_suffix(".parquet")?;
        let (rest, attempt) = stem.rsplit_once('-')?;
        let (segment, generation) = rest.rsplit_once('-')?;
        Some(Self {
            table: table.parse().ok()?,
            segment: segment.parse().ok()?,
            generation: generation.parse().ok()?,
            attempt: attempt.parse().ok()?,
        })
    }
}

impl From<ObjectName> for SegmentName {
    fn from(name: ObjectName) -> Self {
        Self {
            table: name.of.table.uuid(),
            segment: name.of.segment.uuid(),
            generation: name.generation,
            attempt: name.attempt,
        }
    }
}

impl From<SegmentName> for ObjectName {
    fn from(name: SegmentName) -> Self {
        Self {
            of: SegmentOf {
                table: TableId::from_uuid(name.table),
                segment: SegmentId::from_uuid(name.segment),
            },
            generation: name.generation,
            attempt: name.attempt,
        }
    }
}

/// One object of a database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Key {
    /// Format version, created once.
    Stretch,
    /// Where a branch comes from.
    Branch { branch: Uuid },
    /// Ownership of a branch; the highest generation owns it.
    Claim { branch: Uuid, generation: u64 },
    /// A heartbeat.
    Lease {
        branch: Uuid,
        generation: u64,
        sequence: u64,
    },
    /// What a child branch needs of this branch.
    BranchPin { branch: Uuid, child: Uuid, n: u64 },
    /// What a named backup needs of this branch.
    BackupPin { branch: Uuid, label: Label, n: u64 },
    /// Cold rows.
    Segment { branch: Uuid, name: SegmentName },
    /// A segment marked for collection, with the generation that marked it.
    Trash { branch: Uuid, name: SegmentName, mark: u64 },
    /// A list of objects made after a restore point that was taken over.
    Quarantine { branch: Uuid, n: u64 },
}

impl Key {
    /// The key below the endpoint's prefix.
    pub fn path(&self, db: &Uuid) -> String {
        match self {
            Self::Stretch => format!("{db}/stretch.json"),
            Self::Branch { branch } => format!("{db}/{branch}/branch.json"),
            Self::Claim { branch, generation } => {
                format!("{db}/{branch}/claim/{generation:0WIDTH$}")
            }
            Self::Lease {
                branch,
                generation,
                sequence,
            } => format!("{db}/{branch}/lease/{generation:0WIDTH$}-{sequence:0WIDTH$}"),
            Self::BranchPin { branch, child, n } => {
                format!("{db}/{branch}/pin/{child}-{n:0WIDTH$}")
            }
            Self::BackupPin { branch, label, n } => {
                format!("{db}/{branch}/pin/backup-{}-{n:0WIDTH$}", label.0)
            }
            Self::Segment { branch, name } => {
                format!("{db}/{branch}/segment/{}/{}", name.table, name.file())
            }
            Self::Trash { branch, name, mark } => {
                format!("{db}/{branch}/trash/{}/{}.{mark}", name.table, name.file())
            }
            Self::Quarantine { branch, n } => format!("{db}/{branch}/quarantine/{n:0WIDTH$}"),
        }
    }

    /// The database and object that a key names, or `None` for any text that [`Key::path`] does not make.
    pub fn parse(path: &str) -> Option<(Uuid, Self)> {
        let (db, rest) = path.split_once('/')?;
        let db: Uuid = db.parse().ok()?;
        let key = Self::parse_below_db(rest)?;
        // One spelling only: other forms of ids and numbers are refused here.
        (key.path(&db) == path).then_some((db, key))
    }

    fn parse_below_db(rest: &str) -> Option<Self> {
        if rest == "stretch.json" {
            return Some(Self::Stretch);
        }
        let parts: Vec<&str> = rest.split('/').collect();
        let branch: Uuid = parts.first()?.parse().ok()?;
        match parts.get(1..)? {
            ["branch.json"] => Some(Self::Branch { branch }),
            ["claim", generation] => Some(Self::Claim {
                branch,
                generation: generation.parse().ok()?,
            }),
            ["lease", name] => {
                let (generation, sequence) = name.split_once('-')?;
                Some(Self::Lease {
                    branch,
                    generation: generation.parse().ok()?,
                    sequence: sequence.parse().ok()?,
                })
            }
            ["pin", name] => {
                let (who, n) = name.rsplit_once('-')?;
                let n = n.parse().ok()?;
                match who.strip_prefix("backup-") {
                    Some(label) => Some(Self::BackupPin {
                        branch,
                        label: Label::new(label).ok()?,
                        n,
                    }),
                    None => Some(Self::BranchPin {
                        branch,
                        child: who.parse().ok()?,
                        n,
                    }),
                }
            }
            ["segment", table, file] => Some(Self::Segment {
                branch,
                name: SegmentName::parse(table, file)?,
            }),
            ["trash", table, marked] => {
                let (file, mark) = marked.rsplit_once('.')?;
                Some(Self::Trash {
                    branch,
                    name: SegmentName::parse(table, file)?,
                    mark: mark.parse().ok()?,
                })
            }
            ["quarantine", n] => Some(Self::Quarantine {
                branch,
                n: n.parse().ok()?,
            }),
            _ => None,
        }
    }
}

/// Branch that an object's key lies in.
pub fn branch_of(key: &str) -> Option<Uuid> {
    key.split('/').nth(1)?.parse().ok()
}

/// The folders of a branch, for listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Folder {
    Claim,
    Lease,
    Pin,
    Segment,
    Trash,
    Quarantine,
}

impl Folder {
    /// The folder's prefix, without a last slash.
    pub fn path(self, db: &Uuid, branch: &Uuid) -> String {
        let name = match self {
            Self::Claim => "claim",
            Self::Lease => "lease",
            Self::Pin => "pin",
            Self::Segment => "segment",
            Self::Trash => "trash",
            Self::Quarantine => "quarantine",
        };
        format!("{db}/{branch}/{name}")
    }
}
