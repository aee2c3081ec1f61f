//! Which relations are stretched, for planner and guards: a backend-local look-up that relcache messages keep right.
//!
//! The answer is only ever used to refuse or to look closer; which rows a query returns is decided under its snapshot.

use super::rows::{Column, StretchedTable};
use super::{method, scan, tables};
use crate::pg::error::{Error, Result};
use crate::pg::names;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use stretch_core::errors;
use stretch_core::ids::TableId;

/// Relations of the system have smaller OIDs (FirstNormalObjectId of transam.h).
const FIRST_NORMAL_OBJECT: u32 = 16384;
/// Relations remembered before the cache starts anew.
const MAX_CACHED: usize = 10_000;

/// What planner and guards need to know of a stretched table.
#[derive(Debug, Clone)]
pub struct Info {
    pub table_id: TableId,
    /// The user's table.
    pub relation: pg_sys::Oid,
    /// Which rows are cold or may become so; `None` for all.
    pub filter: Option<String>,
    /// Its columns by name.
    pub columns: Vec<Column>,
}

impl From<StretchedTable> for Info {
    fn from(table: StretchedTable) -> Self {
        Self {
            table_id: table.table_id,
            relation: table.relation,
            filter: table.filter,
            columns: table.columns,
        }
    }
}

type Known = Option<Arc<Info>>;

thread_local! {
    /// Answers by the OID of a relation; `None` remembers that it is not stretched.
    static KNOWN: RefCell<HashMap<pg_sys::Oid, Known>> = RefCell::new(HashMap::new());
    /// Counts messages, so that an answer that was overtaken by one is not kept.
    static MESSAGES: Cell<u64> = const { Cell::new(0) };
    static LISTENING: Cell<bool> = const { Cell::new(false) };
}

/// The stretched table with this OID; `None` for every other relation.
pub fn lookup(oid: pg_sys::Oid) -> Result<Known> {
    if oid.to_u32() < FIRST_NORMAL_OBJECT {
        return Ok(None);
    }
    listen();
    if let Some(known) = KNOWN.with_borrow(|map| map.get(&oid).cloned()) {
        return Ok(known);
    }
    // SAFETY: plain getter; without a transaction there is no catalog to ask.
    if !unsafe { pg_sys::IsTransactionState() } {
        return Ok(None);
    }
    let before = MESSAGES.get();
    let found = find(oid)?;
    // A dump that is being restored makes a table of our access method first, and brings the row that names it later,
    // without a message.
    let may_come = found.is_none() && method::is_stretch(oid) != Some(false);
    if MESSAGES.get() == before && !may_come {
        KNOWN.with_borrow_mut(|map| {
            if map.len() >= MAX_CACHED {
                map.clear();
            }
            map.insert(oid, found.clone());
        });
    }
    Ok(found)
}

/// Whether this session remembers of a relation that it is nothing of ours, and has no cold rows of its own either: of
/// those of the access method that is never remembered.
pub fn is_known_stranger(relation: pg_sys::Oid) -> bool {
    KNOWN.with_borrow(|map| map.get(&relation).is_some_and(Option::is_none))
}

/// Counts what the session was told of relations: what was found at one number holds until there is another.
pub fn messages() -> u64 {
    listen();
    MESSAGES.get()
}

/// False for relations that never can be stretched, and where the extension is missing.
pub fn may_be(relation: pg_sys::Oid) -> bool {
    relation.to_u32() >= FIRST_NORMAL_OBJECT && installed()
}

/// Makes every backend forget what it knows of a table once this transaction commits; call it after inserting or
/// deleting a row of `stretch.stretched_table`.
pub fn invalidate(info: &Info) {
    // SAFETY: registers an invalidation message; a relation that is gone is tolerated by the check before.
    unsafe {
        if !pg_sys::get_rel_name(info.relation).is_null() {
            pg_sys::CacheInvalidateRelcacheByRelid(info.relation);
        }
    }
}

/// Reads the newest state: a null snapshot makes each scan take a fresh one, also in parallel mode.
fn find(oid: pg_sys::Oid) -> Result<Known> {
    if !installed() {
        return Ok(None);
    }
    let row = tables::by_relation(oid, std::ptr::null_mut())?;
    Ok(row.map(|row| Arc::new(row.into())))
}

/// True when `stretch.stretched_table` exists and belongs to our extension, not to somebody's schema of that name.
fn installed() -> bool {
    let Ok(table) = scan::relation_oid(c"stretched_table") else {
        return false;
    };
    // SAFETY: look-ups in catalogs of the system that tolerate missing objects.
    unsafe {
        let extension = pg_sys::get_extension_oid(c"pg_stretch".as_ptr(), true);
        extension != pg_sys::InvalidOid && pg_sys::getExtensionOfObject(pg_sys::RelationRelationId, table) == extension
    }
}

fn listen() {
    if LISTENING.replace(true) {
        return;
    }
    // SAFETY: registers a callback of static lifetime once per backend.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(forget), pg_sys::Datum::from(0)) };
}

#[pg_guard]
unsafe extern "C-unwind" fn forget(_arg: pg_sys::Datum, relation: pg_sys::Oid) {
    MESSAGES.set(MESSAGES.get() + 1);
    KNOWN.with_borrow_mut(|map| {
        if relation == pg_sys::InvalidOid {
            map.clear();
        } else {
            map.remove(&relation);
        }
    });
}

/// 55000 with the names of the tables that are still stretched.
pub fn none_stretched(snapshot: pg_sys::Snapshot) -> Result<()> {
    let mut relations: Vec<_> = tables::stretched_tables(snapshot)?
        .iter()
        .map(|table| table.relation)
        .collect();
    relations.extend(tables::partitioned_tables(snapshot)?.iter().map(|table| table.relation));
    if relations.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = relations.into_iter().map(names::relation).collect();
    Err(Error::new(&errors::NOT_NOW, "this database still has stretched tables")
        .detail(format!("Stretched are {}.", names.join(", ")))
        .hint("Run stretch.disable_table for each of them first."))
}

/// ST010.
pub fn not_stretched(relation: pg_sys::Oid) -> Error {
    Error::new(
        &errors::TABLE_NOT_ENABLED,
        format!("table {} is not stretched", names::relation(relation)),
    )
}

/// ST009.
pub fn not_enabled() -> Error {
    Error::new(&errors::DATABASE_NOT_ENABLED, "this database is not stretched")
}
