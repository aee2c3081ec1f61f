//! One version of a row in the heap, by its place.

use pgrx::pg_sys;

/// What `of` says of the header of the version at a place, if the snapshot sees one.
///
/// # Safety
/// The relation is open and locked, the server holds the snapshot.
pub unsafe fn look<T>(
    relation: pg_sys::Relation,
    tid: pg_sys::ItemPointerData,
    snapshot: pg_sys::Snapshot,
    of: impl FnOnce(&pg_sys::HeapTupleHeaderData) -> T,
) -> Option<T> {
    let block = (u32::from(tid.ip_blkid.bi_hi) << 16) | u32::from(tid.ip_blkid.bi_lo);
    // SAFETY: the caller's promise; the buffer is released at once. A place that holds no tuple gives false.
    unsafe {
        if block >= pg_sys::RelationGetNumberOfBlocksInFork(relation, pg_sys::ForkNumber::MAIN_FORKNUM) {
            return None;
        }
        let mut tuple = pg_sys::HeapTupleData {
            t_self: tid,
            ..Default::default()
        };
        let mut buffer = pg_sys::InvalidBuffer as pg_sys::Buffer;
        if !pg_sys::heap_fetch(relation, snapshot, &mut tuple, &mut buffer, false) {
            return None;
        }
        let answer = of(&*tuple.t_data);
        pg_sys::ReleaseBuffer(buffer);
        Some(answer)
    }
}
