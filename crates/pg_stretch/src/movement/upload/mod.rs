//! Uploads of staged segments: idempotent copies that happen after the migration committed, one at a time.
//!
//! Overview: pick the oldest segment without object, send it under a name never used before, read it back, record it.
//! Consistency: the catalog names an object only after its bytes were read back and hashed (I-2, I-5). Retries: a
//! failed upload rests, doubling up to five minutes; the name of the next try may be another attempt (F26).
//! Cancellation: the job runs on the I/O thread; the worker never waits for it, so migration goes on. Crash
//! consistency: a crash leaves an object that no catalog row names; the next upload finds the same bytes or takes the
//! next name.

mod claim;
mod purge;
mod work;

use crate::pg::error::{Result, log, report};
use crate::pg::io::Ticket;
use crate::pg::shmem;
use pgrx::pg_sys;
use std::time::Instant;
use stretch_core::errors;
use stretch_core::staging::upload_backoff;
use stretch_endpoint::EndpointError;
use work::{Done, Task};

pub use claim::{Claim, claim};
pub use purge::{purge_emptied, purge_now};

struct Job {
    task: Task,
    claim: Claim,
    started: Instant,
    ticket: Ticket<std::result::Result<Done, EndpointError>>,
}

/// The worker's uploader.
#[derive(Default)]
pub struct Uploader {
    job: Option<Job>,
    /// An upload that is done but not recorded: a session that deletes many rows of the segment holds a lock on its
    /// catalog row. The next step records it.
    unrecorded: Option<(Job, Done)>,
    failures: u32,
    rest_until: Option<Instant>,
    next_purge: Option<Instant>,
    listing: Option<purge::Listing>,
}

/// Failures in a row after which the log gets a WARNING.
const WORTH_A_WARNING: u32 = 3;

/// What a step left behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Nothing to do now.
    Idle,
    /// A job is under way.
    Busy,
    /// The last job failed; the next try comes later.
    Resting,
}

impl Uploader {
    /// Takes a finished job in, starts the next one. Never waits for the endpoint.
    pub fn step(&mut self) -> Result<Step> {
        let Some(claim) = claim() else {
            self.job = None;
            self.unrecorded = None;
            return Ok(Step::Idle);
        };
        if let Some((job, done)) = self.unrecorded.take().filter(|(job, _)| job.claim == claim) {
            self.record(job, done)?;
            if self.unrecorded.is_some() {
                return Ok(Step::Resting);
            }
        }
        if let Some(job) = self.job.take() {
            match job.ticket.try_take() {
                None => {
                    self.job = Some(job);
                    return Ok(Step::Busy);
                }
                // A job of an older claim counts for nothing: its object is an orphan, its verification too old (F15).
                Some(_) if job.claim != claim => {}
                Some(outcome) => self.finish(job, outcome?)?,
            }
        }
        if self.rest_until.is_some_and(|until| until > Instant::now()) {
            return Ok(Step::Resting);
        }
        self.start(claim)
    }

    /// Purges what the RPO no longer holds, once per nap; like `step` it never waits for the endpoint.
    pub fn purge_due(&mut self) -> Result<()> {
        if let Some(listing) = self.listing.take() {
            if listing.finish()?.is_none() {
                self.listing = Some(listing);
            }
            return Ok(());
        }
        if self.next_purge.is_some_and(|at| at > Instant::now()) || claim().is_none() {
            return Ok(());
        }
        self.next_purge = Some(Instant::now() + crate::pg::gucs::naptime());
        self.listing = purge::start(None, false)?;
        Ok(())
    }

    /// Takes the job under way in and starts none; true when none is left.
    pub fn settle(&mut self) -> Result<bool> {
        let Some(job) = self.job.take() else {
            return Ok(true);
        };
        match (job.ticket.try_take(), claim()) {
            (None, _) => {
                self.job = Some(job);
                Ok(false)
            }
            (Some(outcome), Some(claim)) if claim == job.claim => self.finish(job, outcome?).map(|()| true),
            _ => Ok(true),
        }
    }

    /// Forgets the pause after a failure, for callers that wait.
    pub fn hurry(&mut self) {
        self.rest_until = None;
        self.failures = 0;
    }

    fn start(&mut self, claim: Claim) -> Result<Step> {
        let Some((task, endpoint)) = work::next(claim)? else {
            return Ok(Step::Idle);
        };
        let ticket = crate::pg::io::spawn(work::run(task.clone(), claim, endpoint))?;
        self.job = Some(Job {
            task,
            claim,
            started: Instant::now(),
            ticket,
        });
        Ok(Step::Busy)
    }

    fn finish(&mut self, job: Job, outcome: std::result::Result<Done, EndpointError>) -> Result<()> {
        match outcome {
            Ok(done) => {
                self.failures = 0;
                self.rest_until = None;
                publish(None);
                self.record(job, done)?;
            }
            Err(error) => {
                let error = crate::endpoint::open::map_error(&error);
                self.failures += 1;
                let pause = upload_backoff(self.failures)
                    .min(crate::pg::gucs::naptime().max(std::time::Duration::from_secs(1)) * 6);
                self.rest_until = Some(Instant::now() + pause);
                publish(Some(&error.message));
                let text = format!("pg_stretch upload: {} ({})", error.message, error.sqlstate);
                match self.failures {
                    // Once is nothing unusual; that it goes on is told once more, not with every try.
                    WORTH_A_WARNING => report(
                        pg_sys::WARNING as i32,
                        &error.sqlstate,
                        &text,
                        None,
                        error.hint.as_deref(),
                    ),
                    _ => log(&text),
                }
                work::record_failure(&job.task, &error)?;
            }
        }
        Ok(())
    }
}

impl Uploader {
    /// Writes what a job achieved; keeps it for the next step when the segment's row is locked.
    fn record(&mut self, job: Job, done: Done) -> Result<()> {
        match work::record(&job.task, job.claim, &done, job.started.elapsed()) {
            Err(error) if error.is(&errors::LOCKED) => {
                self.unrecorded = Some((job, done));
                Ok(())
            }
            other => other,
        }
    }
}

/// Shows the last outcome in `stretch.status`.
fn publish(error: Option<&str>) {
    // SAFETY: plain global and clock.
    let (me, now) = unsafe { (pg_sys::MyDatabaseId, pg_sys::GetCurrentTimestamp()) };
    shmem::with(|shared| {
        if let Some(slot) = shared.slots.iter_mut().find(|slot| slot.database == me) {
            slot.upload_error.set(error.unwrap_or(""));
            if error.is_none() {
                slot.last_upload = now;
            }
        }
    });
}
