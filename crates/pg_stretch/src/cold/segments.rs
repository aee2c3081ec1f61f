//! Which segments a query must look at, under its own snapshot: registration, manifest, and a cache of immutable facts.
//!
//! The cache is keyed by the random manifest id together with count, rows and digest, so a version that another
//! transaction rolled back, or that this one is still changing, is never mistaken for a committed one (F12). It holds
//! only what never changes. Where a segment's bytes are (staged, object key, lost) is read anew each time.

use crate::catalog::rows::{Manifest, Segment, StretchedTable};
use crate::catalog::snapshot::LATEST;
use crate::catalog::{stretched, tables};
use crate::pg::error::{Error, Result};
use crate::pg::{names, user};
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use stretch_core::errors;
use stretch_core::ids::{SegmentId, TableId};
use stretch_core::manifest::LiveSegment;
use stretch_segment::{SegmentDetail, SegmentReader, Summary};

/// Bytes of encoded details that one backend keeps, before it starts anew.
const MAX_DETAIL_BYTES: usize = 64 << 20;
/// Tables whose list of segments one backend keeps.
const MAX_TABLES: usize = 256;

#[derive(Default)]
struct Cache {
    tables: HashMap<TableId, (Manifest, Rc<Vec<Segment>>)>,
    /// With the list that each was made of.
    overviews: HashMap<TableId, (Rc<Vec<Segment>>, Rc<Overview>)>,
    readers: HashMap<SegmentId, SegmentReader>,
    detail_bytes: usize,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::new(Cache::default());
}

/// The table whose cold side this foreign table is, under the query's snapshot. `None` when it was registered after
/// that snapshot: then it had no cold rows (F10, F23). So it is when nothing ever named it, as after a dump of the schema alone; a
/// dump that is half restored left a mark when it loaded the table's hot rows, or has brought a part of its catalog.
pub fn registered(child: pg_sys::Oid, snapshot: pg_sys::Snapshot) -> Result<Option<StretchedTable>> {
    let under_snapshot = tables::by_child(child, snapshot)?;
    let Some(table) = under_snapshot.clone().or(tables::by_child(child, LATEST)?) else {
        if !tables::awaited(child, LATEST)? && !tables::has_stray_manifest(LATEST)? {
            return Ok(None);
        }
        return Err(Error::new(
            &errors::TABLE_NOT_ENABLED,
            format!(
                "foreign table {} is not the cold side of a stretched table",
                names::relation(child)
            ),
        )
        .detail("The catalog of pg_stretch does not name it, as after a restore of a part of a dump.")
        .hint("Restore the whole database, or drop the foreign table if its cold rows are not wanted."));
    };
    let same_owner = user::relation_owner(table.relation) == user::relation_owner(child);
    if !same_owner || !stretched::inherits(table.relation, child) {
        return Err(Error::new(
            &errors::TABLE_NOT_ENABLED,
            format!(
                "foreign table {} is not a child of table {} with the same owner",
                names::relation(child),
                names::relation(table.relation)
            ),
        )
        .hint("Restore the inheritance and the owner of the foreign table."));
    }
    Ok(under_snapshot)
}

/// The live segments of a table under a snapshot, proven complete by the manifest (F23). Of each, only the immutable
/// facts may be used.
pub fn segments(table: &TableId, relation: pg_sys::Oid, snapshot: pg_sys::Snapshot) -> Result<Rc<Vec<Segment>>> {
    let broken = |why: String| {
        Error::new(
            &errors::SEGMENT_LOST,
            format!(
                "the catalog of cold rows of table {} is incomplete",
                names::relation(relation)
            ),
        )
        .detail(why)
        .hint("Restore the catalog (schema stretch) from a complete backup.")
    };
    let manifest = tables::manifest(table, snapshot)?.ok_or_else(|| broken("The manifest is missing.".into()))?;
    let cached = CACHE.with_borrow(|cache| {
        let (known, list) = cache.tables.get(table)?;
        same(known, &manifest).then(|| list.clone())
    });
    if let Some(list) = cached {
        return Ok(list);
    }
    let list = tables::live_segments(table, snapshot)?;
    let live: Vec<LiveSegment> = list.iter().map(live).collect();
    manifest
        .totals()
        .map_err(|_| broken("The manifest is damaged.".into()))?
        .check(&live)
        .map_err(|error| broken(format!("{error}.")))?;
    let list = Rc::new(list);
    CACHE.with_borrow_mut(|cache| {
        if cache.tables.len() >= MAX_TABLES {
            cache.tables.clear();
        }
        cache.tables.insert(*table, (manifest, list.clone()));
    });
    Ok(list)
}

fn same(a: &Manifest, b: &Manifest) -> bool {
    a.manifest_id == b.manifest_id && a.segments == b.segments && a.row_total == b.row_total && a.digest == b.digest
}

fn live(segment: &Segment) -> LiveSegment {
    LiveSegment {
        segment_id: segment.segment_id,
        row_count: segment.row_count as u64,
        sha256: segment.sha256,
    }
}

/// All segments of a version of a table together.
pub struct Overview {
    pub summary: Summary,
    /// Encodings of the servers that wrote them.
    pub encodings: BTreeSet<String>,
}

/// The overview of a list that [`segments`] gave. Costs a look at each segment once per version and backend.
pub fn overview(table: &TableId, list: &Rc<Vec<Segment>>, snapshot: pg_sys::Snapshot) -> Result<Rc<Overview>> {
    let cached = CACHE.with_borrow(|cache| {
        let (known, overview) = cache.overviews.get(table)?;
        Rc::ptr_eq(known, list).then(|| overview.clone())
    });
    if let Some(overview) = cached {
        return Ok(overview);
    }
    let mut summary = Summary::default();
    for segment in list.iter() {
        summary.add(reader(segment, snapshot)?.detail());
    }
    let encodings = list.iter().map(|segment| segment.server_encoding.clone()).collect();
    let overview = Rc::new(Overview { summary, encodings });
    CACHE.with_borrow_mut(|cache| {
        if cache.overviews.len() >= MAX_TABLES {
            cache.overviews.clear();
        }
        cache.overviews.insert(*table, (list.clone(), overview.clone()));
    });
    Ok(overview)
}

/// The reader of a segment, from its detail in the catalog.
pub fn reader(segment: &Segment, snapshot: pg_sys::Snapshot) -> Result<SegmentReader> {
    let id = &segment.segment_id;
    if let Some(reader) = CACHE.with_borrow(|cache| cache.readers.get(id).cloned()) {
        return Ok(reader);
    }
    let lost = |why: &str| {
        Error::new(
            &errors::SEGMENT_LOST,
            format!("the catalog's description of segment {id} is unusable: {why}"),
        )
        .hint("Restore the catalog (schema stretch) from a complete backup.")
    };
    let bytes = match tables::segment_detail(id, snapshot)? {
        Some(bytes) => bytes,
        None => tables::segment_detail(id, LATEST)?.ok_or_else(|| lost("it is missing"))?,
    };
    let detail = SegmentDetail::from_bytes(&bytes).map_err(|error| match error {
        stretch_segment::SegmentError::UnknownVersion(_) => Error::new(&errors::NEWER_FORMAT, error.to_string()),
        error => lost(&error.to_string()),
    })?;
    if detail.rows() != segment.row_count as u64 {
        return Err(lost("it has another number of rows"));
    }
    let reader = SegmentReader::new(detail).map_err(|error| lost(&error.to_string()))?;
    CACHE.with_borrow_mut(|cache| {
        if cache.detail_bytes + bytes.len() > MAX_DETAIL_BYTES {
            cache.readers.clear();
            cache.detail_bytes = 0;
        }
        cache.detail_bytes += bytes.len();
        cache.readers.insert(*id, reader.clone());
    });
    Ok(reader)
}

/// The segment's row as it is now; as the query's snapshot sees it when it is gone.
pub fn current(segment: &Segment, snapshot: pg_sys::Snapshot) -> Result<Segment> {
    if let Some(row) = tables::segment_by_id(&segment.segment_id, LATEST)? {
        return Ok(row);
    }
    tables::segment_by_id(&segment.segment_id, snapshot)?
        .ok_or_else(|| Error::internal(format!("segment {} has left the catalog", segment.segment_id)))
}
