//! The cold rows of a scan, aggregated batch by batch on their stored values.

use super::made::{Keys, Made};
use super::recognise::{self, Item, Recognised};
use crate::cold::batch::Batch;
use crate::cold::columns::{self, Target};
use crate::cold::conditions::database_encoding;
use crate::pg::context::Context;
use crate::pg::error::{Error, Result};
use crate::pg::list;
use crate::statements::scan::cold::{ColdRows, Parts};
use pgrx::pg_sys;
use std::rc::Rc;
use stretch_columns::aggregate::statistics::{Facts, Known};
use stretch_columns::aggregate::{GroupKey, Partial, Partials};
use stretch_columns::exact;
use stretch_columns::source::{Column, Source, Unfit};

/// What was done with row groups, for EXPLAIN.
#[derive(Clone, Copy, Default)]
pub struct Done {
    /// Aggregated on their stored values.
    pub aggregated: u64,
    /// Answered by their statistics.
    pub known: u64,
    /// Left to the scan below, row by row.
    pub left: u64,
}

/// The aggregation of one node.
pub struct Aggregation {
    items: Vec<Item>,
    partial: Partial,
    /// Encoding of the database that wrote what is in `partial`.
    encoding: Option<Rc<str>>,
    /// Numbers of the row groups that the scan below has to show.
    left: Vec<usize>,
    context: Context,
    pub done: Done,
}

impl Aggregation {
    /// Of a plan whose scan is of the relation with range table index `relid`.
    ///
    /// # Safety
    /// The plan is one of ours; the current memory context lives as long as this.
    pub unsafe fn of_plan(plan: *mut pg_sys::CustomScan, relid: u32) -> Result<Self> {
        // SAFETY: the target list is one of target entries.
        let found = unsafe {
            let entries = list::pointers::<pg_sys::TargetEntry>((*plan).custom_scan_tlist);
            let expressions: Vec<*mut pg_sys::Node> = entries.iter().map(|entry| (**entry).expr.cast()).collect();
            recognise::target(&expressions, relid)
        };
        let Recognised { plan, items } =
            found.ok_or_else(|| Error::internal("the plan of an aggregate has a target that cannot be computed"))?;
        Ok(Self {
            items,
            partial: Partial::new(plan),
            encoding: None,
            left: Vec::new(),
            // SAFETY: the caller's promise.
            context: unsafe { Context::new(c"pg_stretch aggregate") },
            done: Done::default(),
        })
    }

    /// Begins with the rows of a scan that was started: row groups that their statistics answer are taken at once.
    pub fn start(&mut self, rows: &mut ColdRows) -> Result<()> {
        self.partial.take();
        (self.encoding, self.left) = (None, Vec::new());
        if !self.partial.plan().may_be_known() || !rows.takes_all() {
            return Ok(());
        }
        let Parts { batches, columns, .. } = rows.parts();
        // What processes share is divided as they take it.
        let Some(batches) = batches.filter(|batches| !batches.is_shared()) else {
            return Ok(());
        };
        let (partial, database) = (&mut self.partial, database_encoding());
        let known = batches.take_known(|segment, reader, row_group, dead| {
            let column = |attribute: i16| {
                let detail = reader.detail();
                let Some(target) = target_of(&columns, attribute) else {
                    return Known::Nothing;
                };
                let Some(place) = columns::find(detail, target.field_id) else {
                    return match target.missing {
                        Some(_) => Known::Nothing,
                        None => Known::Missing,
                    };
                };
                match columns::reading(&detail.columns[place], target) {
                    Ok(reading) => Known::Statistics {
                        statistics: &reader.row_groups()[row_group].chunks[place].stats,
                        reading,
                        text_comparable: exact::text_comparable(&database, &segment.server_encoding),
                    },
                    Err(_) => Known::Nothing,
                }
            };
            partial.add_known(&Facts {
                rows: reader.row_groups()[row_group].rows,
                dead,
                column: &column,
            })
        })?;
        self.done.known += known;
        Ok(())
    }

    /// The next groups as rows; `None` at the end.
    pub fn next(&mut self, rows: &mut ColdRows) -> Result<Option<Made>> {
        loop {
            if self.partial.is_full() {
                return self.finished(rows);
            }
            let Parts {
                batches: Some(batches),
                columns,
                conditions,
                counters,
            } = rows.parts()
            else {
                return self.finished(rows);
            };
            let Some(group) = batches.next_undecoded(counters)? else {
                return self.finished(rows);
            };
            let number = batches
                .last()
                .ok_or_else(|| Error::internal("a row group has no number"))?;
            let Some(batch) = group.exactly(conditions)? else {
                self.leave(number);
                continue;
            };
            counters.rows_pruned += (group.rows() - batch.rows) as u64;
            if let Some(made) = self.add(rows, &columns, &batch, number)? {
                return Ok(Some(made));
            }
        }
    }

    /// Takes a batch; what had to be finished before it is given back.
    fn add(&mut self, rows: &ColdRows, columns: &[Target], batch: &Batch, number: usize) -> Result<Option<Made>> {
        let is_other = self.encoding.as_ref().is_some_and(|known| *known != batch.encoding);
        let mut made = None;
        if is_other && let Some(groups) = self.partial.take() {
            made = Some(self.made(rows, groups)?);
        }
        let comparable = exact::text_comparable(&database_encoding(), &batch.encoding);
        let source = |attribute: i16| source(columns, batch, comparable, attribute);
        match self.partial.add(batch.rows, &source) {
            Ok(finished) => {
                self.done.aggregated += 1;
                if let Some(groups) = finished {
                    made = Some(self.made(rows, groups)?);
                }
                self.encoding = Some(batch.encoding.clone());
            }
            Err(Unfit) => self.leave(number),
        }
        Ok(made)
    }

    fn leave(&mut self, number: usize) {
        self.done.left += 1;
        self.left.push(number);
    }

    /// All groups so far; with none left the rest is given to the scan.
    fn finished(&mut self, rows: &mut ColdRows) -> Result<Option<Made>> {
        match self.partial.take() {
            Some(groups) => self.made(rows, groups).map(Some),
            None => {
                rows.only(&self.left);
                Ok(None)
            }
        }
    }

    fn made(&self, rows: &ColdRows, groups: Partials) -> Result<Made> {
        let keys = Keys {
            base_types: self
                .partial
                .plan()
                .keys
                .iter()
                .map(|key| base_type(rows.columns(), key))
                .collect(),
            owner: rows.owner(),
            encoding: self.encoding.clone().unwrap_or_else(|| "".into()),
        };
        // SAFETY: rows are shown one after the other, those of earlier groups first.
        unsafe { Made::new(groups, &self.items, &keys, self.context) }
    }
}

fn target_of(columns: &[Target], attribute: i16) -> Option<&Target> {
    columns.iter().find(|target| target.attribute == attribute)
}

/// The type of a key below all domains. What is computed is stored natively, whatever the type is then.
fn base_type(columns: &[Target], key: &GroupKey) -> pg_sys::Oid {
    match key {
        GroupKey::Column(attribute) => target_of(columns, *attribute).map(|target| target.base_type),
        _ => None,
    }
    .unwrap_or(pg_sys::InvalidOid)
}

/// Where a batch has the values of an attribute.
fn source<'a>(columns: &[Target], batch: &'a Batch, text_comparable: bool, attribute: i16) -> Source<'a> {
    let Some(place) = columns.iter().position(|target| target.attribute == attribute) else {
        return Source::NotDecoded;
    };
    match &batch.columns[place] {
        None => Source::Missing,
        Some(content) => {
            let column = Column {
                base_type: columns[place].base_type.to_u32(),
                reading: content.reading,
                text_comparable,
                array: content.array.as_ref(),
            };
            match content.is_constant {
                true => Source::Constant(column),
                false => Source::Decoded(column),
            }
        }
    }
}
