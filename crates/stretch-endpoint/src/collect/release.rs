//! A branch needs segments of the branch from which it was made no more: its pin there is written anew without them.

use crate::bodies::{FORMAT, PinBody, read_branch};
use crate::collect::delete_small;
use crate::error::EndpointError;
use crate::keys::{Key, SegmentName};
use crate::pin::{Pinner, pins_of, write_next_pin};
use crate::store::Endpoint;
use std::collections::BTreeSet;
use stretch_core::collect::facts::{ObjectName, SegmentOf};
use uuid::Uuid;

/// Takes segments out of the pins that `child` has in `branch`. The new pin is there before the old ones go, so that
/// whatever is still needed is held at every moment. Without a change nothing is written.
///
/// # Errors
/// `Corrupt` where a pin cannot be read, or another server writes pins of this branch; the store's own.
pub async fn release(
    endpoint: &Endpoint,
    db: &Uuid,
    branch: &Uuid,
    child: &Uuid,
    released: &BTreeSet<SegmentOf>,
) -> Result<(), EndpointError> {
    let who = Pinner::Child(*child);
    let (mut old, mut keys, mut is_changed) = (Vec::new(), BTreeSet::new(), false);
    for (n, body) in pins_of(endpoint, db, branch, &who).await? {
        old.push(n);
        for listed in body.keys {
            match is_of(&listed, released) {
                true => is_changed = true,
                false => {
                    keys.insert(listed);
                }
            }
        }
    }
    if !is_changed {
        return Ok(());
    }
    // Also where nothing is left, so that the number is known to be taken.
    let body = PinBody {
        format: FORMAT,
        branch_id: *child,
        keys: keys.into_iter().collect(),
        backup: None,
    };
    write_next_pin(endpoint, db, branch, &who, &body).await?;
    for n in old {
        let key = Key::BranchPin {
            branch: *branch,
            child: *child,
            n,
        };
        delete_small(endpoint, &key.path(db)).await?;
    }
    Ok(())
}

/// Deletes the pins that a branch has in those from which it descends: nobody lives on it any more, and its retention
/// is over.
///
/// # Errors
/// As of [`read_branch`] and [`pins_of`]; the store's own.
pub async fn drop_pins(endpoint: &Endpoint, db: &Uuid, child: &Uuid) -> Result<(), EndpointError> {
    let who = Pinner::Child(*child);
    let mut seen = BTreeSet::from([*child]);
    let mut above = read_branch(endpoint, db, child).await?.parent;
    // A circle can only be a damage, and does not hold us up.
    while let Some(branch) = above.filter(|branch| seen.insert(*branch)) {
        for (n, _) in pins_of(endpoint, db, &branch, &who).await? {
            let key = Key::BranchPin {
                branch,
                child: *child,
                n,
            };
            delete_small(endpoint, &key.path(db)).await?;
        }
        above = read_branch(endpoint, db, &branch).await?.parent;
    }
    Ok(())
}

/// Whether a pin's key names an object of one of the segments. What is not understood is kept.
fn is_of(key: &str, segments: &BTreeSet<SegmentOf>) -> bool {
    let name = |name: SegmentName| ObjectName::from(name).of;
    matches!(Key::parse(key), Some((_, Key::Segment { name: found, .. })) if segments.contains(&name(found)))
}
