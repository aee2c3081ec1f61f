//! Drops by whatever route (DROP, CASCADE, DROP OWNED …): noted as PostgreSQL deletes each object, judged when the
//! command has deleted all of them, because only then it shows whether a table went together with its child.

use super::targets::{Facts, refused, schema_target};
use crate::catalog::stretched::{self, Info};
use crate::catalog::triggers;
use crate::ddl::enable::child::FILTER;
use crate::ddl::enable::disable::retire;
use crate::ddl::enable::lock;
use crate::pg::error::Result;
use crate::pg::{names, user};
use pgrx::prelude::*;
use std::cell::RefCell;
use std::sync::Arc;
use stretch_core::command::{Command, Context, Decision, Target, Trigger, decide};

/// pg_constraint (ConstraintRelationId of pg_constraint.h).
const CONSTRAINT_CLASS: pg_sys::Oid = pg_sys::Oid::from_u32(2606);

/// pg_constraint.conrelid.
const CONRELID: i16 = 8;

/// One object that is being deleted.
#[derive(Clone, Debug)]
enum Dropped {
    Table(Arc<Info>),
    Child(Arc<Info>, String),
    /// Part of a relation that may itself be going.
    Part(pg_sys::Oid, Target, Command),
    Known(Target, String),
}

thread_local! {
    static PENDING: RefCell<Vec<Dropped>> = const { RefCell::new(Vec::new()) };
}

/// The deletions of one statement; forgets them when an error unwinds.
pub struct Watch(usize);

impl Watch {
    /// Begins to watch.
    pub fn new() -> Self {
        Self(PENDING.with_borrow(Vec::len))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        PENDING.with_borrow_mut(|pending| pending.truncate(self.0));
    }
}

/// Notes a deletion; called before the object goes.
pub fn note(class: pg_sys::Oid, object: pg_sys::Oid, part: i32) -> Result<()> {
    // The statement drops tables of schema stretch, so they cannot be read any more. Either it fails, or the whole
    // extension goes with it.
    let catalog_goes = PENDING.with_borrow(|pending| {
        pending
            .iter()
            .any(|dropped| matches!(dropped, Dropped::Known(Target::StretchSchema, _)))
    });
    if catalog_goes {
        return Ok(());
    }
    if let Some(dropped) = look(class, object, part)? {
        PENDING.with_borrow_mut(|pending| pending.push(dropped));
    }
    Ok(())
}

fn look(class: pg_sys::Oid, object: pg_sys::Oid, part: i32) -> Result<Option<Dropped>> {
    let of = |table, command| side(table).map(|side| side.map(|side| Dropped::Part(table, side, command)));
    match class {
        pg_sys::RelationRelationId if part != 0 => of(object, Command::DropColumn),
        pg_sys::RelationRelationId => match unique_index_of(object) {
            Some(table) => of(table, Command::DropKey),
            None => relation(object),
        },
        pg_sys::TriggerRelationId => match trigger(object)? {
            Some((table, trigger)) => of(table, Command::DropTrigger(trigger)),
            None => Ok(None),
        },
        CONSTRAINT_CLASS => match constraint_table(object) {
            Some(table) => {
                // SAFETY: syscache look-up that tolerates a missing constraint; the name is a copy.
                let name = names::text(unsafe { pg_sys::get_constraint_name(object) });
                of(table, Command::DropConstraint { ours: name == FILTER })
            }
            None => Ok(None),
        },
        pg_sys::NamespaceRelationId => Ok(schema(object)),
        pg_sys::ForeignServerRelationId => Ok(server(object)),
        pg_sys::ForeignDataWrapperRelationId => Ok(wrapper(object)),
        _ => Ok(None),
    }
}

fn schema(object: pg_sys::Oid) -> Option<Dropped> {
    let target = schema_target(object)?;
    // SAFETY: syscache look-up that tolerates a missing schema; the name is a copy.
    let name = names::text(unsafe { pg_sys::get_namespace_name(object) });
    Some(Dropped::Known(target, format!("schema {name}")))
}

fn server(object: pg_sys::Oid) -> Option<Dropped> {
    // SAFETY: gives a copy in the current memory context, or null where there is none.
    let server = unsafe { pg_sys::GetForeignServerExtended(object, pg_sys::FSV_MISSING_OK as u16).as_ref() }?;
    (names::text(server.servername) == "stretch").then(|| Dropped::Known(Target::Server, "server stretch".into()))
}

fn wrapper(object: pg_sys::Oid) -> Option<Dropped> {
    // SAFETY: gives a copy in the current memory context, or null where there is none.
    let wrapper = unsafe { pg_sys::GetForeignDataWrapperExtended(object, pg_sys::FDW_MISSING_OK as u16).as_ref() }?;
    (names::text(wrapper.fdwname) == "pg_stretch")
        .then(|| Dropped::Known(Target::Server, "foreign-data wrapper pg_stretch".into()))
}

fn relation(object: pg_sys::Oid) -> Result<Option<Dropped>> {
    if let Some(info) = stretched::lookup(object)? {
        return Ok(Some(Dropped::Table(info)));
    }
    if let Some(info) = stretched::of_child(object)? {
        return Ok(Some(Dropped::Child(info, names::relation(object))));
    }
    // SAFETY: syscache look-up that tolerates missing relations.
    let target = schema_target(unsafe { pg_sys::get_rel_namespace(object) });
    // Foreign tables that the catalog does not name hold nothing.
    Ok(target
        .filter(|target| *target == Target::StretchSchema)
        .map(|target| Dropped::Known(target, names::relation(object))))
}

/// The table of a unique index, and of the constraint that stands on it; `None` for other relations.
pub fn unique_index_of(relation: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: syscache look-up that tolerates other relations; the tuple is released before returning.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::INDEXRELID as i32;
        let tuple = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(relation));
        if tuple.is_null() {
            return None;
        }
        let form = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_index>();
        let table = (form.indisunique && form.indisvalid && form.indislive).then_some(form.indrelid);
        pg_sys::ReleaseSysCache(tuple);
        table
    }
}

/// Whether a relation is a stretched table or a cold side.
fn side(relation: pg_sys::Oid) -> Result<Option<Target>> {
    Ok(if stretched::lookup(relation)?.is_some() {
        Some(Target::StretchedTable)
    } else if stretched::is_child(relation)? {
        Some(Target::Child)
    } else {
        None
    })
}

/// The table of a constraint; `None` for constraints of domains.
fn constraint_table(constraint: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: syscache look-up; the tuple is released before returning.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::CONSTROID as i32,
            pg_sys::Datum::from(constraint),
        );
        if tuple.is_null() {
            return None;
        }
        let mut null = false;
        let datum = pg_sys::SysCacheGetAttr(pg_sys::SysCacheIdentifier::CONSTROID as i32, tuple, CONRELID, &mut null);
        let table = pg_sys::Oid::from_datum(datum, null).unwrap_or(pg_sys::InvalidOid);
        pg_sys::ReleaseSysCache(tuple);
        (table != pg_sys::InvalidOid).then_some(table)
    }
}

/// Table and nature of a trigger.
fn trigger(object: pg_sys::Oid) -> Result<Option<(pg_sys::Oid, Trigger)>> {
    let mut found = None;
    // SAFETY: an index scan of pg_trigger; the tuple is read before the scan goes on.
    unsafe {
        let mut key = pg_sys::ScanKeyData::default();
        pg_sys::ScanKeyInit(
            &mut key,
            pg_sys::Anum_pg_trigger_oid as i16,
            pg_sys::BTEqualStrategyNumber as u16,
            pg_sys::F_OIDEQ.into(),
            pg_sys::Datum::from(object),
        );
        let catalog = pg_sys::table_open(pg_sys::TriggerRelationId, pg_sys::AccessShareLock as i32);
        let index = pg_sys::Oid::from(pg_sys::TriggerOidIndexId);
        let scan = pg_sys::systable_beginscan(catalog, index, true, std::ptr::null_mut(), 1, &mut key);
        let tuple = pg_sys::systable_getnext(scan);
        if !tuple.is_null() {
            found = Some(table_and_trigger(tuple));
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(catalog, pg_sys::AccessShareLock as i32);
    }
    Ok(found)
}

unsafe fn table_and_trigger(tuple: pg_sys::HeapTuple) -> (pg_sys::Oid, Trigger) {
    // SAFETY: the caller passes a tuple of pg_trigger that its scan holds; the name is copied.
    let (table, name) = unsafe {
        let form = pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_trigger>(tuple);
        ((*form).tgrelid, names::text((*form).tgname.data.as_ptr()))
    };
    let trigger = Trigger {
        ours: triggers::is_ours(&name),
        ..Trigger::default()
    };
    (table, trigger)
}

/// Judges what the statement deleted since the watch began, and retires the segments of tables that went.
pub fn settle(watch: &Watch, facts: &Facts) -> Result<()> {
    let pending = PENDING.with_borrow_mut(|pending| pending.split_off(watch.0.min(pending.len())));
    if pending.is_empty() {
        return Ok(());
    }
    if !super::targets::installed() {
        // All of it went with the extension, of which nothing can be asked any more.
        let context = Context {
            bound: facts.bound()?,
            live_segments: facts.any_live()?,
        };
        return judge(
            Target::Extension,
            Command::Drop { with_parent: false },
            "pg_stretch",
            None,
            context,
        );
    }
    for dropped in &pending {
        let context = |live_segments| -> Result<Context> {
            Ok(Context {
                bound: facts.bound()?,
                live_segments,
            })
        };
        match dropped {
            Dropped::Table(info) => retire(info)?,
            Dropped::Child(info, name) => {
                let with_parent = !exists(info.relation);
                if !with_parent {
                    // No batch may be under way: what it moves would be lost with the child.
                    lock::exclusive(info.relation);
                }
                let live = live_segments(info)?;
                judge(
                    Target::Child,
                    Command::Drop { with_parent },
                    name,
                    Some(info.relation),
                    context(live)?,
                )?;
                if !with_parent && !live {
                    // Nothing was cold: an ordinary table again.
                    retire(info)?;
                }
            }
            // The child loses a constraint together with its table.
            Dropped::Part(child, Target::Child, Command::DropConstraint { ours: false })
                if parent_loses_constraint(*child, &pending)? => {}
            Dropped::Part(relation, target, command) if exists(*relation) => {
                judge(
                    *target,
                    *command,
                    &names::relation(*relation),
                    Some(*relation),
                    context(true)?,
                )?;
            }
            Dropped::Part(..) => {}
            Dropped::Known(target, name) => {
                judge(
                    *target,
                    Command::Drop { with_parent: false },
                    name,
                    None,
                    context(facts.any_live()?)?,
                )?;
            }
        }
    }
    Ok(())
}

/// Whether the same statement dropped a constraint of the child's table.
fn parent_loses_constraint(child: pg_sys::Oid, pending: &[Dropped]) -> Result<bool> {
    let Some(info) = stretched::of_child(child)? else {
        return Ok(false);
    };
    Ok(pending.iter().any(|dropped| {
        matches!(dropped, Dropped::Part(table, Target::StretchedTable, Command::DropConstraint { ours: false })
            if *table == info.relation)
    }))
}

fn judge(target: Target, command: Command, name: &str, relation: Option<pg_sys::Oid>, context: Context) -> Result<()> {
    match decide(target, command, context) {
        Decision::Allow => Ok(()),
        Decision::Refuse { reason, way_out } => Err(refused(target, name, relation, reason, way_out)?),
    }
}

fn exists(relation: pg_sys::Oid) -> bool {
    user::relation_owner(relation) != pg_sys::InvalidOid
}

fn live_segments(info: &Info) -> Result<bool> {
    let latest = crate::catalog::snapshot::Latest::take();
    let manifest = crate::catalog::tables::manifest(&info.table_id, latest.get())?;
    Ok(manifest.is_some_and(|manifest| manifest.segments > 0))
}
