//! INSERT … ON CONFLICT DO NOTHING leaves out rows whose key is cold: they are taken out of what the statement is about
//! to insert.
//!
//! The heap's indexes judge hot rows afterwards. What a BEFORE trigger gives another key is met by the AFTER trigger
//! instead, and is an error there.

use super::narrow::{self, ColdSide, Look};
use super::search::{Search, Session, Then};
use super::wanted::Wanted;
use crate::catalog::keys::{self, Key};
use crate::catalog::stretched;
use crate::cold::key_filter::Hasher;
use crate::pg::error::{Error, OrRaise, Result};
use crate::pg::scratch::Scratch;
use crate::pg::{hook, list, names};
use pgrx::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use stretch_core::errors;

static mut PREVIOUS: pg_sys::ExecutorStart_hook_type = None;

/// The source of rows of one INSERT.
struct Source {
    next: unsafe extern "C-unwind" fn(*mut pg_sys::PlanState) -> *mut pg_sys::TupleTableSlot,
    info: Arc<stretched::Info>,
    /// The target of the INSERT, open until the statement ends.
    table: pg_sys::Relation,
    /// The keys whose conflicts the statement skips.
    keys: RefCell<Vec<(Key, Option<Hasher>)>>,
    scratch: Scratch,
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
    }
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

/// Whether row triggers may run before a row is inserted; ours run afterwards.
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
    // SAFETY: an initialized node with its plan, targets and source of rows.
    unsafe {
        let plan = &*node.ps.plan.cast::<pg_sys::ModifyTable>();
        let table = (*node.resultRelInfo).ri_RelationDesc;
        let source = node.ps.lefttree;
        let Some(info) = stretched::lookup((*table).rd_id)? else {
            return Ok(());
        };
        if source.is_null() {
            return Ok(());
        }
        let mut keys = keys::of(table)?;
        let arbiters = list::oids(plan.arbiterIndexes);
        keys.retain(|key| arbiters.is_empty() || arbiters.contains(&key.index));
        let Some(next) = (*source).ExecProcNodeReal else {
            return Ok(());
        };
        if !keys.is_empty() && has_before_triggers(table) {
            return Err(Error::new(
                &errors::UNSUPPORTED,
                format!(
                    "INSERT ... ON CONFLICT DO NOTHING is not supported on stretched table {} with a BEFORE INSERT \
                    row trigger",
                    names::relation((*table).rd_id)
                ),
            )
            .detail("The trigger may change the key after cold rows were asked for it.")
            .hint("Use INSERT ... SELECT ... WHERE NOT EXISTS (SELECT FROM the table WHERE the key is the same)."));
        }
        let place = source as usize;
        let keys = keys.into_iter().map(|key| {
            let hasher = Hasher::new(&key, &info.columns);
            (key, hasher)
        });
        let keys = RefCell::new(keys.collect());
        let outer = pg_sys::MemoryContextSwitchTo((*estate).es_query_cxt);
        let scratch = Scratch::new(c"pg_stretch new keys");
        pg_sys::MemoryContextSwitchTo(outer);
        SOURCES.with_borrow_mut(|sources| {
            sources.insert(
                place,
                Rc::new(Source {
                    next,
                    info,
                    table,
                    keys,
                    scratch,
                }),
            )
        });
        let callback =
            pg_sys::MemoryContextAllocZero((*estate).es_query_cxt, size_of::<pg_sys::MemoryContextCallback>())
                .cast::<pg_sys::MemoryContextCallback>();
        (*callback).func = Some(forget);
        (*callback).arg = source.cast();
        pg_sys::MemoryContextRegisterResetCallback((*estate).es_query_cxt, callback);
        (*source).ExecProcNodeReal = Some(next_row);
        if (*source)
            .ExecProcNode
            .is_some_and(|now| std::ptr::fn_addr_eq(now, next))
        {
            (*source).ExecProcNode = Some(next_row);
        }
        Ok(())
    }
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
        // SAFETY: as above; TTS_FLAG_EMPTY is 2.
        if slot.is_null() || unsafe { (*slot).tts_flags } & 2 != 0 {
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
    // SAFETY: the caller's promise; the values live as long as the slot is not touched.
    unsafe {
        let width = (*(*slot).tts_tupleDescriptor).natts;
        if i32::from((*slot).tts_nvalid) < width {
            pg_sys::slot_getsomeattrs_int(slot, width);
        }
        let value = |column: i16| {
            let at = column as usize - 1;
            (at < width as usize && !*(*slot).tts_isnull.add(at)).then(|| *(*slot).tts_values.add(at))
        };
        let Some(cold) = ColdSide::now(&source.info)? else {
            return Ok(false);
        };
        for (key, hasher) in source.keys.borrow_mut().iter_mut() {
            let look = source.scratch.run(|| cold.by_value(hasher.as_mut(), value))?;
            let Look::Among(segments) = look else {
                continue;
            };
            let Some(wanted) = Wanted::one(key, value) else {
                continue;
            };
            let session = Session::begin(&source.info, source.table);
            let mut search = Search::new(&session, key, wanted, narrow::equal(key, value), segments);
            if !search.finds(Then::Skip)? {
                continue;
            }
            let fixed = pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32;
            if fixed && !search.finds_under(pg_sys::GetActiveSnapshot())? {
                return Err(Error::new(
                    &errors::MOVED,
                    format!(
                        "could not serialize access: a key of table {} became that of a cold row",
                        names::relation(source.info.relation)
                    ),
                ));
            }
            return Ok(true);
        }
        Ok(false)
    }
}
