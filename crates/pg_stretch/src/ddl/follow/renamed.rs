//! A column gets another name: the map of columns, the filter and the order of rows follow, each by what it meant
//! before.

use super::row::Change;
use crate::catalog::filter::parse;
use crate::catalog::rows::PartitionedTable;
use crate::catalog::snapshot::Latest;
use crate::catalog::tables;
use crate::ddl::enable::{filter, partitioned, rule};
use crate::pg::error::{self, Result};
use crate::pg::{type_io, user};
use pgrx::pg_sys;
use stretch_core::order_by::{self, OrderItem};

/// A table whose column gets another name.
pub struct Renamed {
    relation: pg_sys::Oid,
    old: String,
    new: String,
    /// The filter as an expression, which names columns by their numbers; of the table, and of its new partitions.
    filters: [Option<*mut pg_sys::Node>; 2],
    /// The same of a filter that names the present.
    rule: Option<*mut pg_sys::Node>,
}

impl Renamed {
    /// Before the statement; `None` where nothing has to follow. What it keeps lies in the current memory context.
    pub fn before(relation: pg_sys::Oid, old: &str, new: &str) -> Result<Option<Self>> {
        if !is_owner(relation) {
            // The statement fails.
            return Ok(None);
        }
        let latest = Latest::take();
        let table = tables::by_relation(relation, latest.get())?;
        let setting = tables::partitioned_table(relation, latest.get())?;
        if table.is_none() && setting.is_none() {
            return Ok(None);
        }
        // SAFETY: the lock that the statement takes; its owner asks.
        unsafe { pg_sys::LockRelationOid(relation, pg_sys::AccessExclusiveLock as i32) };
        let _owner = user::ActAs::role(user::relation_owner(relation), true);
        let _settings = type_io::settings();
        let parsed = |filter: Option<String>| filter.map(|filter| parse(relation, &filter)).transpose();
        Ok(Some(Self {
            relation,
            old: old.to_owned(),
            new: new.to_owned(),
            filters: [
                parsed(table.and_then(|table| table.filter))?,
                parsed(setting.and_then(|setting| setting.filter))?,
            ],
            rule: parsed(rule::kept(relation)?)?,
        }))
    }

    /// After the statement.
    pub fn after(self) -> Result<()> {
        let latest = Latest::take();
        // SAFETY: expressions over this table, parsed before; nothing freed them since.
        let text = |node: Option<*mut pg_sys::Node>| node.map(|node| unsafe { filter::deparsed(self.relation, node) });
        if let Some(table) = tables::by_relation(self.relation, latest.get())? {
            let mut change = Change::none(&table);
            for column in &mut change.columns {
                if column.name == self.old {
                    column.name.clone_from(&self.new);
                }
            }
            for column in change.unique_keys.iter_mut().flat_map(|key| &mut key.columns) {
                if *column == self.old {
                    column.clone_from(&self.new);
                }
            }
            change.filter = text(self.filters[0]);
            change.order_by = self.order(table.order_by)?;
            change.write(self.relation)?;
            if let Some(rule) = text(self.rule) {
                rule::rewrite(self.relation, &rule)?;
            }
        }
        if let Some(setting) = tables::partitioned_table(self.relation, latest.get())? {
            partitioned::keep(&PartitionedTable {
                filter: text(self.filters[1]),
                order_by: self.order(setting.order_by.clone())?,
                ..setting
            })?;
        }
        Ok(())
    }

    /// The order with the column's new name.
    fn order(&self, order: Option<String>) -> Result<Option<String>> {
        let Some(order) = order else { return Ok(None) };
        let mut items = order_by::parse(&order).map_err(error::unreadable)?;
        for item in &mut items {
            if item.column == self.old {
                item.column.clone_from(&self.new);
            }
        }
        let texts: Vec<String> = items.iter().map(OrderItem::quoted).collect();
        filter::normalize_order(self.relation, &texts.join(", ")).map(Some)
    }
}

fn is_owner(relation: pg_sys::Oid) -> bool {
    // SAFETY: a look-up that tolerates missing relations.
    unsafe { pg_sys::pg_class_ownercheck(relation, user::current()) }
}
