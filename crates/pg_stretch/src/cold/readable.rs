//! Whether the columns of a table, as their types are now, can be read from all its segments.

use super::{columns, segments};
use crate::catalog::rows::{Form, StretchedTable};
use crate::catalog::snapshot::Latest;
use crate::catalog::types;
use crate::pg::error::Result;
use crate::pg::names;
use crate::pg::relation::OpenRelation;
use stretch_segment::ValueForm;

/// A column, quoted, of which some segment holds values that cannot be read as its type; `None` where all can. The
/// columns that `changed` numbers had another type when the segments were written. The caller holds a lock on the
/// table.
pub fn unreadable(table: &StretchedTable, changed: &[i16]) -> Result<Option<String>> {
    let latest = Latest::take();
    let open = OpenRelation::locked(table.relation)?;
    // SAFETY: the relation is open.
    let targets = unsafe { columns::targets(open.as_ptr(), table)? };
    let list = segments::segments(&table.table_id, table.relation, latest.get())?;
    for segment in list.iter() {
        pgrx::check_for_interrupts!();
        let reader = segments::reader(segment, latest.get())?;
        for target in &targets {
            let Some(place) = columns::find(reader.detail(), target.field_id) else {
                continue;
            };
            let detail = &reader.detail().columns[place];
            // What functions of the old type wrote is not for those of another.
            let is_native = types::plan(target.base_type, -1).form == Form::Native && detail.form == ValueForm::Native;
            let is_other = changed.contains(&target.attribute) && !is_native;
            if is_other || columns::reading(detail, target).is_err() {
                return Ok(Some(names::quote_ident(&detail.name)));
            }
        }
    }
    Ok(None)
}
