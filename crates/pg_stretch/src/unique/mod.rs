//! Keeps unique keys unique against cold rows: a trigger's function that looks for new keys in the foreign child (F28).
//!
//! The heap's own index has judged the hot rows before; a row that is moving made the writer wait there. So what is
//! left is to look at the cold side with a snapshot taken now.

mod finish;
pub mod keys;
mod narrow;
mod new_rows;
mod probe;
mod range;
mod search;
mod skip;
mod sql;

use crate::error::{OrRaise, Result};
use crate::guard;
use crate::pg::names;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use stretch_core::ids::SegmentId;

/// Puts the hooks of this module in place; in the postmaster only.
pub fn install() {
    finish::install();
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
            return Err(crate::error::Error::argument(
                "stretch.unique_probe can only be called as a trigger",
            ));
        }
        Ok(&mut *context.cast::<pg_sys::TriggerData>())
    }
}

thread_local! {
    static PROBING: Cell<bool> = const { Cell::new(false) };
    static RULED_OUT: RefCell<Rc<HashSet<SegmentId>>> = RefCell::default();
}

/// True while this session looks for keys in a cold side: query modes do not hide rows from that (F36).
pub fn probing() -> bool {
    PROBING.get()
}

/// True for a segment that a look for keys need not read.
pub fn is_ruled_out(segment: &SegmentId) -> bool {
    PROBING.get() && RULED_OUT.with_borrow(|ruled_out| ruled_out.contains(segment))
}

/// Leaves these segments out until the look for keys ends.
fn rule_out(segments: &Rc<HashSet<SegmentId>>) {
    RULED_OUT.set(segments.clone());
}

/// Marks a probe until dropped, also when an error unwinds.
struct Probing;

impl Probing {
    fn begin() -> Self {
        PROBING.set(true);
        Self
    }
}

impl Drop for Probing {
    fn drop(&mut self) {
        PROBING.set(false);
        RULED_OUT.take();
    }
}

/// Whether every unique key of the table is kept unique against cold rows: it has none, or all triggers of ours fire
/// always. Migration leaves other tables alone (F28).
pub fn guarded(relation: pg_sys::Oid) -> bool {
    // SAFETY: the relation is opened and closed with one lock; its trigger descriptor lives that long.
    unsafe {
        let table = pg_sys::table_open(relation, pg_sys::AccessShareLock as i32);
        let ours = match (*table).trigdesc.as_ref() {
            Some(description) if description.numtriggers > 0 => {
                std::slice::from_raw_parts(description.triggers, description.numtriggers as usize)
                    .iter()
                    .filter(|trigger| trigger.tgenabled as u8 == b'A')
                    .filter(|trigger| guard::is_our_trigger(&names::text(trigger.tgname)))
                    .count()
            }
            _ => 0,
        };
        let keys = keys::of(table);
        pg_sys::table_close(table, pg_sys::AccessShareLock as i32);
        keys.is_ok_and(|keys| {
            let deferrable = keys.iter().filter(|key| key.deferrable).count();
            keys.is_empty() || ours >= 2 + 2 * deferrable
        })
    }
}
