//! A column goes: its field is forgotten before anything else of the command can look at the table, as a new column of
//! the same name has another one.

use super::row::Change;
use crate::catalog::filter::parse;
use crate::catalog::rows::StretchedTable;
use crate::catalog::snapshot::Latest;
use crate::catalog::{abandoned, tables};
use crate::pg::error::{self, Result};
use crate::pg::{names, type_io, user};
use pgrx::pg_sys;
use stretch_core::command::Command;
use stretch_core::order_by;

/// Bias of column numbers in sets of them (FirstLowInvalidHeapAttributeNumber of sysattr.h).
const FIRST_LOW: i32 = pg_sys::FirstLowInvalidHeapAttributeNumber;

/// Forgets a column that is about to go, and says which command that is; `None` where the table is not stretched. The
/// command holds its lock on the table.
pub fn column(relation: pg_sys::Oid, attribute: i16) -> Result<Option<Command>> {
    // SAFETY: a syscache look-up that tolerates missing columns; the name is a copy.
    let name = names::text(unsafe { pg_sys::get_attname(relation, attribute, true) });
    left_behind(relation, attribute, &name)?;
    let Some(table) = tables::by_relation(relation, Latest::take().get())? else {
        return Ok(None);
    };
    let command = command(&table, attribute, &name)?;
    let mut change = Change::none(&table);
    change.columns.retain(|column| column.name != name);
    change.write(relation)?;
    Ok(Some(command))
}

/// The same for rows that the table left behind. Those of which nobody could say any more what holds for them are
/// unfit.
fn left_behind(relation: pg_sys::Oid, attribute: i16, name: &str) -> Result<()> {
    for mut table in abandoned::of(relation, Latest::take().get())? {
        if table.unfit.is_some() {
            continue;
        }
        if let Some(filter) = &table.filter
            && names_column(relation, filter, attribute)?
        {
            let column = names::quote_ident(name);
            table.unfit = Some(format!("column {column}, which their filter names, was dropped"));
        }
        if orders_by(table.order_by.as_deref(), name)? {
            table.order_by = None;
        }
        table.columns.retain(|column| column.name != name);
        abandoned::write(&table)?;
    }
    Ok(())
}

fn command(table: &StretchedTable, attribute: i16, name: &str) -> Result<Command> {
    if let Some(filter) = &table.filter
        && names_column(table.relation, filter, attribute)?
    {
        return Ok(Command::DropFilterColumn);
    }
    Ok(match orders_by(table.order_by.as_deref(), name)? {
        true => Command::DropOrderColumn,
        false => Command::DropColumn,
    })
}

/// Whether an order of rows is by a column.
fn orders_by(order: Option<&str>, name: &str) -> Result<bool> {
    let order = order.map(order_by::parse).transpose();
    let order = order.map_err(error::unreadable)?.unwrap_or_default();
    Ok(order.iter().any(|item| item.column == name))
}

/// Whether a filter is about a column.
fn names_column(relation: pg_sys::Oid, filter: &str, attribute: i16) -> Result<bool> {
    let _owner = user::ActAs::role(user::relation_owner(relation), true);
    let _settings = type_io::settings();
    let node = parse(relation, filter)?;
    let mut found = std::ptr::null_mut();
    // SAFETY: an expression over the table as relation number 1.
    unsafe {
        pg_sys::pull_varattnos(node, 1, &mut found);
        Ok(pg_sys::bms_is_member(i32::from(attribute) - FIRST_LOW, found))
    }
}
