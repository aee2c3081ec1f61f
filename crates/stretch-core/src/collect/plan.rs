//! A look at a branch: the decision about each object, and what is to be done next.

use super::decision::Decision;
use super::facts::{Cover, Facts, Life, Mark, Object, Pinned, Place, Row, Scope, SegmentOf, Sighting, Standing};
use super::join::{Broken, Group, Join, Source, Streams};
use super::judge::{self, Known};
use super::totals::Totals;
use crate::ids::BranchId;

/// What is to be done after a look. Each list is in the order of names and holds no more than the limit; what did not
/// fit comes in a later round.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// What was decided, in numbers.
    pub totals: Totals,
    /// Orphans to be written down as seen now.
    pub sightings: Vec<SegmentOf>,
    /// Objects to be marked.
    pub marks: Vec<Object>,
    /// Marked objects that nobody needs: for a second look.
    pub candidates: Vec<Object>,
    /// Marks whose object is gone, which may be deleted.
    pub stray_marks: Vec<Mark>,
    /// Segments of other branches that this database needs no more. They leave its pin there, and then the catalog.
    pub released: Vec<(BranchId, SegmentOf)>,
    /// Retired segments without any object, whose rows may leave the catalog.
    pub forgotten: Vec<SegmentOf>,
    /// Sightings of what is gone, or is known by now.
    pub seen_in_vain: Vec<SegmentOf>,
}

/// Why there is no plan. Nothing may be marked or deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan<E> {
    /// A stream failed.
    #[error("the facts could not be read")]
    Failed(E),
    /// A stream is not sorted.
    #[error("a list is not in order: {0:?}")]
    Disorder(Source),
    /// An object was uploaded under a later claim than the collector's.
    #[error("generation {0} has claimed the branch")]
    Fenced(u64),
    /// A segment is pinned by a pin that is not in the list.
    #[error("a pin is missing")]
    UnknownPin,
    /// The catalog is not whole, typically after a partial restore.
    #[error("the manifests count {expected} live segments, the catalog has {found}")]
    Incomplete { expected: u64, found: u64 },
    /// The listing lacks what the catalog needs: it is another place, or the store lies.
    #[error("{0} segments that the catalog needs are not listed")]
    Missing(u64),
}

/// Judges what the streams show, in the order of names; `report` is told each decision. The lists of the plan hold
/// `limit` entries each.
///
/// # Errors
/// [`NoPlan`]; what was reported until then is void.
pub fn plan<E, O, R, P, M, S>(
    facts: &Facts<'_>,
    cover: Cover,
    streams: Streams<O, R, P, M, S>,
    limit: usize,
    mut report: impl FnMut(&Object, &Decision),
) -> Result<Plan, NoPlan<E>>
where
    O: Iterator<Item = Result<Object, E>>,
    R: Iterator<Item = Result<Row, E>>,
    P: Iterator<Item = Result<Pinned, E>>,
    M: Iterator<Item = Result<Mark, E>>,
    S: Iterator<Item = Result<Sighting, E>>,
{
    let mut join = Join::new(streams);
    let mut plan = Plan::default();
    let (mut live, mut missing) = (0, 0);
    while let Some(group) = join.next()? {
        let is_live = group.row.is_some_and(|row| row.life == Life::Live);
        live += u64::from(is_live);
        missing += u64::from(is_live && is_missing(&group, cover));
        if let Some(later) = group.objects.iter().map(|object| object.name.generation).max()
            && later > facts.generation
        {
            return Err(NoPlan::Fenced(later));
        }
        if group.pins.iter().any(|pin| *pin >= facts.pins.len()) {
            return Err(NoPlan::UnknownPin);
        }
        plan.take(facts, &group, limit, &mut report);
    }
    if let (Cover::Whole { live: expected, .. }, Standing::Owned) = (cover, facts.branch) {
        if live != expected {
            return Err(NoPlan::Incomplete { expected, found: live });
        }
        if missing > 0 {
            return Err(NoPlan::Missing(missing));
        }
    }
    Ok(plan)
}

/// Whether the listing should show an object of the segment, and does not.
fn is_missing(group: &Group, cover: Cover) -> bool {
    let (Some(Place::Here { uploaded }), Cover::Whole { listing_began, .. }) = (group.row.map(|row| row.place), cover)
    else {
        return false;
    };
    uploaded < listing_began && group.objects.is_empty()
}

impl<E> From<Broken<E>> for NoPlan<E> {
    fn from(broken: Broken<E>) -> Self {
        match broken {
            Broken::Failed(error) => Self::Failed(error),
            Broken::Disorder(source) => Self::Disorder(source),
        }
    }
}

/// Adds an entry while there is room.
fn push<T>(list: &mut Vec<T>, limit: usize, entry: T) {
    if list.len() < limit {
        list.push(entry);
    }
}

impl Plan {
    fn take(&mut self, facts: &Facts<'_>, group: &Group, limit: usize, report: &mut impl FnMut(&Object, &Decision)) {
        let known = Known {
            of: group.of,
            row: group.row.as_ref(),
            pins: &group.pins,
            seen: group.seen,
        };
        let acts = match facts.scope {
            Scope::Branch => true,
            Scope::Purged => known.row.is_some_and(Row::is_purged),
        };
        for object in &group.objects {
            let decision = judge::object(facts, &known, object, &group.marks);
            self.totals.add(&decision, object.size);
            report(object, &decision);
            match decision {
                _ if !acts => {}
                Decision::Mark(_) => push(&mut self.marks, limit, *object),
                Decision::Due(_) => push(&mut self.candidates, limit, *object),
                Decision::Keep(_) | Decision::Wait { .. } => {}
            }
        }
        if !acts {
            return;
        }
        for mark in &group.marks {
            if group.objects.iter().all(|object| object.name != mark.of) {
                push(&mut self.stray_marks, limit, *mark);
            }
        }
        if facts.branch == Standing::Owned {
            self.take_catalog(facts, &known, group.objects.is_empty(), limit);
        }
    }

    /// What changes in the catalog, of which the endpoint is not told.
    fn take_catalog(&mut self, facts: &Facts<'_>, known: &Known<'_>, is_gone: bool, limit: usize) {
        match (known.row, known.seen) {
            (None, None) if !is_gone => push(&mut self.sightings, limit, known.of),
            (Some(_), Some(_)) => push(&mut self.seen_in_vain, limit, known.of),
            (None, Some(_)) if is_gone => push(&mut self.seen_in_vain, limit, known.of),
            _ => {}
        }
        let Some(row) = known.row.filter(|_| judge::row(facts, known).is_ok()) else {
            return;
        };
        match row.place {
            Place::Elsewhere(branch) => push(&mut self.released, limit, (branch, known.of)),
            Place::Nowhere | Place::Here { .. } | Place::Lost if is_gone => push(&mut self.forgotten, limit, known.of),
            Place::Nowhere | Place::Here { .. } | Place::Lost => {}
        }
    }
}
