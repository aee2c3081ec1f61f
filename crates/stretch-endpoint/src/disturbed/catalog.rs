//! What a database knows, without PostgreSQL.

use crate::bodies::{BranchJson, ClaimBody, FORMAT};
use crate::claim::Claim;
use crate::keys::{Key, SegmentName, branch_of};
use crate::testing::{id, sha256};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;
use stretch_core::collect::facts::SegmentOf;
use stretch_core::collect::times::Stamp;
use stretch_core::ids::{SegmentId, TableId};
use stretch_core::reconcile::CatalogSegment;
use uuid::Uuid;

pub(super) const DB: Uuid = Uuid::from_u128(1);
/// The branch from which `PARENT` was made.
pub(super) const GRAND: Uuid = Uuid::from_u128(2);
/// The branch from which the database's own one is made.
pub(super) const PARENT: Uuid = Uuid::from_u128(3);
/// The branch of the database.
pub(super) const OWN: Uuid = Uuid::from_u128(4);
const TABLE: Uuid = Uuid::from_u128(10);
const NONCE: Uuid = Uuid::from_u128(50);

/// A segment's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) bytes: Bytes,
    pub(super) key: Option<String>,
    pub(super) is_staged: bool,
    pub(super) is_lost: bool,
    pub(super) is_retired: bool,
}

/// The rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Catalog {
    pub(super) segments: BTreeMap<SegmentId, Segment>,
    pub(super) sightings: BTreeMap<SegmentOf, Stamp>,
    /// While the database is connected.
    pub(super) claim: Option<Claim>,
    /// For how long it has been.
    pub(super) connected: Duration,
}

/// The bytes of a segment.
pub(super) fn bytes(segment: u128) -> Bytes {
    Bytes::from(format!("the cold rows of segment {segment}").repeat(segment as usize % 5 + 1))
}

pub(super) fn segment_id(segment: u128) -> SegmentId {
    SegmentId::from_uuid(id(segment))
}

pub(super) fn table() -> TableId {
    TableId::from_uuid(TABLE)
}

pub(super) fn of(segment: SegmentId) -> SegmentOf {
    SegmentOf {
        table: table(),
        segment,
    }
}

pub(super) fn name(segment: SegmentId, generation: u64, attempt: u32) -> SegmentName {
    SegmentName {
        table: TABLE,
        segment: segment.uuid(),
        generation,
        attempt,
    }
}

/// Key of a segment's object.
pub(super) fn key(branch: Uuid, segment: u128, attempt: u32) -> String {
    let name = name(segment_id(segment), 1, attempt);
    Key::Segment { branch, name }.path(&DB)
}

pub(super) fn claim(branch: Uuid, generation: u64) -> Claim {
    Claim {
        db: DB,
        branch,
        generation,
        nonce: NONCE,
    }
}

pub(super) fn claim_body(generation: u64) -> ClaimBody {
    ClaimBody {
        format: FORMAT,
        generation,
        nonce: NONCE,
        system_identifier: 7,
        database_oid: 8,
        timeline: 1,
        lsn: 9,
        retention_seconds: 3600,
        created_by: "a test".into(),
    }
}

pub(super) fn branch_json(branch: Uuid, parent: Option<Uuid>) -> BranchJson {
    BranchJson {
        format: FORMAT,
        branch_id: branch,
        parent,
        fork_generation: None,
        fork_lsn: None,
        created_by: "a test".into(),
    }
}

impl Catalog {
    pub(super) fn new() -> Self {
        Self {
            segments: BTreeMap::new(),
            sightings: BTreeMap::new(),
            claim: None,
            connected: Duration::ZERO,
        }
    }

    /// Adds a live segment.
    pub(super) fn add(&mut self, segment: u128, key: Option<String>, is_staged: bool) {
        let row = Segment {
            bytes: bytes(segment),
            key,
            is_staged,
            is_lost: false,
            is_retired: false,
        };
        self.segments.insert(segment_id(segment), row);
    }

    pub(super) fn retire(&mut self, segment: u128) {
        if let Some(row) = self.segments.get_mut(&segment_id(segment)) {
            row.is_retired = true;
        }
    }

    pub(super) fn live(&self) -> impl Iterator<Item = (&SegmentId, &Segment)> {
        self.segments.iter().filter(|(_, row)| !row.is_retired)
    }

    /// The live segments as reconcile reads them, with their checksums.
    pub(super) fn recorded(&self) -> (Vec<CatalogSegment>, Vec<[u8; 32]>) {
        let segment = |(id, row): (&SegmentId, &Segment)| CatalogSegment {
            segment_id: *id,
            table_id: table(),
            object_key: row.key.clone(),
            byte_size: row.bytes.len() as u64,
            etag: None,
            staged: row.is_staged,
            uploaded: row.key.is_some(),
        };
        let hashes = self.live().map(|(_, row)| sha256(&row.bytes)).collect();
        (self.live().map(segment).collect(), hashes)
    }

    /// The branches of which it knows.
    pub(super) fn branches(&self) -> Vec<Uuid> {
        let keys = self.live().filter_map(|(_, row)| branch_of(row.key.as_deref()?));
        let mut branches: Vec<Uuid> = keys.chain([PARENT, OWN]).collect();
        branches.sort_unstable();
        branches.dedup();
        branches
    }
}
