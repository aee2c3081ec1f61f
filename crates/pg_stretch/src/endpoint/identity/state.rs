//! What the worker knows of its claim and of the way there. The phases hold what each step leaves for the next.

use super::history::History;
use super::marker::MarkerFile;
use crate::catalog::rows::{Binding, Database};
use crate::endpoint::open;
use crate::pg::error::Result;
use crate::pg::io::Ticket;
use crate::pg::txn;
use pgrx::pg_sys;
use std::sync::Arc;
use std::time::Instant;
use stretch_core::verdict::{LocalFacts, Verdict};
use stretch_endpoint::bodies::{ClaimBody, LeaseBody};
pub use stretch_endpoint::claim::Claim;
use stretch_endpoint::claim::{ClaimOutcome, Validity};
use stretch_endpoint::lease::Heartbeat;
use stretch_endpoint::{Endpoint, EndpointError};

/// Where the worker is in forming and keeping its verdict.
#[derive(Default)]
pub enum Phase {
    /// Nothing was looked at yet.
    #[default]
    Start,
    /// Watching what others do on the branch.
    Watching(Box<Watch>),
    /// Trying to create the next claim.
    Claiming(Box<Claiming>),
    /// The claim is ours; heartbeats go on.
    Connected(Box<Beats>),
    /// Only an administrator can change anything.
    Disconnected,
}

/// The worker's view of its claim; lives as long as the worker.
#[derive(Default)]
pub struct Identity {
    pub(super) phase: Phase,
    pub(super) marker: Option<Box<MarkerFile>>,
    pub(super) verdict: Verdict,
    pub(super) claim: Option<Claim>,
}

/// What a read of a branch finds: its highest claim and its newest heartbeat.
pub type Look = std::result::Result<(Option<ClaimBody>, Option<LeaseBody>), EndpointError>;

/// The watch over a branch.
pub struct Watch {
    pub database: Database,
    pub binding: Binding,
    pub(super) local: LocalFacts,
    pub(super) history: History,
    pub(super) ticket: Option<Ticket<Look>>,
    pub(super) last_read: Option<Instant>,
    /// Newest heartbeat at the last successful read, and since when it stands still.
    pub(super) newest: Option<(Option<(u64, u64)>, Instant)>,
    pub(super) first_move: Option<Instant>,
    pub(super) reads: u32,
}

/// An attempt to claim the next generation.
pub struct Claiming {
    pub(super) database: Database,
    pub(super) binding: Binding,
    pub(super) body: ClaimBody,
    pub(super) verdict: Verdict,
    pub(super) ticket: Ticket<std::result::Result<ClaimOutcome, EndpointError>>,
}

/// What a heartbeat finds.
pub type Beat = std::result::Result<(Heartbeat, Validity), EndpointError>;

/// State of the heartbeats under one claim.
pub struct Beats {
    pub(super) ticket: Option<Ticket<Beat>>,
    /// The heartbeat that was not answered: it is repeated with the very same content.
    pub(super) pending: Option<LeaseBody>,
    pub(super) due: Instant,
    pub(super) failing: bool,
}

/// The bound endpoint, opened in a transaction of its own.
pub fn open_bound() -> Result<Arc<Endpoint>> {
    txn::run(|| {
        // SAFETY: inside a transaction with an active snapshot.
        open::bound(unsafe { pg_sys::GetActiveSnapshot() })
    })
}
