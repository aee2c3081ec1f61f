//! What the catalog says of segments to a collector.

use super::horizon::Known;
use super::stamps::{self, duration};
use crate::catalog::{abandoned, tables};
use crate::pg::error::{Error, Result};
use crate::pg::spi;
use crate::pg::text::Text;
use pgrx::pg_sys;
use pgrx::spi::SpiHeapTupleData;
use std::collections::BTreeSet;
use std::time::Duration;
use stretch_core::collect::facts::{Life, Place, Promise, Retirement, Row, SegmentOf, Sighting};
use stretch_core::collect::times::{ServerTime, Stamp, StoreTime};
use stretch_core::ids::{BranchId, SegmentId, TableId};
use stretch_endpoint::keys::branch_of;
use uuid::Uuid;

/// What the catalog says at one moment.
pub struct Local {
    /// In the order of tables and segments.
    pub rows: Vec<Row>,
    /// Live segments, as the manifests count them.
    pub live: u64,
    pub sightings: Vec<Sighting>,
    /// The tables that are stretched.
    pub tables: BTreeSet<TableId>,
    pub retention: Duration,
    /// How long this incarnation of the database has been connected.
    pub connected: Duration,
}

impl Local {
    /// Of a branch that the database has adopted: its catalog knows nothing of it.
    pub fn of_another() -> Result<Self> {
        Ok(Self {
            rows: Vec::new(),
            live: 0,
            sightings: Vec::new(),
            tables: BTreeSet::new(),
            retention: Duration::ZERO,
            connected: stamps::connected()?,
        })
    }

    /// Reads it in the current transaction. `own` is the branch of the database.
    pub fn read(own: Uuid) -> Result<Self> {
        // SAFETY: inside a transaction with an active snapshot.
        let snapshot = unsafe { pg_sys::GetActiveSnapshot() };
        let database = tables::database(snapshot)?.ok_or_else(crate::catalog::stretched::not_enabled)?;
        let stretched = tables::stretched_tables(snapshot)?;
        let (rows, live) = rows(own)?;
        Ok(Self {
            rows,
            live,
            sightings: sightings()?,
            tables: stretched.iter().map(|table| table.table_id).collect(),
            retention: Duration::from_secs(database.retention_seconds.max(0) as u64),
            connected: stamps::connected()?,
        })
    }
}

/// The server's time of day.
pub fn server_time() -> ServerTime {
    // SAFETY: a clock, in microseconds since 2000.
    let since_2000 = i128::from(unsafe { pg_sys::GetCurrentTimestamp() });
    let since_1970 = since_2000 + 946_684_800_000_000;
    ServerTime(Duration::from_micros(u64::try_from(since_1970).unwrap_or(0)))
}

/// A row of `stretch.segment`, as the query below gives it.
struct Found {
    of: SegmentOf,
    retired: bool,
    lost: bool,
    key: Option<String>,
    uploaded: Option<f64>,
    lsn: Option<i64>,
    transaction: Option<i64>,
    at: Option<Stamp>,
    is_waived: bool,
    breaks_backups: bool,
}

/// All segments, and how many the manifests count, by one statement and therefore by one snapshot.
fn rows(own: Uuid) -> Result<(Vec<Row>, u64)> {
    // Before the rows are read: an adoption that has just committed must be seen.
    let being_adopted = abandoned::being_adopted()?;
    let mut live = 0;
    let found = spi::rows(
        "SELECT m.live, s.table_id, s.segment_id, s.retired, s.lost, s.object_key,
                pg_catalog.date_part('epoch', s.uploaded_at)::float8,
                (s.retired_lsn - '0/0'::pg_catalog.pg_lsn)::int8, s.retired_xid,
                pg_catalog.date_part('epoch', s.retired_store_time)::float8,
                pg_catalog.date_part('epoch', s.retired_connected)::float8, s.retention_waived,
                s.backups_waived
           FROM (SELECT coalesce(sum(segments), 0)::int8 AS live FROM stretch.manifest) m
                LEFT JOIN stretch.segment s ON true
          ORDER BY s.table_id, s.segment_id",
        &[],
        |row| {
            live = row.get::<i64>(1)?.unwrap_or(0) as u64;
            let Some(of) = segment(row, 2, 3)? else {
                return Ok(None);
            };
            Ok(Some(Found {
                of,
                retired: row.get::<bool>(4)?.unwrap_or(false),
                lost: row.get::<bool>(5)?.unwrap_or(false),
                key: row.get::<Text>(6)?.map(String::from),
                uploaded: row.get::<f64>(7)?,
                lsn: row.get::<i64>(8)?,
                transaction: row.get::<i64>(9)?,
                at: stamp(row, 10, 11)?,
                is_waived: row.get::<bool>(12)?.unwrap_or(false),
                breaks_backups: row.get::<bool>(13)?.unwrap_or(false),
            }))
        },
    )?;
    let known = Known::now()?;
    let rows = found.into_iter().flatten().map(|found| Row {
        of: found.of,
        life: match being_adopted.contains(&found.of.table) && found.retired {
            // It may be live in a moment.
            true => Life::Unstamped,
            false => life(&found, &known),
        },
        place: place(&found, own),
    });
    Ok((rows.collect(), live))
}

fn life(found: &Found, known: &Known) -> Life {
    if !found.retired {
        return Life::Live;
    }
    let (Some(lsn), Some(transaction), Some(at)) = (found.lsn, found.transaction, found.at) else {
        return Life::Unstamped;
    };
    Life::Retired(Retirement {
        at,
        lsn: lsn as u64,
        horizon: known.of(lsn as u64, transaction as u64),
        promise: match (found.is_waived, found.breaks_backups) {
            (false, _) => Promise::Retention,
            (true, false) => Promise::Waived,
            (true, true) => Promise::WaivedWithBackups,
        },
    })
}

fn place(found: &Found, own: Uuid) -> Place {
    let branch = found.key.as_deref().and_then(branch_of);
    match (branch, found.uploaded) {
        _ if found.lost => Place::Lost,
        (Some(branch), _) if branch != own => Place::Elsewhere(BranchId::from_uuid(branch)),
        (Some(_), uploaded) => Place::Here {
            // A missing time is taken for the present: the listing need not have the object yet.
            uploaded: ServerTime(uploaded.map_or(Duration::MAX, duration)),
        },
        (None, _) => Place::Nowhere,
    }
}

fn sightings() -> Result<Vec<Sighting>> {
    let found = spi::rows(
        "SELECT table_id, segment_id, pg_catalog.date_part('epoch', store_time)::float8,
                pg_catalog.date_part('epoch', connected)::float8
           FROM stretch.sighting ORDER BY table_id, segment_id",
        &[],
        |row| Ok(segment(row, 1, 2)?.zip(stamp(row, 3, 4)?)),
    )?;
    let sightings = found.into_iter().map(|found| found.map(|(of, at)| Sighting { of, at }));
    let sightings = sightings.collect::<Option<Vec<_>>>();
    sightings.ok_or_else(|| Error::internal("a row of stretch.sighting is damaged"))
}

type InRow<T> = std::result::Result<Option<T>, pgrx::spi::Error>;

/// A segment, from the columns of its ids.
fn segment(row: &SpiHeapTupleData<'_>, table: usize, segment: usize) -> InRow<SegmentOf> {
    let id = |id: pgrx::Uuid| Uuid::from_bytes(*id.as_bytes());
    let ids = row.get::<pgrx::Uuid>(table)?.zip(row.get::<pgrx::Uuid>(segment)?);
    Ok(ids.map(|(table, segment)| SegmentOf {
        table: TableId::from_uuid(id(table)),
        segment: SegmentId::from_uuid(id(segment)),
    }))
}

/// A stamp, from two columns in seconds.
fn stamp(row: &SpiHeapTupleData<'_>, store: usize, connected: usize) -> InRow<Stamp> {
    let seconds = row.get::<f64>(store)?.zip(row.get::<f64>(connected)?);
    Ok(seconds.map(|(store, connected)| Stamp {
        store: StoreTime(duration(store)),
        connected: duration(connected),
    }))
}
