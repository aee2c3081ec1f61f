//! One function per question that a query or worker asks of the catalog.

use super::rows::*;
use super::scan::{Key, KeyValue, Row, scan};
use super::snapshot::LATEST;
use crate::pg::error::{Error, Result};
use pgrx::pg_sys;
use std::rc::Rc;
use std::str::FromStr;
use stretch_core::columns::{
    Column, awaited, binding, database, manifest, partitioned_table, segment, segment_detail, staged_chunk,
    stretched_table, tombstone,
};
use stretch_core::dead_rows::{BITMAP_ROW, DeadRows};
use stretch_core::errors;
use stretch_core::ids::{BranchId, DbId, ManifestId, Nonce, SegmentId, TableId};
use stretch_core::state::UnknownWord;

/// Size of every piece of a staged segment but the last, in bytes.
pub const CHUNK_BYTES: usize = 1024 * 1024;

pub(super) fn missing(what: &str) -> Error {
    Error::internal(format!("a row of the catalog lacks {what}"))
}

fn one<T>(
    table: &std::ffi::CStr,
    index: &std::ffi::CStr,
    keys: &[Key],
    snapshot: pg_sys::Snapshot,
    f: impl Fn(&Row) -> Result<T>,
) -> Result<Option<T>> {
    let mut found = None;
    scan(table, index, keys, snapshot, |row| {
        found = Some(f(row));
        false
    })?;
    found.transpose()
}

pub(super) fn all<T>(
    table: &std::ffi::CStr,
    index: &std::ffi::CStr,
    keys: &[Key],
    snapshot: pg_sys::Snapshot,
    f: impl Fn(&Row) -> Result<T>,
) -> Result<Vec<T>> {
    let mut found = Ok(Vec::new());
    scan(table, index, keys, snapshot, |row| match f(row) {
        Ok(value) => {
            if let Ok(list) = &mut found {
                list.push(value);
            }
            true
        }
        Err(error) => {
            found = Err(error);
            false
        }
    })?;
    found
}

/// The mode or state that a column names; one that this version does not know must not be taken for another.
fn word<T: FromStr<Err = UnknownWord>>(row: &Row, column: Column, what: &str) -> Result<T> {
    let word = row.text(column).ok_or_else(|| missing(what))?;
    word.parse()
        .map_err(|_| Error::new(&errors::UNSUPPORTED, format!("{what} {word} is not supported")))
}

fn by_uuid(column: Column, id: &[u8; 16]) -> [Key; 1] {
    [Key {
        column,
        value: KeyValue::Uuid(*id),
    }]
}

/// The row of `stretch.database`, if the database is stretched.
pub fn database(snapshot: pg_sys::Snapshot) -> Result<Option<Database>> {
    one(c"database", c"database_pkey", &[], snapshot, |row| {
        let seconds = |column| {
            row.get::<pgrx::datum::Interval>(column)
                .map(|i| i.months() as i64 * 2_592_000 + i.days() as i64 * 86_400 + i.micros() / 1_000_000)
        };
        Ok(Database {
            db_id: DbId::from_uuid(uuid::Uuid::from_bytes(
                row.uuid(database::DB_ID).ok_or_else(|| missing("db_id"))?,
            )),
            endpoint: row.text(database::ENDPOINT).ok_or_else(|| missing("endpoint"))?,
            lineage: row
                .get::<Vec<pgrx::Uuid>>(database::LINEAGE)
                .unwrap_or_default()
                .iter()
                .map(|id| BranchId::from_uuid(uuid::Uuid::from_bytes(*id.as_bytes())))
                .collect(),
            rpo_seconds: seconds(database::RPO).ok_or_else(|| missing("rpo"))?,
            retention_seconds: seconds(database::RETENTION).ok_or_else(|| missing("retention"))?,
            format: row.get(database::FORMAT).unwrap_or(1),
        })
    })
}

/// Name of the credential that the database was enabled or last authorized with; a dump carries it (no secret).
pub fn database_credential(snapshot: pg_sys::Snapshot) -> Result<Option<String>> {
    let found = one(c"database", c"database_pkey", &[], snapshot, |row| {
        Ok(row.text(database::CREDENTIAL))
    })?;
    Ok(found.flatten())
}

/// The row of `stretch.binding`, if this incarnation (or the one this was copied from) has claimed a branch.
pub fn binding(snapshot: pg_sys::Snapshot) -> Result<Option<Binding>> {
    one(c"binding", c"binding_pkey", &[], snapshot, |row| {
        let system: pgrx::AnyNumeric = row
            .get(binding::SYSTEM_IDENTIFIER)
            .ok_or_else(|| missing("system_identifier"))?;
        Ok(Binding {
            branch_id: BranchId::from_uuid(uuid::Uuid::from_bytes(
                row.uuid(binding::BRANCH_ID).ok_or_else(|| missing("branch_id"))?,
            )),
            generation: row.get(binding::GENERATION).ok_or_else(|| missing("generation"))?,
            nonce: Nonce::from_uuid(uuid::Uuid::from_bytes(
                row.uuid(binding::NONCE).ok_or_else(|| missing("nonce"))?,
            )),
            credential: row.text(binding::CREDENTIAL).ok_or_else(|| missing("credential"))?,
            system_identifier: u64::try_from(system).map_err(|_| missing("a valid system_identifier"))?,
            database_oid: row.get(binding::DATABASE_OID).ok_or_else(|| missing("database_oid"))?,
            timeline: row.get::<i32>(binding::TIMELINE).ok_or_else(|| missing("timeline"))? as u32,
            lsn: row.get::<i64>(binding::LSN).ok_or_else(|| missing("lsn"))? as u64,
            query_mode: word(row, binding::QUERY_MODE, "query mode")?,
        })
    })
}

fn stretched(row: &Row) -> Result<StretchedTable> {
    fn json<T: serde::de::DeserializeOwned>(row: &Row, column: Column, what: &str) -> Result<T> {
        row.json(column).ok_or_else(|| missing(what))
    }
    Ok(StretchedTable {
        table_id: TableId::from_uuid(uuid::Uuid::from_bytes(
            row.uuid(stretched_table::TABLE_ID).ok_or_else(|| missing("table_id"))?,
        )),
        relation: row.get(stretched_table::RELATION).ok_or_else(|| missing("relation"))?,
        filter: row.text(stretched_table::FILTER),
        order_by: row.text(stretched_table::ORDER_BY),
        strict: row.get(stretched_table::STRICT).unwrap_or(false),
        migration_state: word(row, stretched_table::MIGRATION_STATE, "migration state")?,
        is_reconciled: row.get(stretched_table::IS_RECONCILED).unwrap_or(false),
        columns: json(row, stretched_table::COLUMNS, "columns")?,
        unique_keys: json(row, stretched_table::UNIQUE_KEYS, "unique_keys")?,
    })
}

/// The stretched table that this relation is.
pub fn by_relation(relation: pg_sys::Oid, snapshot: pg_sys::Snapshot) -> Result<Option<StretchedTable>> {
    one(
        c"stretched_table",
        c"stretched_table_relation_key",
        &[Key {
            column: stretched_table::RELATION,
            value: KeyValue::Oid(relation),
        }],
        snapshot,
        stretched,
    )
}

/// Every stretched table.
pub fn stretched_tables(snapshot: pg_sys::Snapshot) -> Result<Vec<StretchedTable>> {
    all(c"stretched_table", c"stretched_table_pkey", &[], snapshot, stretched)
}

fn partitioned(row: &Row) -> Result<PartitionedTable> {
    Ok(PartitionedTable {
        relation: row
            .get(partitioned_table::RELATION)
            .ok_or_else(|| missing("relation"))?,
        filter: row.text(partitioned_table::FILTER),
        order_by: row.text(partitioned_table::ORDER_BY),
        strict: row.get(partitioned_table::STRICT).unwrap_or(false),
        migration_state: word(row, partitioned_table::MIGRATION_STATE, "migration state")?,
    })
}

/// How the new partitions of this partitioned table are stretched; `None` when they are not.
pub fn partitioned_table(relation: pg_sys::Oid, snapshot: pg_sys::Snapshot) -> Result<Option<PartitionedTable>> {
    let key = Key {
        column: partitioned_table::RELATION,
        value: KeyValue::Oid(relation),
    };
    let index = c"partitioned_table_pkey";
    one(c"partitioned_table", index, &[key], snapshot, partitioned)
}

/// Every partitioned table whose new partitions are stretched.
pub fn partitioned_tables(snapshot: pg_sys::Snapshot) -> Result<Vec<PartitionedTable>> {
    let index = c"partitioned_table_pkey";
    all(c"partitioned_table", index, &[], snapshot, partitioned)
}

/// Whether a dump has loaded the rows of this table and not yet the catalog that names it.
pub fn awaited(relation: pg_sys::Oid, snapshot: pg_sys::Snapshot) -> Result<bool> {
    let key = Key {
        column: awaited::RELATION,
        value: KeyValue::Oid(relation),
    };
    Ok(one(c"awaited", c"awaited_pkey", &[key], snapshot, |_| Ok(()))?.is_some())
}

/// Whether a manifest belongs to no stretched table, as while a dump is being restored.
pub fn has_stray_manifest(snapshot: pg_sys::Snapshot) -> Result<bool> {
    let known: Vec<[u8; 16]> = stretched_tables(snapshot)?
        .iter()
        .map(|table| *table.table_id.as_bytes())
        .collect();
    let manifests = all(c"manifest", c"manifest_pkey", &[], snapshot, |row| {
        row.uuid(manifest::TABLE_ID).ok_or_else(|| missing("table_id"))
    })?;
    Ok(manifests.iter().any(|id| !known.contains(id)))
}

/// The manifest of a table.
pub fn manifest(table: &TableId, snapshot: pg_sys::Snapshot) -> Result<Option<Manifest>> {
    one(
        c"manifest",
        c"manifest_pkey",
        &by_uuid(manifest::TABLE_ID, table.as_bytes()),
        snapshot,
        |row| {
            Ok(Manifest {
                manifest_id: ManifestId::from_uuid(uuid::Uuid::from_bytes(
                    row.uuid(manifest::MANIFEST_ID).ok_or_else(|| missing("manifest_id"))?,
                )),
                segments: row.get(manifest::SEGMENTS).unwrap_or(0),
                row_total: row.get(manifest::ROW_TOTAL).unwrap_or(0),
                digest: row.bytes(manifest::DIGEST).unwrap_or_default(),
                truncations: row.get(manifest::TRUNCATIONS).unwrap_or(0),
                writer: row.xmin(),
            })
        },
    )
}

/// The segments of a table that are not retired, in the order of their numbers.
pub fn live_segments(table: &TableId, snapshot: pg_sys::Snapshot) -> Result<Vec<Segment>> {
    let mut list = all(
        c"segment",
        c"segment_number",
        &[Key {
            column: segment::TABLE_ID,
            value: KeyValue::Uuid(*table.as_bytes()),
        }],
        snapshot,
        segment,
    )?;
    list.retain(|segment| !segment.retired);
    // Whoever looks for a number relies on the order, and a damaged index or one that is not used gives another.
    list.sort_unstable_by_key(|segment| segment.number);
    Ok(list)
}

/// Cold rows of a table: those of its live segments without a tombstone.
pub fn cold_rows(table: &TableId, snapshot: pg_sys::Snapshot) -> Result<i64> {
    let mut rows = 0;
    for segment in live_segments(table, snapshot)? {
        rows += segment.row_count - dead_rows(&segment.segment_id, snapshot)?.len() as i64;
    }
    Ok(rows)
}

/// One segment, live or retired.
pub fn segment_by_id(id: &SegmentId, snapshot: pg_sys::Snapshot) -> Result<Option<Segment>> {
    one(
        c"segment",
        c"segment_pkey",
        &by_uuid(segment::SEGMENT_ID, id.as_bytes()),
        snapshot,
        segment,
    )
}

/// Where the row of a segment lies.
pub fn segment_tid(id: &SegmentId, snapshot: pg_sys::Snapshot) -> Result<Option<pg_sys::ItemPointerData>> {
    one(
        c"segment",
        c"segment_pkey",
        &by_uuid(segment::SEGMENT_ID, id.as_bytes()),
        snapshot,
        |row| Ok(row.tid()),
    )
}

fn segment(row: &Row) -> Result<Segment> {
    Ok(Segment {
        segment_id: SegmentId::from_uuid(uuid::Uuid::from_bytes(
            row.uuid(segment::SEGMENT_ID).ok_or_else(|| missing("segment_id"))?,
        )),
        number: row
            .get::<i32>(segment::NUMBER)
            .and_then(|number| u32::try_from(number).ok())
            .ok_or_else(|| missing("number"))?,
        lost: row.get(segment::LOST).unwrap_or(false),
        row_count: row.get(segment::ROW_COUNT).ok_or_else(|| missing("row_count"))?,
        byte_size: row.get(segment::BYTE_SIZE).ok_or_else(|| missing("byte_size"))?,
        sha256: row
            .bytes(segment::SHA256)
            .and_then(|b| b.try_into().ok())
            .ok_or_else(|| missing("sha256"))?,
        object_key: row.text(segment::OBJECT_KEY),
        server_encoding: row.text(segment::SERVER_ENCODING).unwrap_or_default(),
        migrated_at: row.get(segment::MIGRATED_AT).unwrap_or_default(),
        retired: row.get(segment::RETIRED).unwrap_or(false),
    })
}

/// The stored detail of a segment (`stretch_segment::SegmentDetail::from_bytes`).
pub fn segment_detail(segment: &SegmentId, snapshot: pg_sys::Snapshot) -> Result<Option<Vec<u8>>> {
    one(
        c"segment_detail",
        c"segment_detail_pkey",
        &by_uuid(segment_detail::SEGMENT_ID, segment.as_bytes()),
        snapshot,
        |row| row.bytes(segment_detail::DETAIL).ok_or_else(|| missing("detail")),
    )
}

/// The stored key filters of a segment (`stretch_segment::key_filter`); `None` where it has none.
pub fn key_filters(segment: &SegmentId, snapshot: pg_sys::Snapshot) -> Result<Option<Vec<u8>>> {
    let found = one(
        c"segment_detail",
        c"segment_detail_pkey",
        &by_uuid(segment_detail::SEGMENT_ID, segment.as_bytes()),
        snapshot,
        |row| Ok(row.bytes(segment_detail::KEY_FILTERS)),
    )?;
    Ok(found.flatten())
}

/// One staged piece of a segment; `None` when it is not there (any more).
pub fn staged_chunk(segment: &SegmentId, chunk_no: i32, snapshot: pg_sys::Snapshot) -> Result<Option<Vec<u8>>> {
    let keys = [
        Key {
            column: staged_chunk::SEGMENT_ID,
            value: KeyValue::Uuid(*segment.as_bytes()),
        },
        Key {
            column: staged_chunk::CHUNK_NO,
            value: KeyValue::Int4(chunk_no),
        },
    ];
    one(c"staged_chunk", c"staged_chunk_pkey", &keys, snapshot, |row| {
        row.bytes(staged_chunk::BYTES).ok_or_else(|| missing("bytes"))
    })
}

/// True when the first piece of a segment is in staging under this snapshot.
pub fn is_staged(segment: &SegmentId, snapshot: pg_sys::Snapshot) -> Result<bool> {
    let keys = [
        Key {
            column: staged_chunk::SEGMENT_ID,
            value: KeyValue::Uuid(*segment.as_bytes()),
        },
        Key {
            column: staged_chunk::CHUNK_NO,
            value: KeyValue::Int4(0),
        },
    ];
    Ok(one(c"staged_chunk", c"staged_chunk_pkey", &keys, snapshot, |_| Ok(()))?.is_some())
}

/// The dead rows of a segment, by single tombstones and by its bitmap.
pub fn dead_rows(segment: &SegmentId, snapshot: pg_sys::Snapshot) -> Result<DeadRows> {
    let mut dead = DeadRows::default();
    let mut bitmap = Ok(None);
    scan(
        c"tombstone",
        c"tombstone_pkey",
        &by_uuid(tombstone::SEGMENT_ID, segment.as_bytes()),
        snapshot,
        |row| {
            match row.get::<i32>(tombstone::ROW_NO) {
                Some(BITMAP_ROW) | None => bitmap = bitmap_of(segment, row).map(Some),
                Some(number) => {
                    dead.insert(number as u32);
                }
            }
            bitmap.is_ok()
        },
    )?;
    if let Some(bitmap) = bitmap? {
        dead.add(&bitmap);
    }
    Ok(dead)
}

/// The bitmap of a segment's dead rows and where its row lies; `None` when all its tombstones are single.
pub fn bitmap(segment: &SegmentId, snapshot: pg_sys::Snapshot) -> Result<Option<(DeadRows, pg_sys::ItemPointerData)>> {
    one(
        c"tombstone",
        c"tombstone_pkey",
        &tombstone_key(segment, BITMAP_ROW),
        snapshot,
        |row| Ok((bitmap_of(segment, row)?, row.tid())),
    )
}

/// The tombstone of one row; `None` when a bitmap has it, or nothing has.
pub fn tombstone(segment: &SegmentId, row: u32, snapshot: pg_sys::Snapshot) -> Result<Option<Tombstone>> {
    one(
        c"tombstone",
        c"tombstone_pkey",
        &tombstone_key(segment, row as i32),
        snapshot,
        |row| {
            Ok(Tombstone {
                writer: row.xmin(),
                command: row.command(),
                home: row.get(tombstone::HOME),
            })
        },
    )
}

/// The bitmap of a segment's dead rows and its version; `known` again where that is still the version.
pub fn newer_bitmap(segment: &SegmentId, known: Option<&Rc<Bitmap>>) -> Result<Option<Rc<Bitmap>>> {
    one(
        c"tombstone",
        c"tombstone_pkey",
        &tombstone_key(segment, BITMAP_ROW),
        LATEST,
        |row| {
            let (block, offset) = pgrx::itemptr::item_pointer_get_both(row.tid());
            let (writer, place) = (row.xmin(), (block, offset));
            match known.filter(|known| (known.writer, known.place) == (writer, place)) {
                Some(known) => Ok(known.clone()),
                None => Ok(Rc::new(Bitmap {
                    rows: bitmap_of(segment, row)?,
                    writer,
                    place,
                })),
            }
        },
    )
}

/// Who wrote the versions of a segment's bitmap that the snapshot shows: a dirty one shows those under way, too.
pub fn bitmap_writers(segment: &SegmentId, snapshot: pg_sys::Snapshot) -> Result<Vec<pg_sys::TransactionId>> {
    all(
        c"tombstone",
        c"tombstone_pkey",
        &tombstone_key(segment, BITMAP_ROW),
        snapshot,
        |row| Ok(row.xmin()),
    )
}

/// Whether a row of a segment is dead.
pub fn is_dead(segment: &SegmentId, row: u32, snapshot: pg_sys::Snapshot) -> Result<bool> {
    if tombstone(segment, row, snapshot)?.is_some() {
        return Ok(true);
    }
    Ok(bitmap(segment, snapshot)?.is_some_and(|(bitmap, _)| bitmap.contains(row)))
}

/// The single tombstones of a segment with the transactions that wrote them.
pub fn single_tombstones(segment: &SegmentId, snapshot: pg_sys::Snapshot) -> Result<Vec<(u32, pg_sys::TransactionId)>> {
    let mut found = all(
        c"tombstone",
        c"tombstone_pkey",
        &by_uuid(tombstone::SEGMENT_ID, segment.as_bytes()),
        snapshot,
        |row| {
            Ok((
                row.get::<i32>(tombstone::ROW_NO).ok_or_else(|| missing("row_no"))?,
                row.xmin(),
            ))
        },
    )?;
    found.retain(|(number, _)| *number != BITMAP_ROW);
    Ok(found.into_iter().map(|(number, xmin)| (number as u32, xmin)).collect())
}

fn tombstone_key(segment: &SegmentId, number: i32) -> [Key; 2] {
    [
        Key {
            column: tombstone::SEGMENT_ID,
            value: KeyValue::Uuid(*segment.as_bytes()),
        },
        Key {
            column: tombstone::ROW_NO,
            value: KeyValue::Int4(number),
        },
    ]
}

fn bitmap_of(segment: &SegmentId, row: &Row) -> Result<DeadRows> {
    let bytes = row.bytes(tombstone::BITMAP).ok_or_else(|| missing("bitmap"))?;
    DeadRows::from_bytes(&bytes).map_err(|error| {
        Error::new(&errors::SEGMENT_LOST, format!("segment {segment}: {error}"))
            .hint("Restore the catalog (schema stretch) from a complete backup.")
    })
}
