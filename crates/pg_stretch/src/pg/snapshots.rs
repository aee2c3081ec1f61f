//! Which snapshots are in use, here and on standbys.

use pgrx::pg_sys;

/// PROC_IN_VACUUM and PROC_IS_AUTOVACUUM of proc.h: snapshots of these processes see no table's rows as queries do.
const VACUUM: i32 = 0x02 | 0x01;
/// XLOG_BTREE_REUSE_PAGE of nbtxlog.h.
const REUSE_PAGE: u8 = 0xD0;

/// Whether some snapshot of this database, or a replication slot, may not see a transaction that has committed.
/// Processes that wait for the answer are left out.
pub fn is_hidden_from_any(transaction: pg_sys::TransactionId, waiting: &[i32]) -> bool {
    if !pg_sys::TransactionIdIsNormal(transaction) {
        return false;
    }
    let waiting: Vec<_> = waiting.iter().filter_map(|pid| backend(*pid)).collect();
    slots_hold(transaction) || !older(transaction).iter().all(|one| waiting.contains(one))
}

/// Backends of this database whose oldest snapshot does not see the transaction.
fn older(transaction: pg_sys::TransactionId) -> Vec<pg_sys::BackendId> {
    let mut count = 0;
    // SAFETY: gives an array in the current memory context, with its length.
    let found = unsafe {
        let found = pg_sys::GetCurrentVirtualXIDs(transaction, true, false, VACUUM, &mut count);
        std::slice::from_raw_parts(found, count as usize)
    };
    found.iter().map(|one| one.backendId).collect()
}

/// The backend that a process is; `None` when it has ended.
fn backend(pid: i32) -> Option<pg_sys::BackendId> {
    // SAFETY: gives an entry of the server's array of processes, which is never freed.
    unsafe {
        let process = pg_sys::BackendPidGetProc(pid);
        (!process.is_null()).then(|| (*process).backendId)
    }
}

fn slots_hold(transaction: pg_sys::TransactionId) -> bool {
    let (mut oldest, mut of_catalog) = (pg_sys::InvalidTransactionId, pg_sys::InvalidTransactionId);
    // SAFETY: fills in both; compares two ids.
    unsafe {
        pg_sys::ProcArrayGetReplicationSlotXmin(&mut oldest, &mut of_catalog);
        oldest != pg_sys::InvalidTransactionId && pg_sys::TransactionIdPrecedesOrEquals(oldest, transaction)
    }
}

/// Transactions before this one, epoch included, are in every snapshot of the server, prepared transactions and slots
/// counted.
pub fn seen_by_all() -> u64 {
    // SAFETY: reads shared memory under its own locks; no relation means all databases.
    let (oldest, next) = unsafe {
        let oldest = pg_sys::GetOldestNonRemovableTransactionId(std::ptr::null_mut());
        (oldest, pg_sys::ReadNextFullTransactionId().value)
    };
    let age = (next as u32).wrapping_sub(oldest.into_inner());
    next - u64::from(age)
}

/// What a B-tree logs when it uses a page again (xl_btree_reuse_page of nbtxlog.h of PostgreSQL 15).
#[repr(C)]
struct ReusePage {
    node: pg_sys::RelFileNode,
    block: pg_sys::BlockNumber,
    latest_removed: u64,
}

/// Cancels queries on standbys whose snapshots do not see a transaction that has committed, as VACUUM does it, and by
/// the record of the log that VACUUM of a B-tree writes for nothing else; `max_standby_streaming_delay` holds. The
/// record names a relation of the database, of which nothing is changed.
///
/// # Safety
/// The relation is open.
pub unsafe fn cancel_on_standbys(relation: pg_sys::Relation, transaction: pg_sys::TransactionId) {
    // SAFETY: plain globals and getters of the server; the record is copied before the call returns.
    unsafe {
        let is_logged = pg_sys::wal_level >= pg_sys::WalLevel::WAL_LEVEL_REPLICA as i32;
        if !is_logged || !pg_sys::TransactionIdIsNormal(transaction) {
            return;
        }
        let next = pg_sys::ReadNextFullTransactionId().value;
        let age = (next as u32).wrapping_sub(transaction.into_inner());
        let mut record = ReusePage {
            node: (*relation).rd_node,
            block: pg_sys::InvalidBlockNumber,
            latest_removed: next - u64::from(age),
        };
        pg_sys::XLogBeginInsert();
        pg_sys::XLogRegisterData((&raw mut record).cast(), size_of::<ReusePage>() as i32);
        pg_sys::XLogInsert(pg_sys::RmgrIds::RM_BTREE_ID as u8, REUSE_PAGE);
    }
}
