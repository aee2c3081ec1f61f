//! Reconcile: what the endpoint can serve of the catalog's segments, from one listing (design §10.3, F17, F25, F26).

#[cfg(test)]
mod tests;

use crate::ids::{SegmentId, TableId};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A live segment as the catalog of this moment knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogSegment {
    /// Its id.
    pub segment_id: SegmentId,
    /// The table it belongs to.
    pub table_id: TableId,
    /// The key of its object, if it was uploaded at this moment.
    pub object_key: Option<String>,
    /// Bytes of the object.
    pub byte_size: u64,
    /// The ETag recorded at the upload.
    pub etag: Option<String>,
    /// All its bytes are in local staging.
    pub staged: bool,
    /// The catalog says that it was uploaded.
    pub uploaded: bool,
}

/// A segment object that the listing shows, of any branch that the catalog refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key, as the catalog would write it.
    pub key: String,
    /// The table in the key.
    pub table_id: TableId,
    /// The segment in the key.
    pub segment_id: SegmentId,
    /// The generation in the key.
    pub generation: u64,
    /// The attempt in the key.
    pub attempt: u32,
    /// Its size in bytes.
    pub size: u64,
    /// Its ETag, if the listing has one.
    pub etag: Option<String>,
}

/// Why a segment cannot be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostReason {
    /// The listing has no object of this segment.
    Missing,
    /// There are objects, but none has the recorded size.
    WrongSize,
    /// There is an object of the right size, but the store's content-based ETag differs.
    WrongEtag,
}

impl LostReason {
    /// The reason in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Missing => "there is no object of this segment",
            Self::WrongSize => "the object has another size than recorded",
            Self::WrongEtag => "the object has another ETag than recorded",
        }
    }
}

/// What is to be done about one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// This object serves it; its key is written to the catalog if it is another one (F26). The content is proven at
    /// each read and by `verify` (F25).
    Present {
        /// The key found.
        key: String,
    },
    /// Never uploaded, and staged: the ordinary upload will do it.
    Pending,
    /// Once uploaded, now missing or in doubt, but staged: uploaded again under the next attempt's name.
    Refill,
    /// The only right object is marked for collection, so that a delete may be under way (F17): copied on the endpoint
    /// to the next attempt's name before it counts.
    InDoubt {
        /// The key of the marked object.
        key: String,
    },
    /// Nothing can serve it.
    Lost {
        /// Why.
        reason: LostReason,
    },
}

/// The outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// One finding for each segment of the catalog, in its order.
    pub findings: Vec<(SegmentId, TableId, Finding)>,
    /// Objects of segments that the catalog does not know: made after this moment, or orphans. Not ours to touch.
    pub ahead: Vec<(TableId, String)>,
}

/// How many segments of a table are in which condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Live segments in the catalog.
    pub segments: u64,
    /// Served by an object.
    pub present: u64,
    /// Waiting for their first upload.
    pub pending: u64,
    /// To be uploaded again.
    pub refill: u64,
    /// To be copied on the endpoint.
    pub in_doubt: u64,
    /// Served by nothing.
    pub lost: u64,
    /// Objects that the catalog does not know.
    pub ahead: u64,
}

impl Counts {
    /// Whether everything that was once uploaded is proven to be listed.
    pub fn is_reconciled(&self) -> bool {
        self.refill == 0 && self.in_doubt == 0 && self.lost == 0
    }
}

impl Plan {
    /// The counts for each table that has a segment or an object.
    pub fn by_table(&self) -> BTreeMap<TableId, Counts> {
        let mut tables: BTreeMap<TableId, Counts> = BTreeMap::new();
        for (_, table_id, finding) in &self.findings {
            let counts = tables.entry(*table_id).or_default();
            counts.segments += 1;
            match finding {
                Finding::Present { .. } => counts.present += 1,
                Finding::Pending => counts.pending += 1,
                Finding::Refill => counts.refill += 1,
                Finding::InDoubt { .. } => counts.in_doubt += 1,
                Finding::Lost { .. } => counts.lost += 1,
            }
        }
        for (table_id, _) in &self.ahead {
            tables.entry(*table_id).or_default().ahead += 1;
        }
        tables
    }
}

/// Compares the catalog with a listing.
///
/// `content_etag` says that the store's ETag depends on the content alone. `in_trash` holds the keys of objects that
/// carry a mark; it must be listed after the pin or claim was written (F17).
pub fn compare(catalog: &[CatalogSegment], listing: &[Listed], content_etag: bool, in_trash: &HashSet<String>) -> Plan {
    let mut objects: HashMap<SegmentId, Vec<&Listed>> = HashMap::new();
    for object in listing {
        objects.entry(object.segment_id).or_default().push(object);
    }
    let known: HashSet<SegmentId> = catalog.iter().map(|segment| segment.segment_id).collect();
    let findings = catalog
        .iter()
        .map(|segment| {
            let candidates = objects.get(&segment.segment_id).map_or(&[][..], Vec::as_slice);
            let finding = find(segment, candidates, content_etag, in_trash);
            (segment.segment_id, segment.table_id, finding)
        })
        .collect();
    let ahead = listing
        .iter()
        .filter(|object| !known.contains(&object.segment_id))
        .map(|object| (object.table_id, object.key.clone()))
        .collect();
    Plan { findings, ahead }
}

/// Decides about one segment, given all objects that bear its id.
fn find(segment: &CatalogSegment, candidates: &[&Listed], content_etag: bool, in_trash: &HashSet<String>) -> Finding {
    let right_size = |object: &&&Listed| object.size == segment.byte_size;
    let right_etag = |object: &&&Listed| match (&segment.etag, &object.etag) {
        (Some(recorded), Some(listed)) if content_etag => recorded == listed,
        _ => true,
    };
    // The recorded key is preferred, then the youngest object: it was read back last.
    let preference = |object: &&&Listed| {
        let recorded = segment.object_key.as_ref() == Some(&object.key);
        (recorded, object.generation, object.attempt)
    };
    let best = |marked: bool| {
        candidates
            .iter()
            .filter(|object| in_trash.contains(&object.key) == marked)
            .filter(right_size)
            .filter(right_etag)
            .max_by_key(preference)
            .map(|object| object.key.clone())
    };
    if let Some(key) = best(false) {
        return Finding::Present { key };
    }
    if segment.staged {
        return if segment.uploaded {
            Finding::Refill
        } else {
            Finding::Pending
        };
    }
    if let Some(key) = best(true) {
        return Finding::InDoubt { key };
    }
    let reason = if candidates.is_empty() {
        LostReason::Missing
    } else if candidates.iter().any(|object| right_size(&object)) {
        LostReason::WrongEtag
    } else {
        LostReason::WrongSize
    };
    Finding::Lost { reason }
}
