//! Logical decoding: whether somebody reads this database's changes from the log, and the origin that marks the
//! changes which move rows without changing the table.

use super::error::Result;
use super::txn;
use pgrx::pg_sys;
use std::ffi::CString;

/// Whether the log has what a table's changes are decoded from.
///
/// # Safety
/// An open relation.
pub unsafe fn is_logged(relation: pg_sys::Relation) -> bool {
    // SAFETY: the caller's promise; a plain setting.
    unsafe { is_on() && (*(*relation).rd_rel).relpersistence as u8 == pg_sys::RELPERSISTENCE_PERMANENT }
}

/// Whether the server logs for decoding at all.
fn is_on() -> bool {
    // SAFETY: a setting that stays until the server starts again.
    unsafe { pg_sys::wal_level >= pg_sys::WalLevel::WAL_LEVEL_LOGICAL as i32 }
}

/// Whether what this transaction writes from now on may be decoded. A slot that is made later waits for the end of
/// transactions that have a number, so the transaction gets one first.
pub fn is_decoded() -> bool {
    if !is_on() {
        return false;
    }
    let (mut slots, mut active) = (0, 0);
    // SAFETY: inside a transaction that writes; counts the slots of this database in shared memory.
    unsafe {
        pg_sys::GetCurrentTransactionId();
        pg_sys::ReplicationSlotsCountDBSlots(pg_sys::MyDatabaseId, &mut slots, &mut active)
    }
}

/// The name of the origin under which the worker of this database moves rows.
pub fn origin_name() -> String {
    // SAFETY: a plain global.
    format!("pg_stretch_{}", unsafe { pg_sys::MyDatabaseId.to_u32() })
}

/// The origin of what the worker writes. Whoever decodes the log can leave out what has one.
#[derive(Default)]
pub struct Origin {
    is_taken: bool,
}

impl Origin {
    /// From now on all that this process writes has the origin. Nothing to do where the server does not log for
    /// decoding, or has no room for slots. An error when the server has no room for the origin
    /// (`max_replication_slots`).
    pub fn take(&mut self) -> Result<()> {
        // SAFETY: settings that stay until the server starts again.
        if self.is_taken || !is_on() || unsafe { pg_sys::max_replication_slots == 0 } {
            return Ok(());
        }
        let name = c_name();
        // SAFETY: looks it up, and makes it, in a transaction; takes it outside of one, as the server's own workers do.
        unsafe {
            let id = txn::run(|| {
                Ok(match pg_sys::replorigin_by_name(name.as_ptr(), true) {
                    0 => pg_sys::replorigin_create(name.as_ptr()),
                    id => id,
                })
            })?;
            txn::catch(|| {
                pg_sys::replorigin_session_setup(id);
                pg_sys::replorigin_session_origin = id;
                Ok(())
            })?;
        }
        self.is_taken = true;
        Ok(())
    }

    /// The worker leaves in good order: the server needs no place for the origin until it comes back.
    pub fn give_up(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.is_taken) {
            return Ok(());
        }
        let name = c_name();
        // SAFETY: was taken by this process; nothing is written between here and the end of the transaction but the
        // origin's own row.
        unsafe {
            pg_sys::replorigin_session_origin = pg_sys::InvalidRepOriginId as pg_sys::RepOriginId;
            txn::catch(|| {
                pg_sys::replorigin_session_reset();
                Ok(())
            })?;
            txn::run(|| {
                pg_sys::replorigin_drop_by_name(name.as_ptr(), true, true);
                Ok(())
            })
        }
    }
}

fn c_name() -> CString {
    CString::new(origin_name()).unwrap_or_default()
}
