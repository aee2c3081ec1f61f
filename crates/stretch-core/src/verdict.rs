//! The verdict: whether this incarnation of a database may go on using its branch of the endpoint (design §9).
//!
//! [`judge`] is Appendix 2 of the design as a pure function. The rules are tried in order, the first that matches
//! decides, the default is *disconnected*.

mod facts;
#[cfg(test)]
mod tests;

use crate::state::DatabaseState;
pub use facts::*;

/// What the worker does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Claim the next generation with a new nonce; only when that claim exists is the state *connected* real.
    ClaimNextGeneration,
    /// Read the heartbeats again and judge again.
    WatchOn,
    /// Try to reach the endpoint again and judge again.
    RetryEndpoint,
}

/// Why the verdict is what it is. Small numbers, so that shared memory can hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Reason {
    /// Nothing was judged since the postmaster started.
    #[default]
    NotJudged = 0,
    /// Rule 1: the catalog has no binding (dump, schema copy, never enabled).
    NoBinding = 1,
    /// Rule 1: the binding was made in another cluster.
    OtherSystem = 2,
    /// Rule 1: the binding was made in another database of this cluster.
    OtherDatabase = 3,
    /// Rule 2: the server was started to recover from an archive or a base backup.
    Restored = 4,
    /// Rule 2: since the claim the timeline was switched at a recovery target.
    RestoredToTarget = 5,
    /// Rule 3: the service key is not on this server.
    NoServiceKey = 6,
    /// Rule 3: a living process holds the marker.
    MarkerLocked = 7,
    /// Rule 4: the endpoint does not answer.
    EndpointUnreachable = 8,
    /// Rule 5: another incarnation owns the branch.
    Fenced = 9,
    /// Rule 6: the heartbeats have not been watched for a whole lease time.
    Watching = 10,
    /// Rule 6: somebody writes heartbeats; the end of that is awaited.
    OwnerStillLives = 11,
    /// Rule 6: somebody goes on writing heartbeats.
    OwnerLives = 12,
    /// Rule 7: the same server was restarted.
    Restarted = 13,
    /// Rule 8: a standby was promoted.
    Promoted = 14,
    /// Rule 9: nothing proves that this incarnation was the last writer.
    NotProven = 15,
    /// `reauthorize` or `enable_database` bound this incarnation (no rule; set by the caller).
    Authorized = 16,
    /// `deauthorize` or `disable_database` ended it (no rule; set by the caller).
    Deauthorized = 17,
    /// Another incarnation claimed the branch, or wrote our heartbeat's name, while we were connected (F41; set by the
    /// caller).
    Overtaken = 18,
}

impl Reason {
    const ALL: [Reason; 19] = [
        Self::NotJudged,
        Self::NoBinding,
        Self::OtherSystem,
        Self::OtherDatabase,
        Self::Restored,
        Self::RestoredToTarget,
        Self::NoServiceKey,
        Self::MarkerLocked,
        Self::EndpointUnreachable,
        Self::Fenced,
        Self::Watching,
        Self::OwnerStillLives,
        Self::OwnerLives,
        Self::Restarted,
        Self::Promoted,
        Self::NotProven,
        Self::Authorized,
        Self::Deauthorized,
        Self::Overtaken,
    ];

    /// The reason stored as this number; an unknown number is [`Reason::NotJudged`].
    pub fn from_code(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).copied().unwrap_or(Self::NotJudged)
    }

    /// The rule of Appendix 2 that decided, 1 to 9; 0 where none did.
    pub const fn rule(self) -> u8 {
        match self {
            Self::NotJudged | Self::Authorized | Self::Deauthorized | Self::Overtaken => 0,
            Self::NoBinding | Self::OtherSystem | Self::OtherDatabase => 1,
            Self::Restored | Self::RestoredToTarget => 2,
            Self::NoServiceKey | Self::MarkerLocked => 3,
            Self::EndpointUnreachable => 4,
            Self::Fenced => 5,
            Self::Watching | Self::OwnerStillLives | Self::OwnerLives => 6,
            Self::Restarted => 7,
            Self::Promoted => 8,
            Self::NotProven => 9,
        }
    }

    /// The reason in words, for `stretch.status`, the log and the detail of ST001.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotJudged => "the worker has not judged the database yet",
            Self::NoBinding => "this incarnation of the database was never authorized (restored from a dump)",
            Self::OtherSystem => {
                "the database was authorized in another cluster (copied, upgraded or made a subscriber)"
            }
            Self::OtherDatabase => {
                "the database was authorized under another oid (copied by CREATE DATABASE … TEMPLATE)"
            }
            Self::Restored => "the server was restored from a backup",
            Self::RestoredToTarget => "the server was restored to a recovery target",
            Self::NoServiceKey => "the service key is not on this server",
            Self::MarkerLocked => "another running server holds the marker of this database",
            Self::EndpointUnreachable => "the endpoint does not answer",
            Self::Fenced => "another incarnation of the database owns the branch",
            Self::Watching => "the worker is watching whether another incarnation writes heartbeats",
            Self::OwnerStillLives => {
                "another incarnation of the database still writes heartbeats; waiting for it to end"
            }
            Self::OwnerLives => "another incarnation of the database writes heartbeats",
            Self::Restarted => "the same server was restarted",
            Self::Promoted => "a standby was promoted",
            Self::NotProven => {
                "nothing proves that this server was the last writer (marker lost, moved, or storage rolled back)"
            }
            Self::Authorized => "authorized",
            Self::Deauthorized => "deauthorized",
            Self::Overtaken => "another incarnation of the database took the branch over",
        }
    }
}

/// A state, why, and what to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    /// The state of the database. With [`Next::ClaimNextGeneration`], *connected* holds only once the claim is made.
    pub state: DatabaseState,
    /// What decided.
    pub reason: Reason,
    /// What the worker does next; `None` when only an administrator can change anything.
    pub next: Option<Next>,
}

impl Verdict {
    const fn new(state: DatabaseState, reason: Reason, next: Option<Next>) -> Self {
        Self { state, reason, next }
    }

    const fn disconnected(reason: Reason) -> Self {
        Self::new(DatabaseState::Disconnected, reason, None)
    }

    /// The rule of Appendix 2 that decided; 0 before the first verdict.
    pub const fn rule(&self) -> u8 {
        self.reason.rule()
    }
}

/// Rules 1 to 3: what the server knows without the endpoint. `Some` is a final *disconnected*.
pub fn judge_locally(facts: &LocalFacts) -> Option<Reason> {
    // Rule 1. Never across system identifiers, never across databases.
    let Some(binding) = &facts.binding else {
        return Some(match facts.deauthorized {
            true => Reason::Deauthorized,
            false => Reason::NoBinding,
        });
    };
    if binding.system_identifier != facts.this.system_identifier {
        return Some(Reason::OtherSystem);
    }
    if binding.database_oid != facts.this.database_oid {
        return Some(Reason::OtherDatabase);
    }
    // Rule 2. A restore stays a restore, whatever the timeline history says (F7).
    if facts.start.recovery_signal || (facts.start.backup_label && !facts.start.standby_signal) {
        return Some(Reason::Restored);
    }
    if facts.targeted_switch_after_claim {
        return Some(Reason::RestoredToTarget);
    }
    // What an earlier start found, unless the data directory has become that of a standby of a living primary since.
    if let Some(reason) = facts.sentence.filter(|_| !facts.witness) {
        return Some(reason);
    }
    // Rule 3.
    if !facts.service_key_present {
        return Some(Reason::NoServiceKey);
    }
    if facts.marker == Marker::LockedByOther {
        return Some(Reason::MarkerLocked);
    }
    None
}

/// Whether a verdict has to be kept for the next start, which would not come to it: signal files are gone then, and the
/// log may have grown past a position that was not in it.
pub fn outlives_the_start(facts: &LocalFacts, reason: Reason) -> bool {
    match reason {
        Reason::Restored | Reason::RestoredToTarget => true,
        Reason::NotProven => matches!(facts.marker, Marker::Present(marker) if !marker.lsn_in_history),
        _ => false,
    }
}

/// Appendix 2: the verdict from all facts.
pub fn judge(facts: &Facts) -> Verdict {
    use DatabaseState::{Connected, Undecided, Waiting};
    if let Some(reason) = judge_locally(&facts.local) {
        return Verdict::disconnected(reason);
    }
    let Some(binding) = &facts.local.binding else {
        return Verdict::disconnected(Reason::NoBinding);
    };
    // Rule 4.
    let EndpointFacts::Seen(seen) = &facts.endpoint else {
        return Verdict::new(Undecided, Reason::EndpointUnreachable, Some(Next::RetryEndpoint));
    };
    // Rule 5.
    if is_fenced(binding, &facts.local.marker, seen) {
        return Verdict::disconnected(Reason::Fenced);
    }
    let marker = own_marker(binding, &facts.local.marker, seen);
    // Rule 6.
    match seen.movement {
        Movement::StillWatching => {
            return Verdict::new(Undecided, Reason::Watching, Some(Next::WatchOn));
        }
        Movement::Moves if (facts.local.witness || marker.is_some()) && !facts.promotion_wait_over => {
            return Verdict::new(Waiting, Reason::OwnerStillLives, Some(Next::WatchOn));
        }
        Movement::Moves => return Verdict::disconnected(Reason::OwnerLives),
        Movement::Still => {}
    }
    // A store without any claim has lost the one we descend from: there is no next generation to claim.
    if seen.highest.is_none() {
        return Verdict::disconnected(Reason::NotProven);
    }
    // Rule 7.
    if marker.is_some_and(|marker| is_last_writer(marker, seen)) {
        return Verdict::new(Connected, Reason::Restarted, Some(Next::ClaimNextGeneration));
    }
    // Rule 8.
    if facts.local.witness && facts.local.this.timeline > binding.timeline {
        return Verdict::new(Connected, Reason::Promoted, Some(Next::ClaimNextGeneration));
    }
    // Rule 9.
    Verdict::disconnected(Reason::NotProven)
}

/// Rule 5: a claim that is not ours has been used. A claim without any heartbeat fences nobody (F20), but then an
/// older foreign claim that did have one still does.
fn is_fenced(binding: &Binding, marker: &Marker, seen: &Seen) -> bool {
    let intent = match marker {
        Marker::Present(marker) => marker.intent,
        _ => None,
    };
    let ours = |nonce| nonce == binding.nonce || Some(nonce) == intent;
    let claimed = seen
        .highest
        .is_some_and(|highest| highest.had_heartbeat && !ours(highest.nonce));
    let used = seen
        .newest_heartbeat
        .is_some_and(|beat| beat.generation > binding.generation && !ours(beat.nonce));
    claimed || used
}

/// The marker, if it speaks about the claim that counts. A marker with another nonce is ignored (F19d).
///
/// It counts by its nonce or by its intent (F20), also when the intended claim is bound already and only the marker was
/// not told. When the highest claim is a stranger's that was never used, the claim that counts is the binding's.
fn own_marker<'a>(binding: &Binding, marker: &'a Marker, seen: &Seen) -> Option<&'a PresentMarker> {
    let Marker::Present(marker) = marker else {
        return None;
    };
    let highest = seen.highest?;
    let unused = highest.generation > binding.generation && !highest.had_heartbeat;
    let just_bound = highest.nonce == binding.nonce && !highest.had_heartbeat;
    let by_nonce = marker.nonce == Some(highest.nonce);
    let by_intent = (unused || just_bound) && marker.intent == Some(highest.nonce);
    let by_binding = unused && marker.nonce == Some(binding.nonce);
    (by_nonce || by_intent || by_binding).then_some(marker)
}

/// Rule 7: no heartbeat of this nonce is newer than the marker (it is written first, F6), and its LSN is in our
/// history.
fn is_last_writer(marker: &PresentMarker, seen: &Seen) -> bool {
    let not_overtaken = seen
        .newest_heartbeat
        .is_none_or(|beat| Some(beat.nonce) != marker.nonce || marker.sequence >= beat.sequence);
    not_overtaken && marker.lsn_in_history
}

/// Whether a heartbeat LSN outside our history, the lost tail of a failover, should be logged (rule 8, F19a).
pub fn has_lost_tail(facts: &Facts) -> bool {
    match &facts.endpoint {
        EndpointFacts::Seen(seen) => seen.newest_heartbeat.is_some_and(|beat| !beat.lsn_in_history),
        EndpointFacts::Unreachable => false,
    }
}

/// Whether a primary may read the endpoint. Before the verdict the local facts decide: rules 1 to 3, and an own marker
/// with the binding's nonce (C-10). A disconnected database reads nothing.
pub fn may_read(state: DatabaseState, facts: &LocalFacts) -> bool {
    match state {
        DatabaseState::Connected => true,
        DatabaseState::Disconnected => false,
        DatabaseState::Undecided | DatabaseState::Waiting => {
            judge_locally(facts).is_none()
                && match (&facts.marker, &facts.binding) {
                    (Marker::Present(marker), Some(binding)) => marker.nonce == Some(binding.nonce),
                    _ => false,
                }
        }
    }
}

/// Whether a server in recovery may read the endpoint: a real standby of this system, with the key (F49).
pub fn may_read_in_recovery(facts: &LocalFacts) -> bool {
    facts.start.standby_signal
        && !facts.start.recovery_signal
        && facts.service_key_present
        && facts.binding.is_some_and(|binding| {
            binding.system_identifier == facts.this.system_identifier && binding.database_oid == facts.this.database_oid
        })
}

/// Whether rows may migrate: when connected, and when undecided only because the endpoint does not answer or is still
/// being watched, since object names are chosen at upload (F39). Never while disconnected or waiting, and not before
/// the first verdict.
pub fn may_migrate(verdict: &Verdict) -> bool {
    match verdict.state {
        DatabaseState::Connected => true,
        DatabaseState::Undecided => {
            matches!(verdict.reason, Reason::EndpointUnreachable | Reason::Watching)
        }
        DatabaseState::Waiting | DatabaseState::Disconnected => false,
    }
}

/// Whether objects may be created on the endpoint.
pub fn may_upload(state: DatabaseState) -> bool {
    state == DatabaseState::Connected
}

/// Whether staged bytes may be dropped at all; `staging::may_purge` decides for each segment (F15).
pub fn may_purge(state: DatabaseState) -> bool {
    state == DatabaseState::Connected
}

/// Whether objects may be deleted from the endpoint; the claim is validated besides (design §11).
pub fn may_collect(state: DatabaseState) -> bool {
    state == DatabaseState::Connected
}
