//! The end of a statement, before its AFTER triggers fire: tombstones that it kept are written (F53).

use crate::cold::tombstone::kept;
use crate::pg::error::OrRaise;
use crate::pg::{hook, raw};
use pgrx::pg_sys;

static mut PREVIOUS: pg_sys::ExecutorFinish_hook_type = None;

/// Puts the hook in front of those of other libraries; in the postmaster only.
pub fn install() {
    // SAFETY: hook chaining in the single-threaded postmaster.
    unsafe {
        PREVIOUS = pg_sys::ExecutorFinish_hook;
        pg_sys::ExecutorFinish_hook = Some(finish);
    }
}

unsafe extern "C-unwind" fn finish(query: *mut pg_sys::QueryDesc) {
    // SAFETY: PostgreSQL passes a started query; calls the hook that was there before us, or what PostgreSQL would have
    // called.
    unsafe {
        let next = PREVIOUS.unwrap_or(hook::standard_ExecutorFinish);
        if !may_keep(query) {
            return next(query);
        }
        hook::own_part(|| {
            let _kept = kept::end((*(*query).estate).es_output_cid).or_raise();
            raw::guarded(|| next(query));
        });
    }
}

/// Whether the statement may have killed cold rows, or may do so while it ends.
unsafe fn may_keep(query: *mut pg_sys::QueryDesc) -> bool {
    // SAFETY: a started query; nothing is owned.
    unsafe {
        let has_parts = !(*(*query).estate).es_auxmodifytables.is_null();
        has_parts || (kept::any() && (*query).operation != pg_sys::CmdType::CMD_SELECT)
    }
}
