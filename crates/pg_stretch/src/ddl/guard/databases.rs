//! Commands on whole databases: our worker has to leave before them, and comes back after (F45).

use crate::pg::error::{self, Result};
use crate::pg::{list, names, shmem, user};
use pgrx::pg_sys;
use std::time::{Duration, Instant};

/// How long we wait for the worker to leave; after that PostgreSQL itself says that the database is in use.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps the worker of a database away until dropped.
pub struct Away {
    database: pg_sys::Oid,
    was_there: bool,
    gone: bool,
}

/// Sends the worker away from the database that the statement needs to be empty.
///
/// # Safety
/// `node` is the utility statement of a parse tree.
pub unsafe fn send_away(node: *mut pg_sys::Node) -> Result<Option<Away>> {
    // SAFETY: the caller's promise.
    let Some(name) = (unsafe { needed(node) }) else {
        return Ok(None);
    };
    if !shmem::available() {
        return Ok(None);
    }
    let Ok(name) = crate::pg::text::to_server(&name) else {
        return Ok(None);
    };
    // SAFETY: look-up that tolerates missing databases.
    let database = unsafe { pg_sys::get_database_oid(name.as_ptr(), true) };
    // SAFETY: the caller's promise.
    if database == pg_sys::InvalidOid || unsafe { !allowed(node, database) } {
        return Ok(None);
    }
    crate::pg::request::clean_at_exit();
    // SAFETY: plain global.
    let me = unsafe { pg_sys::MyProcPid };
    // A database without a slot gets one: after a start the launcher looks into every database once.
    let was_there = shmem::with(|shared| {
        let slot = shared.slot(database)?;
        slot.leave = true;
        slot.leave_pid = me;
        Some(slot.worker_pid != 0 || slot.wanted)
    });
    let Some(was_there) = was_there else {
        return Ok(None);
    };
    let away = Away {
        database,
        was_there,
        gone: false,
    };
    let started = Instant::now();
    while worker_there(database) {
        if started.elapsed() > PATIENCE {
            error::log("the worker of pg_stretch did not leave the database in time");
            break;
        }
        shmem::sleep(100);
        pgrx::check_for_interrupts!();
    }
    shmem::sleep_done();
    Ok(Some(away))
}

fn worker_there(database: pg_sys::Oid) -> bool {
    let latch = shmem::with(|shared| {
        shared
            .slots
            .iter()
            .find(|slot| slot.database == database && slot.worker_pid != 0)
            .map(|slot| slot.worker_latch)
    });
    if let Some(latch) = latch
        && !latch.is_null()
    {
        // SAFETY: the latch lies in shared memory, which outlives its owner; set outside of our lock.
        unsafe { pg_sys::SetLatch(latch) };
    }
    latch.is_some()
}

impl Away {
    /// When the database is gone, no worker has to come back.
    pub fn forget_if_gone(&mut self) {
        // SAFETY: syscache look-up that tolerates missing databases.
        if unsafe { pg_sys::get_database_name(self.database).is_null() } {
            self.was_there = false;
            self.gone = true;
        }
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        let latch = shmem::with(|shared| {
            if let Some(slot) = shared.slots.iter_mut().find(|slot| slot.database == self.database) {
                slot.leave = false;
                slot.wanted |= self.was_there;
                if self.gone || (!slot.wanted && slot.worker_pid == 0 && !slot.judged) {
                    // SAFETY: a slot of zeros is a free slot, as `shmem::startup` makes them.
                    *slot = unsafe { std::mem::zeroed() };
                }
            }
            if shared.launcher_pid != 0 {
                shared.launcher_latch
            } else {
                std::ptr::null_mut()
            }
        });
        if !latch.is_null() {
            // SAFETY: the launcher's latch lies in shared memory.
            unsafe { pg_sys::SetLatch(latch) };
        }
    }
}

/// The database that has to be empty for the statement.
unsafe fn needed(node: *mut pg_sys::Node) -> Option<String> {
    use pg_sys::NodeTag::*;
    // SAFETY: casts follow the node's tag; options are DefElem nodes.
    unsafe {
        match (*node).type_ {
            T_DropdbStmt => Some(names::text((*node.cast::<pg_sys::DropdbStmt>()).dbname)),
            T_RenameStmt => {
                let statement = &*node.cast::<pg_sys::RenameStmt>();
                (statement.renameType == pg_sys::ObjectType::OBJECT_DATABASE).then(|| names::text(statement.subname))
            }
            T_AlterDatabaseStmt => {
                let statement = &*node.cast::<pg_sys::AlterDatabaseStmt>();
                option(statement.options, "tablespace").map(|_| names::text(statement.dbname))
            }
            T_CreatedbStmt => option((*node.cast::<pg_sys::CreatedbStmt>()).options, "template").map(|template| {
                if (*template).arg.is_null() {
                    String::new()
                } else {
                    names::text(pg_sys::defGetString(template))
                }
            }),
            _ => None,
        }
    }
}

/// PostgreSQL checks these rights only after us; without them nobody sends the worker away.
unsafe fn allowed(node: *mut pg_sys::Node, database: pg_sys::Oid) -> bool {
    use pg_sys::NodeTag::*;
    // SAFETY: syscache look-ups of a database and of the current role; the cast follows the look-up.
    unsafe {
        let owner = pg_sys::pg_database_ownercheck(database, pg_sys::GetUserId());
        match (*node).type_ {
            T_CreatedbStmt => user::may_create_databases() && (owner || is_template(database)),
            T_RenameStmt => user::may_create_databases() && owner,
            _ => owner,
        }
    }
}

fn is_template(database: pg_sys::Oid) -> bool {
    // SAFETY: syscache look-up; the tuple is released before returning.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::DATABASEOID as i32,
            pg_sys::Datum::from(database),
        );
        if tuple.is_null() {
            return false;
        }
        let template = (*pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_database>(tuple)).datistemplate;
        pg_sys::ReleaseSysCache(tuple);
        template
    }
}

unsafe fn option(options: *mut pg_sys::List, name: &str) -> Option<*mut pg_sys::DefElem> {
    // SAFETY: the caller passes a list of DefElem.
    unsafe {
        list::pointers::<pg_sys::DefElem>(options)
            .into_iter()
            .find(|option| names::text((**option).defname) == name)
    }
}
