//! Functions of the server that the bindings lack, each declared once.
//!
//! They are as they are in C: who calls one that may raise an ERROR puts a guard around the call.

use pgrx::pg_sys;
use std::ffi::c_void;

/// What a tree walker calls for each node; true ends the walk.
pub type Walker = Option<unsafe extern "C-unwind" fn(*mut pg_sys::Node, *mut c_void) -> bool>;

unsafe extern "C-unwind" {
    pub fn CheckForSerializableConflictIn(
        relation: pg_sys::Relation,
        tid: pg_sys::ItemPointer,
        block: pg_sys::BlockNumber,
    );
    pub fn PredicateLockPage(relation: pg_sys::Relation, block: pg_sys::BlockNumber, snapshot: pg_sys::Snapshot);
    /// A signal handler, as `die` is.
    pub fn SignalHandlerForConfigReload(signal: i32);
    /// Opens a partition where it is the first row that goes there.
    pub fn ExecFindPartition(
        node: *mut pg_sys::ModifyTableState,
        root: *mut pg_sys::ResultRelInfo,
        routing: *mut pg_sys::PartitionTupleRouting,
        slot: *mut pg_sys::TupleTableSlot,
        state: *mut pg_sys::EState,
    ) -> *mut pg_sys::ResultRelInfo;
    /// Into the current memory context.
    pub fn datumCopy(value: pg_sys::Datum, by_value: bool, length: i32) -> pg_sys::Datum;
    /// Compares bytes, detoasts nothing, raises nothing.
    pub fn datumIsEqual(a: pg_sys::Datum, b: pg_sys::Datum, by_value: bool, length: i32) -> bool;
    /// datum.h: bitwise equality that looks through toasting.
    pub fn datum_image_eq(a: pg_sys::Datum, b: pg_sys::Datum, by_value: bool, length: i32) -> bool;
    /// A signal handler, passed by its address: the bindings offer a guarded wrapper only, which is no C function.
    pub fn die(signal: i32);
    pub fn expression_tree_walker(node: *mut pg_sys::Node, walker: Walker, context: *mut c_void) -> bool;
    pub fn get_agg_clause_costs(
        root: *mut pg_sys::PlannerInfo,
        split: pg_sys::AggSplit::Type,
        costs: *mut pg_sys::AggClauseCosts,
    );
    pub fn find_inheritance_children(parent: pg_sys::Oid, lockmode: i32) -> *mut pg_sys::List;
    /// From the parent to the root.
    pub fn get_partition_ancestors(partition: pg_sys::Oid) -> *mut pg_sys::List;
    pub fn lc_collate_is_c(collation: pg_sys::Oid) -> bool;
    pub fn query_tree_walker(query: *mut pg_sys::Query, walker: Walker, context: *mut c_void, flags: i32) -> bool;
}
