//! A branch needs segments of the branch from which it was made no more: its pin there is written anew without them.

use crate::bodies::{FORMAT, PinBody, read_branch};
use crate::claim::Claim;
use crate::collect::delete_small;
use crate::error::EndpointError;
use crate::keys::{Key, SegmentName};
use crate::pin::{Pinner, pins_of, write_next_pin};
use crate::store::Endpoint;
use std::collections::BTreeSet;
use stretch_core::collect::facts::{ObjectName, SegmentOf};
use uuid::Uuid;

/// Takes segments out of the pins that the claimed branch has in `branch`. The new pin is there before the old ones go,
/// so that whatever is still needed is held at every moment. Without a change nothing is written.
///
/// The claim is looked at after the pins were read: whoever takes the branch over meanwhile may need what is released
/// here. He pins it after his claim, so either we find that claim and leave everything, or we know nothing of his pin.
///
/// # Errors
/// `Corrupt` where a pin cannot be read, or another server writes pins of this branch; the store's own.
pub async fn release(
    endpoint: &Endpoint,
    branch: &Uuid,
    claim: &Claim,
    released: &BTreeSet<SegmentOf>,
) -> Result<(), EndpointError> {
    let (db, child) = (&claim.db, &claim.branch);
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
    if !claim.is_highest(endpoint).await? {
        return Ok(());
    }
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

/// Deletes the pins that the claimed branch has in those from which it descends: nobody lives on it any more, and its
/// retention is over. The claim is looked at after the pins were read, as in [`release`].
///
/// # Errors
/// As of [`read_branch`] and [`pins_of`]; the store's own.
pub async fn drop_pins(endpoint: &Endpoint, claim: &Claim) -> Result<(), EndpointError> {
    let (db, child) = (&claim.db, &claim.branch);
    let who = Pinner::Child(*child);
    let mut seen = BTreeSet::from([*child]);
    let mut keys = Vec::new();
    let mut above = read_branch(endpoint, db, child).await?.parent;
    // A circle can only be a damage, and does not hold us up.
    while let Some(branch) = above.filter(|branch| seen.insert(*branch)) {
        for (n, _) in pins_of(endpoint, db, &branch, &who).await? {
            let child = *child;
            keys.push(Key::BranchPin { branch, child, n });
        }
        above = read_branch(endpoint, db, &branch).await?.parent;
    }
    if !claim.is_highest(endpoint).await? {
        return Ok(());
    }
    for key in keys {
        delete_small(endpoint, &key.path(db)).await?;
    }
    Ok(())
}

/// Whether a pin's key names an object of one of the segments. What is not understood is kept.
fn is_of(key: &str, segments: &BTreeSet<SegmentOf>) -> bool {
    let name = |name: SegmentName| ObjectName::from(name).of;
    matches!(Key::parse(key), Some((_, Key::Segment { name: found, .. })) if segments.contains(&name(found)))
}
