//! Everything that `reauthorize` and `reconcile` ask of the endpoint; these futures run on the I/O thread.

use super::recorded::{Recorded, branch_of};
use crate::endpoint::open;
use crate::pg::error::Error;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use stretch_core::errors;
use stretch_core::ids::{SegmentId, TableId};
use stretch_core::reconcile::{Finding, Listed, LostReason, Plan, compare};
use stretch_endpoint::bodies::{BranchJson, ClaimBody, FORMAT, LeaseBody, PinBody, create_branch, open_database};
use stretch_endpoint::claim::{ClaimOutcome, claim, highest_claim};
use stretch_endpoint::keys::{Key, SegmentName};
use stretch_endpoint::lease::newest_lease;
use stretch_endpoint::listing::list_branch;
use stretch_endpoint::pin::{Pinner, pins_of, write_next_pin};
use stretch_endpoint::upload::{has_checksum, upload_segment};
use stretch_endpoint::{Endpoint, EndpointError, probe};
use uuid::Uuid;

type Remote<T> = Result<T, EndpointError>;

/// What the listings show.
#[derive(Default)]
pub struct Listing {
    pub objects: Vec<Listed>,
    in_trash: HashSet<String>,
    /// The longest retention that the owners of these branches promised last (C-9).
    pub retention_seconds: i64,
}

/// An object to be copied because its only right name is marked.
pub struct Doubtful {
    key: String,
    segment: SegmentId,
    sha256: [u8; 32],
    /// That of its copy.
    name: SegmentName,
}

/// The copy of a doubtful object: its new key, or `None` when it is gone.
pub type Copies = HashMap<SegmentId, Option<String>>;

/// An endpoint that does not hold this database at all is the wrong one (ST007).
pub fn error(error: EndpointError) -> Error {
    match &error {
        EndpointError::NotFound { key } if key.ends_with("/stretch.json") => {
            Error::new(&errors::WRONG_ENDPOINT, "the endpoint holds nothing of this database")
        }
        _ => open::map_error(&error),
    }
}

/// Checks that the endpoint belongs to this database and keeps its promises, then lists the branches.
pub async fn open(endpoint: Arc<Endpoint>, db: Uuid, branches: Vec<Uuid>, scratch: String) -> Remote<Listing> {
    open_database(&endpoint, &db).await?;
    probe::probe(&endpoint, &scratch).await?;
    list(endpoint, db, branches).await
}

/// Lists marks and segments of the branches: one request per thousand objects.
pub async fn list(endpoint: Arc<Endpoint>, db: Uuid, branches: Vec<Uuid>) -> Remote<Listing> {
    let mut listing = Listing::default();
    for branch in branches {
        let found = list_branch(&endpoint, &db, &branch).await?;
        for (name, object) in found.objects {
            listing.objects.push(Listed {
                key: object.key,
                table_id: TableId::from_uuid(name.table),
                segment_id: SegmentId::from_uuid(name.segment),
                generation: name.generation,
                attempt: name.attempt,
                size: object.size,
                etag: object.etag,
            });
        }
        let marked = found.marked.into_iter();
        let key = |name| Key::Segment { branch, name }.path(&db);
        listing.in_trash.extend(marked.map(key));
        if let Some((_, claim)) = highest_claim(&endpoint, &db, &branch).await? {
            let lease = newest_lease(&endpoint, &db, &branch, None).await?;
            let promised = LeaseBody::promised(&claim, lease.as_ref());
            listing.retention_seconds = listing.retention_seconds.max(promised as i64);
        }
    }
    Ok(listing)
}

/// Pins for `child`, in each branch, what it needs of it and has not pinned yet.
pub async fn pin(endpoint: Arc<Endpoint>, db: Uuid, child: Uuid, keys: BTreeMap<Uuid, Vec<String>>) -> Remote<()> {
    let who = Pinner::Child(child);
    for (branch, mut keys) in keys {
        if branch == child {
            continue;
        }
        let pins = pins_of(&endpoint, &db, &branch, &who).await?;
        let held: HashSet<&String> = pins.iter().flat_map(|(_, body)| &body.keys).collect();
        keys.retain(|key| !held.contains(key));
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

/// Copies doubtful objects into our own branch, proven by their checksums.
pub async fn copy(endpoint: Arc<Endpoint>, db: Uuid, branch: Uuid, doubtful: Vec<Doubtful>) -> Remote<Copies> {
    let mut copies = Copies::new();
    for item in doubtful {
        let bytes = match endpoint.get(&item.key).await {
            Ok(bytes) if has_checksum(&bytes, &item.sha256) => bytes,
            Ok(_) | Err(EndpointError::NotFound { .. }) => {
                copies.insert(item.segment, None);
                continue;
            }
            Err(error) => return Err(error),
        };
        let uploaded = upload_segment(&endpoint, &db, &branch, item.name, &bytes, &item.sha256).await?;
        copies.insert(item.segment, Some(uploaded.key));
    }
    Ok(copies)
}

/// Creates the branch and its first claim.
pub async fn claim_branch(
    endpoint: Arc<Endpoint>,
    db: Uuid,
    branch: BranchJson,
    body: ClaimBody,
) -> Remote<ClaimOutcome> {
    create_branch(&endpoint, &db, &branch).await?;
    claim(&endpoint, &db, &branch.branch_id, &body).await
}

impl Listing {
    /// What this listing can serve of the catalog.
    pub fn compare(&self, catalog: &Recorded, content_etag: bool) -> Plan {
        compare(&catalog.segments, &self.objects, content_etag, &self.in_trash)
    }

    /// The objects that serve the catalog, by branch: what a pin has to hold. Doubtful ones are held too.
    pub fn keys_by_branch(&self, plan: &Plan) -> BTreeMap<Uuid, Vec<String>> {
        let mut keys: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
        for (_, _, finding) in &plan.findings {
            if let Finding::Present { key } | Finding::InDoubt { key } = finding
                && let Some(branch) = branch_of(key)
            {
                keys.entry(branch).or_default().push(key.clone());
            }
        }
        for list in keys.values_mut() {
            list.sort_unstable();
        }
        keys
    }

    /// The objects whose only right name is marked. Copies are made on `branch` under the claim's `generation`.
    pub fn in_doubt(&self, plan: &Plan, catalog: &Recorded, branch: Uuid, generation: u64) -> Vec<Doubtful> {
        let taken = self.attempts(branch, generation);
        plan.findings
            .iter()
            .zip(&catalog.hashes)
            .filter_map(|((segment, table, finding), sha256)| match finding {
                Finding::InDoubt { key } => Some(Doubtful {
                    key: key.clone(),
                    segment: *segment,
                    sha256: *sha256,
                    name: SegmentName {
                        table: table.uuid(),
                        segment: segment.uuid(),
                        generation,
                        attempt: taken.get(segment).map_or(0, |last| last + 1),
                    },
                }),
                _ => None,
            })
            .collect()
    }

    /// The last attempt whose name is taken, by an object or by a mark. A copy needs a name of its own: the object in
    /// doubt may be on this very branch, and be deleted in a moment.
    fn attempts(&self, branch: Uuid, generation: u64) -> HashMap<SegmentId, u32> {
        let mut last = HashMap::new();
        let keys = self.objects.iter().map(|object| &object.key).chain(&self.in_trash);
        for (_, key) in keys.filter_map(|key| Key::parse(key)) {
            if let Key::Segment { branch: of, name } = key
                && (of, name.generation) == (branch, generation)
            {
                let last = last.entry(SegmentId::from_uuid(name.segment)).or_insert(0);
                *last = name.attempt.max(*last);
            }
        }
        last
    }

    /// The plan after the copies: present under a new name, or lost.
    pub fn with_copies(&self, mut plan: Plan, copies: Copies) -> Plan {
        for (segment, _, finding) in &mut plan.findings {
            match copies.get(segment) {
                Some(Some(key)) => *finding = Finding::Present { key: key.clone() },
                Some(None) => {
                    *finding = Finding::Lost {
                        reason: LostReason::Missing,
                    }
                }
                None => {}
            }
        }
        plan
    }

    /// The store's tag of an object, if the listing has one.
    pub fn etag(&self, key: &str) -> Option<&str> {
        self.objects
            .iter()
            .find(|object| object.key == key)
            .and_then(|object| object.etag.as_deref())
    }
}
