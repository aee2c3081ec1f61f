//! The expressions and the predicate of an index that is made, evaluated for each cold row: one that fails there fails
//! the command, as it would if the row were hot. The index gets no entry.

use crate::catalog::snapshot::Latest;
use crate::cold::conditions::Conditions;
use crate::cold::segments;
use crate::pg::context::OwnContext;
use crate::pg::error::Result;
use crate::pg::{raw, slot};
use crate::statements::scan::cold::{ColdRows, emptied};
use crate::statements::scan::used;
use pgrx::pg_sys;
use stretch_core::purpose::Purpose;

/// What FormIndexDatum fills in: INDEX_MAX_KEYS of pg_config_manual.h.
const MAX_KEYS: usize = pg_sys::INDEX_MAX_KEYS as usize;

/// Evaluates them; nothing to do for an index of plain columns, nor where all functions are leakproof: such ones fail
/// for no argument.
///
/// # Safety
/// The table is open and locked, and the index is one of it.
pub unsafe fn evaluate(table: pg_sys::Relation, info: *mut pg_sys::IndexInfo) -> Result<()> {
    // SAFETY: the caller's promise. Rows and slots live in a context of their own, states of expressions in that of the
    // statement, which the build does not use again.
    unsafe {
        let may_fail = |clauses: *mut pg_sys::List| !clauses.is_null() && pg_sys::contain_leaked_vars(clauses.cast());
        if !may_fail((*info).ii_Expressions) && !may_fail((*info).ii_Predicate) {
            return Ok(());
        }
        let latest = Latest::take();
        let Some(stretched) = segments::registered((*table).rd_id, latest.get())? else {
            return Ok(());
        };
        let context = OwnContext::new(c"pg_stretch index");
        let inside = context.get().enter();
        let row = slot::own(table);
        let columns = used::columns_of(named(info));
        let memory = context.get().as_ptr();
        let mut rows = ColdRows::open(table, stretched, &columns, latest.get(), Purpose::Rule, memory)?;
        rows.start(&Conditions::default(), row, None)?;
        let index = Index::begin(info);
        loop {
            pgrx::check_for_interrupts!();
            emptied(row);
            if !rows.fill(row)? {
                break;
            }
            (*row).tts_tableOid = (*table).rd_id;
            raw::guarded(|| index.see(row));
        }
        index.end();
        rows.end();
        drop(inside);
        Ok(())
    }
}

/// The columns that expressions and predicate name, as `pull_varattnos` counts them.
unsafe fn named(info: *mut pg_sys::IndexInfo) -> *mut pg_sys::Bitmapset {
    let mut found = std::ptr::null_mut();
    // SAFETY: expressions of an index name its table as the first relation.
    unsafe {
        for expressions in [(*info).ii_Expressions, (*info).ii_Predicate] {
            pg_sys::pull_varattnos(expressions.cast(), 1, &mut found);
        }
    }
    found
}

/// An index whose expressions can be evaluated.
struct Index {
    info: *mut pg_sys::IndexInfo,
    state: *mut pg_sys::EState,
    context: *mut pg_sys::ExprContext,
    /// NULL for none.
    predicate: *mut pg_sys::ExprState,
}

impl Index {
    unsafe fn begin(info: *mut pg_sys::IndexInfo) -> Self {
        // SAFETY: an index of an open table; all is made in the current memory context.
        unsafe {
            let state = pg_sys::CreateExecutorState();
            Self {
                info,
                state,
                context: pg_sys::MakePerTupleExprContext(state),
                predicate: pg_sys::ExecPrepareQual((*info).ii_Predicate, state),
            }
        }
    }

    /// Evaluates them for a row.
    unsafe fn see(&self, row: *mut pg_sys::TupleTableSlot) {
        let (mut values, mut nulls) = ([pg_sys::Datum::from(0); MAX_KEYS], [false; MAX_KEYS]);
        // SAFETY: the row has all columns that are named; what the row before needed goes first.
        unsafe {
            raw::MemoryContextReset((*self.context).ecxt_per_tuple_memory);
            (*self.context).ecxt_scantuple = row;
            if self.predicate.is_null() || raw::ExecQual(self.predicate, self.context) {
                raw::FormIndexDatum(self.info, row, self.state, values.as_mut_ptr(), nulls.as_mut_ptr());
            }
        }
    }

    /// The build makes states of its own.
    unsafe fn end(self) {
        // SAFETY: the states that FormIndexDatum left lie in what goes here.
        unsafe {
            (*self.info).ii_ExpressionsState = std::ptr::null_mut();
            (*self.info).ii_PredicateState = std::ptr::null_mut();
            pg_sys::FreeExecutorState(self.state);
        }
    }
}
