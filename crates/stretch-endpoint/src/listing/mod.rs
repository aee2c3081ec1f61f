//! What a branch holds, for somebody who wants to read its objects while its collector is at work.

use crate::error::EndpointError;
use crate::keys::{Folder, Key, SegmentName};
use crate::store::{Endpoint, ObjectInfo};
use std::collections::BTreeSet;
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// Objects of segments, and which of them a collector has marked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The objects, as their store lists them. Names that are not ours are nobody's segment and are left out.
    pub objects: Vec<(SegmentName, ObjectInfo)>,
    /// Names of objects that have a mark. Some may be gone.
    pub marked: BTreeSet<SegmentName>,
}

/// Lists the branch: one request for each thousand objects or marks.
///
/// The marks come first. A collector deletes an object, then its mark; who lists the objects first can therefore find
/// one whose mark is gone a moment later, together with the object, and would count on it. Listed in this order, an
/// object without a mark is marked later than the caller asked, if ever, and not deleted before the grace is over.
///
/// # Errors
/// The store's own.
pub async fn list_branch(endpoint: &Endpoint, db: &Uuid, branch: &Uuid) -> Result<Listing, EndpointError> {
    let mut listing = Listing::default();
    for mark in endpoint.list(&Folder::Trash.path(db, branch)).await? {
        if let Some((_, Key::Trash { name, .. })) = Key::parse(&mark.key) {
            listing.marked.insert(name);
        }
    }
    for object in endpoint.list(&Folder::Segment.path(db, branch)).await? {
        if let Some((_, Key::Segment { name, .. })) = Key::parse(&object.key) {
            listing.objects.push((name, object));
        }
    }
    Ok(listing)
}
