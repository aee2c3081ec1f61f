//! What a row's key is in an index with expressions or a predicate: the server's own functions evaluate them.

use super::keys::Key;
use crate::pg::{raw, slot, user};
use pgrx::pg_sys;

/// Bias of column numbers in sets of them (FirstLowInvalidHeapAttributeNumber of sysattr.h).
const FIRST_LOW: i32 = pg_sys::FirstLowInvalidHeapAttributeNumber;

/// Forms the keys of rows.
pub struct Former {
    info: *mut pg_sys::IndexInfo,
    statement: *mut pg_sys::EState,
    /// Holds the predicate as an expression that can be evaluated; null without one.
    predicate: *mut pg_sys::ExprState,
    /// A row of the table, for values that lie in none.
    row: *mut pg_sys::TupleTableSlot,
    columns: Vec<i16>,
    /// The key that was formed last.
    key: Vec<Option<pg_sys::Datum>>,
}

impl Former {
    /// For a key of an open table. What it takes lies in the current memory context.
    ///
    /// # Safety
    /// It is not used after that context was reset or deleted. The table keeps its columns as long.
    pub unsafe fn new(table: pg_sys::Relation, key: &Key) -> Self {
        // SAFETY: the index is opened and closed with one lock; what is kept of it are copies. The trees are simplified
        // when they are read, which may call functions of the table's owner: as he.
        unsafe {
            let _owner = user::ActAs::role(user::relation_owner((*table).rd_id), true);
            let index = pg_sys::index_open(key.index, pg_sys::AccessShareLock as i32);
            let info = pg_sys::BuildIndexInfo(index);
            pg_sys::index_close(index, pg_sys::AccessShareLock as i32);
            let statement = pg_sys::CreateExecutorState();
            let outer = pg_sys::MemoryContextSwitchTo((*statement).es_query_cxt);
            let predicate = match (*info).ii_Predicate.is_null() {
                true => std::ptr::null_mut(),
                false => pg_sys::ExecPrepareQual((*info).ii_Predicate, statement),
            };
            pg_sys::MemoryContextSwitchTo(outer);
            Self {
                predicate,
                columns: columns(table, info),
                row: slot::own(table),
                info,
                statement,
                key: Vec::new(),
            }
        }
    }

    /// Numbers of the columns on which keys depend.
    pub fn columns(&self) -> &[i16] {
        &self.columns
    }

    /// The key of the row in a slot, with `None` for NULL; `None` when the predicate leaves the row out. Its values
    /// live until [`forget`](Self::forget).
    ///
    /// # Safety
    /// The slot holds a row of the table.
    pub unsafe fn of_slot(&mut self, slot: *mut pg_sys::TupleTableSlot) -> Option<&[Option<pg_sys::Datum>]> {
        const WIDTH: usize = pg_sys::INDEX_MAX_KEYS as usize;
        let (mut values, mut nulls) = ([pg_sys::Datum::from(0); WIDTH], [true; WIDTH]);
        let (info, statement, predicate) = (self.info, self.statement, self.predicate);
        // SAFETY: the caller's promise; the expressions are of this table, and nothing is owned inside the guard.
        let is_in = unsafe {
            let context = match (*statement).es_per_tuple_exprcontext.is_null() {
                true => pg_sys::MakePerTupleExprContext(statement),
                false => (*statement).es_per_tuple_exprcontext,
            };
            (*context).ecxt_scantuple = slot;
            let memory = (*context).ecxt_per_tuple_memory;
            let outer = pg_sys::MemoryContextSwitchTo(memory);
            let is_in = raw::guarded(|| {
                let Some(holds) = predicate.as_ref().and_then(|predicate| predicate.evalfunc) else {
                    return true;
                };
                let mut is_null = false;
                let holds = holds(predicate, context, &mut is_null);
                !is_null && holds.value() != 0
            });
            if is_in {
                pg_sys::FormIndexDatum(info, slot, statement, values.as_mut_ptr(), nulls.as_mut_ptr());
            }
            pg_sys::MemoryContextSwitchTo(outer);
            is_in
        };
        if !is_in {
            return None;
        }
        // SAFETY: it lives as long as this does.
        let width = unsafe { (*info).ii_NumIndexKeyAttrs } as usize;
        self.key.clear();
        self.key.extend((0..width).map(|at| (!nulls[at]).then_some(values[at])));
        Some(&self.key)
    }

    /// The same for values of which a column's is given by its number, `None` for NULL; only of those that are needed.
    /// Its values live until the next call.
    ///
    /// # Safety
    /// They are values of the table's columns.
    pub unsafe fn of_values(
        &mut self,
        value: impl Fn(i16) -> Option<pg_sys::Datum>,
    ) -> Option<&[Option<pg_sys::Datum>]> {
        // SAFETY: the slot is our own and as wide as the table; the key before is not looked at any more.
        unsafe {
            self.forget();
            let row = self.row;
            slot::clear(row);
            let width = (*(*row).tts_tupleDescriptor).natts as usize;
            std::slice::from_raw_parts_mut((*row).tts_isnull, width).fill(true);
            for column in &self.columns {
                let at = *column as usize - 1;
                if let Some(value) = value(*column) {
                    *(*row).tts_values.add(at) = value;
                    *(*row).tts_isnull.add(at) = false;
                }
            }
            pg_sys::ExecStoreVirtualTuple(row);
            self.of_slot(row)
        }
    }

    /// Frees the values of keys that were formed.
    ///
    /// # Safety
    /// Nobody looks at them any more.
    pub unsafe fn forget(&mut self) {
        // SAFETY: the caller's promise.
        unsafe {
            if let Some(context) = (*self.statement).es_per_tuple_exprcontext.as_ref() {
                pg_sys::MemoryContextReset(context.ecxt_per_tuple_memory);
            }
        }
    }
}

/// The columns that an index names, in its key, its expressions or its predicate; all where it names the row.
unsafe fn columns(table: pg_sys::Relation, info: *mut pg_sys::IndexInfo) -> Vec<i16> {
    // SAFETY: the table is open and the trees are copies of the index's.
    unsafe {
        let mut found = std::ptr::null_mut();
        pg_sys::pull_varattnos((*info).ii_Expressions.cast(), 1, &mut found);
        pg_sys::pull_varattnos((*info).ii_Predicate.cast(), 1, &mut found);
        let keys = &(&(*info).ii_IndexAttrNumbers)[..(*info).ii_NumIndexKeyAttrs as usize];
        let has = |column: i16| pg_sys::bms_is_member(i32::from(column) - FIRST_LOW, found);
        let attributes = (*(*table).rd_att).attrs.as_slice((*(*table).rd_att).natts as usize);
        let of_all = has(0);
        attributes
            .iter()
            .filter(|attribute| !attribute.attisdropped)
            .map(|attribute| attribute.attnum)
            .filter(|column| of_all || keys.contains(column) || has(*column))
            .collect()
    }
}
