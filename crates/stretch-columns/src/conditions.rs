//! Conditions with their values, and which segments and row groups statistics leave (F12, F13).
//!
//! The conditions of a scan all hold together. Who makes one answers for its meaning: that the comparison is exact for
//! the type is decided by [`crate::exact`] when the plan is made.

pub mod contradict;

use stretch_segment::{
    Bound, ColumnStats, CompareOp, Predicate, RowGroupDetail, RowRanges, SegmentDetail, Summary, may_match,
};

/// A condition with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Attribute number in the stretched table.
    pub attribute: i16,
    /// True when the value is text, whose bytes depend on the encoding.
    pub text: bool,
    pub test: Test,
}

/// What must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Compare(CompareOp, Bound),
    /// Equal to one of an array's elements that are not NULL. With `or_null` the array has a NULL too, so for what
    /// equals none of them SQL's answer is unknown rather than false.
    In {
        values: Vec<Bound>,
        or_null: bool,
    },
    /// A comparison with NULL: unknown for every row, so no row satisfies it.
    Unknown,
    IsNull,
    IsNotNull,
}

impl Condition {
    /// The condition about column `column` of a list of statistics.
    pub fn predicate(&self, column: usize) -> Predicate {
        match &self.test {
            Test::Compare(op, value) => Predicate::Compare {
                column,
                op: *op,
                value: value.clone(),
            },
            Test::In { values, .. } => Predicate::In {
                column,
                values: values.clone(),
            },
            Test::Unknown => Predicate::In {
                column,
                values: Vec::new(),
            },
            Test::IsNull => Predicate::IsNull { column },
            Test::IsNotNull => Predicate::IsNotNull { column },
        }
    }

    /// May a row satisfy it that has no value in this column at all?
    pub fn may_match_null(&self) -> bool {
        self.test == Test::IsNull
    }

    /// Does it say anything about bytes as a segment has them?
    fn counts(&self, text_comparable: bool) -> bool {
        text_comparable || !self.text
    }
}

/// May any of the segments hold a matching row? `summary` is that of all of them, `text_comparable` holds for each
/// ([`crate::exact::text_comparable`]), `field_of` gives the field of an attribute. `false` is certain.
pub fn may_match_any(
    summary: &Summary,
    text_comparable: bool,
    conditions: &[Condition],
    field_of: &dyn Fn(i16) -> Option<i32>,
) -> bool {
    conditions
        .iter()
        .filter(|condition| condition.counts(text_comparable))
        .all(
            |condition| match field_of(condition.attribute).and_then(|field| summary.find(field)) {
                Some(place) => may(summary.stats().get(place), summary.rows(), &condition.predicate(0)),
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
    /// The row groups that may match, each with those of its rows that may by the statistics of their pages; `None`
    /// when the whole segment cannot.
    pub fn row_groups(&self, conditions: &[Condition]) -> Option<Vec<(usize, RowRanges)>> {
        let mut predicates = Vec::new();
        for condition in conditions.iter().filter(|c| c.counts(self.text_comparable)) {
            match (self.column_of)(condition.attribute) {
                Some(column) => predicates.push((column, condition.predicate(0))),
                None if condition.may_match_null() => {}
                None => return None,
            }
        }
        let segment = self.detail;
        if !predicates
            .iter()
            .all(|(column, predicate)| may(segment.stats.get(*column), segment.rows(), predicate))
        {
            return None;
        }
        let groups = segment.row_groups.iter().enumerate();
        let left = groups.filter(|(_, group)| {
            predicates.iter().all(|(column, predicate)| {
                let stats = group.chunks.get(*column).map(|chunk| &chunk.stats);
                may(stats, group.rows.into(), predicate)
            })
        });
        let with_rows = left.map(|(number, group)| (number, rows(group, &predicates)));
        Some(with_rows.filter(|(_, rows)| !rows.is_empty()).collect())
    }
}

/// The rows of a row group in pages that may hold what the predicates, each of a column, all want.
fn rows(group: &RowGroupDetail, predicates: &[(usize, Predicate)]) -> RowRanges {
    let all = RowRanges::all(group.rows);
    predicates
        .iter()
        .fold(all, |left, (column, predicate)| match group.chunks.get(*column) {
            None => left,
            Some(chunk) => {
                let may_hold = |stats: &ColumnStats, rows: u64| may(Some(stats), rows, predicate);
                left.and(&chunk.pages.wanted(group.rows, may_hold))
            }
        })
}

/// The predicate is about column 0 of a list that has this one column, so that no statistics are copied.
fn may(stats: Option<&ColumnStats>, rows: u64, predicate: &Predicate) -> bool {
    may_match(stats.map_or(&[], std::slice::from_ref), rows, predicate)
}

#[cfg(test)]
mod tests;
