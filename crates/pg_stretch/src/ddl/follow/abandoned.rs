//! A table that was disabled without its cold rows may take them up again as long as they fit. Until then the catalog
//! follows what commands do to its columns, as it does for a stretched table (`dropped.rs` and `renamed.rs`, too). What
//! a stretched table would have refused, or have brought rows home for, makes the rows unfit, and the reason is kept.

use super::columns_now;
use super::retyped::base_types;
use crate::catalog::rows::{AbandonedTable, Form};
use crate::catalog::snapshot::Latest;
use crate::catalog::{abandoned, types};
use crate::pg::error::Result;
use crate::pg::names;
use crate::pg::relation::OpenRelation;
use pgrx::pg_sys;

/// What is kept of a relation and fits it.
fn fitting(relation: pg_sys::Oid) -> Result<Vec<AbandonedTable>> {
    let mut kept = abandoned::of(relation, Latest::take().get())?;
    kept.retain(|table| table.unfit.is_none());
    Ok(kept)
}

/// A table that left cold rows behind, before a command adds columns to it or gives them other types.
pub struct Watched {
    relation: pg_sys::Oid,
    before: Layout,
}

/// The file of a table and the types of its columns.
#[derive(PartialEq, Eq)]
struct Layout {
    file: pg_sys::Oid,
    types: Vec<(i16, pg_sys::Oid)>,
}

impl Layout {
    fn of(relation: pg_sys::Oid) -> Result<Self> {
        let open = OpenRelation::locked(relation)?;
        // SAFETY: the relation is open.
        let file = unsafe { (*(*open.as_ptr()).rd_rel).relfilenode };
        Ok(Self {
            file,
            types: base_types(relation)?,
        })
    }
}

impl Watched {
    /// Before the statement; `None` where nothing is kept that fits.
    pub fn before(relation: pg_sys::Oid) -> Result<Option<Self>> {
        if fitting(relation)?.is_empty() {
            return Ok(None);
        }
        // SAFETY: a lock that nobody is kept from by who may not have the one of the statement.
        unsafe { pg_sys::LockRelationOid(relation, pg_sys::AccessShareLock as i32) };
        let before = Layout::of(relation)?;
        // SAFETY: taken above.
        unsafe { pg_sys::UnlockRelationOid(relation, pg_sys::AccessShareLock as i32) };
        Ok(Some(Self { relation, before }))
    }

    /// After the statement, which holds its lock on the table.
    pub fn after(self) -> Result<()> {
        let now = Layout::of(self.relation)?;
        if let Some(reason) = self.reason(&now) {
            return abandoned::unfit(self.relation, &reason);
        }
        for mut table in fitting(self.relation)? {
            table.columns = columns_now(self.relation, &table.columns, table.next_field_id)?;
            let last = table.columns.iter().map(|column| column.field_id).max().unwrap_or(0);
            table.next_field_id = table.next_field_id.max(last + 1);
            abandoned::write(&table)?;
        }
        Ok(())
    }

    /// Why what the command did cannot be done to rows that are not there.
    fn reason(&self, now: &Layout) -> Option<String> {
        if now.file != self.before.file {
            return Some("the table's rows were made anew by a command that changed its columns".to_owned());
        }
        // What functions of one type wrote is not for those of another.
        let is_native = |kind| types::plan(kind, -1).form == Form::Native;
        let other = now.types.iter().find(|(number, kind)| {
            let before = self.before.types.iter().find(|(known, _)| known == number);
            before.is_some_and(|(_, before)| before != kind && !(is_native(*before) && is_native(*kind)))
        })?;
        // SAFETY: a syscache look-up that tolerates missing columns; the name is a copy.
        let name = names::text(unsafe { pg_sys::get_attname(self.relation, other.0, true) });
        let column = names::quote_ident(&name);
        Some(format!("column {column} got a type as which they cannot be read"))
    }
}
