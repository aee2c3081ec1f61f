//! A dump that is restored over a database which is connected to its endpoint: refused before it changes anything.
//!
//! `pg_restore --clean` goes on after errors. The guard would refuse to drop the stretched tables, and then their hot
//! rows would be loaded into them a second time.

use super::targets::Facts;
use crate::catalog::{method, partitions, stretched, tables};
use crate::pg::error::{Error, Result};
use crate::pg::{list, names, shmem, spi, user};
use pgrx::pg_sys;
use std::cell::Cell;
use stretch_core::errors;

thread_local! {
    /// This session began to restore a dump over a connected database.
    static REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// Settings that every dump makes before anything else, in scripts and through pg_restore (`_doSetFixedOutputState` of
/// pg_backup_archiver.c).
pub fn is_restore() -> bool {
    // SAFETY: plain globals.
    unsafe {
        !pg_sys::check_function_bodies && !pg_sys::row_security && pg_sys::client_min_messages == pg_sys::WARNING as i32
    }
}

/// Whether pg_restore itself is connected, not a program that runs a script.
fn by_pg_restore() -> bool {
    // SAFETY: a global string of the server.
    is_restore() && names::text(unsafe { pg_sys::application_name }) == "pg_restore"
}

fn error(what: String) -> Error {
    Error::new(&errors::UNSUPPORTED, what)
        .detail(
            "The dump's hot rows would be loaded beside the rows that are here, and the cold rows of both would \
        be mixed up.",
        )
        .hint("Run SELECT stretch.deauthorize() first, then restore again and reconnect with stretch.reauthorize.")
}

/// Refuses the first DROP of a dump that is restored over a connected database with cold rows, and what follows it in
/// the session.
///
/// # Safety
/// `node` is a utility statement.
pub unsafe fn check(node: *mut pg_sys::Node, facts: &Facts) -> Result<()> {
    if !is_restore() {
        REFUSED.set(false);
        return Ok(());
    }
    // SAFETY: casts follow the node's tag.
    let drops = unsafe { drops(node) };
    if !(drops || REFUSED.get()) || !facts.bound()? || !facts.any_live()? {
        return Ok(());
    }
    REFUSED.set(true);
    if by_pg_restore() {
        tell_others();
    }
    Err(error(
        "a dump cannot be restored over a database that is connected to its endpoint".into(),
    ))
}

/// What `--clean` begins with: DROP, or ALTER TABLE that drops a constraint or a default.
unsafe fn drops(node: *mut pg_sys::Node) -> bool {
    use pg_sys::AlterTableType::*;
    use pg_sys::NodeTag::*;
    // SAFETY: casts follow the node's tag; `cmds` is a list of AlterTableCmd.
    unsafe {
        match (*node).type_ {
            T_DropStmt => true,
            T_AlterTableStmt => list::pointers::<pg_sys::AlterTableCmd>((*node.cast::<pg_sys::AlterTableStmt>()).cmds)
                .into_iter()
                .any(|command| match (*command).subtype {
                    AT_DropConstraint => true,
                    AT_ColumnDefault => (*command).def.is_null(),
                    _ => false,
                }),
            _ => false,
        }
    }
}

/// With -j only the first session of pg_restore drops; the others begin when it has come to its end, and load rows.
fn tell_others() {
    // SAFETY: a plain global and a clock.
    let (me, now) = unsafe { (pg_sys::MyDatabaseId, pg_sys::GetCurrentTimestamp()) };
    shmem::with(|shared| {
        if let Some(slot) = shared.slots.iter_mut().find(|slot| slot.database == me) {
            slot.restore_refused = now;
        }
    });
}

/// How long after a refusal another session of pg_restore counts as one of the same run.
const SAME_RUN: i64 = 10_000_000;

fn others_were_refused() -> bool {
    // SAFETY: a clock.
    let now = unsafe { pg_sys::GetCurrentTimestamp() };
    shmem::my_slot().is_some_and(|slot| now - slot.restore_refused < SAME_RUN)
}

/// What is asked of an INSERT, and of each table that COPY FROM fills, while a dump is restored.
pub fn before_insert(relation: pg_sys::Oid) -> Result<()> {
    if !is_restore() || !super::targets::installed() {
        return Ok(());
    }
    // Rows that come by a partitioned table (`--load-via-partition-root`) may go to each of its partitions.
    let tables = match partitions::is_partitioned(relation) {
        true => partitions::leaves(relation),
        false => vec![relation],
    };
    let facts = Facts::default();
    for table in tables {
        check_rows(table, &facts)?;
        note_rows(table)?;
    }
    Ok(())
}

/// Notes that a dump loads rows into a table of our access method which no catalog names yet: until it does, the rows
/// are not all of the table.
fn note_rows(relation: pg_sys::Oid) -> Result<()> {
    let is_ours = method::is_stretch(relation) == Some(true);
    if !is_ours || stretched::lookup(relation)?.is_some() || tables::awaited(relation, std::ptr::null_mut())? {
        return Ok(());
    }
    let _owner = user::ActAs::extension_owner();
    spi::execute(
        "INSERT INTO stretch.awaited VALUES ($1) ON CONFLICT DO NOTHING",
        &[relation.into()],
    )
    .map(drop)
}

/// Whoever makes an ordinary table of one that no catalog names says that its rows are all there are.
pub fn forget_rows(relation: pg_sys::Oid) -> Result<()> {
    if stretched::lookup(relation)?.is_some() || method::is_stretch(relation) != Some(true) {
        return Ok(());
    }
    // The command itself says so to others.
    if !user::has_privs_of(user::current(), user::relation_owner(relation)) {
        return Ok(());
    }
    let _owner = user::ActAs::extension_owner();
    spi::execute("DELETE FROM stretch.awaited WHERE relation = $1", &[relation.into()]).map(drop)
}

/// Refuses rows that a dump loads: after [`check`] refused, here or in another session of the same run, and always
/// those that pg_restore loads into a stretched table with cold rows.
fn check_rows(relation: pg_sys::Oid, facts: &Facts) -> Result<()> {
    if !(REFUSED.get() || by_pg_restore()) {
        return Ok(());
    }
    let of_refused = REFUSED.get() || others_were_refused();
    if !(of_refused || stretched::lookup(relation)?.is_some()) || !facts.bound()? || !facts.any_live()? {
        return Ok(());
    }
    if of_refused {
        tell_others();
    }
    Err(error(format!(
        "a dump's rows cannot be loaded into table {} while the database is connected to its endpoint",
        names::relation(relation)
    )))
}
