//! Row groups, or pages, in the order of a column, by their statistics: which can be sorted by themselves, and how far
//! a reader may go before he needs the next ones.

use std::cmp::Ordering;
use stretch_segment::{Bound, ColumnStats};

#[cfg(test)]
mod tests;

/// The order of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Direction {
    pub descending: bool,
    pub nulls_first: bool,
}

/// What is known of the column in a row group or page.
#[derive(Debug, Clone, Copy)]
pub enum Column<'a> {
    Statistics(&'a ColumnStats),
    /// The segment has no such column, so that all is NULL.
    Missing,
    /// Its statistics say nothing about the order.
    Unknown,
}

/// Row groups, or pages, whose rows lie, in the order, before those of all later clusters, or beside the first of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Places of what it consists of, ascending.
    pub members: Vec<usize>,
    /// Rows of all of these.
    pub rows: u64,
    /// No row comes before this value in the order; `None` when that is not known.
    pub first: Option<Bound>,
    /// Its last rows may have the value that is the first of the next cluster. They have to be mingled with that one's
    /// where rows are ordered by more than the column.
    pub touches_next: bool,
}

/// An end of rows in the order.
#[derive(Debug, Clone, PartialEq)]
enum End {
    /// Before or after all values.
    Open,
    Value(Bound),
}

struct Span {
    member: usize,
    rows: u64,
    first: End,
    last: End,
}

impl Direction {
    /// How two values follow each other; `None` when that cannot be said.
    pub fn compare(self, a: &Bound, b: &Bound) -> Option<Ordering> {
        let order = a.partial_cmp(b)?;
        Some(if self.descending { order.reverse() } else { order })
    }

    fn span(self, member: usize, column: Column<'_>, rows: u64) -> Span {
        let (stats, has_nulls) = match column {
            Column::Statistics(stats) => (Some(stats), stats.null_count > 0),
            Column::Missing => (None, true),
            Column::Unknown => {
                return Span {
                    member,
                    rows,
                    first: End::Open,
                    last: End::Open,
                };
            }
        };
        let valued = stats.filter(|stats| stats.null_count < rows);
        let end = |least: bool| match valued {
            Some(stats) => {
                let bound = if least == self.descending {
                    &stats.max
                } else {
                    &stats.min
                };
                bound.clone().map_or(End::Open, End::Value)
            }
            None => End::Open,
        };
        // NULLs lie before all values or after them, so they open that end.
        let opens = |first: bool| has_nulls && first == self.nulls_first;
        Span {
            member,
            rows,
            first: if opens(true) { End::Open } else { end(true) },
            last: if opens(false) { End::Open } else { end(false) },
        }
    }
}

/// The clusters of row groups in the order. Each row group is given with how many rows it has.
pub fn clusters<'a>(groups: impl Iterator<Item = (Column<'a>, u64)>, direction: Direction) -> Vec<Cluster> {
    let mut spans: Vec<Span> = groups
        .enumerate()
        .map(|(member, (column, rows))| direction.span(member, column, rows))
        .collect();
    // Values that cannot be compared leave no order to go by.
    let mut comparable = true;
    spans.sort_by(|a, b| match (&a.first, &b.first) {
        (End::Open, End::Open) => Ordering::Equal,
        (End::Open, End::Value(_)) => Ordering::Less,
        (End::Value(_), End::Open) => Ordering::Greater,
        (End::Value(a), End::Value(b)) => direction.compare(a, b).unwrap_or_else(|| {
            comparable = false;
            Ordering::Equal
        }),
    });
    let mut found: Vec<Cluster> = Vec::new();
    // The end of the cluster that grows.
    let mut last = End::Open;
    for span in spans {
        let border = match comparable {
            true => border(direction, &last, &span),
            false => Border::Overlap,
        };
        match found.last_mut() {
            Some(cluster) if border == Border::Overlap => {
                cluster.members.push(span.member);
                cluster.rows += span.rows;
                last = later(direction, last, span.last);
            }
            before => {
                if let Some(before) = before {
                    before.touches_next = border == Border::Touch;
                }
                let first = match span.first {
                    End::Value(first) if comparable => Some(first),
                    _ => None,
                };
                found.push(Cluster {
                    members: vec![span.member],
                    rows: span.rows,
                    first,
                    touches_next: false,
                });
                last = span.last;
            }
        }
    }
    for cluster in &mut found {
        cluster.members.sort_unstable();
    }
    found
}

/// How a cluster and what follows it lie to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Border {
    Apart,
    /// One value may be in both.
    Touch,
    Overlap,
}

fn border(direction: Direction, last: &End, next: &Span) -> Border {
    let (End::Value(last), End::Value(first)) = (last, &next.first) else {
        return Border::Overlap;
    };
    match direction.compare(last, first) {
        Some(Ordering::Less) => Border::Apart,
        // What holds one value alone would be carried on from each of its like to the next.
        Some(Ordering::Equal) if next.last != next.first => Border::Touch,
        _ => Border::Overlap,
    }
}

/// The end that lies later.
fn later(direction: Direction, a: End, b: End) -> End {
    match (&a, &b) {
        (End::Value(one), End::Value(other)) => match direction.compare(one, other) {
            Some(Ordering::Less) => b,
            Some(_) => a,
            None => End::Open,
        },
        _ => End::Open,
    }
}
