//! Collection: objects that nobody needs leave the endpoint (`stretch_core::collect` says which, and when).
//!
//! A round reads the branch and the catalog, marks what may go, and deletes what it finds marked long enough and needed
//! by nobody still. Nothing is remembered between rounds but marks, sightings and the catalog.

mod apply;
mod horizon;
mod report;
mod round;
mod rows;
mod stamps;
mod target;

use crate::endpoint::identity::Claim;
use crate::pg::error::{Result, log};
use crate::pg::gucs::{self, Collect};
use crate::pg::{steps, txn};
pub use report::publish;
pub use round::{Line, Mode, Round};
use std::time::{Duration, Instant};
use stretch_core::collect::GRACE;

/// How often it is written down for how long the database has been connected.
const NOTED_EACH: Duration = Duration::from_secs(60);

/// The worker's collector.
#[derive(Default)]
pub struct Collector {
    round: Option<Round>,
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

impl Collector {
    /// One step of a round, when one is due; true when the next may be due at once.
    pub fn round(&mut self, claim: Option<Claim>) -> Result<bool> {
        self.note_connected(claim)?;
        let mode = match (gucs::COLLECT.get(), claim) {
            (Collect::Off, _) | (_, None) => {
                self.stop();
                return Ok(false);
            }
            (Collect::Report, Some(claim)) => (claim, Mode::Report),
            (Collect::On, Some(claim)) => (claim, Mode::Collect),
        };
        let outcome = self.step(mode);
        if let Err(error) = &outcome {
            self.stop();
            self.due = Some(Instant::now() + grace());
            if self.last_error.replace(error.message.clone()).as_ref() == Some(&error.message) {
                return Ok(false);
            }
        }
        outcome
    }

    fn step(&mut self, (claim, mode): (Claim, Mode)) -> Result<bool> {
        if self.round.is_none() {
            // The first round leaves others the time to come up.
            let due = *self.due.get_or_insert_with(|| Instant::now() + grace() / 4);
            if due > Instant::now() {
                return Ok(false);
            }
            self.round = Some(Round::begin(claim, mode, grace())?);
        }
        let Some(round) = &mut self.round else {
            return Ok(false);
        };
        if !round.advance()? {
            return Ok(true);
        }
        self.last_error = None;
        self.due = Some(Instant::now() + grace());
        let Some((lines, is_limited)) = self.round.take().map(Round::result) else {
            return Ok(false);
        };
        if is_limited && mode == Mode::Collect {
            self.due = Some(Instant::now());
        }
        self.tell(mode, &lines);
        Ok(is_limited)
    }

    /// Gives up the round under way; a later one begins anew.
    pub fn stop(&mut self) {
        self.round = None;
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
    fn tell(&mut self, mode: Mode, lines: &[Line]) {
        let sum = |lines: &mut dyn Iterator<Item = &Line>| {
            lines.fold((0, 0), |(objects, bytes), line| (objects + 1, bytes + line.bytes))
        };
        let gone = sum(&mut lines.iter().filter(|line| line.deleted));
        let kept = sum(&mut lines.iter());
        match mode {
            Mode::Collect if gone.0 > 0 => log(&format!(
                "pg_stretch collection: {} objects of {} bytes were deleted",
                gone.0, gone.1
            )),
            Mode::Report if kept != self.told => {
                self.told = kept;
                log(&format!(
                    "pg_stretch collection: the tables do not need {} objects of {} bytes; stretch.collect() lists them",
                    kept.0, kept.1
                ));
            }
            _ => {}
        }
    }
}
