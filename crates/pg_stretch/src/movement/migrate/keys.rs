//! The hashes of a batch's unique keys, and of the columns by which its rows refer to others, for the filters of its
//! segment.

use crate::catalog::formed::Former;
use crate::catalog::keys;
use crate::catalog::rows::StretchedTable;
use crate::cold::key_filter::{self, Hasher};
use crate::pg::error::{Error, Result};
use pgrx::pg_sys;
use stretch_segment::key_filter::{KeyFilter, KeyFilters};

/// Collects them row by row.
pub struct Keys {
    keys: Vec<Hashes>,
    /// By attribute number, from 1: the column's place among those that are not dropped.
    places: Vec<usize>,
}

struct Hashes {
    hasher: Hasher,
    /// Numbers of the key's columns.
    columns: Vec<i16>,
    /// Forms the keys of an index with expressions or a predicate, from whole rows.
    former: Option<Former>,
    found: Vec<u64>,
}

impl Keys {
    /// Of an open table's unique indexes and foreign keys; those that cannot be hashed are left out.
    pub fn of(table: &StretchedTable, relation: pg_sys::Relation) -> Result<Self> {
        // SAFETY: the batch holds the relation open; its descriptor has `natts` attributes.
        let (keys, referencing, places) = unsafe {
            let desc = (*relation).rd_att;
            let mut live = 0;
            let mut places = vec![0];
            for attribute in (*desc).attrs.as_slice((*desc).natts as usize) {
                places.push(live);
                live += usize::from(!attribute.attisdropped);
            }
            (keys::of(relation)?, keys::referencing(relation), places)
        };
        let hashed = |key: &keys::Key| {
            Some(Hashes {
                hasher: Hasher::new(key, &table.columns)?,
                columns: key.parts.iter().map(|part| part.column).collect(),
                // SAFETY: the batch holds the relation open and is over before its memory goes.
                former: key.definition.as_ref().map(|_| unsafe { Former::new(relation, key) }),
                found: Vec::new(),
            })
        };
        let mut hashes: Vec<Hashes> = keys.iter().filter_map(hashed).collect();
        for parts in referencing {
            let Some(hasher) = Hasher::of_columns(&parts, &table.columns) else {
                continue;
            };
            // Foreign keys may share their columns, with one another or with a unique key.
            if hashes.iter().all(|known| known.hasher.id != hasher.id) {
                hashes.push(Hashes {
                    hasher,
                    columns: parts.iter().map(|part| part.column).collect(),
                    former: None,
                    found: Vec::new(),
                });
            }
        }
        Ok(Self { keys: hashes, places })
    }

    /// Adds a row. Runs functions of the table's owner where an index has expressions: so as the owner.
    ///
    /// # Safety
    /// The values of all columns of the table that are not dropped, in their order.
    pub unsafe fn add(&mut self, values: &[pg_sys::Datum], nulls: &[bool]) {
        let value = |attribute: i16| {
            let place = self.places[attribute as usize];
            (!nulls[place]).then_some(values[place])
        };
        for key in &mut self.keys {
            // SAFETY: the caller's promise; a key with a NULL that nothing equals is in no filter, nor is a row that
            // the index's predicate leaves out.
            unsafe {
                key.found.extend(match &mut key.former {
                    None => key.hasher.hash(|place| value(key.columns[place])),
                    Some(former) => match former.of_values(value) {
                        Some(formed) => key.hasher.hash(|place| formed[place]),
                        None => None,
                    },
                });
            }
        }
    }

    /// What the catalog keeps of them; `None` when there are none.
    pub fn filters(self) -> Result<Option<Vec<u8>>> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        let filter = |key: Hashes| KeyFilter::new(key.hasher.id, key.found);
        let filters = KeyFilters {
            environment: key_filter::environment(),
            filters: self.keys.into_iter().map(filter).collect(),
        };
        let bytes = filters.to_bytes().map_err(|error| Error::internal(error.to_string()))?;
        Ok(Some(bytes))
    }
}
