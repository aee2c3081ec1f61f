//! What branches hold of a catalog's segments.

use crate::bodies::LeaseBody;
use crate::branch::copy::{Copies, Doubtful};
use crate::claim::highest_claim;
use crate::error::EndpointError;
use crate::keys::{Folder, Key, SegmentName, branch_of};
use crate::lease::newest_lease;
use crate::store::{Endpoint, ObjectInfo};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use stretch_core::ids::{SegmentId, TableId};
use stretch_core::reconcile::{CatalogSegment, Finding, Listed, LostReason, Plan, compare};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// Keys of objects, by the branch in which they lie.
pub type Keys = BTreeMap<Uuid, Vec<String>>;

/// What the listings of some branches show.
#[derive(Default)]
pub struct Listing {
    /// In the order of keys.
    pub objects: Vec<Listed>,
    in_trash: HashSet<String>,
    /// The longest retention that the owners of these branches promised last (C-9).
    pub retention_seconds: i64,
}

/// Lists marks and segments of the branches: one request per thousand of them.
///
/// The marks come first. A collector deletes an object, then its mark; who lists the objects first can therefore find
/// one whose mark is gone a moment later, together with the object, and would count on it. Listed in this order, an
/// object without a mark is marked later than the caller asked, if ever, and not deleted before the grace is over.
///
/// # Errors
/// As of [`highest_claim`] and [`newest_lease`]; the store's own.
pub async fn list(endpoint: Arc<Endpoint>, db: Uuid, branches: Vec<Uuid>) -> Result<Listing, EndpointError> {
    let mut listing = Listing::default();
    for branch in branches {
        let mark = |mark: ObjectInfo| {
            if let Some((_, Key::Trash { branch, name, .. })) = Key::parse(&mark.key) {
                listing.in_trash.insert(Key::Segment { branch, name }.path(&db));
            }
        };
        endpoint.list_each(&Folder::Trash.path(&db, &branch), mark).await?;
        let segment = |object: ObjectInfo| {
            // Names that are not ours are nobody's segment.
            if let Some((_, Key::Segment { name, .. })) = Key::parse(&object.key) {
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
        };
        endpoint.list_each(&Folder::Segment.path(&db, &branch), segment).await?;
        if let Some((_, claim)) = highest_claim(&endpoint, &db, &branch).await? {
            let lease = newest_lease(&endpoint, &db, &branch, None).await?;
            let promised = LeaseBody::promised(&claim, lease.as_ref());
            listing.retention_seconds = listing.retention_seconds.max(promised as i64);
        }
    }
    listing.objects.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    Ok(listing)
}

impl Listing {
    /// What this listing can serve of the catalog's segments.
    pub fn compare(&self, segments: &[CatalogSegment], content_etag: bool) -> Plan {
        compare(segments, &self.objects, content_etag, &self.in_trash)
    }

    /// The objects that serve the catalog, by branch: what a pin has to hold. Doubtful ones are held too.
    pub fn keys_by_branch(&self, plan: &Plan) -> Keys {
        let mut keys = Keys::new();
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

    /// The objects whose only right name is marked. `hashes` are those of the segments that the plan is about. Copies
    /// are made on `branch` under the claim's `generation`.
    pub fn in_doubt(&self, plan: &Plan, hashes: &[[u8; 32]], branch: Uuid, generation: u64) -> Vec<Doubtful> {
        let taken = self.attempts(branch, generation);
        plan.findings
            .iter()
            .zip(hashes)
            .filter_map(|((segment, table, finding), sha256)| match finding {
                Finding::InDoubt { key } => Some(Doubtful {
                    key: key.clone(),
                    segment: *segment,
                    sha256: *sha256,
                    copy: SegmentName {
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

    /// Objects of `branch` whose segments the catalog does not know at all: they were made after its moment. What is
    /// marked cannot be promised to anybody, and what the catalog has retired goes its own way.
    pub fn ahead(&self, plan: &Plan, branch: &Uuid, retired: &BTreeSet<SegmentId>) -> Vec<String> {
        let is_ahead = |key: &&String| match Key::parse(key) {
            Some((_, Key::Segment { branch: of, name })) => {
                of == *branch && !retired.contains(&SegmentId::from_uuid(name.segment)) && !self.in_trash.contains(*key)
            }
            _ => false,
        };
        let keys = plan.ahead.iter().map(|(_, key)| key);
        keys.filter(is_ahead).cloned().collect()
    }

    /// The plan after the copies: present under a new name, or lost.
    pub fn with_copies(&self, mut plan: Plan, copies: &Copies) -> Plan {
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
        let place = self.objects.binary_search_by(|object| object.key.as_str().cmp(key));
        self.objects[place.ok()?].etag.as_deref()
    }
}
