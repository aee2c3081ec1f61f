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
    /// What the first listing shows.
    pub fn tell_found(&mut self, segments: usize, objects: usize) {
        self.notices.push(format!(
            "the endpoint keeps its promises and holds this database: {segments} segments of the catalog, {objects} \
             objects"
        ));
    }

    /// What was in doubt.
    pub fn tell_copied(&mut self, copied: usize) {
        if copied > 0 {
            let notice = format!("{copied} objects were marked for collection and are copied");
            self.notices.push(notice);
        }
    }

    /// What the caller gets.
    pub fn answer(&self) -> Value {
        // A request's answer has a limited size: rows travel through stretch.reconcile_report.
        let notices: Vec<&String> = self.notices.iter().take(50).collect();
        json!({ "notices": notices, "warnings": self.warnings })
    }
}
