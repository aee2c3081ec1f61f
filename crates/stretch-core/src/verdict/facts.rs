//! The facts that a verdict is formed from; other crates gather them.

use super::Reason;
use crate::ids::{BranchId, Nonce};

/// The claim this incarnation descends from: the row of `stretch.binding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The branch that was claimed.
    pub branch_id: BranchId,
    /// The generation of the claim, from 1.
    pub generation: u64,
    /// The nonce of the claim.
    pub nonce: Nonce,
    /// `pg_control`'s system identifier when the claim was bound.
    pub system_identifier: u64,
    /// The database's oid when the claim was bound.
    pub database_oid: u32,
    /// The timeline on which the claim was bound.
    pub timeline: u32,
    /// The LSN at which the claim was bound.
    pub lsn: u64,
}

/// Who is asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThisServer {
    /// `pg_control`'s system identifier.
    pub system_identifier: u64,
    /// The oid of the database.
    pub database_oid: u32,
    /// The timeline the server writes on.
    pub timeline: u32,
}

/// Which signal files lay in the data directory when the postmaster started (F7).
///
/// They describe the start. Once this incarnation has been bound since then, they no longer count, and whoever gathers
/// the facts passes the default; otherwise a crash of one backend would disconnect a reauthorized database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StartFacts {
    /// `standby.signal` was there.
    pub standby_signal: bool,
    /// `recovery.signal` was there.
    pub recovery_signal: bool,
    /// `backup_label` was there.
    pub backup_label: bool,
}

/// The content of a marker that we could lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresentMarker {
    /// The nonce of the claim that was bound last; `None` before the first.
    pub nonce: Option<Nonce>,
    /// The nonce of a claim that was about to be made; kept until its binding has committed (F20, F21).
    pub intent: Option<Nonce>,
    /// The heartbeat sequence, written here before the heartbeat itself (F6).
    pub sequence: u64,
    /// A flushed LSN.
    pub lsn: u64,
    /// Whether the marker's timeline and LSN lie in this server's history.
    pub lsn_in_history: bool,
}

/// The marker of this data directory and database, outside the data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// There is none, or it cannot be read.
    Missing,
    /// A living process other than ours holds it.
    LockedByOther,
    /// It is ours and locked by us.
    Present(PresentMarker),
}

/// The highest claim of the branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HighestClaim {
    /// Its generation, from 1.
    pub generation: u64,
    /// Its nonce.
    pub nonce: Nonce,
    /// Whether a heartbeat was ever written under it.
    pub had_heartbeat: bool,
}

/// The newest heartbeat of the branch: the highest generation, then the highest sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// The generation it was written under.
    pub generation: u64,
    /// The nonce in it.
    pub nonce: Nonce,
    /// Its sequence number.
    pub sequence: u64,
    /// The flushed LSN in it.
    pub lsn: u64,
    /// Whether its timeline and LSN lie in this server's history; false for another system identifier (F41).
    pub lsn_in_history: bool,
}

/// Whether heartbeats appear, by the observer's own monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// Not yet watched for one lease time; none appeared so far.
    StillWatching,
    /// A heartbeat appeared that we did not write.
    Moves,
    /// None appeared for one lease time, over several reads.
    Still,
}

/// What the endpoint shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The highest claim; `None` when the branch has none.
    pub highest: Option<HighestClaim>,
    /// The newest heartbeat, if there is any.
    pub newest_heartbeat: Option<Heartbeat>,
    /// Whether somebody goes on writing heartbeats.
    pub movement: Movement,
}

/// The endpoint's part of the facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointFacts {
    /// It does not answer, or refuses the credential.
    Unreachable,
    /// It answered.
    Seen(Seen),
}

/// What the server knows without the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalFacts {
    /// `deauthorize` took the binding away, and none was made since.
    pub deauthorized: bool,
    /// The binding in the catalog.
    pub binding: Option<Binding>,
    /// This server and database.
    pub this: ThisServer,
    /// How the postmaster was started.
    pub start: StartFacts,
    /// A timeline switch after the binding's timeline names a recovery target in its history file (F19c).
    pub targeted_switch_after_claim: bool,
    /// The verdict of an earlier start about this binding's claim, kept in the marker because it holds until somebody
    /// reauthorizes (rule 2).
    pub sentence: Option<Reason>,
    /// The service key file is there and readable.
    pub service_key_present: bool,
    /// The marker.
    pub marker: Marker,
    /// A witness: this server was started as a standby and has been connected to a primary since (F7).
    pub witness: bool,
}

/// All facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// What the server knows by itself.
    pub local: LocalFacts,
    /// What the endpoint shows.
    pub endpoint: EndpointFacts,
    /// `promotion_wait` has passed since the first moving heartbeat was seen.
    pub promotion_wait_over: bool,
}
