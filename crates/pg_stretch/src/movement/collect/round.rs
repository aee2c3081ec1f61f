//! One round of collection. It goes on in steps: what asks the endpoint runs on the I/O thread between them, so that
//! heartbeats and uploads do not wait.

use super::rows::{self, Local};
use super::{apply, stamps};
use crate::cold::cache;
use crate::endpoint::identity::Claim;
use crate::endpoint::{backup_pins, open};
use crate::pg::error::{Error, Result};
use crate::pg::io::{self, Ticket};
use crate::pg::random::random_uuid;
use crate::pg::{steady, steps, txn};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::time::Duration;
use stretch_core::collect::again::look_again;
use stretch_core::collect::decision::{Decision, Keep};
use stretch_core::collect::facts::{Cover, Facts, Mark, Object, ObjectName, Pin, Scope, SegmentOf};
use stretch_core::collect::join::Streams;
use stretch_core::collect::litter;
use stretch_core::collect::plan::{NoPlan, plan};
use stretch_core::collect::times::{ServerTime, Stamp, StoreTime};
use stretch_core::errors;
use stretch_endpoint::collect::{Answer, Deleted, Deletions, Look, SecondLook, Survey, Target, Work};
use stretch_endpoint::keys::Key;
use uuid::Uuid;

/// Objects that one round marks, and that it deletes, at most: each takes a request or two.
const LIMIT: usize = 1000;

/// Why an object stays that nobody needs.
const PROTECTED: &str = "not needed any more, but a policy of the store forbids its deletion";

/// What a round is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It says what it would do.
    Report,
    /// It marks and deletes.
    Collect,
    /// It marks and deletes what `purge_remote` gave up, and nothing else.
    Purge,
}

impl Mode {
    /// Whether it changes anything.
    pub fn changes(self) -> bool {
        self != Self::Report
    }

    /// What it acts on.
    fn scope(self) -> Scope {
        match self {
            Self::Report | Self::Collect => Scope::Branch,
            Self::Purge => Scope::Purged,
        }
    }
}

/// What became of an object that the catalog does not need.
#[derive(Clone, Debug)]
pub struct Line {
    /// Below the endpoint's prefix.
    pub key: String,
    pub bytes: u64,
    pub reason: String,
    pub deleted: bool,
}

/// A round under way.
pub struct Round {
    target: Target,
    mode: Mode,
    grace: Duration,
    stage: Stage,
    lines: Vec<Line>,
    /// Places of the lines of segments' objects.
    places: HashMap<ObjectName, usize>,
    is_limited: bool,
    /// Nothing of the branch is left, and nobody can want it back.
    is_empty: bool,
}

/// How far it is, and what it waits for.
enum Stage {
    Looking {
        ticket: Ticket<Answer<Look>>,
        /// Retirements that were committed before the store was asked what time it is.
        unstamped: Vec<[u8; 16]>,
        began: ServerTime,
    },
    Working {
        ticket: Ticket<Answer<()>>,
        /// Segments of other branches, which leave the catalog once they have left the pins there.
        released: Vec<SegmentOf>,
        next: Candidates,
    },
    LookingAgain {
        ticket: Ticket<Answer<SecondLook>>,
        candidates: Candidates,
    },
    Deleting {
        ticket: Ticket<Answer<Deleted>>,
    },
    Over,
}

/// Objects for a second look, with the marks that were seen.
struct Candidates {
    objects: Vec<Object>,
    marks: Vec<Mark>,
}

impl Round {
    /// Begins one on a branch of which the database holds the claim.
    pub fn begin(target: Target, mode: Mode, grace: Duration) -> Result<Self> {
        let unstamped = txn::run(stamps::missing)?;
        let look = target.clone().look([random_uuid()?, random_uuid()?]);
        let stage = Stage::Looking {
            began: rows::server_time(),
            ticket: io::spawn(look)?,
            unstamped,
        };
        Ok(Self {
            target,
            mode,
            grace,
            stage,
            lines: Vec::new(),
            places: HashMap::new(),
            is_limited: false,
            is_empty: false,
        })
    }

    /// Goes on as far as there are answers; true when the round is over.
    pub fn advance(&mut self) -> Result<bool> {
        let stage = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Looking {
                ticket,
                unstamped,
                began,
            } => match answer(&ticket)? {
                Some(look) => self.looked(look, &unstamped, began)?,
                None => Stage::Looking {
                    ticket,
                    unstamped,
                    began,
                },
            },
            Stage::Working { ticket, released, next } => match answer(&ticket)? {
                Some(()) => {
                    txn::run(|| apply::forget(&released))?;
                    self.again(next)?
                }
                None => Stage::Working { ticket, released, next },
            },
            Stage::LookingAgain { ticket, candidates } => match answer(&ticket)? {
                Some(look) => self.looked_again(look, candidates)?,
                None => Stage::LookingAgain { ticket, candidates },
            },
            Stage::Deleting { ticket } => match answer(&ticket)? {
                Some(deleted) => self.deleted(&deleted),
                None => Stage::Deleting { ticket },
            },
            Stage::Over => Stage::Over,
        };
        self.stage = stage;
        Ok(matches!(self.stage, Stage::Over))
    }

    /// What it is for.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What became of what.
    pub fn into_lines(self) -> Vec<Line> {
        self.lines
    }

    /// Whether there is more than one round can do.
    pub fn is_limited(&self) -> bool {
        self.is_limited
    }

    /// An adopted branch of which nothing is left, if it is one.
    pub fn emptied(&self) -> Option<Uuid> {
        (self.is_empty && !self.target.is_own()).then_some(self.target.claim.branch)
    }

    /// What the catalog says in the current transaction.
    fn local(&self) -> Result<Local> {
        match self.target.is_own() {
            true => Local::read(self.target.claim.branch),
            false => Local::of_another(),
        }
    }

    /// The branch was read: marks what may go, writes down what is seen for the first time, forgets what is gone.
    fn looked(&mut self, look: Look, unstamped: &[[u8; 16]], began: ServerTime) -> Result<Stage> {
        let changes = self.mode.changes();
        let local = txn::run(|| {
            if changes && self.target.is_own() {
                let connected = stamps::connected()?;
                let at = Stamp {
                    store: look.after,
                    connected,
                };
                stamps::write(unstamped, at)?;
            }
            if changes {
                backup_pins::copy(self.target.claim.branch, &look.survey.pins)?;
            }
            self.local()
        })?;
        let Look { now, after, survey } = look;
        let cover = Cover::Whole {
            live: local.live,
            listing_began: began,
        };
        let streams = Streams {
            objects: survey.objects.iter().copied().map(Ok::<_, Infallible>),
            rows: local.rows.iter().copied().map(Ok),
            pinned: survey.pins.pinned.iter().copied().map(Ok),
            marks: survey.marks.iter().copied().map(Ok),
            sightings: local.sightings.iter().copied().map(Ok),
        };
        let pins = &survey.pins.pins;
        let facts = facts(&self.target, &local, now, pins, self.grace, self.mode.scope());
        let Claim { db, branch, .. } = self.target.claim;
        let lines = &mut self.lines;
        let places = &mut self.places;
        let report = |object: &Object, decision: &Decision| {
            if *decision != Decision::Keep(Keep::Live) {
                places.insert(object.name, lines.len());
                let name = object.name.into();
                lines.push(Line {
                    key: Key::Segment { branch, name }.path(&db),
                    bytes: object.size,
                    reason: decision.text(pins),
                    deleted: false,
                });
            }
        };
        let plan = plan(&facts, cover, streams, LIMIT, report).map_err(|error| no_plan(&error))?;
        self.is_limited = [plan.marks.len(), plan.candidates.len()].contains(&LIMIT);
        let small = match self.mode {
            Mode::Report | Mode::Collect => small(&facts, &survey, &mut self.lines),
            Mode::Purge => Vec::new(),
        };
        if !changes {
            return Ok(Stage::Over);
        }
        txn::run(|| {
            let connected = local.connected;
            apply::apply(
                &plan,
                Stamp {
                    store: after,
                    connected,
                },
            )?;
            steps::reached(steps::CollectNoted);
            Ok(())
        })?;
        if !plan.forgotten.is_empty() {
            cache::forget_segments(plan.forgotten.iter().map(|of| of.segment).collect());
        }
        let next = Candidates {
            objects: plan.candidates,
            marks: survey.marks,
        };
        let released = plan.released.iter().map(|(_, of)| *of).collect();
        let mut of_parents: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (parent, of) in plan.released {
            of_parents.entry(parent.uuid()).or_default().insert(of);
        }
        let work = Work {
            marks: plan.marks,
            stray_marks: plan.stray_marks,
            litter: small,
            released: of_parents,
            drops_pins: self.mode == Mode::Collect && self.target.is_given_up(facts.now),
        };
        self.is_empty = survey.objects.is_empty() && work.drops_pins;
        if work.is_empty() {
            return self.again(next);
        }
        let ticket = io::spawn(self.target.clone().work(work))?;
        Ok(Stage::Working { ticket, released, next })
    }

    /// What was marked long enough is looked at again.
    fn again(&mut self, candidates: Candidates) -> Result<Stage> {
        if candidates.objects.is_empty() {
            return Ok(Stage::Over);
        }
        let ticket = io::spawn(self.target.clone().look_again(random_uuid()?))?;
        Ok(Stage::LookingAgain { ticket, candidates })
    }

    /// The pins were read again: reads the rows again, and has what nobody needs deleted.
    fn looked_again(&mut self, look: SecondLook, candidates: Candidates) -> Result<Stage> {
        let rows_read = steady::now();
        let local = txn::run(|| self.local())?;
        let pins = &look.pins.pins;
        let facts = facts(&self.target, &local, look.now, pins, self.grace, self.mode.scope());
        let (lines, places) = (&mut self.lines, &self.places);
        let of: BTreeSet<_> = candidates.objects.iter().map(|object| object.name.of).collect();
        let condemned = look_again(
            &facts,
            &candidates.objects,
            local
                .rows
                .iter()
                .filter(|row| of.contains(&row.of))
                .copied()
                .map(Ok::<_, Infallible>),
            look.pins.pinned.iter().copied().map(Ok),
            candidates.marks.iter().copied().map(Ok),
            local.sightings.iter().copied().map(Ok),
            |object, decision| {
                if let Some(place) = places.get(&object.name) {
                    lines[*place].reason = decision.text(pins);
                }
            },
        );
        let condemned = condemned.map_err(|error| no_plan(&error))?;
        let deletions = Deletions {
            condemned,
            marks: candidates.marks,
            time: look.time,
            pins_read: look.pins_read,
            rows_read,
            grace: self.grace,
        };
        let ticket = io::spawn(self.target.clone().delete(deletions))?;
        Ok(Stage::Deleting { ticket })
    }

    fn deleted(&mut self, deleted: &Deleted) -> Stage {
        for object in &deleted.gone {
            if let Some(place) = self.places.get(&object.name) {
                self.lines[*place].deleted = true;
            }
        }
        for object in &deleted.protected {
            if let Some(place) = self.places.get(&object.name) {
                self.lines[*place].reason = PROTECTED.into();
            }
        }
        // Another round at once would find the same protected objects.
        self.is_limited &= !deleted.gone.is_empty();
        Stage::Over
    }
}

/// What holds for all decisions about a branch.
pub fn facts<'a>(
    target: &Target,
    local: &'a Local,
    now: StoreTime,
    pins: &'a [Pin],
    grace: Duration,
    scope: Scope,
) -> Facts<'a> {
    Facts {
        branch: target.standing,
        generation: target.claim.generation,
        now: Stamp {
            store: now,
            connected: local.connected,
        },
        retention: local.retention,
        grace,
        tables: &local.tables,
        pins,
        scope,
    }
}

/// Small objects that may go, by their keys.
fn small(facts: &Facts<'_>, survey: &Survey, lines: &mut Vec<Line>) -> Vec<String> {
    let mut goes = Vec::new();
    for object in &survey.litter {
        let decision = litter::judge(facts, survey.beats, object.small, object.modified);
        if let Decision::Due(_) = decision {
            lines.push(Line {
                key: object.key.clone(),
                bytes: object.size,
                reason: decision.text(facts.pins),
                deleted: false,
            });
            goes.push(object.key.clone());
        }
    }
    goes
}

/// What a request brought; `None` while it is under way.
pub fn answer<T>(ticket: &Ticket<Answer<T>>) -> Result<Option<T>> {
    let Some(answer) = ticket.try_take() else {
        return Ok(None);
    };
    match answer?.map_err(|error| open::map_error(&error))? {
        Some(found) => Ok(Some(found)),
        None => Err(Error::new(
            &errors::DISCONNECTED,
            "nothing was collected: another server has claimed the branch",
        )),
    }
}

/// Why a round ends before it did anything.
pub fn no_plan<E: std::fmt::Display>(why: &NoPlan<E>) -> Error {
    let error = Error::new(&errors::NOT_NOW, format!("nothing was collected: {why}")).without_hint();
    match why {
        NoPlan::Missing(_) => error.hint("Run stretch.reconcile(), which names them."),
        _ => error,
    }
}
