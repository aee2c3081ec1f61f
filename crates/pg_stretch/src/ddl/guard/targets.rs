//! What an OID or a name is to the guard, and the facts on which its decision depends.

use crate::catalog::snapshot::Latest;
use crate::catalog::{stretched, tables, way_back};
use crate::pg::error::{Error, Result};
use crate::pg::names;
use pgrx::pg_sys;
use std::ffi::c_char;
use stretch_core::command::{Command, Context, Decision, Target, WayOut, decide};
use stretch_core::errors;

/// Something that a statement is aimed at, with what it would do to it.
#[derive(Clone, Debug)]
pub struct Aim {
    pub what: What,
    pub command: Command,
}

/// The object of an aim.
#[derive(Clone, Debug)]
pub enum What {
    /// A relation; what it is to us is looked up.
    Relation(pg_sys::Oid),
    /// Something that is ours by its name.
    Known(Target, String),
}

impl Aim {
    /// An aim at a relation.
    pub fn relation(relation: pg_sys::Oid, command: Command) -> Self {
        Self {
            what: What::Relation(relation),
            command,
        }
    }

    /// An aim at something of ours.
    pub fn known(target: Target, name: &str, command: Command) -> Self {
        Self {
            what: What::Known(target, name.into()),
            command,
        }
    }

    /// 0A000 when the list does not allow it.
    pub fn check(&self, facts: &Facts) -> Result<()> {
        let (target, name, relation) = match &self.what {
            What::Known(target, name) => (*target, name.clone(), None),
            What::Relation(relation) => match target_of(*relation)? {
                Some(target) => (target, names::relation(*relation), Some(*relation)),
                None => return Ok(()),
            },
        };
        match decide(target, self.command, facts.context()?) {
            Decision::Allow => Ok(()),
            Decision::Refuse { reason, way_out } => Err(refused(target, &name, relation, reason, way_out)),
        }
    }
}

/// The error of the guard. `relation` is the stretched table where one is concerned.
pub fn refused(target: Target, name: &str, relation: Option<pg_sys::Oid>, reason: &str, way_out: WayOut) -> Error {
    let what = match target {
        Target::StretchedTable => format!("stretched table {name}"),
        Target::StretchSchema => format!("{name} of pg_stretch"),
        Target::Extension => format!("extension {name}"),
    };
    let hint = match (way_out, relation) {
        (WayOut::Say(text), _) => sentence(text),
        (WayOut::BringBack, Some(relation)) => way_back::then(relation, "then change the table and enable it again"),
        (WayOut::BringBack, None) => sentence("bring the rows of its table back first"),
    };
    Error::new(&errors::UNSUPPORTED, format!("this command is refused on {what}"))
        .detail(sentence(reason))
        .hint(hint)
}

/// A clause of the list as a sentence.
fn sentence(clause: &str) -> String {
    let mut text = format!("{clause}.");
    if let Some(first) = text.get(..1).map(str::to_uppercase) {
        text.replace_range(..1, &first);
    }
    text
}

/// Facts of this database, looked up when first needed. One statement sees one state of them.
#[derive(Default)]
pub struct Facts {
    bound: std::cell::OnceCell<bool>,
    live: std::cell::OnceCell<bool>,
    stretched: std::cell::OnceCell<bool>,
}

impl Facts {
    /// This incarnation has a binding. Without one a dump is being restored, or was (F47).
    pub fn bound(&self) -> Result<bool> {
        if let Some(bound) = self.bound.get() {
            return Ok(*bound);
        }
        let bound = tables::binding(Latest::take().get())?.is_some_and(|binding| binding.is_of_here());
        Ok(*self.bound.get_or_init(|| bound))
    }

    /// What the list asks for.
    pub fn context(&self) -> Result<Context> {
        Ok(Context {
            bound: self.bound()?,
            any_table: self.any_table()?,
        })
    }

    /// Some table is stretched.
    fn any_table(&self) -> Result<bool> {
        if let Some(stretched) = self.stretched.get() {
            return Ok(*stretched);
        }
        let stretched = !tables::stretched_tables(Latest::take().get())?.is_empty();
        Ok(*self.stretched.get_or_init(|| stretched))
    }

    /// Some table has a live segment.
    pub fn any_live(&self) -> Result<bool> {
        if let Some(live) = self.live.get() {
            return Ok(*live);
        }
        let latest = Latest::take();
        let mut live = false;
        for table in tables::stretched_tables(latest.get())? {
            live |= tables::manifest(&table.table_id, latest.get())?.is_none_or(|manifest| manifest.segments > 0);
        }
        Ok(*self.live.get_or_init(|| live))
    }
}

/// True when our extension, not only a schema of that name, is in this database.
pub fn installed() -> bool {
    // SAFETY: look-ups that tolerate missing objects.
    let extension = unsafe { pg_sys::get_extension_oid(c"pg_stretch".as_ptr(), true) };
    extension != pg_sys::InvalidOid && crate::catalog::scan::installed()
}

/// What a relation is to us.
fn target_of(relation: pg_sys::Oid) -> Result<Option<Target>> {
    if stretched::lookup(relation)?.is_some() {
        return Ok(Some(Target::StretchedTable));
    }
    // SAFETY: syscache look-up that tolerates missing relations.
    Ok(schema_target(unsafe { pg_sys::get_rel_namespace(relation) }))
}

/// Our schema by its OID.
pub fn schema_target(schema: pg_sys::Oid) -> Option<Target> {
    // SAFETY: syscache look-up that tolerates missing schemas.
    let ours = unsafe { pg_sys::get_namespace_oid(c"stretch".as_ptr(), true) };
    (schema != pg_sys::InvalidOid && schema == ours).then_some(Target::StretchSchema)
}

/// Our schema by its name.
pub fn schema_named(name: *const c_char) -> Option<Target> {
    (names::text(name) == "stretch").then_some(Target::StretchSchema)
}

/// The relation that a statement names, or none; takes no lock, the statement itself does. An index stands for its
/// table.
pub fn relation_named(name: *mut pg_sys::RangeVar) -> Option<pg_sys::Oid> {
    if name.is_null() {
        return None;
    }
    // SAFETY: a RangeVar of a parse tree; errors (no rights on the schema) are those that the statement would get.
    unsafe {
        let oid = pg_sys::RangeVarGetRelidExtended(
            name,
            pg_sys::NoLock as i32,
            pg_sys::RVROption::RVR_MISSING_OK,
            None,
            std::ptr::null_mut(),
        );
        (oid != pg_sys::InvalidOid).then_some(oid)
    }
}

/// The table of an index; `None` when the relation is not an index.
pub fn table_of_index(relation: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: syscache look-ups that tolerate missing relations.
    unsafe {
        match pg_sys::get_rel_relkind(relation) as u8 {
            pg_sys::RELKIND_INDEX | pg_sys::RELKIND_PARTITIONED_INDEX => {
                let table = pg_sys::IndexGetRelation(relation, true);
                (table != pg_sys::InvalidOid).then_some(table)
            }
            _ => None,
        }
    }
}
