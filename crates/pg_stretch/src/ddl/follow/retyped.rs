//! A column gets another type. Where the server rewrote the heap, all rows came home before it did. Where it did not,
//! the values are the same, and segments must be readable as values of the new type.

use super::row::Change;
use crate::catalog::rows::StretchedTable;
use crate::catalog::snapshot::Latest;
use crate::catalog::{tables, way_back};
use crate::cold::readable::unreadable;
use crate::ddl::enable::{filter, rule};
use crate::pg::error::{Error, Result};
use crate::pg::names;
use crate::pg::relation::OpenRelation;
use pgrx::pg_sys;
use stretch_core::errors;

/// The types of a table's columns, below all domains, by their numbers.
pub struct Retyped {
    relation: pg_sys::Oid,
    before: Vec<(i16, pg_sys::Oid)>,
}

impl Retyped {
    /// Before the statement; `None` where the table is not stretched.
    pub fn before(relation: pg_sys::Oid) -> Result<Option<Self>> {
        if tables::by_relation(relation, Latest::take().get())?.is_none() {
            return Ok(None);
        }
        // SAFETY: a lock that nobody is kept from by who may not have the one of the statement.
        unsafe { pg_sys::LockRelationOid(relation, pg_sys::AccessShareLock as i32) };
        let before = base_types(relation)?;
        // SAFETY: taken above.
        unsafe { pg_sys::UnlockRelationOid(relation, pg_sys::AccessShareLock as i32) };
        Ok(Some(Self { relation, before }))
    }

    /// After the statement: an error where cold rows cannot be read as the new type, or the filter cannot be asked of
    /// it.
    pub fn after(self) -> Result<()> {
        let Some(table) = tables::by_relation(self.relation, Latest::take().get())? else {
            return Ok(());
        };
        let now = base_types(self.relation)?;
        let is_changed = |column: &(i16, pg_sys::Oid)| !self.before.contains(column);
        let changed: Vec<i16> = now.into_iter().filter(is_changed).map(|column| column.0).collect();
        if let Some(column) = unreadable(&table, &changed)? {
            let detail = format!("Cold values of column {column} cannot be read as the new type.");
            return Err(refused(&table, &detail));
        }
        let texts = |table: &StretchedTable| {
            let filter = table
                .filter
                .as_deref()
                .map(|text| filter::normalize(table.relation, text));
            // A rule must go on being one.
            if let Some(rule) = rule::kept(table.relation)? {
                filter::normalize(table.relation, &rule)?;
            }
            let order = table.order_by.as_deref();
            let order = order.map(|text| filter::normalize_order(table.relation, text));
            Ok((filter.transpose()?, order.transpose()?))
        };
        let (filter, order_by) = texts(&table).map_err(|error: Error| {
            refused(
                &table,
                &format!(
                    "The filter or the order of rows does not fit the new type: {}.",
                    error.message
                ),
            )
        })?;
        if filter == table.filter && order_by == table.order_by {
            return Ok(());
        }
        Change {
            filter,
            order_by,
            ..Change::none(&table)
        }
        .write(self.relation)
    }
}

fn refused(table: &StretchedTable, detail: &str) -> Error {
    let what = "then change the table and enable it again";
    let name = names::relation(table.relation);
    let error = Error::new(
        &errors::UNSUPPORTED,
        format!("this command is refused on stretched table {name}"),
    )
    .detail(detail.to_owned());
    error.hint(way_back::then(table.relation, what))
}

/// The types of the columns, below all domains, by their numbers.
pub(super) fn base_types(relation: pg_sys::Oid) -> Result<Vec<(i16, pg_sys::Oid)>> {
    let open = OpenRelation::locked(relation)?;
    // SAFETY: the relation is open until the end of this function; types of existing columns are looked up.
    unsafe {
        let layout = (*open.as_ptr()).rd_att;
        let attributes = (*layout).attrs.as_slice((*layout).natts as usize);
        Ok(attributes
            .iter()
            .filter(|attribute| !attribute.attisdropped)
            .map(|attribute| (attribute.attnum, pg_sys::getBaseType(attribute.atttypid)))
            .collect())
    }
}
