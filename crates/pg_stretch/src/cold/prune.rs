//! Conditions with their values at execution, and which segments and row groups they leave (F12, F13).

use super::segments::Overview;
use crate::pg::names;
use pgrx::pg_sys;
use stretch_segment::{Bound, CompareOp, Predicate, SegmentDetail, may_match};

/// A condition with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Attribute number in the foreign table.
    pub attribute: i16,
    /// True when the value is text, whose bytes depend on the encoding.
    pub text: bool,
    pub test: Test,
}

/// What must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Compare(CompareOp, Bound),
    /// Empty: no row can satisfy it, as for a comparison with NULL.
    In(Vec<Bound>),
    IsNull,
    IsNotNull,
}

/// Values that a column must be equal to, of one type; they live as long as the expression's result does.
#[derive(Debug, Clone)]
pub struct Equal {
    pub attribute: i16,
    pub value_type: pg_sys::Oid,
    pub values: Vec<pg_sys::Datum>,
}

/// What the conditions of a plan say.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    pub tests: Vec<Condition>,
    pub equal: Vec<Equal>,
}

impl Condition {
    /// The condition about column `column` of a segment.
    fn predicate(&self, column: usize) -> Predicate {
        match &self.test {
            Test::Compare(op, value) => Predicate::Compare {
                column,
                op: *op,
                value: value.clone(),
            },
            Test::In(values) => Predicate::In {
                column,
                values: values.clone(),
            },
            Test::IsNull => Predicate::IsNull { column },
            Test::IsNotNull => Predicate::IsNotNull { column },
        }
    }

    /// May a row satisfy it that has no value in this column at all?
    fn may_match_null(&self) -> bool {
        self.test == Test::IsNull
    }
}

/// The database's encoding.
pub fn database_encoding() -> String {
    // SAFETY: plain getter of a static string.
    names::text(unsafe { pg_sys::GetDatabaseEncodingName() })
}

/// Statistics of text are bytes of UTF-8, or of the server's encoding where that is SQL_ASCII; conditions are in the
/// server's encoding (F13).
pub fn comparable(database: &str, segment: &str) -> bool {
    database == segment && matches!(database, "UTF8" | "SQL_ASCII")
}

/// May any of the segments hold a matching row? `field_of` gives the field of an attribute.
pub fn may_match_any(overview: &Overview, conditions: &[Condition], field_of: &dyn Fn(i16) -> Option<i32>) -> bool {
    let encoding = database_encoding();
    let text_comparable = overview.encodings.iter().all(|written| comparable(&encoding, written));
    let summary = &overview.summary;
    conditions
        .iter()
        .filter(|condition| text_comparable || !condition.text)
        .all(
            |condition| match field_of(condition.attribute).and_then(|field| summary.find(field)) {
                Some(place) => may_match(summary.stats(), summary.rows(), &condition.predicate(place)),
                None => condition.may_match_null(),
            },
        )
}

/// Whether a segment may hold a matching row, and which of its row groups.
pub struct Choice<'a> {
    pub detail: &'a SegmentDetail,
    /// Column of the segment by attribute; `None` when the segment has no such column, so that all is NULL.
    pub column_of: &'a dyn Fn(i16) -> Option<usize>,
    /// Bytes of text in the statistics are comparable with those of the conditions.
    pub text_comparable: bool,
}

impl Choice<'_> {
    /// The row groups that may match; `None` when the whole segment cannot.
    pub fn row_groups(&self, conditions: &[Condition]) -> Option<Vec<usize>> {
        let mut predicates = Vec::new();
        for condition in conditions.iter().filter(|c| self.text_comparable || !c.text) {
            match (self.column_of)(condition.attribute) {
                Some(column) => predicates.push(condition.predicate(column)),
                None if condition.may_match_null() => {}
                None => return None,
            }
        }
        let all = |stats: &[stretch_segment::ColumnStats], rows| predicates.iter().all(|p| may_match(stats, rows, p));
        if !all(&self.detail.stats, self.detail.rows()) {
            return None;
        }
        let groups = self.detail.row_groups.iter().enumerate();
        Some(
            groups
                .filter(|(_, group)| {
                    let stats: Vec<_> = group.chunks.iter().map(|chunk| chunk.stats.clone()).collect();
                    all(&stats, group.rows.into())
                })
                .map(|(i, _)| i)
                .collect(),
        )
    }
}
