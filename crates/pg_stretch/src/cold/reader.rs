//! The engine's face: the cold rows of one table, for one purpose, under one snapshot.

use super::columns::Target;
use super::conditions::Conditions;
use crate::catalog::rows::StretchedTable;
use crate::pg::error::{Error, Result};
use crate::pg::names;
use bytes::Bytes;
use pgrx::pg_sys;
use std::collections::HashSet;
use stretch_core::errors;
use stretch_core::ids::SegmentId;
use stretch_core::purpose::Purpose;
use stretch_core::state::QueryMode;

/// Reads the cold rows of a table. Its steps are `choose`, which segments and row groups can hold rows that are asked
/// for, without any input or output; and `batches`, which brings these row groups one by one.
pub struct Reader {
    pub(super) table: StretchedTable,
    /// The columns of the relation through which the rows are read.
    columns: Vec<Target>,
    pub(super) snapshot: pg_sys::Snapshot,
    pub(super) purpose: Purpose,
    /// All bytes of a segment that whoever reads has brought before.
    at_hand: Option<(SegmentId, Bytes)>,
}

/// What a caller wants to know of the rows.
pub struct Ask<'a> {
    /// The columns that batches bring.
    pub columns: &'a [Target],
    /// What rows must satisfy to be of use. Batches bring others too: who asks checks the conditions again.
    pub conditions: &'a Conditions,
    /// Not these segments, of which the caller knows that they hold nothing for him. It says which are left out, not
    /// which are read: a segment that came after the caller looked is read.
    pub except: Option<&'a HashSet<SegmentId>>,
}

impl Reader {
    /// A reader of `table`. Its columns are those of the relation through which it is read
    /// ([`super::columns::targets`]); none for who wants segments as a whole. ST020 when queries are disabled.
    ///
    /// # Safety
    /// The snapshot is held as long as the reader lives.
    pub unsafe fn open(
        table: StretchedTable,
        columns: Vec<Target>,
        snapshot: pg_sys::Snapshot,
        purpose: Purpose,
    ) -> Result<Self> {
        refuse_disabled(purpose, table.relation)?;
        Ok(Self {
            table,
            columns,
            snapshot,
            purpose,
            at_hand: None,
        })
    }

    /// Gives the reader all bytes of a segment, so that it asks nobody for them. They are compared with the catalog as
    /// others are.
    pub fn hold(&mut self, segment: SegmentId, bytes: Bytes) {
        self.at_hand = Some((segment, bytes));
    }

    /// The bytes of a segment that are at hand.
    pub(super) fn held(&self, segment: &SegmentId) -> Option<&Bytes> {
        self.at_hand
            .as_ref()
            .filter(|(held, _)| held == segment)
            .map(|(_, bytes)| bytes)
    }

    /// The table.
    pub fn table(&self) -> &StretchedTable {
        &self.table
    }

    /// All columns of the relation through which the rows are read.
    pub fn columns(&self) -> &[Target] {
        &self.columns
    }

    /// The field of a column by its attribute number.
    pub(super) fn field_of(&self, attribute: i16) -> Option<i32> {
        Some(self.target(attribute)?.field_id)
    }

    /// A column by its attribute number.
    pub(super) fn target(&self, attribute: i16) -> Option<&Target> {
        self.columns.iter().find(|target| target.attribute == attribute)
    }
}

/// ST020 where the query mode lets nobody see the table.
pub fn refuse_disabled(purpose: Purpose, relation: pg_sys::Oid) -> Result<()> {
    if purpose.query_mode() != QueryMode::Disabled {
        return Ok(());
    }
    Err(Error::new(
        &errors::QUERY_MODE_DISABLED,
        format!("queries of stretched table {} are disabled", names::relation(relation)),
    ))
}
