//! A column gets another name: the map of columns, the filter and the order of rows follow, each by what it meant
//! before.

use super::row::Change;
use crate::catalog::filter::parse;
use crate::catalog::rows::{AbandonedTable, Column, PartitionedTable};
use crate::catalog::snapshot::Latest;
use crate::catalog::{abandoned, tables};
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
    /// What is kept of the table's cold rows, where it was disabled without them, with filter and rule.
    abandoned: Vec<(AbandonedTable, [Option<*mut pg_sys::Node>; 2])>,
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
        let mut abandoned = abandoned::of(relation, latest.get())?;
        abandoned.retain(|kept| kept.unfit.is_none());
        if table.is_none() && setting.is_none() && abandoned.is_empty() {
            return Ok(None);
        }
        // SAFETY: the lock that the statement takes; its owner asks.
        unsafe { pg_sys::LockRelationOid(relation, pg_sys::AccessExclusiveLock as i32) };
        let _owner = user::ActAs::role(user::relation_owner(relation), true);
        let _settings = type_io::settings();
        let parsed = |filter: Option<String>| filter.map(|filter| parse(relation, &filter)).transpose();
        let of_abandoned = |kept: AbandonedTable| {
            let texts = [parsed(kept.filter.clone())?, parsed(kept.rule.clone())?];
            Ok((kept, texts))
        };
        Ok(Some(Self {
            relation,
            old: old.to_owned(),
            new: new.to_owned(),
            filters: [
                parsed(table.and_then(|table| table.filter))?,
                parsed(setting.and_then(|setting| setting.filter))?,
            ],
            rule: parsed(rule::kept(relation)?)?,
            abandoned: abandoned.into_iter().map(of_abandoned).collect::<Result<_>>()?,
        }))
    }

    /// After the statement.
    pub fn after(self) -> Result<()> {
        let latest = Latest::take();
        // SAFETY: expressions over this table, parsed before; nothing freed them since.
        let text = |node: Option<*mut pg_sys::Node>| node.map(|node| unsafe { filter::deparsed(self.relation, node) });
        if let Some(table) = tables::by_relation(self.relation, latest.get())? {
            let mut change = Change::none(&table);
            self.rename(&mut change.columns);
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
        for (kept, [filter, rule]) in &self.abandoned {
            let mut kept = kept.clone();
            self.rename(&mut kept.columns);
            (kept.filter, kept.rule) = (text(*filter), text(*rule));
            kept.order_by = self.order(kept.order_by)?;
            abandoned::write(&kept)?;
        }
        Ok(())
    }

    fn rename(&self, columns: &mut [Column]) {
        for column in columns.iter_mut().filter(|column| column.name == self.old) {
            column.name.clone_from(&self.new);
        }
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
