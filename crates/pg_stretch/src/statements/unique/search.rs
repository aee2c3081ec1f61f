//! Looks for a cold row with a given key, as it is now. A transaction that deletes the row found is waited for, as an index of
//! the heap waits (F28).

use crate::catalog::snapshot::Latest;
use crate::catalog::{stretched, tables};
use crate::cold::identity::identity_of;
use crate::cold::segments;
use crate::cold::tombstone::segment::{self, Strength};
use crate::pg::error::{Error, OrRaise, Result};
use crate::pg::local_settings::LocalSettings;
use crate::pg::{text, user};
use pgrx::pg_sys;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use stretch_core::ids::SegmentId;

/// A parameter of a query: type and value, which is not null.
pub type Argument = (pg_sys::Oid, pg_sys::Datum);

/// A query that gives the `ctid` of cold rows.
pub struct Search<'a> {
    pub sql: String,
    /// The same of hot rows.
    pub hot_sql: String,
    pub arguments: Vec<Argument>,
    /// Segments that hold no such row.
    pub ruled_out: Rc<HashSet<SegmentId>>,
    pub session: &'a Session,
}

/// What follows from a row found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An error: whoever deletes the row, by itself or with many others, is waited for.
    Refuse,
    /// The new row is left out: then only a deletion of that row alone is waited for.
    Skip,
}

/// As the table's owner inside SPI, past row level security and query modes; ends when dropped.
pub struct Session {
    info: Arc<stretched::Info>,
    _owner: Owner,
    _path: LocalSettings,
    _probing: crate::cold::purpose::Probing,
}

impl Session {
    /// Begins it for a stretched table.
    pub fn begin(info: &Arc<stretched::Info>) -> Self {
        let session = Self {
            info: info.clone(),
            _owner: Owner::new(user::relation_owner(info.relation)),
            _path: LocalSettings::path(),
            _probing: crate::cold::purpose::Probing::begin(),
        };
        // SAFETY: `drop` finishes; an ERROR between ends SPI with the transaction.
        unsafe { pg_sys::SPI_connect() };
        session
    }
}

impl Session {
    /// The table.
    pub fn info(&self) -> &stretched::Info {
        &self.info
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: connected by `begin`.
            unsafe { pg_sys::SPI_finish() };
        }
    }
}

/// The table's owner, past FORCE ROW LEVEL SECURITY, as foreign keys are checked.
struct Owner {
    user: pg_sys::Oid,
    context: i32,
}

impl Owner {
    fn new(owner: pg_sys::Oid) -> Self {
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        let flags = (pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_NOFORCE_RLS) as i32;
        // SAFETY: saves and replaces the identity; `drop` puts it back.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            pg_sys::SetUserIdAndSecContext(owner, context | flags);
        }
        Self { user, context }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // SAFETY: restores what `new` saved.
        unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) };
    }
}

/// Whether a cold row is found.
pub fn finds(search: &Search, purpose: Purpose) -> Result<bool> {
    let mut locked = None;
    loop {
        let latest = Latest::take();
        let Some(found) = first(search, &search.sql, latest.get()) else {
            return Ok(false);
        };
        // SAFETY: a ctid is an ItemPointerData.
        let (number, row) = identity_of(unsafe { *found.cast_mut_ptr::<pg_sys::ItemPointerData>() })?;
        let segment = segment_at(search.session.info(), number, latest.get())?;
        drop(latest);
        if wait_for_deleter(&segment, row)? {
            continue;
        }
        if purpose == Purpose::Skip || locked == Some(segment) {
            return Ok(true);
        }
        // Who deletes many rows at once holds the segment: after the lock the bitmap is final.
        segment::lock(&segment, Strength::Shared)?;
        locked = Some(segment);
    }
}

/// Whether a cold row is found under a snapshot.
pub fn finds_under(search: &Search, snapshot: pg_sys::Snapshot) -> bool {
    first(search, &search.sql, snapshot).is_some()
}

/// Whether a hot row is found, as it is now.
pub fn finds_hot(search: &Search) -> bool {
    first(search, &search.hot_sql, Latest::take().get()).is_some()
}

/// The segment that a row identity means under the snapshot that gave it.
fn segment_at(info: &stretched::Info, number: usize, snapshot: pg_sys::Snapshot) -> Result<SegmentId> {
    let lost = || Error::internal("a row of no segment was found");
    let segments = segments::segments(&info.table_id, info.relation, snapshot)?;
    segments.get(number).map(|segment| segment.segment_id).ok_or_else(lost)
}

/// Waits for the end of another transaction that has written a tombstone for the row; false when there is none.
fn wait_for_deleter(segment: &SegmentId, row: u32) -> Result<bool> {
    let mut dirty = pg_sys::SnapshotData {
        snapshot_type: pg_sys::SnapshotType::SNAPSHOT_DIRTY,
        ..pg_sys::SnapshotData::default()
    };
    let Some(writer) = tables::tombstone_writer(segment, row, &mut dirty)? else {
        return Ok(false);
    };
    // SAFETY: a transaction id of a tuple; the wait obeys cancel and timeouts.
    unsafe {
        if pg_sys::TransactionIdIsCurrentTransactionId(writer) || !pg_sys::TransactionIdIsInProgress(writer) {
            return Ok(false);
        }
        pg_sys::XactLockTableWait(
            writer,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            pg_sys::XLTW_Oper::XLTW_None,
        );
    }
    Ok(true)
}

/// The `ctid` of the first row found under `snapshot`; it lives until SPI ends.
fn first(search: &Search, sql: &str, snapshot: pg_sys::Snapshot) -> Option<pg_sys::Datum> {
    let text = text::to_server(sql).or_raise();
    let mut types: Vec<pg_sys::Oid> = search.arguments.iter().map(|argument| argument.0).collect();
    let mut values: Vec<pg_sys::Datum> = search.arguments.iter().map(|argument| argument.1).collect();
    crate::cold::purpose::rule_out(&search.ruled_out);
    // SAFETY: the session is inside SPI; the arrays outlive the calls; errors of SPI that are no ERROR give no plan or no table.
    unsafe {
        let plan = pg_sys::SPI_prepare(text.as_ptr(), types.len() as i32, types.as_mut_ptr());
        if plan.is_null() {
            Error::internal("a uniqueness probe could not be prepared").raise();
        }
        pg_sys::SPI_execute_snapshot(
            plan,
            values.as_mut_ptr(),
            std::ptr::null(),
            snapshot,
            std::ptr::null_mut(),
            true,
            false,
            1,
        );
        let table = pg_sys::SPI_tuptable;
        if pg_sys::SPI_processed == 0 || table.is_null() {
            return None;
        }
        let mut null = false;
        let value = pg_sys::SPI_getbinval(*(*table).vals, (*table).tupdesc, 1, &mut null);
        (!null).then_some(value)
    }
}
