//! INSERT … ON CONFLICT DO NOTHING leaves out rows whose key is cold: they are taken out of what the statement is about
//! to insert.
//!
//! The heap's indexes judge hot rows afterwards.

use super::front::{self, Next};
use super::narrow::{self, ColdSide, Look};
use super::room;
use super::search::{Search, Session, Then};
use super::wanted::Wanted;
use crate::catalog::keys::{self, Key};
use crate::catalog::stretched;
use crate::cold::key_filter::Hasher;
use crate::pg::context::Context;
use crate::pg::error::{Error, OrRaise, Result};
use crate::pg::{hook, list, names, slot};
use pgrx::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use stretch_core::errors;

static mut PREVIOUS: pg_sys::ExecutorStart_hook_type = None;

/// The source of rows of one INSERT.
struct Source {
    next: Next,
    info: Arc<stretched::Info>,
    /// The target of the INSERT, open until the statement ends.
    table: pg_sys::Relation,
    /// The keys whose conflicts the statement skips.
    keys: RefCell<Vec<(Key, Option<Hasher>)>>,
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

/// Whether row triggers may run before a row is inserted.
unsafe fn has_before_triggers(table: pg_sys::Relation) -> bool {
    const DISABLED: u8 = b'D';
    const KIND: u32 = pg_sys::TRIGGER_TYPE_ROW | pg_sys::TRIGGER_TYPE_BEFORE | pg_sys::TRIGGER_TYPE_INSERT;
    // SAFETY: an open relation; its triggers live as long.
    unsafe {
        let Some(all) = (*table).trigdesc.as_ref().filter(|all| all.trig_insert_before_row) else {
            return false;
        };
        std::slice::from_raw_parts(all.triggers, all.numtriggers as usize)
            .iter()
            .any(|trigger| trigger.tgenabled as u8 != DISABLED && trigger.tgtype as u32 & KIND == KIND)
    }
}

/// Puts the filter in front of the rows of an INSERT … ON CONFLICT DO NOTHING into a stretched table.
unsafe fn watch(node: &mut pg_sys::ModifyTableState, estate: *mut pg_sys::EState) -> Result<()> {
    let source = node.ps.lefttree;
    // SAFETY: an initialized node has a target that is open until the statement ends.
    let (table, info) = unsafe {
        let table = (*node.resultRelInfo).ri_RelationDesc;
        (table, stretched::lookup((*table).rd_id)?)
    };
    // SAFETY: the source of rows is null for a statement without one, else an initialized node.
    let next = unsafe { source.as_ref() }.and_then(|source| source.ExecProcNodeReal);
    let (Some(info), Some(next)) = (info, next) else {
        return Ok(());
    };
    // SAFETY: the node's plan is the one that it was made of; the table is open.
    let keys = unsafe { skipped(&*node.ps.plan.cast(), table)? };
    if keys.is_empty() {
        return Ok(());
    }
    // SAFETY: the statement's memory lives as long as the statement.
    let context = unsafe { (*estate).es_query_cxt };
    let with_hasher = |key: Key| {
        let hasher = Hasher::new(&key, &info.columns);
        (key, hasher)
    };
    let watched = Source {
        next,
        table,
        keys: RefCell::new(keys.into_iter().map(with_hasher).collect()),
        // SAFETY: goes with the statement's memory, as the source itself does.
        memory: unsafe { Context::under(context, c"pg_stretch new keys") },
        info,
    };
    SOURCES.with_borrow_mut(|sources| sources.insert(source as usize, Rc::new(watched)));
    // SAFETY: the source lives in that memory.
    unsafe {
        front::forget_with(context, forget, source.cast());
        front::put(&mut *source, next_row);
    }
    Ok(())
}

/// The keys whose conflicts the statement skips. Not those for which the access method brings cold rows home, where
/// core meets them: keys that a BEFORE trigger may still change, deferrable ones, those that are formed, and exclusion
/// constraints.
unsafe fn skipped(plan: &pg_sys::ModifyTable, table: pg_sys::Relation) -> Result<Vec<Key>> {
    // SAFETY: an open table, and the plan of a statement on it.
    let (mut keys, arbiters, has_triggers) = unsafe {
        let arbiters = list::oids(plan.arbiterIndexes);
        (keys::of(table)?, arbiters, has_before_triggers(table))
    };
    keys.retain(|key| {
        let is_arbiter = arbiters.is_empty() || arbiters.contains(&key.index);
        is_arbiter && key.definition.is_none() && !has_triggers && !key.deferrable && key.excludes.is_none()
    });
    Ok(keys)
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

/// Whether a cold row has one of the keys. One that became cold behind the statement's snapshot is 40001 from
/// REPEATABLE READ on, as for hot rows.
unsafe fn is_cold(source: &Source, slot: *mut pg_sys::TupleTableSlot) -> Result<bool> {
    // SAFETY: the caller's promise.
    let width = unsafe { taken_apart(slot) };
    let value = |column: i16| {
        let at = column as usize - 1;
        // SAFETY: the slot's arrays have `width` places; the values live as long as the slot is not touched.
        unsafe { (at < width && !*(*slot).tts_isnull.add(at)).then(|| *(*slot).tts_values.add(at)) }
    };
    // SAFETY: nothing of the look at the row before is left there.
    unsafe { source.memory.reset() };
    let _inside = source.memory.enter();
    let Some(cold) = ColdSide::now(&source.info)? else {
        return Ok(false);
    };
    for (key, hasher) in source.keys.borrow_mut().iter_mut() {
        // SAFETY: values of the key's columns.
        let look = unsafe { cold.by_value(key, hasher.as_mut(), value)? };
        let Look::Except(segments) = look else {
            continue;
        };
        let Some(wanted) = Wanted::one(key, value) else {
            continue;
        };
        // SAFETY: the table is open until the statement ends.
        let session = unsafe { Session::begin(&source.info, source.table) };
        let conditions = narrow::equal(key, |place| value(key.parts[place].column));
        let mut search = Search::new(&session, key, wanted, &conditions, &segments);
        if search.finds(Then::Skip)? {
            return is_visible(&mut search).map(|()| true);
        }
    }
    Ok(false)
}

/// The number of the slot's columns, all of which are in its arrays.
unsafe fn taken_apart(slot: *mut pg_sys::TupleTableSlot) -> usize {
    // SAFETY: a filled slot of the caller's.
    unsafe {
        let width = (*(*slot).tts_tupleDescriptor).natts;
        slot::take_apart(slot, width as i16);
        width as usize
    }
}

/// 40001 where the snapshot is kept and does not show the row that was found.
pub fn is_visible(search: &mut Search) -> Result<()> {
    // SAFETY: plain globals of a running statement.
    let (is_kept, snapshot) = unsafe {
        (
            pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32,
            pg_sys::GetActiveSnapshot(),
        )
    };
    if !is_kept || search.finds_under(snapshot)? {
        return Ok(());
    }
    Err(Error::new(
        &errors::MOVED,
        format!(
            "could not serialize access: a key of table {} became that of a cold row",
            names::relation(search.info().relation)
        ),
    ))
}
