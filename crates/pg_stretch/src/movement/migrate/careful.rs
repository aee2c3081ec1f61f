//! Filters that fail on some rows (`100 / (q - 10) > 5`): the filter is asked block by block, and row by row where a
//! block fails, each time in a subtransaction. Rows on which it fails stay hot; all others move.

use super::statement;
use crate::catalog::rows::StretchedTable;
use crate::pg::attempt::attempt;
use crate::pg::error::{Error, Result};
use pgrx::prelude::*;
use std::collections::HashSet;
use stretch_core::errors;

/// Characters of an error's message that are passed on.
const LONGEST_MESSAGE: usize = 200;

/// Whether a scan may have failed in the filter: by a value that it cannot treat.
pub fn is_of_filter(error: &Error) -> bool {
    error.is_of(errors::DATA_CLASS)
}

/// What the filter says of the rows of one block, and on how many rows it failed so far.
pub struct Careful<'a> {
    table: &'a StretchedTable,
    snapshot: pg_sys::Snapshot,
    block: Option<u32>,
    selected: HashSet<(u32, u16)>,
    pub failures: Failures,
}

/// Rows on which the filter failed.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    pub rows: HashSet<(u32, u16)>,
    /// Of the first of them.
    pub message: String,
}

impl Failures {
    /// Takes in those of another batch of the pass.
    pub fn add(&mut self, others: Self) {
        if self.rows.is_empty() {
            self.message = others.message;
        }
        self.rows.extend(others.rows);
    }
}

impl<'a> Careful<'a> {
    pub fn new(table: &'a StretchedTable, snapshot: pg_sys::Snapshot) -> Self {
        Self {
            table,
            snapshot,
            block: None,
            selected: HashSet::new(),
            failures: Failures::default(),
        }
    }

    /// Whether the filter selects the row. Rows of one block are asked for one after the other.
    pub fn selects(&mut self, row: (u32, u16)) -> Result<bool> {
        if self.block != Some(row.0) {
            self.selected = self.ask_block(row.0)?;
            self.block = Some(row.0);
        }
        Ok(self.selected.contains(&row))
    }

    fn ask_block(&mut self, block: u32) -> Result<HashSet<(u32, u16)>> {
        let within = (format!("({block},0)"), format!("({},0)", block.saturating_add(1)));
        match self.ask(&within, true) {
            Err(error) if is_of_filter(&error) => {}
            other => return other,
        }
        let mut selected = HashSet::new();
        for row in self.ask(&within, false)? {
            let this = format!("({},{})", row.0, row.1);
            let next = format!("({},{})", row.0, row.1.saturating_add(1));
            match self.ask(&(this, next), true) {
                Ok(found) => selected.extend(found),
                Err(error) if is_of_filter(&error) => {
                    if self.failures.rows.is_empty() {
                        self.failures.message = error.message.chars().take(LONGEST_MESSAGE).collect();
                    }
                    self.failures.rows.insert(row);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(selected)
    }

    /// Identities from `within.0` (inclusive) to `within.1` (exclusive), of all rows or of those that the filter
    /// selects.
    fn ask(&self, within: &(String, String), filtered: bool) -> Result<HashSet<(u32, u16)>> {
        let sql = statement::statement(self.table, &[], Some(within), filtered)?;
        attempt(|| {
            // SAFETY: one SELECT of the identity, planned and run like the scan itself, under its snapshot.
            unsafe { statement::identities(&sql, self.snapshot) }
        })
    }
}
