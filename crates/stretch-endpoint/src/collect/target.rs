//! The branch that is collected, and the requests of a round.

use super::pins::{Adopted, Pins, pins};
use super::survey::{Survey, survey};
use super::{delete_condemned, delete_small, delete_stray_mark, drop_pins, release, store_time, write_mark};
use crate::claim::Claim;
use crate::error::EndpointError;
use crate::store::Endpoint;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use stretch_core::collect::again::{Condemned, Readings};
use stretch_core::collect::facts::{Mark, Object, SegmentOf, Standing};
use stretch_core::collect::times::{Stamp, Steady, StoreTime};
use stretch_core::steps::Step;
use uuid::Uuid;

/// What a request gives: nothing where the claim is not the highest any more.
pub type Answer<T> = Result<Option<T>, EndpointError>;

/// What a round is given by whoever runs it.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings {
    /// A clock that never jumps.
    pub steady: fn() -> Steady,
    /// Is told each durable step.
    pub reached: fn(Step),
}

/// A branch to be collected, on its endpoint.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where the branch is.
    pub endpoint: Arc<Endpoint>,
    /// That of the database, on its own branch.
    pub own: Claim,
    /// That on the branch to be collected, which may be the same.
    pub claim: Claim,
    /// Whether somebody lives there.
    pub standing: Standing,
    /// All branches that this database has adopted.
    pub adopted: Adopted,
    /// Clock, and who is told of steps.
    pub surroundings: Surroundings,
}

/// What a first look reads.
#[derive(Debug)]
pub struct Look {
    /// What time it was in the store before anything was read.
    pub now: StoreTime,
    /// The same after everything was read.
    pub after: StoreTime,
    /// The branch.
    pub survey: Survey,
}

/// What a second look reads of the endpoint, and when.
#[derive(Debug)]
pub struct SecondLook {
    /// When it was asked what time it is in the store.
    pub time: Steady,
    /// The answer.
    pub now: StoreTime,
    /// When the pins were asked for.
    pub pins_read: Steady,
    /// The pins.
    pub pins: Pins,
}

/// What is written after a first look.
#[derive(Debug, Default)]
pub struct Work {
    /// Objects to be marked.
    pub marks: Vec<Object>,
    /// Marks whose object is gone.
    pub stray_marks: Vec<Mark>,
    /// Keys of small objects.
    pub litter: Vec<String>,
    /// Segments of branches from which this one descends. They leave its pins there.
    pub released: BTreeMap<Uuid, BTreeSet<SegmentOf>>,
    /// The branch was given up so long ago that it needs nothing of those from which it descends.
    pub drops_pins: bool,
}

impl Work {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        let is_kept = self.released.is_empty() && !self.drops_pins;
        self.marks.is_empty() && self.stray_marks.is_empty() && self.litter.is_empty() && is_kept
    }
}

/// What is to be deleted, and by which facts.
#[derive(Debug)]
pub struct Deletions {
    /// The objects.
    pub condemned: Condemned,
    /// Their marks.
    pub marks: Vec<Mark>,
    /// When it was asked what time it is in the store.
    pub time: Steady,
    /// When the pins were asked for.
    pub pins_read: Steady,
    /// When the rows were read.
    pub rows_read: Steady,
    /// How long a mark must be old.
    pub grace: Duration,
}

/// What became of the condemned objects that were tried.
#[derive(Debug, Default)]
pub struct Deleted {
    /// These are.
    pub gone: Vec<Object>,
    /// A policy of the store protects them.
    pub protected: Vec<Object>,
}

/// Whether a deletion did what it should: `false` where a policy of the store forbids it for this object, which is no
/// reason to leave the others.
fn is_gone(answer: Result<(), EndpointError>) -> Result<bool, EndpointError> {
    match answer {
        Ok(()) => Ok(true),
        Err(error) if error.is_protection() => Ok(false),
        Err(error) => Err(error),
    }
}

impl Target {
    /// Whether it is the branch of the database.
    pub fn is_own(&self) -> bool {
        self.own == self.claim
    }

    /// Whether it was adopted longer ago than its retention.
    pub fn is_given_up(&self, now: Stamp) -> bool {
        matches!(self.standing, Standing::Adopted { since, retention } if since.age(now) >= retention)
    }

    /// Whether both claims are the highest. A server that was overtaken on its own branch has nothing to say elsewhere.
    async fn is_ours(&self) -> Result<bool, EndpointError> {
        Ok(self.own.is_highest(&self.endpoint).await? && self.claim.is_highest(&self.endpoint).await?)
    }

    /// Reads the branch.
    ///
    /// # Errors
    /// As of [`survey`] and [`Claim::is_highest`]; the store's own.
    pub async fn look(self, scratch: [Uuid; 2]) -> Answer<Look> {
        if !self.is_ours().await? {
            return Ok(None);
        }
        let Claim {
            db, branch, generation, ..
        } = self.claim;
        let now = store_time(&self.endpoint, &scratch[0].to_string()).await?;
        let survey = survey(&self.endpoint, &db, &branch, generation, &self.adopted).await?;
        let after = store_time(&self.endpoint, &scratch[1].to_string()).await?;
        Ok(Some(Look { now, after, survey }))
    }

    /// Writes marks, and takes away what holds nobody's rows.
    ///
    /// # Errors
    /// As of [`Claim::is_highest`], [`drop_pins`] and [`release`]; the store's own. What was not done waits for the
    /// next round.
    pub async fn work(self, work: Work) -> Answer<()> {
        if !self.is_ours().await? {
            return Ok(None);
        }
        let Claim {
            db, branch, generation, ..
        } = self.claim;
        for object in &work.marks {
            write_mark(&self.endpoint, &db, &branch, object.name, generation).await?;
            (self.surroundings.reached)(Step::CollectMarked);
        }
        for mark in &work.stray_marks {
            is_gone(delete_stray_mark(&self.endpoint, &db, &branch, mark).await)?;
        }
        for key in &work.litter {
            is_gone(delete_small(&self.endpoint, key).await)?;
        }
        if work.drops_pins {
            drop_pins(&self.endpoint, &self.claim).await?;
        }
        for (parent, released) in &work.released {
            release(&self.endpoint, parent, &self.claim, released).await?;
        }
        Ok(Some(()))
    }

    /// Reads the pins again, now that the marks are old.
    ///
    /// # Errors
    /// As of [`pins`]; the store's own.
    pub async fn look_again(self, scratch: Uuid) -> Answer<SecondLook> {
        let Claim { db, branch, .. } = self.claim;
        let time = (self.surroundings.steady)();
        let now = store_time(&self.endpoint, &scratch.to_string()).await?;
        let pins_read = (self.surroundings.steady)();
        let pins = pins(&self.endpoint, &db, &branch, &self.adopted).await?;
        Ok(Some(SecondLook {
            time,
            now,
            pins_read,
            pins,
        }))
    }

    /// Deletes what was condemned, as long as what condemned it is fresh.
    ///
    /// # Errors
    /// As of [`Claim::is_highest`] and [`delete_condemned`].
    pub async fn delete(self, mut deletions: Deletions) -> Answer<Deleted> {
        let claim = (self.surroundings.steady)();
        if !self.is_ours().await? {
            return Ok(None);
        }
        let Claim { db, branch, .. } = self.claim;
        let readings = Readings {
            time: deletions.time,
            pins: deletions.pins_read,
            rows: deletions.rows_read,
            claim,
        };
        let mut deleted = Deleted::default();
        let Deletions {
            condemned,
            marks,
            grace,
            ..
        } = &mut deletions;
        // What is left when the facts are too old waits for the next round.
        while let Ok(Some(warrant)) = condemned.next(&readings, (self.surroundings.steady)(), *grace) {
            let answer = delete_condemned(&self.endpoint, &db, &branch, &warrant, marks, *grace).await;
            (self.surroundings.reached)(Step::CollectDeleted);
            match is_gone(answer)? {
                true => deleted.gone.push(*warrant.object()),
                false => deleted.protected.push(*warrant.object()),
            }
        }
        Ok(Some(deleted))
    }
}
