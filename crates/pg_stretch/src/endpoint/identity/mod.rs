//! Who this database is on the endpoint: binding, claim, marker, heartbeat and the verdict that follows from them.

pub mod enable;
mod facts;
mod gate;
mod heartbeat;
pub mod history;
pub mod marker;
mod publish;
mod state;
mod watch;

use crate::catalog::rows::{Binding, Database};
use crate::catalog::tables;
use crate::pg::error::{Result, report};
use crate::pg::txn;
pub use gate::local_verdict;
pub use gate::{is_disconnected, judge_again, require_connected, require_read};
use history::History;
use marker::Locked;
use pgrx::pg_sys;
use state::Phase;
pub use state::{Claim, Identity, open_bound};
use std::time::Instant;
use stretch_core::errors;
use stretch_core::state::DatabaseState;
use stretch_core::verdict::{self, EndpointFacts, Facts, LocalFacts, Next, Reason, Verdict};
pub use watch::{bind, claim_body, created_by};

/// What the catalog says about this database.
struct Catalog {
    database: Database,
    binding: Option<Binding>,
}

fn read_catalog() -> Result<Option<Catalog>> {
    txn::run(|| {
        // SAFETY: inside a transaction with an active snapshot.
        let snapshot = unsafe { pg_sys::GetActiveSnapshot() };
        let Some(database) = tables::database(snapshot)? else {
            return Ok(None);
        };
        Ok(Some(Catalog {
            database,
            binding: tables::binding(snapshot)?,
        }))
    })
}

impl Identity {
    /// One step: never waits for the endpoint (jobs run on the I/O thread and are looked at in later steps).
    pub fn tick(&mut self) -> Result<()> {
        match &self.phase {
            Phase::Start => self.judge_locally(),
            Phase::Watching(_) => self.watch(),
            Phase::Claiming(_) => self.finish_claim(),
            Phase::Connected(_) => self.beat(),
            Phase::Disconnected => Ok(()),
        }
    }

    /// The first verdict, from local facts alone: known before anything remote is tried.
    fn judge_locally(&mut self) -> Result<()> {
        let Some(catalog) = read_catalog()? else {
            return Ok(());
        };
        let locked = self.lock_marker(false)?;
        let history = History::now();
        let local = facts::local(catalog.binding.as_ref(), self.marker_fact(locked), &history);
        if let Some(reason) = verdict::judge_locally(&local) {
            self.remember(&local, reason)?;
            self.conclude(Verdict {
                state: DatabaseState::Disconnected,
                reason,
                next: None,
            });
            return Ok(());
        }
        let Some(binding) = catalog.binding else {
            return Ok(());
        };
        if self.resume(&catalog.database, &binding) {
            return Ok(());
        }
        self.verdict = Verdict {
            state: DatabaseState::Undecided,
            reason: Reason::Watching,
            next: Some(Next::WatchOn),
        };
        publish::publish(&self.verdict, verdict::may_read(self.verdict.state, &local), None);
        self.phase = Phase::Watching(Box::new(state::Watch::new(catalog.database, binding, local, history)));
        self.watch()
    }

    /// A worker that is started again under the same postmaster keeps the claim of its predecessor.
    fn resume(&mut self, database: &Database, binding: &Binding) -> bool {
        let nonce = binding.nonce.uuid();
        let kept = publish::connected_as(binding.generation, nonce)
            && self
                .marker
                .as_ref()
                .and_then(|marker| marker.content.as_ref())
                .is_some_and(|content| content.nonce() == Some(nonce));
        if kept {
            let claim = Claim {
                db: database.db_id.uuid(),
                branch: binding.branch_id.uuid(),
                generation: binding.generation as u64,
                nonce,
            };
            self.connected(claim, Reason::Restarted);
        }
        kept
    }

    /// Locks the marker once; true when another process holds it.
    fn lock_marker(&mut self, create: bool) -> Result<bool> {
        if self.marker.is_some() {
            return Ok(false);
        }
        match marker::lock(create)? {
            Locked::Ours(file) => {
                self.marker = Some(file);
                Ok(false)
            }
            Locked::Other => Ok(true),
            Locked::NoPlace => Ok(false),
        }
    }

    fn marker_fact(&self, locked_by_other: bool) -> Option<Option<&marker::Content>> {
        if locked_by_other {
            return None;
        }
        Some(self.marker.as_ref().and_then(|marker| marker.content.as_ref()))
    }

    /// Everything is known: judges by all rules and goes on as the verdict says.
    fn judge(&mut self, facts: &Facts, highest: Option<&stretch_endpoint::bodies::ClaimBody>) -> Result<()> {
        let verdict = verdict::judge(facts);
        if verdict.next == Some(Next::ClaimNextGeneration) {
            if verdict::has_lost_tail(facts) {
                crate::pg::error::log(
                    "pg_stretch: the newest heartbeat names a position that this server never reached; commits of \
                    the old primary were lost in the failover",
                );
            }
            return self.start_claim(verdict, highest);
        }
        self.remember(&facts.local, verdict.reason)?;
        self.conclude(verdict);
        if let EndpointFacts::Unreachable = facts.endpoint {
            publish::publish(&self.verdict, verdict::may_read(self.verdict.state, &facts.local), None);
        }
        Ok(())
    }

    /// Keeps a verdict that holds until somebody reauthorizes, where the next start would not find it.
    fn remember(&mut self, local: &LocalFacts, reason: Reason) -> Result<()> {
        let (Some(binding), Some(marker)) = (&local.binding, &mut self.marker) else {
            return Ok(());
        };
        let nonce = binding.nonce.uuid();
        let is_kept = |content: &marker::Content| content.sentenced(nonce).is_some();
        if !verdict::outlives_the_start(local, reason) || marker.content.as_ref().is_none_or(is_kept) {
            return Ok(());
        }
        marker.note(|content| content.sentence(nonce, reason))
    }

    /// Takes a verdict that is not *connected*.
    fn conclude(&mut self, verdict: Verdict) {
        let before = std::mem::replace(&mut self.verdict, verdict);
        if verdict.state == DatabaseState::Disconnected {
            if before.state == DatabaseState::Connected {
                report(
                    pg_sys::WARNING as i32,
                    errors::DISCONNECTED.sqlstate,
                    &format!(
                        "pg_stretch: this database is disconnected from its endpoint: {}",
                        verdict.reason.text()
                    ),
                    None,
                    None,
                );
            }
            self.claim = None;
            self.phase = Phase::Disconnected;
            publish::publish(&verdict, false, None);
        } else {
            publish::publish_keeping_read(&verdict);
        }
    }

    /// The claim is ours and bound.
    fn connected(&mut self, claim: Claim, reason: Reason) {
        self.verdict = Verdict {
            state: DatabaseState::Connected,
            reason,
            next: None,
        };
        self.claim = Some(claim);
        publish::publish(&self.verdict, true, Some(&claim));
        self.phase = Phase::Connected(Box::new(state::Beats::new(Instant::now())));
    }

    /// Disconnects by hand, or because another incarnation took over.
    pub fn disconnect(&mut self, reason: Reason) {
        self.conclude(Verdict {
            state: DatabaseState::Disconnected,
            reason,
            next: None,
        });
    }

    /// Whether the verdict is final for now: connected or disconnected.
    pub fn is_settled(&self) -> bool {
        matches!(self.phase, Phase::Connected(_) | Phase::Disconnected)
    }

    /// Nothing is left to be judged: the database is not stretched any more.
    fn forget(&mut self) {
        self.phase = Phase::Start;
        self.claim = None;
        self.verdict = Verdict::default();
        publish::unpublish();
    }

    /// Forgets the verdict, so that the next step judges anew.
    pub fn judge_anew(&mut self) -> Result<()> {
        self.phase = Phase::Start;
        self.claim = None;
        self.judge_locally()
    }

    /// The claim, while connected.
    pub fn claim(&self) -> Option<Claim> {
        self.claim.filter(|_| self.verdict.state == DatabaseState::Connected)
    }

    /// Whether rows may migrate to staging: also while the endpoint does not answer, but not while somebody else may
    /// still own the branch (F39).
    pub fn may_migrate(&self) -> bool {
        verdict::may_migrate(&self.verdict)
    }
}
