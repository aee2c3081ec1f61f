//! Statistics of many segments together, so that a condition that none of them can meet is answered at once.

use crate::detail::SegmentDetail;
use crate::stats::ColumnStats;

/// What all segments of a table hold, by field.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Field ids of `stats`, in the same order.
    fields: Vec<i32>,
    stats: Vec<ColumnStats>,
    rows: u64,
    row_groups: u64,
}

/// No value at all.
fn nulls(rows: u64) -> ColumnStats {
    ColumnStats {
        null_count: rows,
        ..ColumnStats::default()
    }
}

impl Summary {
    /// Adds a segment. A column that it lacks is NULL in all of its rows.
    pub fn add(&mut self, detail: &SegmentDetail) {
        let rows = detail.rows();
        for column in &detail.columns {
            if !self.fields.contains(&column.field_id) {
                self.fields.push(column.field_id);
                self.stats.push(nulls(self.rows));
            }
        }
        for (field, stats) in self.fields.iter().zip(&mut self.stats) {
            let place = detail.columns.iter().position(|column| column.field_id == *field);
            let other = place.and_then(|place| detail.stats.get(place)).cloned();
            *stats = stats.merge(self.rows, &other.unwrap_or_else(|| nulls(rows)), rows);
        }
        self.rows += rows;
        self.row_groups += detail.row_groups.len() as u64;
    }

    /// Place of a field in [`Summary::stats`]; `None` when no segment has it, so that it is NULL everywhere.
    pub fn find(&self, field_id: i32) -> Option<usize> {
        self.fields.iter().position(|field| *field == field_id)
    }

    /// Statistics by place.
    pub fn stats(&self) -> &[ColumnStats] {
        &self.stats
    }

    /// Rows of all segments.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Row groups of all segments.
    pub fn row_groups(&self) -> u64 {
        self.row_groups
    }
}

#[cfg(test)]
mod tests;
