//! The second look at what was marked long enough, and how long it may be acted upon (F17).

use super::decision::Decision;
use super::facts::{Cover, Facts, Mark, Object, Pinned, Row, Sighting};
use super::join::Streams;
use super::plan::{NoPlan, Plan, plan};
use super::times::Steady;
use std::collections::VecDeque;
use std::time::Duration;

/// When the facts of a second look were read, by the collector's steady clock. Each is the moment before the first
/// request, so that it is never too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Readings {
    /// When it was asked what time it is in the store: the age of a mark is counted until then.
    pub time: Steady,
    /// The pins.
    pub pins: Steady,
    /// The catalog.
    pub rows: Steady,
    /// The claim: own one present, next one absent.
    pub claim: Steady,
}

/// Why nothing may be deleted now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// Something was read too early to tell what it should.
    #[error("the facts were read in the wrong order")]
    Order,
    /// Somebody may have pinned something, or claimed the branch, since.
    #[error("the facts are too old")]
    TooOld,
}

impl Readings {
    /// Whether a deletion may be sent now: the pins were read when the marks were old, then the claim was validated,
    /// and all this at most half a grace ago. A request may take the other half.
    ///
    /// # Errors
    /// [`NotNow`]: a new second look is needed.
    pub fn allow(&self, now: Steady, grace: Duration) -> Result<(), NotNow> {
        let read = [self.pins, self.rows];
        let first = self.pins.min(self.rows);
        if self.time > first || read.into_iter().any(|moment| moment > self.claim) || self.claim > now {
            return Err(NotNow::Order);
        }
        match now.0.saturating_sub(first.0) * 2 <= grace {
            true => Ok(()),
            false => Err(NotNow::TooOld),
        }
    }
}

/// Objects that a second look has condemned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Condemned {
    objects: VecDeque<Object>,
}

/// An object that may be deleted now. Nothing else makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct Warrant(Object);

impl Warrant {
    /// The object.
    pub fn object(&self) -> &Object {
        &self.0
    }
}

impl Condemned {
    /// The next one, if there is any: asked for each object, so that a stalled collector stops.
    ///
    /// # Errors
    /// [`NotNow`]; what is left waits for the next round.
    pub fn next(&mut self, readings: &Readings, now: Steady, grace: Duration) -> Result<Option<Warrant>, NotNow> {
        readings.allow(now, grace)?;
        Ok(self.objects.pop_front().map(Warrant))
    }

    /// What is left, in the order of names.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter()
    }
}

/// Judges candidates again by pins and rows that were read anew. `report` is told each decision.
///
/// # Errors
/// As of [`plan`].
pub fn look_again<E>(
    facts: &Facts<'_>,
    candidates: &[Object],
    rows: impl Iterator<Item = Result<Row, E>>,
    pinned: impl Iterator<Item = Result<Pinned, E>>,
    marks: impl Iterator<Item = Result<Mark, E>>,
    sightings: impl Iterator<Item = Result<Sighting, E>>,
    report: impl FnMut(&Object, &Decision),
) -> Result<Condemned, NoPlan<E>> {
    let streams = Streams {
        objects: candidates.iter().copied().map(Ok),
        rows,
        pinned,
        marks,
        sightings,
    };
    let Plan { candidates, .. } = plan(facts, Cover::Chosen, streams, candidates.len(), report)?;
    Ok(Condemned {
        objects: candidates.into(),
    })
}

/// Whether an object that carries a mark may be counted on again: it is still there, so long after the pin was written
/// that no collector can delete it which has not seen the pin.
pub fn is_out_of_doubt(since_pin: Duration, grace: Duration) -> bool {
    since_pin >= grace * 2
}
