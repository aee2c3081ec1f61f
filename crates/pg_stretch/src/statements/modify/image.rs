//! The image of an old version for AFTER triggers, which name rows by where they lie in the heap: written and deleted
//! in one go, so that no snapshot ever shows it; VACUUM takes it away.

use pgrx::pg_sys;

/// Writes the image and returns where it lies.
///
/// It is inserted under the statement's command id and deleted under the next one, and the command id moves on once
/// more: the statement's own snapshot does not see the insert yet, every later one sees the delete.
///
/// # Safety
/// `target` is an open result relation of the running statement, `old` has its layout.
pub unsafe fn make(
    target: *mut pg_sys::ResultRelInfo,
    old: pg_sys::HeapTuple,
    statement: *mut pg_sys::EState,
) -> pg_sys::ItemPointerData {
    // SAFETY: the caller's promise; nobody else can know the image, so its delete neither waits nor fails.
    unsafe {
        let relation = (*target).ri_RelationDesc;
        let image = pg_sys::heap_copytuple(old);
        (*image).t_tableOid = (*relation).rd_id;
        pg_sys::heap_insert(relation, image, (*statement).es_output_cid, 0, std::ptr::null_mut());
        let mut place = (*image).t_self;
        pg_sys::CommandCounterIncrement();
        let next = pg_sys::GetCurrentCommandId(true);
        let mut failure = pg_sys::TM_FailureData::default();
        let done = pg_sys::heap_delete(
            relation,
            &mut place,
            next,
            std::ptr::null_mut(),
            true,
            &mut failure,
            false,
        );
        pg_sys::CommandCounterIncrement();
        if done != pg_sys::TM_Result::TM_Ok {
            crate::pg::error::Error::internal("the image of a cold row could not be deleted").raise();
        }
        place
    }
}
