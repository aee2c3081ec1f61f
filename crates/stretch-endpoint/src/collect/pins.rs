//! The pins of a branch, as facts of a collector: who pins, and which segments each lists.

use crate::bodies::PinBody;
use crate::error::EndpointError;
use crate::keys::{Folder, Key};
use crate::pin::read_pins;
use crate::store::Endpoint;
use std::collections::BTreeMap;
use std::time::Duration;
use stretch_core::collect::facts::{ObjectName, Pin, Pinned, Standing};
use stretch_core::collect::times::StoreTime;
use stretch_core::ids::BranchId;
use uuid::Uuid;

/// All pins of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pins {
    /// Who pins.
    pub pins: Vec<Pin>,
    /// Their keys, in the same order.
    pub keys: Vec<Key>,
    /// Which segments they list, in order.
    pub pinned: Vec<Pinned>,
}

/// Branches that were given up, and since when.
pub type Adopted = BTreeMap<Uuid, Standing>;

/// Reads the pins of a branch.
///
/// # Errors
/// `Corrupt` for what is no pin or lists what is no segment, since what it protects is then unknown; `NewerFormat`
/// for a quarantine, which this version does not make; the store's own.
pub async fn pins(endpoint: &Endpoint, db: &Uuid, branch: &Uuid, adopted: &Adopted) -> Result<Pins, EndpointError> {
    if let Some(quarantine) = endpoint
        .list(&Folder::Quarantine.path(db, branch))
        .await?
        .into_iter()
        .next()
    {
        return Err(EndpointError::Corrupt {
            key: quarantine.key,
            what: "this version does not know quarantines",
        });
    }
    let mut found = Pins::default();
    for (key, body) in read_pins(endpoint, db, branch).await? {
        let pin = found.pins.len();
        for listed in &body.keys {
            let Some((_, Key::Segment { name, .. })) = Key::parse(listed) else {
                return Err(EndpointError::Corrupt {
                    key: key.path(db),
                    what: "it lists what is no segment",
                });
            };
            let of = ObjectName::from(name).of;
            found.pinned.push(Pinned { of, pin });
        }
        found.pins.push(who(db, &key, &body, adopted)?);
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
