//! SET CONSTRAINTS: who defers a unique constraint of a stretched table by its name means its check against cold rows,
//! too (F28).
//!
//! That check is a constraint trigger under a name of its own, which is added to the statement's list.

use crate::catalog::triggers;
use crate::pg::{list, names};
use pgrx::pg_sys;

/// pg_constraint.h, which is missing in the bindings: OIDs of the catalog and of its index on (conname, connamespace),
/// and numbers of columns.
const CONSTRAINTS: u32 = 2606;
const CONSTRAINT_NAME_INDEX: u32 = 2664;
const CONNAME: i16 = 2;
const CONNAMESPACE: i16 = 3;
const CONTYPE: i32 = 4;
const CONDEFERRABLE: i32 = 5;
const CONRELID: i32 = 8;
const CONINDID: i32 = 10;
/// Values of contype: PRIMARY KEY and UNIQUE.
const UNIQUE: [u8; 2] = [b'p', b'u'];

/// A copy of the statement with the triggers of ours in it; `None` when it needs none.
///
/// # Safety
/// The statement lives as long as the call; the copy is allocated in the current memory context.
pub unsafe fn extend(statement: *mut pg_sys::ConstraintsSetStmt) -> Option<*mut pg_sys::Node> {
    // SAFETY: a list of RangeVars; the copy is changed, not the statement, which a plan cache may hold.
    unsafe {
        let mut added = Vec::new();
        for name in list::pointers::<pg_sys::RangeVar>((*statement).constraints) {
            added.extend(triggers_of(&*name));
        }
        if added.is_empty() {
            return None;
        }
        let copy = pg_sys::copyObjectImpl(statement.cast()).cast::<pg_sys::ConstraintsSetStmt>();
        for (schema, trigger) in added {
            let name = pg_sys::makeRangeVar(schema, trigger, -1);
            (*copy).constraints = pg_sys::lappend((*copy).constraints, name.cast());
        }
        Some(copy.cast())
    }
}

/// Schema and name, as the server allocates them.
type Name = (*mut std::ffi::c_char, *mut std::ffi::c_char);

/// Our triggers for the unique constraints of a name: those in its schema, or in the first of the path that has one.
unsafe fn triggers_of(name: &pg_sys::RangeVar) -> Vec<Name> {
    // SAFETY: names of the statement; the lists are of OIDs.
    unsafe {
        let schemas = match name.schemaname.is_null() {
            true => list::oids(pg_sys::fetch_search_path(true)),
            // What does not exist is the statement's own error.
            false => vec![pg_sys::get_namespace_oid(name.schemaname, true)],
        };
        schemas
            .into_iter()
            .map(|schema| constraints(name.relname, schema))
            .find(|found| !found.is_empty())
            .unwrap_or_default()
            .into_iter()
            .filter_map(|constraint| constraint.key)
            .flat_map(|(table, columns)| deferred(table, &columns))
            .collect()
    }
}

/// A constraint of the name; table and columns where it is a unique one that can be deferred.
struct Constraint {
    key: Option<(pg_sys::Oid, Vec<String>)>,
}

unsafe fn constraints(name: *const std::ffi::c_char, schema: pg_sys::Oid) -> Vec<Constraint> {
    let mut found = Vec::new();
    // SAFETY: an index scan of pg_constraint under a catalog snapshot; a tuple is read before the scan goes on.
    unsafe {
        let mut keys = [pg_sys::ScanKeyData::default(); 2];
        let equal = pg_sys::BTEqualStrategyNumber as u16;
        pg_sys::ScanKeyInit(&mut keys[0], CONNAME, equal, pg_sys::F_NAMEEQ.into(), name.into());
        pg_sys::ScanKeyInit(&mut keys[1], CONNAMESPACE, equal, pg_sys::F_OIDEQ.into(), schema.into());
        let lock = pg_sys::AccessShareLock as i32;
        let catalog = pg_sys::table_open(CONSTRAINTS.into(), lock);
        let index = pg_sys::Oid::from(CONSTRAINT_NAME_INDEX);
        let scan = pg_sys::systable_beginscan(catalog, index, true, std::ptr::null_mut(), 2, keys.as_mut_ptr());
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            found.push(constraint(tuple, (*catalog).rd_att));
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(catalog, lock);
    }
    found
}

/// The constraint of a tuple of pg_constraint.
unsafe fn constraint(tuple: pg_sys::HeapTuple, desc: pg_sys::TupleDesc) -> Constraint {
    let value = |column| {
        let mut null = false;
        // SAFETY: the tuple is of the descriptor's relation; none of the columns asked for is ever NULL.
        unsafe { pg_sys::heap_getattr(tuple, column, desc, &mut null).value() }
    };
    let oid = |column| pg_sys::Oid::from(value(column) as u32);
    let unique = UNIQUE.contains(&(value(CONTYPE) as u8)) && value(CONDEFERRABLE) as u8 != 0;
    Constraint {
        // SAFETY: a unique constraint has an index.
        key: unique.then(|| (oid(CONRELID), unsafe { columns(oid(CONINDID)) })),
    }
}

/// Names of the columns of a constraint's index.
unsafe fn columns(index: pg_sys::Oid) -> Vec<String> {
    // SAFETY: the index of a constraint; its columns are named as those of the table when it is made, so the table is
    // asked.
    unsafe {
        let lock = pg_sys::AccessShareLock as i32;
        let index = pg_sys::index_open(index, lock);
        let form = &*(*index).rd_index;
        let columns = form
            .indkey
            .values
            .as_slice(form.indnkeyatts as usize)
            .iter()
            .map(|column| names::text(pg_sys::get_attname(form.indrelid, *column, false)))
            .collect();
        pg_sys::index_close(index, lock);
        columns
    }
}

/// Our constraint triggers of a table whose arguments are these columns.
unsafe fn deferred(table: pg_sys::Oid, columns: &[String]) -> Vec<Name> {
    // SAFETY: the relation is opened and closed with one lock; its trigger descriptor lives that long, and names are
    // copied.
    unsafe {
        let lock = pg_sys::AccessShareLock as i32;
        let relation = pg_sys::table_open(table, lock);
        let all = match (*relation).trigdesc.as_ref() {
            Some(all) if all.numtriggers > 0 => std::slice::from_raw_parts(all.triggers, all.numtriggers as usize),
            _ => &[],
        };
        let schema = pg_sys::get_namespace_name((*(*relation).rd_rel).relnamespace);
        let found = all
            .iter()
            .filter(|trigger| trigger.tgdeferrable && triggers::is_ours(&names::text(trigger.tgname)))
            .filter(|trigger| triggers::arguments(trigger) == columns)
            .map(|trigger| (schema, pg_sys::pstrdup(trigger.tgname)))
            .collect();
        pg_sys::table_close(relation, lock);
        found
    }
}
