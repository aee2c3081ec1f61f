//! The part of `stretch.stretched_table` that follows commands of others: the one place that changes it.

use crate::catalog::rows::{Column, StretchedTable, UniqueKey};
use crate::pg::error::{Error, Result};
use crate::pg::local_settings::LocalSettings;
use crate::pg::{spi, user};
use pgrx::pg_sys;

/// What is written.
pub struct Change {
    pub columns: Vec<Column>,
    pub unique_keys: Vec<UniqueKey>,
    pub filter: Option<String>,
    pub order_by: Option<String>,
}

impl Change {
    /// All as it is.
    pub fn none(table: &StretchedTable) -> Self {
        Self {
            columns: table.columns.clone(),
            unique_keys: table.unique_keys.clone(),
            filter: table.filter.clone(),
            order_by: table.order_by.clone(),
        }
    }

    /// Writes it; the numbers of its fields are never given again.
    pub fn write(&self, relation: pg_sys::Oid) -> Result<()> {
        let json = |value: serde_json::Result<String>| value.map_err(|error| Error::internal(error.to_string()));
        let last = self.columns.iter().map(|column| column.field_id).max().unwrap_or(0);
        let _us = user::ActAs::extension_owner();
        let _path = LocalSettings::path();
        spi::execute(
            "UPDATE stretch.stretched_table SET columns = $2::jsonb, unique_keys = $3::jsonb, filter = $4,
                order_by = $5, next_field_id = greatest(next_field_id, $6 + 1)
             WHERE relation = $1",
            &[
                relation.into(),
                json(serde_json::to_string(&self.columns))?.into(),
                json(serde_json::to_string(&self.unique_keys))?.into(),
                self.filter.as_deref().into(),
                self.order_by.as_deref().into(),
                last.into(),
            ],
        )?;
        // SAFETY: what every session remembers of the table is old now.
        unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation) };
        Ok(())
    }
}

/// The number that the next new column gets.
pub fn next_field(relation: pg_sys::Oid) -> Result<i32> {
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    let sql = "SELECT next_field_id FROM stretch.stretched_table WHERE relation = $1";
    spi::get::<i32>(sql, &[relation.into()])?.ok_or_else(|| Error::internal("a stretched table has left the catalog"))
}
