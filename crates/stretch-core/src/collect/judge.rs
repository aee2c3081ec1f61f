//! The decision about one segment, and about each of its objects.

use super::decision::{Decision, Garbage, Keep};
use super::facts::{Facts, Horizon, Life, Mark, Object, Pin, Promise, Retirement, Row, SegmentOf, Standing};
use std::time::Duration;

/// What all objects of one segment share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub of: SegmentOf,
    pub row: Option<&'a Row>,
    /// Pins that list the segment, by their places.
    pub pins: &'a [usize],
    /// When it was first seen without a row.
    pub seen: Option<super::times::Stamp>,
}

impl Pin {
    /// Whether it still holds what it lists.
    pub(super) fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Child { standing, .. } => standing.is_owned(facts),
            Self::Backup { expires, .. } => expires.is_none_or(|end| facts.now.store < end),
            Self::Quarantine { .. } => true,
        }
    }

    /// Whether it holds, unlisted, what left a table at `lsn`: the backup may be restored to a moment before.
    pub(super) fn covers(&self, lsn: u64) -> bool {
        matches!(self, Self::Backup { from, .. } if *from <= lsn)
    }

    /// Whether it may hold, unlisted, an orphan of `generation`: what the catalog lost since the backup began.
    fn covers_orphans_of(&self, generation: u64) -> bool {
        matches!(self, Self::Backup { generation: since, .. } if *since <= generation)
    }
}

impl Standing {
    /// Whether a database lives there, or one that did could still be restored.
    fn is_owned(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Owned => true,
            Self::Adopted { since, retention } => since.age(facts.now) < *retention,
        }
    }
}

fn pin_that(facts: &Facts<'_>, is_meant: impl Fn(usize, &Pin) -> bool) -> Option<usize> {
    let all = facts.pins.iter().enumerate();
    all.filter(|(_, pin)| pin.holds(facts))
        .find_map(|(place, pin)| is_meant(place, pin).then_some(place))
}

/// Whether nobody needs the segment, as far as its row and the pins that list it can tell.
///
/// # Errors
/// Who needs it.
pub(super) fn row(facts: &Facts<'_>, known: &Known<'_>) -> Result<(), Keep> {
    if known.row.is_some_and(|row| row.life == Life::Live) {
        return Err(Keep::Live);
    }
    let life = known.row.map(|row| row.life);
    let is_broken = |pin: &Pin| pin.is_backup() && matches!(life, Some(Life::Retired(it)) if it.breaks_backups());
    if let Some(pin) = pin_that(facts, |place, pin| known.pins.contains(&place) && !is_broken(pin)) {
        return Err(Keep::Pinned(pin));
    }
    match life {
        Some(Life::Retired(retirement)) => retired(facts, &retirement),
        Some(Life::Unstamped) => Err(Keep::Unstamped),
        Some(Life::Live) => Err(Keep::Live),
        None => Ok(()),
    }
}

fn retired(facts: &Facts<'_>, retirement: &Retirement) -> Result<(), Keep> {
    if retirement.horizon != Horizon::Passed {
        return Err(Keep::Horizon(retirement.horizon));
    }
    if let Some(pin) = pin_that(facts, |_, pin| {
        !retirement.breaks_backups() && pin.covers(retirement.lsn)
    }) {
        return Err(Keep::Pinned(pin));
    }
    match left(facts.retention, retirement.at.age(facts.now)) {
        Some(left) if !retirement.promise.is_purged() => Err(Keep::Retention { left }),
        _ => Ok(()),
    }
}

impl Pin {
    fn is_backup(&self) -> bool {
        matches!(self, Self::Backup { .. })
    }
}

impl Retirement {
    /// Whether backups were broken for it.
    fn breaks_backups(&self) -> bool {
        self.promise == Promise::WaivedWithBackups
    }
}

/// What is left of a duration.
fn left(whole: Duration, over: Duration) -> Option<Duration> {
    whole.checked_sub(over).filter(|left| !left.is_zero())
}

/// The decision about one object of the segment. `marks` are those of the segment.
pub(super) fn object(facts: &Facts<'_>, known: &Known<'_>, object: &Object, marks: &[Mark]) -> Decision {
    match garbage(facts, known, object) {
        Err(keep) => Decision::Keep(keep),
        Ok(garbage) => {
            let of_object = marks.iter().filter(|mark| mark.of == object.name);
            match of_object.map(|mark| mark.modified).min() {
                None => Decision::Mark(garbage),
                Some(marked) if marked.age(facts.now.store) < facts.grace => Decision::Wait { garbage, marked },
                Some(_) => Decision::Due(garbage),
            }
        }
    }
}

fn garbage(facts: &Facts<'_>, known: &Known<'_>, object: &Object) -> Result<Garbage, Keep> {
    row(facts, known)?;
    let age = object.modified.age(facts.now.store);
    if age < facts.grace {
        return Err(Keep::JustWritten);
    }
    let is_stretched = facts.tables.contains(&known.of.table);
    match facts.branch {
        // Nobody's catalog can say when its segments retired: all are as old as the adoption.
        Standing::Adopted { since, retention } => match left(retention, since.age(facts.now).min(age)) {
            Some(left) => Err(Keep::Young { left }),
            None => Ok(Garbage::OfDeadBranch),
        },
        Standing::Owned if known.row.is_some_and(Row::is_purged) => Ok(Garbage::Purged),
        Standing::Owned if known.row.is_some() => Ok(match is_stretched {
            true => Garbage::Retired,
            false => Garbage::OfDroppedTable,
        }),
        Standing::Owned => {
            let generation = object.name.generation;
            if let Some(pin) = pin_that(facts, |_, pin| pin.covers_orphans_of(generation)) {
                return Err(Keep::Pinned(pin));
            }
            let seen = known.seen.ok_or(Keep::New)?;
            match left(facts.retention, seen.age(facts.now).min(age)) {
                Some(left) => Err(Keep::Young { left }),
                None if is_stretched => Ok(Garbage::Orphan),
                None => Ok(Garbage::OrphanOfUnknownTable),
            }
        }
    }
}
