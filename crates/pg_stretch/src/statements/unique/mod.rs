//! Keeps unique keys unique against cold rows: a trigger's function that looks for new keys on the cold side (F28).
//!
//! The heap's own index has judged the hot rows before; a row that is moving made the writer wait there. So what is
//! left is to look at the cold side with a snapshot taken now.

mod doubt;
mod hot;
mod known;
mod look;
mod narrow;
mod new_rows;
mod order;
mod probe;
mod range;
mod room;
mod search;
mod since;
mod skip;
mod wanted;

pub use look::{Version, look, look_after_update, look_changed, look_deferred, look_for_many, look_speculatively};

use crate::pg::error::{OrRaise, Result};
use pgrx::prelude::*;

/// After a row of INSERT … ON CONFLICT was judged: the next one's keys are first looked for in the indexes, all of
/// them, and only then on the cold side. What was seen of that for this row says nothing then.
pub fn judged(relation: pg_sys::Oid) {
    known::forget_sight(relation);
    room::ask_only(relation, None);
}

/// Whether a row of the table became cold by a transaction that committed after the running command's last look at its
/// cold side.
pub fn is_before(relation: pg_sys::Oid, transaction: pg_sys::TransactionId) -> bool {
    known::last_sight(relation).is_some_and(|sight| sight.seen.is_before(transaction))
}

/// Puts the hooks of this module in place; in the postmaster only.
pub fn install() {
    skip::install();
}

/// Tells the server that `stretch_unique_probe` is a version 1 function.
#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_stretch_unique_probe() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

/// `stretch.unique_probe()`.
///
/// # Safety
/// Called by PostgreSQL as a function of version 1.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn stretch_unique_probe(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the context of a trigger call is a TriggerData, which `trigger_data` checks.
    unsafe { trigger_data(call).and_then(|data| probe::run(data)).or_raise() };
    pg_sys::Datum::from(0)
}

unsafe fn trigger_data<'a>(call: pg_sys::FunctionCallInfo) -> Result<&'a mut pg_sys::TriggerData> {
    // SAFETY: the tag is looked at before the cast.
    unsafe {
        let context = (*call).context;
        if context.is_null() || (*context).type_ != pg_sys::NodeTag::T_TriggerData {
            return Err(crate::pg::error::Error::argument(
                "stretch.unique_probe can only be called as a trigger",
            ));
        }
        Ok(&mut *context.cast::<pg_sys::TriggerData>())
    }
}
