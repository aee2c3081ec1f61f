//! Which segments a query must look at, under its own snapshot: registration, manifest, and a cache of immutable facts.
//!
//! What is cached of a table holds for one version of it: the random manifest id together with count, rows and digest.
//! So a version that another transaction rolled back, or that this one is still changing, is never mistaken for a
//! committed one (F12). The cache has one version of each table, and only what never changes. Where a segment's bytes
//! are (staged, object key, lost) is read anew each time.

use crate::catalog::rows::{Segment, StretchedTable};
use crate::catalog::snapshot::LATEST;
use crate::catalog::{stretched, tables};
use crate::pg::error::{Error, Result};
use crate::pg::names;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Deref;
use std::rc::Rc;
use stretch_core::bounded::Bounded;
use stretch_core::errors;
use stretch_core::ids::{ManifestId, SegmentId, TableId};
use stretch_core::manifest::{LiveSegment, Totals};
use stretch_segment::{SegmentDetail, SegmentReader, Summary};

/// Bytes of encoded details that one backend keeps.
const MAX_DETAIL_BYTES: usize = 64 << 20;
/// Tables whose list of segments one backend keeps.
const MAX_TABLES: usize = 256;

/// Which version of a table's cold side something was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    manifest_id: ManifestId,
    totals: Totals,
}

/// The live segments of one version of a table, in the order of their numbers.
pub struct List {
    version: Version,
    segments: Vec<Segment>,
}

impl List {
    /// The version that these are the segments of; what is made of them alone may be used again while it lasts.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The segment with this permanent number; `None` when it is not live in this version.
    pub fn by_number(&self, number: u32) -> Option<&Segment> {
        let at = self.segments.binary_search_by_key(&number, |segment| segment.number);
        self.segments.get(at.ok()?)
    }
}

impl Deref for List {
    type Target = [Segment];

    fn deref(&self) -> &[Segment] {
        &self.segments
    }
}

struct Cache {
    tables: Bounded<TableId, Rc<List>>,
    /// With the version that each was made of.
    overviews: Bounded<TableId, (Version, Rc<Overview>)>,
    /// By the bytes of their details.
    readers: Bounded<SegmentId, SegmentReader>,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::new(Cache {
        tables: Bounded::new(MAX_TABLES),
        overviews: Bounded::new(MAX_TABLES),
        readers: Bounded::new(MAX_DETAIL_BYTES),
    });
}

/// The table under the query's snapshot. `None` when it was registered after that snapshot: then it had no cold rows
/// (F10, F23). So it is when nothing ever named it, as after a dump of the schema alone.
pub fn registered(relation: pg_sys::Oid, snapshot: pg_sys::Snapshot) -> Result<Option<StretchedTable>> {
    let mut under_snapshot = tables::by_relation(relation, snapshot)?;
    match &mut under_snapshot {
        Some(table) => {
            not_truncated_since(table, snapshot)?;
            // A snapshot that is older than a change of the columns sees the table with its columns of now, as it does
            // the heap.
            if let Some(now) = stretched::lookup(relation)?.filter(|now| now.table_id == table.table_id) {
                table.columns.clone_from(&now.columns);
            }
        }
        None if tables::by_relation(relation, LATEST)?.is_none() => unnamed(relation)?,
        None => {}
    }
    Ok(under_snapshot)
}

/// 40001 when the transaction's snapshot is older than a TRUNCATE, or a command that made all rows anew, which took the
/// file of the hot rows from under it: the cold ones alone would be a part of the table (I-13).
fn not_truncated_since(table: &StretchedTable, snapshot: pg_sys::Snapshot) -> Result<()> {
    // SAFETY: a plain global of the transaction.
    if unsafe { pg_sys::XactIsoLevel } < pg_sys::XACT_REPEATABLE_READ as i32 {
        return Ok(());
    }
    let Some(seen) = tables::manifest(&table.table_id, snapshot)?.filter(|manifest| manifest.segments > 0) else {
        return Ok(());
    };
    if tables::manifest(&table.table_id, LATEST)?.is_some_and(|now| now.truncations == seen.truncations) {
        return Ok(());
    }
    Err(Error::new(
        &errors::MOVED,
        format!(
            "table {} was truncated or rewritten after this transaction took its snapshot",
            names::relation(table.relation)
        ),
    ))
}

/// Whether cold rows may belong to a relation that no row of the catalog names: a dump that is half restored left a
/// mark when it loaded the table's hot rows, or has brought a part of its catalog.
fn may_be_unnamed(relation: pg_sys::Oid) -> Result<bool> {
    Ok(tables::awaited(relation, LATEST)? || tables::has_stray_manifest(LATEST)?)
}

/// ST010 where a relation of our access method that no row of the catalog names may have cold rows. Who would read the
/// relation asks first, so that hot rows alone are never taken for all (I-13).
pub fn unnamed(relation: pg_sys::Oid) -> Result<()> {
    if !may_be_unnamed(relation)? {
        return Ok(());
    }
    Err(Error::new(
        &errors::TABLE_NOT_ENABLED,
        format!(
            "the catalog of pg_stretch does not name table {}, which may have cold rows",
            names::relation(relation)
        ),
    )
    .detail("Its access method is that of stretched tables, and only a part of a dump was restored.")
    .hint(format!(
        "Restore the rest of the dump. If these are all rows, as after a dump with stretch.copy_to = 'all': \
         ALTER TABLE {} SET ACCESS METHOD heap.",
        names::relation(relation)
    )))
}

/// The live segments of a table under a snapshot, proven complete by the manifest (F23). Of each, only the immutable
/// facts may be used.
pub fn segments(table: &TableId, relation: pg_sys::Oid, snapshot: pg_sys::Snapshot) -> Result<Rc<List>> {
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
    let version = Version {
        manifest_id: manifest.manifest_id,
        totals: manifest
            .totals()
            .map_err(|_| broken("The manifest is damaged.".into()))?,
    };
    let cached = CACHE.with_borrow_mut(|cache| {
        let list = cache.tables.get(table)?;
        (list.version == version).then(|| list.clone())
    });
    if let Some(list) = cached {
        return Ok(list);
    }
    let segments = tables::live_segments(table, snapshot)?;
    let live: Vec<LiveSegment> = segments.iter().map(live).collect();
    version
        .totals
        .check(&live)
        .map_err(|error| broken(format!("{error}.")))?;
    let list = Rc::new(List { version, segments });
    CACHE.with_borrow_mut(|cache| cache.tables.insert(*table, list.clone(), 1));
    Ok(list)
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
pub fn overview(table: &TableId, list: &List, snapshot: pg_sys::Snapshot) -> Result<Rc<Overview>> {
    let cached = CACHE.with_borrow_mut(|cache| {
        let (version, overview) = cache.overviews.get(table)?;
        (*version == list.version).then(|| overview.clone())
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
        let made = (list.version, overview.clone());
        cache.overviews.insert(*table, made, 1);
    });
    Ok(overview)
}

/// The reader of a segment, from its detail in the catalog.
pub fn reader(segment: &Segment, snapshot: pg_sys::Snapshot) -> Result<SegmentReader> {
    let id = &segment.segment_id;
    if let Some(reader) = CACHE.with_borrow_mut(|cache| cache.readers.get(id).cloned()) {
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
    CACHE.with_borrow_mut(|cache| cache.readers.insert(*id, reader.clone(), bytes.len()));
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
