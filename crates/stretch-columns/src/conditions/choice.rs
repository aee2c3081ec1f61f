//! Which segments, row groups and pages may hold rows that satisfy clauses, by statistics alone.

use super::{Clause, Computed, Condition};
use crate::numbers::interval;
use stretch_segment::{ColumnStats, RowGroupDetail, RowRanges, SegmentDetail, Summary, may_match};

/// What is known of a column in a set of rows.
enum Known<'a> {
    /// Its statistics, over so many rows.
    Statistics(&'a ColumnStats, u64),
    /// All is NULL.
    Nulls,
    Nothing,
}

/// May a row satisfy the clause? `false` is certain.
fn may_hold<'a>(clause: &Clause, text_comparable: bool, known: &dyn Fn(i16) -> Known<'a>) -> bool {
    let part = |part: &Clause| may_hold(part, text_comparable, known);
    match clause {
        Clause::Test(condition) if !condition.counts(text_comparable) => true,
        Clause::Test(condition) => match known(condition.attribute) {
            Known::Statistics(stats, rows) => may_satisfy(condition, stats, rows),
            Known::Nulls => condition.may_match_null(),
            Known::Nothing => true,
        },
        Clause::Computed(computed) => may_be(computed, &|attribute| match known(attribute) {
            Known::Statistics(stats, _) => Some(stats),
            Known::Nulls | Known::Nothing => None,
        }),
        Clause::And(parts) => parts.iter().all(part),
        Clause::Or(parts) => parts.iter().any(part),
        // Statistics say what no row satisfies, not what all do.
        Clause::Not(_) => true,
    }
}

/// May a row satisfy it whose columns have these statistics?
fn may_be<'a>(computed: &Computed, stats: &dyn Fn(i16) -> Option<&'a ColumnStats>) -> bool {
    let interval = interval::of(&computed.expression, stats);
    interval.is_none_or(|interval| interval::may_compare(interval, computed.op, &computed.value))
}

fn may_satisfy(condition: &Condition, stats: &ColumnStats, rows: u64) -> bool {
    let mut predicates = condition.predicates().into_iter();
    predicates.all(|predicate| may_match(std::slice::from_ref(stats), rows, &predicate))
}

/// May any of the segments hold a row that satisfies all clauses? `summary` is that of all of them, `text_comparable`
/// holds for each ([`crate::exact::text_comparable`]), `field_of` gives the field of an attribute. `false` is certain.
pub fn may_match_any(
    summary: &Summary,
    text_comparable: bool,
    clauses: &[Clause],
    field_of: &dyn Fn(i16) -> Field,
) -> bool {
    let known = |attribute| match field_of(attribute) {
        Field::Id(field) => match summary.find(field) {
            Some(place) => Known::Statistics(&summary.stats()[place], summary.rows()),
            None => Known::Nulls,
        },
        Field::Unknown => Known::Nothing,
    };
    clauses.iter().all(|clause| may_hold(clause, text_comparable, &known))
}

/// The field of a column, for statistics of all segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Segments that lack it have NULL in all of their rows.
    Id(i32),
    /// Segments that lack it have another value there, which their statistics do not know; or there is none.
    Unknown,
}

/// Where a segment has a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    At(usize),
    /// It has no such column, and all is NULL.
    Nulls,
    /// It has no such column, and its rows show a value of which its statistics know nothing.
    Unknown,
}

/// Whether a segment may hold a matching row, and which of its row groups.
pub struct Choice<'a> {
    pub detail: &'a SegmentDetail,
    /// Column of the segment by attribute.
    pub column_of: &'a dyn Fn(i16) -> Place,
    /// Bytes of text in the statistics are comparable with those of the clauses.
    pub text_comparable: bool,
}

impl Choice<'_> {
    /// The row groups that may match, each with those of its rows that may by the statistics of their pages; `None`
    /// when the whole segment cannot.
    pub fn row_groups(&self, clauses: &[Clause]) -> Option<Vec<(usize, RowRanges)>> {
        let segment = self.detail;
        if !self.may_hold(clauses, |column| (segment.stats.get(column), segment.rows())) {
            return None;
        }
        let groups = segment.row_groups.iter().enumerate();
        let left = groups.filter(|(_, group)| {
            let stats = |column: usize| (group.chunks.get(column).map(|chunk| &chunk.stats), group.rows.into());
            self.may_hold(clauses, stats)
        });
        let with_rows = left.map(|(number, group)| {
            let all = RowRanges::all(group.rows);
            let rows = clauses
                .iter()
                .fold(all, |left, clause| left.and(&self.rows(clause, group)));
            (number, rows)
        });
        Some(with_rows.filter(|(_, rows)| !rows.is_empty()).collect())
    }

    fn may_hold<'a>(&self, clauses: &[Clause], stats: impl Fn(usize) -> (Option<&'a ColumnStats>, u64)) -> bool {
        let known = |attribute| match (self.column_of)(attribute) {
            Place::At(column) => match stats(column) {
                (Some(stats), rows) => Known::Statistics(stats, rows),
                (None, _) => Known::Nothing,
            },
            Place::Nulls => Known::Nulls,
            Place::Unknown => Known::Nothing,
        };
        clauses
            .iter()
            .all(|clause| may_hold(clause, self.text_comparable, &known))
    }

    /// The rows of a row group in pages that may hold what the clause wants.
    fn rows(&self, clause: &Clause, group: &RowGroupDetail) -> RowRanges {
        let all = || RowRanges::all(group.rows);
        let parts = |parts: &[Clause]| -> Vec<RowRanges> { parts.iter().map(|part| self.rows(part, group)).collect() };
        match clause {
            Clause::Test(condition) if condition.counts(self.text_comparable) => {
                match (self.column_of)(condition.attribute) {
                    Place::At(column) => group.chunks.get(column).map_or_else(all, |chunk| {
                        let may_hold = |stats: &ColumnStats, rows: u64| may_satisfy(condition, stats, rows);
                        chunk.pages.wanted(group.rows, may_hold)
                    }),
                    Place::Nulls if !condition.may_match_null() => RowRanges::default(),
                    Place::Nulls | Place::Unknown => all(),
                }
            }
            Clause::And(clauses) => parts(clauses).iter().fold(all(), |left, part| left.and(part)),
            Clause::Or(clauses) => parts(clauses)
                .iter()
                .fold(RowRanges::default(), |any, part| any.or(part)),
            // Pages of several columns do not have the same rows.
            Clause::Computed(computed) => {
                let chunk = match computed.expression.only_column().map(self.column_of) {
                    Some(Place::At(column)) => group.chunks.get(column),
                    _ => None,
                };
                chunk.map_or_else(all, |chunk| {
                    let may_hold = |stats: &ColumnStats, _| may_be(computed, &|_| Some(stats));
                    chunk.pages.wanted(group.rows, may_hold)
                })
            }
            Clause::Test(_) | Clause::Not(_) => all(),
        }
    }
}
