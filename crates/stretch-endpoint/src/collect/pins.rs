//! The pins of a branch, as facts of a collector: who pins, and which segments each lists.

use crate::bodies::PinBody;
use crate::error::EndpointError;
use crate::keys::Key;
use crate::pin::read_pins;
use crate::quarantine::quarantines;
use crate::store::Endpoint;
use std::collections::BTreeMap;
use std::time::Duration;
use stretch_core::collect::facts::{ObjectName, Pin, Pinned, Standing};
use stretch_core::collect::times::StoreTime;
use stretch_core::ids::BranchId;
use uuid::Uuid;

/// All pins of a branch, and its quarantines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pins {
    /// Who pins.
    pub pins: Vec<Pin>,
    /// Their keys, in the same order.
    pub keys: Vec<Key>,
    /// Which segments they list, in order.
    pub pinned: Vec<Pinned>,
}

impl Pins {
    /// Adds what a pin or a quarantine lists.
    fn list(&mut self, db: &Uuid, key: &Key, pin: usize, listed: &[String]) -> Result<(), EndpointError> {
        for listed in listed {
            let Some((_, Key::Segment { name, .. })) = Key::parse(listed) else {
                return Err(EndpointError::Corrupt {
                    key: key.path(db),
                    what: "it lists what is no segment",
                });
            };
            let of = ObjectName::from(name).of;
            self.pinned.push(Pinned { of, pin });
        }
        Ok(())
    }
}

/// Branches that were given up, and since when.
pub type Adopted = BTreeMap<Uuid, Standing>;

/// Reads the pins and quarantines of a branch.
///
/// # Errors
/// `Corrupt` for what is no pin or lists what is no segment, since what it protects is then unknown; `NewerFormat`;
/// the store's own.
pub async fn pins(endpoint: &Endpoint, db: &Uuid, branch: &Uuid, adopted: &Adopted) -> Result<Pins, EndpointError> {
    let mut found = Pins::default();
    for (key, body) in read_pins(endpoint, db, branch).await? {
        let pin = found.pins.len();
        found.list(db, &key, pin, &body.keys)?;
        found.pins.push(who(db, &key, &body, adopted)?);
        found.keys.push(key);
    }
    for (number, body) in quarantines(endpoint, db, branch).await? {
        let pin = found.pins.len();
        let key = Key::Quarantine {
            branch: *branch,
            n: number,
        };
        found.list(db, &key, pin, &body.keys)?;
        found.pins.push(Pin::Quarantine { number });
        found.keys.push(key);
    }
    found.pinned.sort_unstable_by_key(|pinned| (pinned.of, pinned.pin));
    found.pinned.dedup();
    Ok(found)
}

fn who(db: &Uuid, key: &Key, body: &PinBody, adopted: &Adopted) -> Result<Pin, EndpointError> {
    let corrupt = |what| EndpointError::Corrupt {
        key: key.path(db),
        what,
    };
    match key {
        Key::BranchPin { child, .. } => Ok(Pin::Child {
            branch: BranchId::from_uuid(*child),
            standing: adopted.get(child).copied().unwrap_or(Standing::Owned),
        }),
        Key::BackupPin { label, .. } => {
            let range = body.backup.ok_or_else(|| corrupt("it does not say since when"))?;
            Ok(Pin::Backup {
                label: label.as_str().to_owned(),
                from: range.from_lsn,
                generation: range.generation,
                expires: range.expires_at.map(|seconds| StoreTime(Duration::from_secs(seconds))),
            })
        }
        _ => Err(corrupt("it is not the name of a pin")),
    }
}
