//! The deletes of a batch: page order, never waiting, each row leaving the mark of a moved row, by which waiting
//! writers know that it became cold.

use pgrx::pg_sys;

/// Deletes the rows `tids` (block, offset) that `snapshot` sees; returns the indexes of those that a concurrent
/// writer holds or changed, which stay hot (I-3). No trigger fires. Nothing here waits.
pub fn delete(relation: pg_sys::Relation, tids: &[(u32, u16)], snapshot: pg_sys::Snapshot) -> Vec<usize> {
    let mut order: Vec<usize> = (0..tids.len()).collect();
    order.sort_unstable_by_key(|&index| tids[index]);
    // SAFETY: marks the command id as used, since the deletes carry it.
    let command = unsafe { pg_sys::GetCurrentCommandId(true) };
    let mut stayed = Vec::new();
    for (count, index) in order.into_iter().enumerate() {
        if count.is_multiple_of(4096) {
            pgrx::check_for_interrupts!();
        }
        let (block, offset) = tids[index];
        let mut tid = pg_sys::ItemPointerData {
            ip_blkid: pg_sys::BlockIdData {
                bi_hi: (block >> 16) as u16,
                bi_lo: (block & 0xffff) as u16,
            },
            ip_posid: offset,
        };
        let mut failure = pg_sys::TM_FailureData::default();
        // SAFETY: the relation is open and locked; the tid was read under `snapshot`, which is registered from the scan
        // to the last delete, so its line pointer is still that row's (F48).
        let result = unsafe { pg_sys::heap_delete(relation, &mut tid, command, snapshot, false, &mut failure, true) };
        if result != pg_sys::TM_Result::TM_Ok {
            stayed.push(index);
        }
    }
    stayed
}
