//! What `reauthorize` and `reconcile` tell their caller.

use super::local::Row;
use serde_json::{Value, json};

/// Answer of both requests: one row per table, and what to tell the caller.
#[derive(Default)]
pub struct Report {
    pub rows: Vec<Row>,
    pub notices: Vec<String>,
    pub warnings: Vec<String>,
}

impl Report {
    /// What the caller gets.
    pub fn answer(&self) -> Value {
        // A request's answer has a limited size: rows travel through stretch.reconcile_report.
        let notices: Vec<&String> = self.notices.iter().take(50).collect();
        json!({ "notices": notices, "warnings": self.warnings })
    }
}
