//! Row groups, and the pages of row groups, in the order of a column: runs of them that can be sorted by themselves.

use super::batches::Batches;
use super::columns;
use super::conditions::database_encoding;
use super::fetch::Want;
use crate::catalog::rows::Segment;
use std::collections::BTreeMap;
use stretch_columns::clusters::{Cluster, Column, Direction, clusters};
use stretch_columns::exact;
use stretch_segment::{Bound, RowGroupDetail, RowRanges, SegmentReader};

/// The order that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    pub attribute: i16,
    /// Its values are text, whose bytes depend on the encoding.
    pub is_text: bool,
    pub direction: Direction,
}

/// Row groups, or pages of them, whose rows lie before those of all later runs, or beside the first of them.
#[derive(Debug, Clone)]
pub struct Run {
    /// Numbers of row groups in ascending order, with the rows of each; all where that is not said.
    pub parts: Vec<(usize, Option<RowRanges>)>,
    pub rows: u64,
    /// No row comes before this value; `None` when that is not known.
    pub first: Option<Bound>,
    /// Whether one value may be the last of these rows and the first of the next run's.
    pub touches_next: bool,
    /// Whether it could be divided by the statistics of pages.
    is_whole: bool,
}

impl Run {
    /// All row groups, in no order.
    pub fn all(batches: &Batches) -> Self {
        Self {
            parts: batches.groups().enumerate().map(|(number, _)| (number, None)).collect(),
            rows: batches.groups().map(|(_, reader, want)| rows(reader, want)).sum(),
            first: None,
            touches_next: false,
            is_whole: false,
        }
    }

    /// Adds the run that follows.
    pub fn append(&mut self, next: Run) {
        let mut parts: BTreeMap<usize, Option<RowRanges>> = std::mem::take(&mut self.parts).into_iter().collect();
        for (number, rows) in next.parts {
            let joined = match (parts.remove(&number).flatten(), rows) {
                (Some(one), Some(other)) => Some(one.or(&other)),
                (None, rows) => rows,
                (Some(_), None) => None,
            };
            parts.insert(number, joined);
        }
        self.parts = parts.into_iter().collect();
        self.rows += next.rows;
        self.touches_next = next.touches_next;
        self.is_whole = false;
    }
}

/// The runs of whole row groups.
pub fn runs(batches: &Batches, order: Order) -> Vec<Run> {
    let groups: Vec<(&Segment, &SegmentReader, &Want)> = batches.groups().collect();
    let columns = groups.iter().map(|(segment, reader, want)| {
        let group = &reader.row_groups()[want.row_group];
        let column = match place(batches, order, segment, reader) {
            Place::Unknown => Column::Unknown,
            Place::Missing => Column::Missing,
            Place::At(place) => Column::Statistics(&group.chunks[place].stats),
        };
        (column, rows(reader, want))
    });
    let run = |cluster: Cluster| Run {
        parts: cluster.members.iter().map(|number| (*number, None)).collect(),
        rows: cluster.rows,
        first: cluster.first,
        touches_next: cluster.touches_next,
        is_whole: true,
    };
    clusters(columns, order.direction).into_iter().map(run).collect()
}

/// A run divided by the statistics of pages, as far as that goes.
pub fn divided(batches: &Batches, order: Order, run: Run) -> Vec<Run> {
    if !run.is_whole {
        return vec![run];
    }
    let groups: Vec<(&Segment, &SegmentReader, &Want)> = batches.groups().collect();
    let mut units = Vec::new();
    for (number, _) in &run.parts {
        let (segment, reader, want) = groups[*number];
        let group = &reader.row_groups()[want.row_group];
        match place(batches, order, segment, reader) {
            Place::At(place) if !group.chunks[place].pages.stats.is_empty() => {
                units.extend(pages(*number, group, place, want.rows.as_ref()));
            }
            Place::At(place) => {
                let column = Column::Statistics(&group.chunks[place].stats);
                units.push((*number, want.rows.clone(), column, rows(reader, want)));
            }
            Place::Missing => units.push((*number, want.rows.clone(), Column::Missing, rows(reader, want))),
            Place::Unknown => return vec![run],
        }
    }
    let columns = units.iter().map(|(_, _, column, rows)| (*column, *rows));
    let mut divided: Vec<Run> = Vec::new();
    for cluster in clusters(columns, order.direction) {
        let mut parts: BTreeMap<usize, Option<RowRanges>> = BTreeMap::new();
        for (number, rows, ..) in cluster.members.iter().map(|member| &units[*member]) {
            let part = parts.entry(*number).or_insert_with(|| rows.clone());
            if let (Some(part), Some(rows)) = (part, rows) {
                *part = part.or(rows);
            }
        }
        divided.push(Run {
            parts: parts.into_iter().collect(),
            rows: cluster.rows,
            first: cluster.first,
            touches_next: cluster.touches_next,
            is_whole: false,
        });
    }
    if let Some(last) = divided.last_mut() {
        last.touches_next = run.touches_next;
    }
    divided
}

/// The pages of a row group that hold wanted rows, each with what is known of the column at a place in it.
fn pages<'a>(
    number: usize,
    group: &'a RowGroupDetail,
    place: usize,
    wanted: Option<&'a RowRanges>,
) -> impl Iterator<Item = (usize, Option<RowRanges>, Column<'a>, u64)> {
    let pages = &group.chunks[place].pages;
    pages.stats.iter().enumerate().filter_map(move |(page, stats)| {
        let page = RowRanges::one(pages.rows(page, group.rows));
        let rows = wanted.map_or_else(|| page.clone(), |wanted| wanted.and(&page));
        // The statistics are those of the whole page: whether all of its rows are NULL, its own number of rows tells.
        (!rows.is_empty()).then(|| (number, Some(rows), Column::Statistics(stats), page.count() as u64))
    })
}

/// Where statistics about the order are.
enum Place {
    At(usize),
    /// All is NULL.
    Missing,
    Unknown,
}

fn place(batches: &Batches, order: Order, segment: &Segment, reader: &SegmentReader) -> Place {
    let Some(target) = batches.reader().target(order.attribute) else {
        return Place::Unknown;
    };
    match columns::find(reader.detail(), target.field_id) {
        None if target.missing.is_some() => Place::Unknown,
        None => Place::Missing,
        Some(_) if order.is_text && !exact::text_comparable(&database_encoding(), &segment.server_encoding) => {
            Place::Unknown
        }
        Some(place) => Place::At(place),
    }
}

/// Rows of a row group; those that are not wanted, too, for statistics are of all.
fn rows(reader: &SegmentReader, want: &Want) -> u64 {
    reader.row_groups()[want.row_group].rows.into()
}
