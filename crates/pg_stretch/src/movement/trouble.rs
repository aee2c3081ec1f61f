//! Trouble with a table: how long it is left alone, and that it is said once.

use crate::catalog::record::{self, Direction};
use crate::pg::error::{Error, Result, log};
use crate::pg::{gucs, txn};
use pgrx::pg_sys;
use std::time::{Duration, Instant};
use stretch_core::ids::TableId;

/// What went wrong with a table lately; lost with the worker, never needed for correctness.
#[derive(Default)]
pub struct Trouble {
    failures: u32,
    rest_until: Option<Instant>,
    last_error: Option<String>,
}

impl Trouble {
    /// Whether the table is left alone for now.
    pub fn is_resting(&self) -> bool {
        self.rest_until.is_some_and(|until| until > Instant::now())
    }

    /// Something went right.
    pub fn rested(&mut self) {
        self.failures = 0;
        self.rest_until = None;
    }

    /// Nothing is wrong any more: the next error is said again.
    pub fn is_over(&mut self) {
        self.last_error = None;
    }

    /// Leaves the table alone for a while, longer each time.
    pub fn rest(&mut self, table: &TableId, direction: Direction, error: &Error) {
        self.failures += 1;
        let pause =
            stretch_core::batch::table_backoff(self.failures).min(gucs::naptime().max(Duration::from_secs(1)) * 8);
        self.rest_until = Some(Instant::now() + pause);
        self.note(table, direction, error);
    }

    /// Writes an error into the log and `stretch.migration_status`, unless it is there already.
    pub fn note(&mut self, table: &TableId, direction: Direction, error: &Error) {
        if self.last_error.as_deref() == Some(error.message.as_str()) {
            return;
        }
        self.last_error = Some(error.message.clone());
        log(&format!("pg_stretch migration: {} ({})", error.message, error.sqlstate));
        let failure = Some((error.sqlstate.as_str(), error.message.as_str()));
        let noted: Result<()> = txn::run(|| record::attempt(table, direction, 0, 0, 0.0, failure));
        if let Err(error) = noted {
            error.report(pg_sys::LOG as i32);
        }
    }
}
