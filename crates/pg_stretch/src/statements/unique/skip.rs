//! INSERT … ON CONFLICT DO NOTHING leaves out rows whose key is cold: they are taken out of what the statement is about
//! to insert.
//!
//! The heap's indexes judge hot rows afterwards.

use super::front::{self, Next};
use super::room;
use super::skipped::Target;
use crate::catalog::partitions;
use crate::pg::context::Context;
use crate::pg::error::{Error, OrRaise, Result};
use crate::pg::missing::ExecFindPartition;
use crate::pg::{hook, list, raw};
use pgrx::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

static mut PREVIOUS: pg_sys::ExecutorStart_hook_type = None;

/// The source of rows of one INSERT.
struct Source {
    next: Next,
    /// The node of the INSERT.
    node: *mut pg_sys::ModifyTableState,
    /// By the OIDs of the tables that rows go to; `None` for those with no cold row in the way.
    targets: RefCell<HashMap<pg_sys::Oid, Option<Rc<Target>>>>,
    /// For what the look at one row takes.
    memory: Context,
}

thread_local! {
    /// By their plan nodes, until the statement's memory goes.
    static SOURCES: RefCell<HashMap<usize, Rc<Source>>> = RefCell::new(HashMap::new());
}

/// Puts the hook in front of those of other libraries; in the postmaster only.
pub fn install() {
    // SAFETY: hook chaining in the single-threaded postmaster.
    unsafe {
        PREVIOUS = pg_sys::ExecutorStart_hook;
        pg_sys::ExecutorStart_hook = Some(start);
    }
}

unsafe extern "C-unwind" fn start(query: *mut pg_sys::QueryDesc, flags: i32) {
    // SAFETY: PostgreSQL passes a query that is about to start, and has its state afterwards.
    unsafe {
        PREVIOUS.unwrap_or(hook::standard_ExecutorStart)(query, flags);
        let statement = (*query).estate;
        let auxiliary = (*statement).es_auxmodifytables;
        watch_if_skips((*query).planstate, statement);
        for at in 0..list::length(auxiliary) {
            watch_if_skips(list::nth(auxiliary, at), statement);
        }
        if writes((*query).planstate) || !auxiliary.is_null() {
            hook::own_part(|| {
                if room::is_wanted(query, flags).or_raise() {
                    room::make(query);
                }
            });
        }
    }
}

unsafe fn writes(node: *mut pg_sys::PlanState) -> bool {
    // SAFETY: the tag of a node tells its type.
    unsafe { !node.is_null() && (*node).type_ == pg_sys::NodeTag::T_ModifyTableState }
}

unsafe fn watch_if_skips(node: *mut pg_sys::PlanState, statement: *mut pg_sys::EState) {
    // SAFETY: the tag of a node tells its type; most statements own nothing here and pay for nothing.
    unsafe {
        if node.is_null() || (*node).type_ != pg_sys::NodeTag::T_ModifyTableState {
            return;
        }
        let plan = (*node).plan.cast::<pg_sys::ModifyTable>();
        if (*plan).onConflictAction == pg_sys::OnConflictAction::ONCONFLICT_NOTHING {
            hook::own_part(|| watch(&mut *node.cast(), statement).or_raise());
        }
    }
}

/// Puts the filter in front of the rows of an INSERT … ON CONFLICT DO NOTHING into a stretched table, or a partitioned
/// one with stretched partitions.
unsafe fn watch(node: &mut pg_sys::ModifyTableState, estate: *mut pg_sys::EState) -> Result<()> {
    let source = node.ps.lefttree;
    // SAFETY: the source of rows is null for a statement without one, else an initialized node.
    let Some(next) = (unsafe { source.as_ref() }).and_then(|source| source.ExecProcNodeReal) else {
        return Ok(());
    };
    let mut targets = HashMap::new();
    // SAFETY: an initialized node has a target that is open until the statement ends.
    unsafe {
        let table = (*(*node.resultRelInfo).ri_RelationDesc).rd_id;
        if node.mt_partition_tuple_routing.is_null() {
            let Some(target) = Target::of(node.resultRelInfo)? else {
                return Ok(());
            };
            targets.insert(table, Some(Rc::new(target)));
        } else if !partitions::has_stretched(table)? {
            return Ok(());
        }
    }
    // SAFETY: the statement's memory lives as long as the statement.
    let context = unsafe { (*estate).es_query_cxt };
    let watched = Source {
        next,
        node,
        targets: RefCell::new(targets),
        // SAFETY: goes with the statement's memory, as the source itself does.
        memory: unsafe { Context::under(context, c"pg_stretch new keys") },
    };
    SOURCES.with_borrow_mut(|sources| sources.insert(source as usize, Rc::new(watched)));
    // SAFETY: the source lives in that memory.
    unsafe {
        front::forget_with(context, forget, source.cast());
        front::put(&mut *source, next_row);
    }
    Ok(())
}

#[pg_guard]
unsafe extern "C-unwind" fn forget(source: *mut std::ffi::c_void) {
    SOURCES.with_borrow_mut(|sources| sources.remove(&(source as usize)));
}

/// The next row whose keys are not cold.
#[pg_guard]
unsafe extern "C-unwind" fn next_row(node: *mut pg_sys::PlanState) -> *mut pg_sys::TupleTableSlot {
    let source = SOURCES.with_borrow(|sources| sources.get(&(node as usize)).cloned());
    let Some(source) = source else {
        Error::internal("the rows of an INSERT have no source").raise();
    };
    loop {
        // SAFETY: calls what the executor would have called; a slot or null.
        let slot = unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| (source.next)(node)) };
        // SAFETY: as above.
        if slot.is_null() || unsafe { (*slot).tts_flags } & pg_sys::TTS_FLAG_EMPTY as u16 != 0 {
            return slot;
        }
        // SAFETY: a filled slot with the columns of the table.
        if !unsafe { is_cold(&source, slot) }.or_raise() {
            return slot;
        }
        pgrx::check_for_interrupts!();
    }
}

/// Whether a cold row has one of the keys.
unsafe fn is_cold(source: &Source, slot: *mut pg_sys::TupleTableSlot) -> Result<bool> {
    // SAFETY: the node and its targets live as long as the statement, which asks for its next row; nothing of the look
    // at the row before is left in the source's memory.
    unsafe {
        let target = match (*source.node).mt_partition_tuple_routing.is_null() {
            true => (*source.node).resultRelInfo,
            false => routed(source.node, slot),
        };
        let table = (*(*target).ri_RelationDesc).rd_id;
        let known = source.targets.borrow().get(&table).cloned();
        let target = match known {
            Some(known) => known,
            None => {
                let target = Target::of(target)?.map(Rc::new);
                source.targets.borrow_mut().insert(table, target.clone());
                target
            }
        };
        let Some(target) = target else {
            return Ok(false);
        };
        source.memory.reset();
        let _inside = source.memory.enter();
        target.has_cold(slot)
    }
}

/// The partition that a row goes to. The executor asks for it again, and finds it as quickly as for the row before.
unsafe fn routed(node: *mut pg_sys::ModifyTableState, slot: *mut pg_sys::TupleTableSlot) -> *mut pg_sys::ResultRelInfo {
    // SAFETY: a node that routes rows, and a row with the columns of its target. What was taken for the row before it
    // goes as the executor has it go before each row.
    unsafe {
        let (root, routing, state) = (
            (*node).resultRelInfo,
            (*node).mt_partition_tuple_routing,
            (*node).ps.state,
        );
        raw::guarded(|| {
            if let Some(context) = (*state).es_per_tuple_exprcontext.as_ref() {
                raw::MemoryContextReset(context.ecxt_per_tuple_memory);
            }
            ExecFindPartition(node, root, routing, slot, state)
        })
    }
}
