//! Columns of a stretched table: by name to field id, by field id to the column of a segment, and how to read it (F37).

use super::missing::{self, Missing};
use crate::catalog::rows::StretchedTable;
use crate::catalog::types;
use crate::pg::error::{Error, Result};
use crate::pg::names;
use pgrx::pg_sys;
use std::rc::Rc;
use stretch_columns::stored::{self, Reading};
use stretch_core::errors;
use stretch_segment::{ColumnDetail, ColumnType, SegmentDetail};

/// A field that no segment has: that of a column which the running command adds, so that it has none yet.
const NO_FIELD: i32 = 0;

/// A column that is filled from segments.
#[derive(Clone, Debug)]
pub struct Target {
    /// Attribute number, from 1.
    pub attribute: i16,
    pub field_id: i32,
    /// The type below all domains: values are read as this one, so no code of a domain runs (F35).
    pub base_type: pg_sys::Oid,
    kind: ColumnType,
    /// What rows show whose segment lacks the field; `None` for NULL.
    pub missing: Option<Rc<Missing>>,
}

/// Every column of the table that is not dropped, resolved by name.
///
/// # Safety
/// `relation` is an open relation.
pub unsafe fn targets(relation: pg_sys::Relation, table: &StretchedTable) -> Result<Vec<Target>> {
    // SAFETY: as the caller promises.
    unsafe { targets_of((*relation).rd_att, table) }
}

/// The same for columns of which a descriptor says the types: a command that rewrites a table reads its rows as they
/// were before.
///
/// # Safety
/// The descriptor lives, and is that of the table or was before the running command.
pub unsafe fn targets_of(layout: pg_sys::TupleDesc, table: &StretchedTable) -> Result<Vec<Target>> {
    // SAFETY: as the caller promises.
    let attributes = unsafe { (*layout).attrs.as_slice((*layout).natts as usize) };
    attributes
        .iter()
        .filter(|attribute| !attribute.attisdropped)
        .map(|attribute| {
            let name = names::text(attribute.attname.data.as_ptr());
            let plan = types::plan(attribute.atttypid, attribute.atttypmod);
            let (field_id, missing) = match table.columns.iter().find(|column| column.name == name) {
                Some(column) => (column.field_id, column.missing.clone()),
                // SAFETY: a column of this descriptor.
                None => unsafe { added(layout, attribute, table, &name)? },
            };
            Ok(Target {
                attribute: attribute.attnum,
                field_id,
                base_type: plan.base_type,
                kind: plan.column_type,
                missing: missing.map(|text| Rc::new(Missing::new(text, plan.base_type, plan.column_type))),
            })
        })
        .collect()
}

/// Field and missing value of a column that the catalog does not name: one that the running command adds, and that its
/// own look at all rows asks for.
unsafe fn added(
    layout: pg_sys::TupleDesc,
    attribute: &pg_sys::FormData_pg_attribute,
    table: &StretchedTable,
    name: &str,
) -> Result<(i32, Option<String>)> {
    if !missing::is_made_here(table.relation, attribute.attnum) {
        return Err(Error::internal(format!(
            "column {} of table {} is not in the catalog's map of columns",
            names::quote_ident(name),
            names::relation(table.relation)
        )));
    }
    // SAFETY: the caller's promise.
    Ok((NO_FIELD, unsafe { missing::text(layout, attribute)? }))
}

/// The column of a segment with this field id; `None` when the segment is older than the column.
pub fn find(detail: &SegmentDetail, field_id: i32) -> Option<usize> {
    detail.columns.iter().position(|column| column.field_id == field_id)
}

/// Chooses the way to read a stored column into `target`; an error when the types do not fit.
pub fn reading(column: &ColumnDetail, target: &Target) -> Result<Reading> {
    stored::reading(column, target.kind).map_err(|_| {
        Error::new(
            &errors::UNSUPPORTED,
            format!(
                "column {} of a segment is stored in a way that does not fit the column's type",
                names::quote_ident(&column.name)
            ),
        )
        .without_hint()
    })
}
