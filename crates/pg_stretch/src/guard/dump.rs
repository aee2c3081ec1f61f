//! Notices when a dump ends with heap rows of a stretched table and without the catalog that names its cold rows (C-2).

use crate::error;
use pgrx::pg_sys;
use std::cell::RefCell;

/// What the COPY statements of this session have read so far.
#[derive(Default)]
struct Copied {
    /// Stretched tables with cold rows, by name.
    tables: Vec<String>,
    /// `stretch.segment` was read as well.
    catalog: bool,
    /// The session works on another's snapshot: as part of a parallel dump it sees only some of the tables.
    shared_snapshot: bool,
}

thread_local! {
    static COPIED: RefCell<Option<Copied>> = const { RefCell::new(None) };
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

/// A dump has read the heap of a stretched table that has cold rows.
pub fn copied_table(name: String) {
    record(|copied| {
        if !copied.tables.contains(&name) {
            copied.tables.push(name);
        }
    });
}

/// A dump has read `stretch.segment`.
pub fn copied_catalog() {
    record(|copied| copied.catalog = true);
}

/// Looks for SET TRANSACTION SNAPSHOT.
pub fn observe(statement: &pg_sys::VariableSetStmt) {
    if statement.kind == pg_sys::VariableSetKind::VAR_SET_MULTI
        && crate::pg::names::text(statement.name) == "TRANSACTION SNAPSHOT"
    {
        record(|copied| copied.shared_snapshot = true);
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn check(_code: i32, _arg: pg_sys::Datum) {
    let Some(copied) = COPIED.take() else { return };
    if copied.tables.is_empty() || copied.catalog || copied.shared_snapshot {
        return;
    }
    error::report(
        pg_sys::WARNING as i32,
        "01000",
        &format!("a dump without cold rows was taken of {}", copied.tables.join(", ")),
        Some("The session copied these tables and not stretch.segment, which names their cold rows."),
        Some(
            "Dump the whole database, without -t, -n or --exclude-schema, or use COPY (SELECT * FROM …) TO to copy all rows.",
        ),
    );
}
