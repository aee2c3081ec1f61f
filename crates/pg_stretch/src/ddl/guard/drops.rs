//! Drops by whatever route (DROP, CASCADE, DROP OWNED …): noted as PostgreSQL deletes each object, judged when the
//! command has deleted all of them, because only then it shows whether a part went together with its table.

use super::targets::{Facts, refused, schema_target};
use crate::catalog::retire::Fate;
use crate::catalog::snapshot::LATEST;
use crate::catalog::stretched::{self, Info};
use crate::catalog::{abandoned, partitions, tables};
use crate::ddl::enable::disable::retire;
use crate::ddl::enable::partitioned::forget;
use crate::ddl::follow::{self, dropped};
use crate::pg::error::Result;
use crate::pg::{names, user};
use pgrx::pg_sys;
use std::cell::RefCell;
use std::sync::Arc;
use stretch_core::command::{Command, Context, Decision, Target, decide};

/// One object that is being deleted.
#[derive(Clone, Debug)]
enum Dropped {
    Table(Arc<Info>),
    /// A table that left cold rows behind.
    Abandoned(pg_sys::Oid),
    /// A partitioned table whose new partitions are stretched.
    Parent(pg_sys::Oid),
    /// Part of a stretched table, which may itself be going.
    Part(pg_sys::Oid, Command),
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
    let of = |table, command| {
        let is_ours = stretched::lookup(table)?.is_some();
        Ok(is_ours.then_some(Dropped::Part(table, command)))
    };
    match class {
        pg_sys::RelationRelationId if part != 0 => {
            let command = i16::try_from(part).map_or(Ok(None), |column| dropped::column(object, column))?;
            Ok(command.map(|command| Dropped::Part(object, command)))
        }
        pg_sys::RelationRelationId => match unique_index_of(object) {
            Some(table) => of(table, Command::DropKey),
            None => relation(object),
        },
        pg_sys::NamespaceRelationId => Ok(schema(object)),
        _ => Ok(None),
    }
}

fn schema(object: pg_sys::Oid) -> Option<Dropped> {
    let target = schema_target(object)?;
    // SAFETY: syscache look-up that tolerates a missing schema; the name is a copy.
    let name = names::text(unsafe { pg_sys::get_namespace_name(object) });
    Some(Dropped::Known(target, format!("schema {name}")))
}

fn relation(object: pg_sys::Oid) -> Result<Option<Dropped>> {
    if let Some(info) = stretched::lookup(object)? {
        return Ok(Some(Dropped::Table(info)));
    }
    if partitions::is_partitioned(object) && tables::partitioned_table(object, LATEST)?.is_some() {
        return Ok(Some(Dropped::Parent(object)));
    }
    // SAFETY: syscache look-up that tolerates missing relations.
    if let Some(target) = schema_target(unsafe { pg_sys::get_rel_namespace(object) }) {
        return Ok(Some(Dropped::Known(target, names::relation(object))));
    }
    let left = !abandoned::of(object, LATEST)?.is_empty();
    Ok(left.then_some(Dropped::Abandoned(object)))
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

/// Judges what the statement deleted since the watch began, and retires the segments of tables that went.
pub fn settle(watch: &Watch, facts: &Facts) -> Result<()> {
    let pending = PENDING.with_borrow_mut(|pending| pending.split_off(watch.0.min(pending.len())));
    if pending.is_empty() {
        return Ok(());
    }
    let context = facts.context()?;
    if !super::targets::installed() {
        // All of it went with the extension, of which nothing can be asked any more.
        return judge(Target::Extension, Command::Drop, "pg_stretch", None, context);
    }
    for dropped in &pending {
        match dropped {
            Dropped::Table(info) => {
                retire(info, Fate::Gone)?;
                abandoned::forget(info.relation)?;
            }
            Dropped::Abandoned(relation) => abandoned::forget(*relation)?,
            Dropped::Parent(relation) => forget(*relation)?,
            Dropped::Part(relation, command) if exists(*relation) => {
                let name = names::relation(*relation);
                judge(Target::StretchedTable, *command, &name, Some(*relation), context)?;
                follow::columns_and_keys(*relation)?;
            }
            Dropped::Part(..) => {}
            Dropped::Known(target, name) => judge(*target, Command::Drop, name, None, context)?,
        }
    }
    Ok(())
}

fn judge(target: Target, command: Command, name: &str, relation: Option<pg_sys::Oid>, context: Context) -> Result<()> {
    match decide(target, command, context) {
        Decision::Allow => Ok(()),
        Decision::Refuse { reason, way_out } => Err(refused(target, name, relation, reason, way_out)),
    }
}

fn exists(relation: pg_sys::Oid) -> bool {
    user::relation_owner(relation) != pg_sys::InvalidOid
}
