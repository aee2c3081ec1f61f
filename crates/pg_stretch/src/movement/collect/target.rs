//! The branch that is collected, and the requests of a round, which run on the I/O thread.

use crate::endpoint::identity::{self, Claim};
use crate::pg::error::Result;
use crate::pg::steady;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use stretch_core::collect::again::{Condemned, Readings};
use stretch_core::collect::facts::{Mark, Object, SegmentOf};
use stretch_core::collect::times::{Steady, StoreTime};
use stretch_core::steps::Step;
use stretch_endpoint::claim::{Validity, validate_claim};
use stretch_endpoint::collect::{
    Pins, Survey, delete_condemned, delete_small, delete_stray_mark, pins, release, store_time, survey, write_mark,
};
use stretch_endpoint::{Endpoint, EndpointError};
use uuid::Uuid;

/// What a request gives: nothing where the claim is not the highest any more.
pub type Answer<T> = std::result::Result<Option<T>, EndpointError>;

/// The own branch on its endpoint.
#[derive(Clone)]
pub struct Target {
    pub endpoint: Arc<Endpoint>,
    pub claim: Claim,
}

/// What a first look reads.
pub struct Look {
    /// What time it was in the store before anything was read.
    pub now: StoreTime,
    /// The same after everything was read.
    pub after: StoreTime,
    pub survey: Survey,
}

/// What a second look reads of the endpoint, and when.
pub struct SecondLook {
    pub time: Steady,
    pub now: StoreTime,
    pub pins_read: Steady,
    pub pins: Pins,
}

/// What is written after a first look.
pub struct Work {
    pub marks: Vec<Object>,
    pub stray_marks: Vec<Mark>,
    /// Keys of small objects.
    pub litter: Vec<String>,
    /// Segments of branches from which this one descends. They leave its pins there.
    pub released: BTreeMap<Uuid, BTreeSet<SegmentOf>>,
}

impl Work {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        let is_released = self.released.is_empty();
        self.marks.is_empty() && self.stray_marks.is_empty() && self.litter.is_empty() && is_released
    }
}

/// What is to be deleted, and by which facts.
pub struct Deletions {
    pub condemned: Condemned,
    pub marks: Vec<Mark>,
    pub time: Steady,
    pub pins_read: Steady,
    pub rows_read: Steady,
    pub grace: Duration,
}

impl Target {
    /// The branch of the connected database.
    pub fn of(claim: Claim) -> Result<Self> {
        Ok(Self {
            endpoint: identity::open_bound()?,
            claim,
        })
    }

    async fn is_ours(&self) -> std::result::Result<bool, EndpointError> {
        let Claim {
            db,
            branch,
            generation,
            nonce,
        } = &self.claim;
        let valid = validate_claim(&self.endpoint, db, branch, *generation, nonce).await?;
        Ok(valid == Validity::Valid)
    }

    /// Reads the branch.
    pub async fn look(self, scratch: [Uuid; 2]) -> Answer<Look> {
        if !self.is_ours().await? {
            return Ok(None);
        }
        let Claim {
            db, branch, generation, ..
        } = self.claim;
        let now = store_time(&self.endpoint, &scratch[0].to_string()).await?;
        let survey = survey(&self.endpoint, &db, &branch, generation).await?;
        let after = store_time(&self.endpoint, &scratch[1].to_string()).await?;
        Ok(Some(Look { now, after, survey }))
    }

    /// Writes marks, and takes away what holds nobody's rows.
    pub async fn work(self, work: Work) -> Answer<()> {
        if !self.is_ours().await? {
            return Ok(None);
        }
        let Claim {
            db, branch, generation, ..
        } = self.claim;
        for object in &work.marks {
            write_mark(&self.endpoint, &db, &branch, object.name, generation).await?;
            crate::pg::steps::reached_on_io_thread(Step::CollectMarked);
        }
        for mark in &work.stray_marks {
            delete_stray_mark(&self.endpoint, &db, &branch, mark).await?;
        }
        for key in &work.litter {
            delete_small(&self.endpoint, key).await?;
        }
        for (parent, released) in &work.released {
            release(&self.endpoint, &db, parent, &branch, released).await?;
        }
        Ok(Some(()))
    }

    /// Reads the pins again, now that the marks are old.
    pub async fn look_again(self, scratch: Uuid) -> Answer<SecondLook> {
        let Claim { db, branch, .. } = self.claim;
        let time = steady::now();
        let now = store_time(&self.endpoint, &scratch.to_string()).await?;
        let pins_read = steady::now();
        let pins = pins(&self.endpoint, &db, &branch).await?;
        Ok(Some(SecondLook {
            time,
            now,
            pins_read,
            pins,
        }))
    }

    /// Deletes what was condemned, as long as what condemned it is fresh. Gives what is gone.
    pub async fn delete(self, mut deletions: Deletions) -> Answer<Vec<Object>> {
        let claim = steady::now();
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
        let mut gone = Vec::new();
        let Deletions {
            condemned,
            marks,
            grace,
            ..
        } = &mut deletions;
        // What is left when the facts are too old waits for the next round.
        while let Ok(Some(warrant)) = condemned.next(&readings, steady::now(), *grace) {
            delete_condemned(&self.endpoint, &db, &branch, &warrant, marks, *grace).await?;
            crate::pg::steps::reached_on_io_thread(Step::CollectDeleted);
            gone.push(*warrant.object());
        }
        Ok(Some(gone))
    }
}
