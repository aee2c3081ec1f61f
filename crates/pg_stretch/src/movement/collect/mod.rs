//! Collection: objects that nobody needs leave the endpoint (`stretch_core::collect` says which, and when).
//!
//! A round reads the branch and the catalog, marks what may go, and deletes what it finds marked long enough and needed
//! by nobody still. Nothing is remembered between rounds but marks, sightings and the catalog.

mod adopted;
mod apply;
mod drop_branch;
mod horizon;
mod purge;
mod report;
mod round;
mod rows;
mod stamps;
mod target;

use crate::endpoint::identity::Claim;
use crate::pg::error::{Result, log};
use crate::pg::gucs::{self, Collect};
use crate::pg::{steps, txn};
pub use drop_branch::{What, drop_branch};
pub use purge::{Order, Told};
pub use report::publish;
pub use round::{Line, Mode, Round};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use stretch_core::collect::GRACE;
use stretch_core::collect::facts::Standing;
use stretch_endpoint::collect::Target;
use target::target;

/// How often it is written down for how long the database has been connected.
const NOTED_EACH: Duration = Duration::from_secs(60);

/// What was purged is looked at again after this part of a grace, then after twice as long, and so on up to a grace.
const FIRST_OF_PURGE: u32 = 60;

/// The shortest such pause.
const MIN_PAUSE: Duration = Duration::from_millis(50);

/// What `purge_remote` gave up is on its way.
struct Purging {
    next: Instant,
    pause: Duration,
}

/// The worker's collector.
#[derive(Default)]
pub struct Collector {
    round: Option<Round>,
    /// What the rounds over these targets are for.
    mode: Option<Mode>,
    purging: Option<Purging>,
    /// Branches that are looked at after the one under way.
    targets: VecDeque<Target>,
    due: Option<Instant>,
    /// Since when the database is connected under a claim, as far as it is not written down.
    connected: Option<(Claim, Instant)>,
    last_error: Option<String>,
    /// What the log was told: objects and bytes that nobody needs.
    told: (usize, u64),
}

/// How long a mark must be old before its object goes.
pub fn grace() -> Duration {
    steps::collect_grace().unwrap_or(GRACE)
}

/// What `stretch.collect` says.
fn wanted() -> Option<Mode> {
    match gucs::COLLECT.get() {
        Collect::Off => None,
        Collect::Report => Some(Mode::Report),
        Collect::On => Some(Mode::Collect),
    }
}

/// The branches of which the database holds the claim: its own, and those that it has adopted.
fn targets(own: Claim) -> Result<Vec<Target>> {
    let branches = txn::run(|| adopted::read(own.db))?;
    let standings = adopted::standings(&branches);
    let mut targets = vec![target(own, own, Standing::Owned, standings.clone())?];
    for branch in branches {
        targets.push(target(own, branch.claim, branch.standing, standings.clone())?);
    }
    Ok(targets)
}

/// The claims on branches that the database has adopted.
pub fn adopted_claims(own: Claim) -> Result<Vec<Claim>> {
    let branches = txn::run(|| adopted::read(own.db))?;
    Ok(branches.into_iter().map(|branch| branch.claim).collect())
}

/// An adopted branch of which nothing is left is forgotten.
fn forget_emptied(round: &Round, mode: Mode) -> Result<()> {
    match round.emptied().filter(|_| mode == Mode::Collect) {
        Some(branch) => txn::run(|| adopted::forget(branch)),
        None => Ok(()),
    }
}

/// One round over all branches now. `wait` lets other things go on; it says whether somebody still waits for the
/// result.
pub fn now(own: Claim, mode: Mode, mut wait: impl FnMut() -> bool) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for target in targets(own)? {
        let mut round = Round::begin(target, mode, grace())?;
        while !round.advance()? {
            if !wait() {
                return Ok(Vec::new());
            }
        }
        forget_emptied(&round, mode)?;
        lines.extend(round.into_lines());
    }
    Ok(lines)
}

/// `stretch.purge_remote`: gives up what left some tables. `wait` is as for [`now`].
pub fn purge_remote(own: Claim, order: &Order, wait: impl FnMut() -> bool) -> Result<Told> {
    purge::purge_remote(own, order, grace(), wait)
}

impl Collector {
    /// One step of a round, when one is due; true when the next may be due at once.
    pub fn round(&mut self, claim: Option<Claim>) -> Result<bool> {
        self.note_connected(claim)?;
        let Some(claim) = claim else {
            self.stop();
            return Ok(false);
        };
        let wanted = wanted();
        // A setting that has changed holds at once. What was purged goes whatever it says.
        if self
            .mode
            .is_some_and(|mode| mode != Mode::Purge && Some(mode) != wanted)
        {
            self.stop();
        }
        let outcome = self.step(claim, wanted);
        if let Err(error) = &outcome {
            self.stop();
            self.due = Some(Instant::now() + grace());
            if self.last_error.replace(error.message.clone()).as_ref() == Some(&error.message) {
                return Ok(false);
            }
        }
        outcome
    }

    fn step(&mut self, claim: Claim, wanted: Option<Mode>) -> Result<bool> {
        if self.round.is_none() {
            if self.targets.is_empty() && !self.begin(claim, wanted)? {
                return Ok(false);
            }
            let Some((target, mode)) = self.targets.pop_front().zip(self.mode) else {
                return Ok(false);
            };
            self.round = Some(Round::begin(target, mode, grace())?);
        }
        let Some(mut round) = self.round.take() else {
            return Ok(false);
        };
        if !round.advance()? {
            self.round = Some(round);
            return Ok(true);
        }
        self.last_error = None;
        let mode = round.mode();
        if round.is_limited() && mode.changes() {
            self.due = Some(Instant::now());
        }
        forget_emptied(&round, mode)?;
        self.tell(&round.into_lines());
        Ok(true)
    }

    /// Chooses what the next rounds are for, and over which branches they go, if they are due.
    fn begin(&mut self, claim: Claim, wanted: Option<Mode>) -> Result<bool> {
        let now = Instant::now();
        // The first round leaves others the time to come up.
        let due = *self.due.get_or_insert_with(|| now + grace() / 4);
        if due > now && self.purging.as_ref().is_none_or(|purging| purging.next > now) {
            return Ok(false);
        }
        self.due = Some(now + grace());
        let is_purging = (wanted != Some(Mode::Collect) || self.purging.is_some()) && txn::run(purge::is_pending)?;
        match &mut self.purging {
            Some(purging) if is_purging => {
                purging.pause = (purging.pause * 2).min(grace());
                purging.next = now + purging.pause;
            }
            _ => self.purging = None,
        }
        self.mode = match wanted {
            Some(Mode::Collect) => wanted,
            _ if is_purging => Some(Mode::Purge),
            _ => wanted,
        };
        self.targets = match self.mode {
            None => VecDeque::new(),
            Some(_) => targets(claim)?.into(),
        };
        if self.mode == Some(Mode::Purge) {
            self.targets.retain(Target::is_own);
        }
        Ok(true)
    }

    /// Something was purged: it is looked at soon, and then again and again until it is gone.
    pub fn purge_soon(&mut self) {
        let pause = (grace() / FIRST_OF_PURGE).max(MIN_PAUSE);
        self.purging = Some(Purging {
            next: Instant::now() + pause,
            pause,
        });
    }

    /// Gives up the round under way; a later one begins anew.
    pub fn stop(&mut self) {
        self.round = None;
        self.mode = None;
        self.targets.clear();
    }

    /// Writes down for how long the database has been connected, now and then.
    fn note_connected(&mut self, claim: Option<Claim>) -> Result<()> {
        let now = Instant::now();
        match (self.connected, claim) {
            (Some((known, since)), Some(claim)) if known == claim => {
                let time = now.duration_since(since);
                if time >= NOTED_EACH.min(grace()) {
                    txn::run(|| stamps::add_connected(time))?;
                    self.connected = Some((claim, now));
                }
            }
            (_, claim) => self.connected = claim.map(|claim| (claim, now)),
        }
        Ok(())
    }

    /// One line in the log where something went, or where what would go has changed.
    fn tell(&mut self, lines: &[Line]) {
        let sum = |lines: &mut dyn Iterator<Item = &Line>| {
            lines.fold((0, 0), |(objects, bytes), line| (objects + 1, bytes + line.bytes))
        };
        let gone = sum(&mut lines.iter().filter(|line| line.deleted));
        let kept = sum(&mut lines.iter());
        if gone.0 > 0 {
            log(&format!(
                "pg_stretch collection: {} objects of {} bytes were deleted",
                gone.0, gone.1
            ));
        }
        match wanted() {
            Some(Mode::Report) if kept != self.told => {
                self.told = kept;
                log(&format!(
                    "pg_stretch collection: the tables do not need {} objects of {} bytes; see stretch.collect()",
                    kept.0, kept.1
                ));
            }
            _ => {}
        }
    }
}
