//! The catalog follows what a command did to the columns and the keys of a stretched table. Segments stay as they are:
//! their columns are known by the numbers of their fields, of which none is ever used again (F37).

pub mod abandoned;
pub mod dropped;
pub mod renamed;
pub mod retyped;
mod row;

use crate::catalog::rows::Column;
use crate::catalog::snapshot::Latest;
use crate::catalog::{keys, tables, types};
use crate::cold::missing;
use crate::pg::error::Result;
use crate::pg::local_settings::LocalSettings;
use crate::pg::names;
use crate::pg::relation::OpenRelation;
use pgrx::pg_sys;
use row::Change;

/// Gives new columns their fields, forgets those that went, and notes the keys that there are now. The command holds
/// its lock on the table; for what is not stretched, or is gone, there is nothing to do.
///
/// Keys are noted where they were compared with the cold rows, which needs a binding (`table_am/new_index.rs`): what a
/// dump brings is compared with what is noted when the database is authorized again.
pub fn columns_and_keys(relation: pg_sys::Oid) -> Result<()> {
    let latest = Latest::take();
    let Some(table) = tables::by_relation(relation, latest.get())? else {
        return Ok(());
    };
    let is_bound = tables::binding(latest.get())?.is_some_and(|binding| binding.is_of_here());
    let first = row::next_field(relation)?;
    let columns = columns_now(relation, &table.columns, first)?;
    let unique_keys = match is_bound {
        true => {
            let _path = LocalSettings::path();
            keys::unique_keys(relation)?
        }
        false => table.unique_keys.clone(),
    };
    if columns == table.columns && unique_keys == table.unique_keys {
        return Ok(());
    }
    Change {
        columns,
        unique_keys,
        ..Change::none(&table)
    }
    .write(relation)
}

/// The columns of the table as it is now: those that are known keep their fields, new ones get numbers from `next` on.
pub fn columns_now(relation: pg_sys::Oid, known: &[Column], mut next: i32) -> Result<Vec<Column>> {
    let open = OpenRelation::locked(relation)?;
    // SAFETY: the relation is open until the end of this function.
    let (layout, attributes) = unsafe {
        let layout = (*open.as_ptr()).rd_att;
        (layout, (*layout).attrs.as_slice((*layout).natts as usize))
    };
    let mut columns = Vec::new();
    for attribute in attributes.iter().filter(|attribute| !attribute.attisdropped) {
        let name = names::text(attribute.attname.data.as_ptr());
        let form = types::plan(attribute.atttypid, attribute.atttypmod).form;
        columns.push(match known.iter().find(|column| column.name == name) {
            Some(known) => Column { form, ..known.clone() },
            None => {
                let field_id = next;
                next += 1;
                Column {
                    name,
                    field_id,
                    form,
                    // SAFETY: a column of this descriptor.
                    missing: unsafe { missing::text(layout, attribute)? },
                }
            }
        });
    }
    Ok(columns)
}
