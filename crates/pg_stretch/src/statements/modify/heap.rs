//! The hot side of a cold write: the stretched table as a result relation of its own, with its indexes and triggers.

use super::image;
use crate::pg::missing::ExecComputeStoredGenerated;
use crate::pg::names;
use pgrx::pg_sys;

/// TRIGGER_TYPE_ROW of pg_trigger.h.
const ROW: i16 = 1;

/// The stretched table, open for the new versions of cold rows.
pub struct Heap {
    statement: *mut pg_sys::EState,
    node: *mut pg_sys::ModifyTableState,
    info: *mut pg_sys::ResultRelInfo,
    /// Conversions where dropped columns make the layouts differ; NULL where they are alike.
    to_heap: *mut pg_sys::TupleConversionMap,
    to_child: *mut pg_sys::TupleConversionMap,
    new_slot: *mut pg_sys::TupleTableSlot,
}

impl Heap {
    /// Opens it in the current memory context, which must live as long as the statement.
    ///
    /// # Safety
    /// The statement of `node` runs and holds its locks on both relations.
    pub unsafe fn open(node: *mut pg_sys::ModifyTableState, child: pg_sys::Oid, heap: pg_sys::Oid) -> Self {
        // SAFETY: the caller's promise. The range table entry of the statement's target carries the set of updated
        // columns, which decides about column triggers and row locks.
        unsafe {
            let statement = (*node).ps.state;
            let plan = (*node).ps.plan.cast::<pg_sys::ModifyTable>();
            let relation = pg_sys::table_open(heap, pg_sys::RowExclusiveLock as i32);
            let info = pg_sys::palloc0(size_of::<pg_sys::ResultRelInfo>()).cast::<pg_sys::ResultRelInfo>();
            pg_sys::InitResultRelInfo(
                info,
                relation,
                (*plan).nominalRelation,
                std::ptr::null_mut(),
                (*statement).es_instrument,
            );
            pg_sys::ExecOpenIndices(info, false);
            let cold = pg_sys::table_open(child, pg_sys::NoLock as i32);
            let (from, to) = ((*cold).rd_att, (*relation).rd_att);
            let maps = (
                pg_sys::convert_tuples_by_name(from, to),
                pg_sys::convert_tuples_by_name(to, from),
            );
            pg_sys::table_close(cold, pg_sys::NoLock as i32);
            Self {
                statement,
                node,
                info,
                to_heap: maps.0,
                to_child: maps.1,
                new_slot: pg_sys::table_slot_create(relation, std::ptr::null_mut()),
            }
        }
    }

    /// The statement's state.
    pub fn statement(&self) -> *mut pg_sys::EState {
        self.statement
    }

    /// Gives back what `open` took; locks stay until the transaction ends.
    pub fn close(&self) {
        // SAFETY: opened by `open`.
        unsafe {
            pg_sys::ExecDropSingleTupleTableSlot(self.new_slot);
            pg_sys::ExecCloseIndices(self.info);
            pg_sys::table_close((*self.info).ri_RelationDesc, pg_sys::NoLock as i32);
        }
    }

    fn triggers(&self) -> &[pg_sys::Trigger] {
        // SAFETY: the descriptor is NULL or holds `numtriggers` triggers, as long as the statement runs.
        unsafe {
            match (*self.info).ri_TrigDesc.as_ref() {
                Some(all) if all.numtriggers > 0 => std::slice::from_raw_parts(all.triggers, all.numtriggers as usize),
                _ => &[],
            }
        }
    }

    /// Whether code of users runs between the rows of a statement: a row trigger that is not ours.
    pub fn has_row_triggers(&self) -> bool {
        self.triggers().iter().any(|trigger| {
            let name = names::text(trigger.tgname);
            let row = trigger.tgtype & ROW != 0;
            row && !trigger.tgisinternal && !crate::catalog::triggers::is_ours(&name)
        })
    }

    /// A tuple of the foreign table in the layout of the stretched one.
    ///
    /// # Safety
    /// The tuple has the foreign table's layout.
    pub unsafe fn parent_form(&self, tuple: pg_sys::HeapTuple) -> pg_sys::HeapTuple {
        // SAFETY: the map was made for these two layouts.
        unsafe {
            match self.to_heap.is_null() {
                true => tuple,
                false => pg_sys::execute_attr_map_tuple(tuple, self.to_heap),
            }
        }
    }

    /// The new version, in a slot of the stretched table.
    ///
    /// # Safety
    /// The slot holds a row of the foreign table.
    pub unsafe fn new_version(&self, slot: *mut pg_sys::TupleTableSlot) -> *mut pg_sys::TupleTableSlot {
        // SAFETY: the tuple is copied into the row's memory, so the slot may be filled anew.
        unsafe {
            let mut owned = false;
            let tuple = pg_sys::heap_copytuple(pg_sys::ExecFetchSlotHeapTuple(slot, true, &mut owned));
            pg_sys::ExecForceStoreHeapTuple(self.parent_form(tuple), self.new_slot, false);
            self.new_slot
        }
    }

    /// Puts the new version, which triggers may have changed, back into the statement's slot, for policies and
    /// RETURNING.
    ///
    /// # Safety
    /// The slots are those of `new_version`.
    pub unsafe fn show(&self, new: *mut pg_sys::TupleTableSlot, slot: *mut pg_sys::TupleTableSlot) {
        // SAFETY: the map was made for these two layouts; the copy lives in the row's memory.
        unsafe {
            let mut owned = false;
            let tuple = pg_sys::heap_copytuple(pg_sys::ExecFetchSlotHeapTuple(new, true, &mut owned));
            let tuple = match self.to_child.is_null() {
                true => tuple,
                false => pg_sys::execute_attr_map_tuple(tuple, self.to_child),
            };
            pg_sys::ExecForceStoreHeapTuple(tuple, slot, false);
        }
    }

    /// Fires BEFORE DELETE row triggers; false when one of them skips the row.
    ///
    /// # Safety
    /// The tuple has the stretched table's layout.
    pub unsafe fn before_delete(&self, old: pg_sys::HeapTuple) -> bool {
        // SAFETY: the trigger gets the tuple itself, as one of a foreign table.
        unsafe {
            !self.fires(|all| all.trig_delete_before_row)
                || pg_sys::ExecBRDeleteTriggers(
                    self.statement,
                    &raw mut (*self.node).mt_epqstate,
                    self.info,
                    std::ptr::null_mut(),
                    old,
                    std::ptr::null_mut(),
                )
        }
    }

    /// Fires BEFORE UPDATE row triggers, which may change the new version, and computes generated columns; false when
    /// one of the triggers skips the row.
    ///
    /// # Safety
    /// Tuple and slot have the stretched table's layout.
    pub unsafe fn before_update(&self, old: pg_sys::HeapTuple, new: *mut pg_sys::TupleTableSlot) -> bool {
        // SAFETY: as in `before_delete`.
        unsafe {
            let fires = self.fires(|all| all.trig_update_before_row);
            if fires
                && !pg_sys::ExecBRUpdateTriggers(
                    self.statement,
                    &raw mut (*self.node).mt_epqstate,
                    self.info,
                    std::ptr::null_mut(),
                    old,
                    new,
                    std::ptr::null_mut(),
                )
            {
                return false;
            }
            let relation = (*self.info).ri_RelationDesc;
            (*new).tts_tableOid = (*relation).rd_id;
            let constraints = (*(*relation).rd_att).constr;
            if fires && !constraints.is_null() && (*constraints).has_generated_stored {
                pg_sys::ffi::pg_guard_ffi_boundary(|| {
                    ExecComputeStoredGenerated(self.info, self.statement, new, pg_sys::CmdType::CMD_UPDATE)
                });
            }
            true
        }
    }

    /// NOT NULL and CHECK of the stretched table.
    ///
    /// # Safety
    /// The slot has the stretched table's layout.
    pub unsafe fn check_constraints(&self, new: *mut pg_sys::TupleTableSlot) {
        // SAFETY: result relation and statement belong together.
        unsafe {
            if !(*(*(*self.info).ri_RelationDesc).rd_att).constr.is_null() {
                pg_sys::ExecConstraints(self.info, new, self.statement);
            }
        }
    }

    /// Inserts the new version and its index entries; indexes whose deferred check has to be repeated.
    ///
    /// # Safety
    /// The slot has the stretched table's layout.
    pub unsafe fn insert(&self, new: *mut pg_sys::TupleTableSlot) -> *mut pg_sys::List {
        // SAFETY: the table is open and locked, and its access method is heap (`enable_table` refuses others).
        unsafe {
            let mut owned = false;
            let tuple = pg_sys::ExecFetchSlotHeapTuple(new, true, &mut owned);
            let relation = (*self.info).ri_RelationDesc;
            (*tuple).t_tableOid = (*relation).rd_id;
            pg_sys::heap_insert(
                relation,
                tuple,
                (*self.statement).es_output_cid,
                0,
                std::ptr::null_mut(),
            );
            (*new).tts_tid = (*tuple).t_self;
            if (*self.info).ri_NumIndices == 0 {
                return std::ptr::null_mut();
            }
            pg_sys::ExecInsertIndexTuples(
                self.info,
                new,
                self.statement,
                false,
                false,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        }
    }

    /// Queues AFTER DELETE row triggers.
    ///
    /// # Safety
    /// The tuple has the stretched table's layout.
    pub unsafe fn after_delete(&self, old: pg_sys::HeapTuple) {
        // SAFETY: the event names the image, which lies in the heap until the transaction ends.
        unsafe {
            if !self.fires(|all| all.trig_delete_after_row) {
                return;
            }
            let mut image = image::make(self.info, old, self.statement);
            pg_sys::ExecARDeleteTriggers(
                self.statement,
                self.info,
                &mut image,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                false,
            );
        }
    }

    /// Queues AFTER UPDATE row triggers, the deferred checks of unique keys among them.
    ///
    /// # Safety
    /// Tuple and slot have the stretched table's layout; the slot was inserted.
    pub unsafe fn after_update(
        &self,
        old: pg_sys::HeapTuple,
        new: *mut pg_sys::TupleTableSlot,
        recheck: *mut pg_sys::List,
    ) {
        // SAFETY: as in `after_delete`.
        unsafe {
            if !self.fires(|all| all.trig_update_after_row) {
                return;
            }
            let mut image = image::make(self.info, old, self.statement);
            pg_sys::ExecARUpdateTriggers(
                self.statement,
                self.info,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                &mut image,
                std::ptr::null_mut(),
                new,
                recheck,
                std::ptr::null_mut(),
                false,
            );
        }
    }

    fn fires(&self, which: impl FnOnce(&pg_sys::TriggerDesc) -> bool) -> bool {
        // SAFETY: the descriptor is NULL or lives as long as the statement.
        unsafe { (*self.info).ri_TrigDesc.as_ref() }.is_some_and(which)
    }
}
