//! Whether a dump that reads the hot rows of a table holds its cold rows too, and a warning in the log when a dump
//! turns out not to hold the catalog (C-2).

use crate::catalog::scan::relation_oid;
use crate::catalog::snapshot::Latest;
use crate::catalog::tables;
use crate::pg::error::{self, Result};
use crate::pg::{list, names};
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;

/// A transaction as the lock manager names it: number of the session and of its transaction.
type VirtualTransaction = (i32, u32);

thread_local! {
    /// The transaction whose snapshot this session works on: as part of a parallel dump, that of the dump's first
    /// session.
    static LEADER: Cell<Option<VirtualTransaction>> = const { Cell::new(None) };
    static COPIED: RefCell<Option<Copied>> = const { RefCell::new(None) };
}

/// What the COPY statements of this session have read so far.
#[derive(Default)]
struct Copied {
    /// Stretched tables with cold rows, by name.
    tables: Vec<String>,
    /// `stretch.segment` was read as well.
    catalog: bool,
    /// As part of a parallel dump it sees only some of the tables.
    parallel: bool,
}

/// Object number under which a lock on the OID of a stretched table says "the dump of this transaction holds the
/// table's cold rows". PostgreSQL locks whole objects only, and relations by another kind of tag.
const HELD_BY_DUMP: u16 = 1;

thread_local! {
    /// The transaction, and the relations whose columns it asked for by their OIDs.
    static ASKED: RefCell<(u32, HashSet<u32>)> = RefCell::default();
}

/// Looks at a query of a transaction that may be that of a dump: every release of pg_dump reads the catalog in one that
/// is REPEATABLE READ (or SERIALIZABLE) and READ ONLY.
///
/// Before it dumps anything, pg_dump asks for the columns of all relations that it is going to dump, by their OIDs
/// (getTableAttrs of pg_dump.c; one query for all since release 15, one for each before). A dump in which both
/// `stretch.segment` and a stretched table are has all that the table's hot rows need to be complete.
///
/// # Safety
/// `text` is null or ends with a zero.
pub unsafe fn look(text: *const std::ffi::c_char) -> Result<()> {
    // SAFETY: plain globals of the transaction; the caller's promise.
    let text = unsafe {
        if text.is_null() || !pg_sys::XactReadOnly || pg_sys::XactIsoLevel < pg_sys::XACT_REPEATABLE_READ as i32 {
            return Ok(());
        }
        std::ffi::CStr::from_ptr(text).to_bytes()
    };
    const COLUMNS: &[u8] = b"pg_attribute";
    if !text.windows(COLUMNS.len()).any(|part| part == COLUMNS) || !super::targets::installed() {
        return Ok(());
    }
    let asked = ASKED.with_borrow_mut(|(transaction, asked)| {
        // SAFETY: a getter of this process.
        let current = unsafe { (*pg_sys::MyProc).lxid };
        if *transaction != current {
            (*transaction, *asked) = (current, HashSet::new());
        }
        asked.extend(numbers(text));
        asked.clone()
    });
    if !asked.contains(&relation_oid(c"segment")?.to_u32()) {
        return Ok(());
    }
    for table in tables::stretched_tables(Latest::take().get())? {
        if asked.contains(&table.relation.to_u32()) {
            // The lock tells the other sessions of a parallel dump, and goes with the transaction.
            // SAFETY: takes a shared lock that conflicts with none of anybody.
            unsafe {
                pg_sys::LockDatabaseObject(
                    pg_sys::RelationRelationId,
                    table.relation,
                    HELD_BY_DUMP,
                    pg_sys::AccessShareLock as i32,
                );
            }
        }
    }
    Ok(())
}

/// The numbers in a text that may be OIDs of users' relations.
fn numbers(text: &[u8]) -> impl Iterator<Item = u32> {
    text.split(|byte| !byte.is_ascii_digit())
        .filter_map(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
        .filter(|number| *number >= pg_sys::FirstNormalObjectId)
}

/// Whether this session is part of a dump that holds the cold rows of the table. In a parallel dump
/// the first session knows, and the others work on a snapshot that names its transaction.
pub fn holds_cold_rows_of(table: pg_sys::Oid) -> bool {
    // SAFETY: a getter of this process.
    let me = unsafe { ((*pg_sys::MyProc).backendId, (*pg_sys::MyProc).lxid) };
    let dumping = [Some(me), LEADER.get()];
    // SAFETY: a palloc'd copy of the lock table; freed with the memory context.
    let locks = unsafe {
        let locks = pg_sys::GetLockStatusData();
        std::slice::from_raw_parts((*locks).locks, (*locks).nelements as usize)
    };
    locks.iter().any(|lock| {
        lock.locktag.locktag_type == pg_sys::LockTagType::LOCKTAG_OBJECT as u8
            // SAFETY: a plain global.
            && lock.locktag.locktag_field1 == unsafe { pg_sys::MyDatabaseId }.to_u32()
            && lock.locktag.locktag_field2 == pg_sys::RelationRelationId.to_u32()
            && lock.locktag.locktag_field3 == table.to_u32()
            && lock.locktag.locktag_field4 == HELD_BY_DUMP
            && dumping.contains(&Some((lock.backend, lock.lxid)))
    })
}

/// Applies `change` to the record of this session; the first call arranges for the check at its end.
fn record(change: impl FnOnce(&mut Copied)) {
    COPIED.with_borrow_mut(|copied| {
        if copied.is_none() {
            // SAFETY: a static function, registered once per process, that runs while the server can still log.
            unsafe { pg_sys::before_shmem_exit(Some(check), pg_sys::Datum::from(0)) };
        }
        change(copied.get_or_insert_default());
    });
}

/// A dump of the whole database has read the heap of a stretched table that has cold rows.
pub fn copied_table(name: String) {
    record(|copied| {
        copied.parallel |= LEADER.get().is_some();
        if !copied.tables.contains(&name) {
            copied.tables.push(name);
        }
    });
}

/// A dump has read `stretch.segment`.
pub fn copied_catalog() {
    record(|copied| copied.catalog = true);
}

/// Looks for SET TRANSACTION SNAPSHOT, whose name is that of a transaction and a number (ExportSnapshot of snapmgr.c).
pub fn observe(statement: &pg_sys::VariableSetStmt) {
    if statement.kind != pg_sys::VariableSetKind::VAR_SET_MULTI || names::text(statement.name) != "TRANSACTION SNAPSHOT"
    {
        return;
    }
    // SAFETY: the only argument is a string constant.
    let name = unsafe {
        list::pointers::<pg_sys::A_Const>(statement.args)
            .first()
            .map(|constant| names::text((**constant).val.sval.sval))
    };
    LEADER.set(name.as_deref().and_then(leader));
}

fn leader(name: &str) -> Option<VirtualTransaction> {
    let mut parts = name.split('-').map(|part| u32::from_str_radix(part, 16).ok());
    Some((parts.next()?? as i32, parts.next()??))
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn check(_code: i32, _arg: pg_sys::Datum) {
    let Some(copied) = COPIED.take() else { return };
    if copied.tables.is_empty() || copied.catalog || copied.parallel {
        return;
    }
    error::report(
        pg_sys::WARNING as i32,
        "01000",
        &format!("a dump without cold rows was taken of {}", copied.tables.join(", ")),
        Some("The session copied these tables and not stretch.segment, which names their cold rows."),
        Some("Dump the whole database, without --exclude-schema or --exclude-table-data of schema stretch."),
    );
}
