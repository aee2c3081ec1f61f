//! The hashes of a batch's unique keys, for the filters of its segment.

use crate::catalog::keys;
use crate::catalog::rows::StretchedTable;
use crate::cold::key_filter::{self, Hasher};
use crate::pg::error::{Error, Result};
use pgrx::pg_sys;
use stretch_segment::key_filter::{KeyFilter, KeyFilters};

/// Collects them row by row.
pub struct Keys {
    keys: Vec<(Hasher, Vec<u64>)>,
    /// By attribute number, from 1: the column's place among those that are not dropped.
    places: Vec<usize>,
}

impl Keys {
    /// Of an open table's unique indexes; those that cannot be hashed are left out.
    pub fn of(table: &StretchedTable, relation: pg_sys::Relation) -> Result<Self> {
        // SAFETY: the batch holds the relation open; its descriptor has `natts` attributes.
        let (keys, places) = unsafe {
            let desc = (*relation).rd_att;
            let mut live = 0;
            let mut places = vec![0];
            for attribute in (*desc).attrs.as_slice((*desc).natts as usize) {
                places.push(live);
                live += usize::from(!attribute.attisdropped);
            }
            (keys::of(relation)?, places)
        };
        let hashers = keys.iter().filter_map(|key| Hasher::new(key, &table.columns));
        Ok(Self {
            keys: hashers.map(|hasher| (hasher, Vec::new())).collect(),
            places,
        })
    }

    /// Adds a row.
    ///
    /// # Safety
    /// The values of all columns of the table that are not dropped, in their order.
    pub unsafe fn add(&mut self, values: &[pg_sys::Datum], nulls: &[bool]) {
        for (hasher, hashes) in &mut self.keys {
            let value = |attribute: i16| {
                let place = self.places[attribute as usize];
                (!nulls[place]).then_some(values[place])
            };
            // SAFETY: the caller's promise; a key with a NULL that nothing equals is in no filter.
            hashes.extend(unsafe { hasher.hash(value) });
        }
    }

    /// What the catalog keeps of them; `None` when there are none.
    pub fn filters(self) -> Result<Option<Vec<u8>>> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        let filter = |(hasher, hashes): (Hasher, Vec<u64>)| KeyFilter::new(hasher.id, hashes);
        let filters = KeyFilters {
            environment: key_filter::environment(),
            filters: self.keys.into_iter().map(filter).collect(),
        };
        let bytes = filters.to_bytes().map_err(|error| Error::internal(error.to_string()))?;
        Ok(Some(bytes))
    }
}
