//! Functions of the server as they are, for loops over many rows: one guard around the loop instead of one in each
//! call.
//!
//! An ERROR in one of them jumps to that guard. So nothing between the guard and the call may own what must be dropped,
//! or panic.

// Names of the server.
#![allow(non_snake_case)]

use pgrx::pg_sys;

unsafe extern "C-unwind" {
    pub fn slot_getsomeattrs_int(slot: *mut pg_sys::TupleTableSlot, columns: i32);
    pub fn tuplesort_puttupleslot(sort: *mut pg_sys::Tuplesortstate, slot: *mut pg_sys::TupleTableSlot);
    pub fn FunctionCall2Coll(
        function: *mut pg_sys::FmgrInfo,
        collation: pg_sys::Oid,
        a: pg_sys::Datum,
        b: pg_sys::Datum,
    ) -> pg_sys::Datum;
    pub fn FormIndexDatum(
        info: *mut pg_sys::IndexInfo,
        slot: *mut pg_sys::TupleTableSlot,
        state: *mut pg_sys::EState,
        values: *mut pg_sys::Datum,
        nulls: *mut bool,
    );
    pub fn ExecReScan(node: *mut pg_sys::PlanState);
    pub fn MemoryContextReset(context: pg_sys::MemoryContext);
    /// A getter: raises nothing.
    pub fn GetCurrentStatementStartTimestamp() -> pg_sys::TimestampTz;
    fn ProcessInterrupts();
}

/// Runs a loop inside one guard, which turns an ERROR into an unwind.
///
/// # Safety
/// No frame between this and a raw function owns anything that must be dropped.
pub unsafe fn guarded<T>(f: impl FnOnce() -> T) -> T {
    // SAFETY: the caller's promise.
    unsafe { pg_sys::ffi::pg_guard_ffi_boundary(f) }
}

/// The next row of a plan node (ExecProcNode of executor.h, which is inline there).
///
/// # Safety
/// As for every function here; the node is initialised.
pub unsafe fn ExecProcNode(node: *mut pg_sys::PlanState) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the caller's promise.
    unsafe {
        if !(*node).chgParam.is_null() {
            ExecReScan(node);
        }
        match (*node).ExecProcNode {
            Some(next) => next(node),
            None => std::ptr::null_mut(),
        }
    }
}

/// Whether a row satisfies conditions (ExecQual of executor.h): their state is not NULL.
///
/// # Safety
/// As for every function here.
pub unsafe fn ExecQual(state: *mut pg_sys::ExprState, context: *mut pg_sys::ExprContext) -> bool {
    // SAFETY: the caller's promise; an ExprState carries its own evaluation function.
    unsafe {
        let outer = pg_sys::MemoryContextSwitchTo((*context).ecxt_per_tuple_memory);
        let mut is_null = false;
        let holds = (*state)
            .evalfunc
            .is_none_or(|function| function(state, context, &mut is_null).value() != 0);
        pg_sys::MemoryContextSwitchTo(outer);
        holds
    }
}

/// Projects the row that the context holds (ExecProject of executor.h).
///
/// # Safety
/// As for every function here.
pub unsafe fn ExecProject(projection: *mut pg_sys::ProjectionInfo) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the caller's promise; the slot is the projection's own.
    unsafe {
        let state = &raw mut (*projection).pi_state;
        let (context, slot) = ((*projection).pi_exprContext, (*state).resultslot);
        if let Some(clear) = (*(*slot).tts_ops).clear {
            clear(slot);
        }
        let outer = pg_sys::MemoryContextSwitchTo((*context).ecxt_per_tuple_memory);
        let mut is_null = false;
        if let Some(function) = (*state).evalfunc {
            function(state, context, &mut is_null);
        }
        pg_sys::MemoryContextSwitchTo(outer);
        (*slot).tts_flags &= !(pg_sys::TTS_FLAG_EMPTY as u16);
        (*slot).tts_nvalid = (*(*slot).tts_tupleDescriptor).natts as i16;
        slot
    }
}

/// CHECK_FOR_INTERRUPTS inside a guard.
///
/// # Safety
/// As for every function here.
pub unsafe fn check_for_interrupts() {
    // SAFETY: a flag that signal handlers set.
    unsafe {
        if std::ptr::read_volatile(&raw const pg_sys::InterruptPending) != 0 {
            ProcessInterrupts();
        }
    }
}
