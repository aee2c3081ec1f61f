//! Which access method a table names. No row is moved by it: the file of a stretched table is a heap.

use crate::pg::error::{Error, Result};
use crate::pg::names;
use pgrx::pg_sys;
use std::ffi::CStr;

/// The access method of stretched tables.
pub const STRETCH: &CStr = c"stretch";
/// The access method of ordinary ones.
pub const HEAP: &CStr = c"heap";

/// Lets the table name an access method, with the dependency that goes with it. The caller holds ACCESS EXCLUSIVE on
/// the table.
pub fn set(relation: pg_sys::Oid, name: &CStr) -> Result<()> {
    // SAFETY: writes one row of pg_class, as ALTER TABLE would; an ERROR releases all with the transaction.
    unsafe {
        let method = pg_sys::get_table_am_oid(name.as_ptr(), false);
        let classes = pg_sys::table_open(pg_sys::RelationRelationId, pg_sys::RowExclusiveLock as i32);
        let key = [relation.to_u32(), 0, 0, 0].map(pg_sys::Datum::from);
        let by_oid = pg_sys::SysCacheIdentifier::RELOID as i32;
        let tuple = pg_sys::SearchSysCacheCopy(by_oid, key[0], key[1], key[2], key[3]);
        if tuple.is_null() {
            return Err(Error::internal(format!(
                "table {} is not in pg_class",
                names::relation(relation)
            )));
        }
        let class = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>();
        let before = std::mem::replace(&mut (*class).relam, method);
        if before != method {
            pg_sys::CatalogTupleUpdate(classes, &mut (*tuple).t_self, tuple);
            let (of, to) = (pg_sys::RelationRelationId, pg_sys::AccessMethodRelationId);
            pg_sys::changeDependencyFor(of, relation, to, before, method);
        }
        pg_sys::heap_freetuple(tuple);
        pg_sys::table_close(classes, pg_sys::NoLock as i32);
        // Whatever follows in this command sees the new method.
        pg_sys::CommandCounterIncrement();
    }
    Ok(())
}

/// Whether a relation names the access method of stretched tables; `None` where there is no such relation (yet).
pub fn is_stretch(relation: pg_sys::Oid) -> Option<bool> {
    // SAFETY: look-ups in caches of the system that tolerate missing objects; the tuple is released before returning.
    unsafe {
        let by_oid = pg_sys::SysCacheIdentifier::RELOID as i32;
        let tuple = pg_sys::SearchSysCache1(by_oid, pg_sys::Datum::from(relation));
        if tuple.is_null() {
            return None;
        }
        let method = (*pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_class>(tuple)).relam;
        pg_sys::ReleaseSysCache(tuple);
        // Toast tables, indexes and most tables need no look at the name.
        let is_other = method == pg_sys::InvalidOid || method == pg_sys::HEAP_TABLE_AM_OID;
        Some(!is_other && method == pg_sys::get_table_am_oid(STRETCH.as_ptr(), true))
    }
}
