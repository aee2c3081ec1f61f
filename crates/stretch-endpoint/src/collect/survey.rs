//! What a branch holds: segments' objects, marks, pins, and small objects that may be litter.

use super::pins::{Adopted, Pins, pins};
use crate::error::EndpointError;
use crate::keys::{Folder, Key};
use crate::store::{Endpoint, ObjectInfo};
use std::time::Duration;
use stretch_core::collect::facts::{Mark, Object};
use stretch_core::collect::litter::{Beats, Small};
use stretch_core::collect::times::StoreTime;
use uuid::Uuid;

/// A small object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Litter {
    /// Its key below the endpoint's prefix.
    pub key: String,
    /// What it is.
    pub small: Small,
    /// Bytes.
    pub size: u64,
    /// When it was written.
    pub modified: StoreTime,
}

/// All that a collector reads of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Objects of segments, in the order of their names.
    pub objects: Vec<Object>,
    /// Marks, in the order of their objects.
    pub marks: Vec<Mark>,
    /// Who needs what.
    pub pins: Pins,
    /// Heartbeats, pins and what probes left.
    pub litter: Vec<Litter>,
    /// What has to be known of heartbeats.
    pub beats: Beats,
    /// Names below the folders of segments and marks that this version does not make. They stay.
    pub unknown: Vec<String>,
}

/// Reads the branch: one request for each thousand objects, and one for each pin. Names are kept as numbers, which take
/// a quarter of the memory of the texts.
///
/// # Errors
/// As of [`pins`]; the store's own.
pub async fn survey(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    generation: u64,
    adopted: &Adopted,
) -> Result<Survey, EndpointError> {
    let mut unknown = Vec::new();
    let mut objects = Vec::new();
    let object = |info: ObjectInfo| match Key::parse(&info.key) {
        Some((_, Key::Segment { name, .. })) => objects.push(Object {
            name: name.into(),
            size: info.size,
            modified: written(&info),
        }),
        _ => unknown.push(info.key),
    };
    endpoint.list_each(&Folder::Segment.path(db, branch), object).await?;
    let mut marks = Vec::new();
    let mark = |info: ObjectInfo| match Key::parse(&info.key) {
        Some((_, Key::Trash { name, mark, .. })) => marks.push(Mark {
            of: name.into(),
            generation: mark,
            modified: written(&info),
        }),
        _ => unknown.push(info.key),
    };
    endpoint.list_each(&Folder::Trash.path(db, branch), mark).await?;
    objects.sort_unstable_by_key(|object| object.name);
    marks.sort_unstable_by_key(|mark| (mark.of, mark.generation));
    let pins = pins(endpoint, db, branch, adopted).await?;
    let (litter, beats) = litter(endpoint, db, branch, generation, &pins).await?;
    Ok(Survey {
        objects,
        marks,
        pins,
        litter,
        beats,
        unknown,
    })
}

/// When an object was written. One whose time is unknown was written just now, so that it stays.
fn written(info: &ObjectInfo) -> StoreTime {
    info.modified.unwrap_or(StoreTime(Duration::MAX))
}

/// Small objects, and the newest heartbeat of the own claim.
async fn litter(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    generation: u64,
    pins: &Pins,
) -> Result<(Vec<Litter>, Beats), EndpointError> {
    let mut litter = Vec::new();
    let mut newest_own = None;
    let folders = [
        Folder::Lease.path(db, branch),
        Folder::Pin.path(db, branch),
        // Probes have no database: whoever comes first clears up after them.
        "probe".to_owned(),
    ];
    for folder in folders {
        for info in endpoint.list(&folder).await? {
            let small = small(&info.key, pins);
            if let Small::Heartbeat {
                generation: found,
                sequence,
            } = small
                && found == generation
            {
                newest_own = newest_own.max(Some(sequence));
            }
            litter.push(Litter {
                modified: written(&info),
                size: info.size,
                key: info.key,
                small,
            });
        }
    }
    Ok((litter, Beats { newest_own }))
}

fn small(key: &str, pins: &Pins) -> Small {
    match Key::parse(key) {
        Some((
            _,
            Key::Lease {
                generation, sequence, ..
            },
        )) => Small::Heartbeat { generation, sequence },
        // One that was written after the pins were read is not understood yet.
        Some((_, key @ (Key::BranchPin { .. } | Key::BackupPin { .. }))) => {
            let place = pins.keys.iter().position(|known| *known == key);
            place.map_or(Small::Unknown, Small::Pin)
        }
        Some(_) => Small::Record,
        None if key.starts_with("probe/") => Small::Probe,
        None => Small::Unknown,
    }
}
