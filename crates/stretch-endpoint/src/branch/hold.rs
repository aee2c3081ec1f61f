//! Pins on what a database needs of other branches, until their collectors can take nothing of it any more.

use super::listing::{Keys, Listing};
use crate::bodies::{FORMAT, PinBody};
use crate::error::EndpointError;
use crate::pin::{Pinner, pins_of, write_next_pin};
use crate::store::Endpoint;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use stretch_core::reconcile::Plan;
use uuid::Uuid;

/// What is listed after the last pin, and what that serves.
pub struct Held {
    /// The listing.
    pub listing: Listing,
    /// What it can serve.
    pub plan: Plan,
    /// How many objects are pinned.
    pub pinned: usize,
}

/// Has pinned what is needed of branches other than `own`, and listed again, until a listing shows nothing that is
/// needed and not pinned. What was there before a pin may be gone or marked afterwards, and something else may serve
/// instead, which needs a pin of its own. When it ends, no collector takes anything any more (F17).
///
/// # Errors
/// Those of `pin_then_list`.
pub fn hold<E>(
    own: &Uuid,
    first: Listing,
    compare: impl Fn(&Listing) -> Plan,
    mut pin_then_list: impl FnMut(Keys) -> Result<Listing, E>,
) -> Result<Held, E> {
    let mut listing = first;
    let mut pinned = BTreeSet::new();
    loop {
        let plan = compare(&listing);
        let mut unpinned = listing.keys_by_branch(&plan);
        unpinned.retain(|branch, keys| {
            keys.retain(|key| !pinned.contains(key));
            branch != own && !keys.is_empty()
        });
        if unpinned.is_empty() {
            return Ok(Held {
                listing,
                plan,
                pinned: pinned.len(),
            });
        }
        pinned.extend(unpinned.values().flatten().cloned());
        let promised = listing.retention_seconds;
        // One of them at a time is in memory.
        drop((listing, plan));
        listing = pin_then_list(unpinned)?;
        listing.retention_seconds = listing.retention_seconds.max(promised);
    }
}

/// Which of the child's pins hold something for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// All that are there.
    Counts,
    /// None: a former owner of the child may be about to take them away. He knows nothing of those written after the
    /// claim that fenced him.
    MayGo,
}

/// Pins for `child`, in each branch, what it needs of it and does not hold yet.
///
/// # Errors
/// As of [`pins_of`] and [`write_next_pin`].
pub async fn pin(
    endpoint: Arc<Endpoint>,
    db: Uuid,
    child: Uuid,
    keys: Keys,
    before: Before,
) -> Result<(), EndpointError> {
    let who = Pinner::Child(child);
    for (branch, mut keys) in keys {
        if before == Before::Counts {
            let pins = pins_of(&endpoint, &db, &branch, &who).await?;
            let held: HashSet<&String> = pins.iter().flat_map(|(_, body)| &body.keys).collect();
            keys.retain(|key| !held.contains(key));
        }
        if keys.is_empty() {
            continue;
        }
        let body = PinBody {
            format: FORMAT,
            branch_id: child,
            keys,
            backup: None,
        };
        write_next_pin(&endpoint, &db, &branch, &who, &body).await?;
    }
    Ok(())
}
