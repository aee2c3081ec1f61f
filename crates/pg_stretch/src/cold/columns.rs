//! Columns of a stretched table: by name to field id, by field id to the column of a segment, and how to read it (F37).

use crate::catalog::rows::StretchedTable;
use crate::catalog::types;
use crate::pg::error::{Error, Result};
use crate::pg::names;
use pgrx::pg_sys;
use stretch_columns::stored::{self, Reading};
use stretch_segment::{ColumnDetail, ColumnType, SegmentDetail};

/// A column that is filled from segments.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Attribute number, from 1.
    pub attribute: i16,
    pub field_id: i32,
    /// The type below all domains: values are read as this one, so no code of a domain runs (F35).
    pub base_type: pg_sys::Oid,
    kind: ColumnType,
}

/// Every column of the table that is not dropped, resolved by name.
///
/// # Safety
/// `relation` is an open relation.
pub unsafe fn targets(relation: pg_sys::Relation, table: &StretchedTable) -> Result<Vec<Target>> {
    // SAFETY: as the caller promises.
    let attributes = unsafe {
        let desc = (*relation).rd_att;
        (*desc).attrs.as_slice((*desc).natts as usize)
    };
    attributes
        .iter()
        .filter(|attribute| !attribute.attisdropped)
        .map(|attribute| {
            let name = names::text(attribute.attname.data.as_ptr());
            let column = table.columns.iter().find(|column| column.name == name).ok_or_else(|| {
                Error::internal(format!(
                    "column {} of table {} is not in the catalog's map of columns",
                    names::quote_ident(&name),
                    names::relation(table.relation)
                ))
            })?;
            let plan = types::plan(attribute.atttypid, attribute.atttypmod);
            Ok(Target {
                attribute: attribute.attnum,
                field_id: column.field_id,
                base_type: plan.base_type,
                kind: plan.column_type,
            })
        })
        .collect()
}

/// The column of a segment with this field id; `None` when the segment is older than the column.
pub fn find(detail: &SegmentDetail, field_id: i32) -> Option<usize> {
    detail.columns.iter().position(|column| column.field_id == field_id)
}

/// Chooses the way to read a stored column into `target`; an error when the types do not fit.
pub fn reading(column: &ColumnDetail, target: &Target) -> Result<Reading> {
    stored::reading(column, target.kind).map_err(|_| {
        Error::internal(format!(
            "column {} of a segment is stored in a way that does not fit the column's type",
            names::quote_ident(&column.name)
        ))
    })
}
