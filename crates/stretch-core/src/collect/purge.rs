//! `purge_remote`: what goes of some tables when their retention is given up, and who would lose by it.

use super::decision::{Decision, Keep};
use super::facts::{Cover, Facts, Life, Mark, Object, Pin, Pinned, Place, Promise, Row, SegmentOf, Sighting};
use super::join::Streams;
use super::plan::{NoPlan, plan};
use super::totals::Sum;
use crate::ids::{BranchId, TableId};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

/// What a look at the branch and at the catalog brought, each list in order.
#[derive(Debug, Clone, Copy)]
pub struct Lists<'a> {
    pub objects: &'a [Object],
    pub rows: &'a [Row],
    pub pinned: &'a [Pinned],
    pub marks: &'a [Mark],
    pub sightings: &'a [Sighting],
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Whose retired segments are to go.
    pub tables: &'a BTreeSet<TableId>,
    /// Also if backups break.
    pub force: bool,
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Purge {
    /// The retired segments of these tables.
    pub segments: BTreeSet<SegmentOf>,
    /// Objects that nobody needs then.
    pub goes: Sum,
    /// Objects that nobody needs after a while, by the reason in words.
    pub waits: BTreeMap<String, Sum>,
    /// How many of the segments each backup needs, by its label.
    pub backups: BTreeMap<String, u64>,
    /// How many of them each branch that descends from this one needs. No force takes them from it.
    pub branches: BTreeMap<BranchId, u64>,
    /// How many of them are in quarantine.
    pub quarantined: u64,
    /// How many of them are objects of branches from which this one descends.
    pub elsewhere: BTreeMap<BranchId, u64>,
}

impl Purge {
    /// Whether somebody needs one of the segments.
    pub fn is_needed(&self) -> bool {
        !self.backups.is_empty() || !self.branches.is_empty() || self.quarantined > 0
    }

    fn count(&mut self, pins: &[Pin], object: &Object, decision: &Decision) {
        let sum = match decision {
            Decision::Mark(_) | Decision::Wait { .. } | Decision::Due(_) => &mut self.goes,
            // Whom the pins belong to is told elsewhere.
            Decision::Keep(Keep::Live | Keep::Pinned(_)) => return,
            Decision::Keep(keep) => self.waits.entry(keep.text(pins)).or_default(),
        };
        sum.objects += 1;
        sum.bytes = sum.bytes.saturating_add(object.size);
    }

    fn count_holder(&mut self, pin: &Pin) {
        match pin {
            Pin::Backup { label, .. } => *self.backups.entry(label.clone()).or_default() += 1,
            Pin::Child { branch, .. } => *self.branches.entry(*branch).or_default() += 1,
            Pin::Quarantine { .. } => self.quarantined += 1,
        }
    }
}

/// Judges what would go, and changes nothing.
///
/// # Errors
/// As of [`plan`].
pub fn purge(facts: &Facts<'_>, cover: Cover, lists: Lists<'_>, asked: Asked<'_>) -> Result<Purge, NoPlan<Infallible>> {
    let mut purge = Purge::default();
    let is_meant = |row: &Row| row.life != Life::Live && asked.tables.contains(&row.of.table);
    for row in lists.rows.iter().filter(|row| is_meant(row)) {
        purge.segments.insert(row.of);
        if let Place::Elsewhere(branch) = row.place {
            *purge.elsewhere.entry(branch).or_default() += 1;
        }
    }
    let waived = lists.rows.iter().map(|row| match is_meant(row) {
        true => waive(*row, asked.force),
        false => *row,
    });
    let streams = Streams {
        objects: lists.objects.iter().copied().map(Ok::<_, Infallible>),
        rows: waived.map(Ok),
        pinned: lists.pinned.iter().copied().map(Ok),
        marks: lists.marks.iter().copied().map(Ok),
        sightings: lists.sightings.iter().copied().map(Ok),
    };
    // A segment that was never uploaded is in whatever backup needs it.
    let mut there = BTreeSet::new();
    plan(facts, cover, streams, 0, |object, decision| {
        if purge.segments.contains(&object.name.of) {
            there.insert(object.name.of);
            purge.count(facts.pins, object, decision);
        }
    })?;
    for row in lists.rows.iter().filter(|row| is_meant(row)) {
        if there.contains(&row.of) || matches!(row.place, Place::Elsewhere(_)) {
            for pin in holders(facts, lists.pinned, row) {
                purge.count_holder(pin);
            }
        }
    }
    Ok(purge)
}

/// The row as it is after the retention was given up. What was given up by force stays so.
fn waive(mut row: Row, force: bool) -> Row {
    if let Life::Retired(retirement) = &mut row.life {
        retirement.promise = match (force, retirement.promise) {
            (true, _) | (false, Promise::WaivedWithBackups) => Promise::WaivedWithBackups,
            (false, _) => Promise::Waived,
        };
    }
    row
}

/// Everybody who pins a segment. A backup that was broken for it before does not count.
fn holders<'a>(facts: &Facts<'a>, pinned: &[Pinned], row: &Row) -> impl Iterator<Item = &'a Pin> {
    let first = pinned.partition_point(|listed| listed.of < row.of);
    let lists = pinned[first..].iter().take_while(|listed| listed.of == row.of);
    let listing: BTreeSet<usize> = lists.map(|listed| listed.pin).collect();
    let (lsn, is_broken) = match row.life {
        Life::Retired(retirement) => (Some(retirement.lsn), retirement.promise == Promise::WaivedWithBackups),
        Life::Live | Life::Unstamped => (None, false),
    };
    let facts = *facts;
    let needs = move |(place, pin): &(usize, &Pin)| {
        let is_backup = matches!(pin, Pin::Backup { .. });
        pin.holds(&facts)
            && !(is_backup && is_broken)
            && (listing.contains(place) || lsn.is_some_and(|lsn| pin.covers(lsn)))
    };
    facts.pins.iter().enumerate().filter(needs).map(|(_, pin)| pin)
}
