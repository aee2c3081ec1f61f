//! Gathering of the facts that the verdict is formed from (`stretch_core::verdict`).

use super::history::{self, History};
use super::marker::Content;
use crate::catalog::rows::Binding;
use crate::endpoint::secrets::key_file;
use crate::pg::shmem;
use pgrx::pg_sys;
use stretch_core::ids::Nonce;
use stretch_core::verdict::{self, LocalFacts, Marker, PresentMarker, StartFacts, ThisServer};
use stretch_endpoint::bodies::{ClaimBody, LeaseBody};

/// When this postmaster started, in microseconds since 2000.
pub fn postmaster_start() -> i64 {
    // SAFETY: set once by the postmaster, inherited by every child.
    unsafe { pg_sys::PgStartTime }
}

/// What the server knows without the endpoint. `marker` is `None` when another process holds it.
pub fn local(binding: Option<&Binding>, marker: Option<Option<&Content>>, history: &History) -> LocalFacts {
    let system_identifier = history::system_identifier();
    // SAFETY: plain global.
    let database_oid = unsafe { pg_sys::MyDatabaseId }.to_u32();
    LocalFacts {
        deauthorized: marker.flatten().is_some_and(|content| content.deauthorized),
        binding: binding.map(core_binding),
        this: ThisServer {
            system_identifier,
            database_oid,
            timeline: history.timeline,
        },
        start: start_facts(binding, marker.flatten()),
        sentence: marker
            .flatten()
            .zip(binding)
            .and_then(|(content, binding)| content.sentenced(binding.nonce.uuid())),
        targeted_switch_after_claim: binding
            .is_some_and(|binding| history.targeted_after(binding.timeline, binding.lsn)),
        service_key_present: key_file::present(),
        marker: match marker {
            None => Marker::LockedByOther,
            Some(None) => Marker::Missing,
            Some(Some(content)) => Marker::Present(PresentMarker {
                nonce: content.nonce().map(Nonce::from_uuid),
                intent: content.intent.as_ref().and_then(|intent| {
                    let nonce = intent.nonce().map(Nonce::from_uuid);
                    // What an administrator began counts when it is bound, and not before: nothing is compared yet.
                    let is_bound = binding.is_some_and(|binding| Some(binding.nonce) == nonce);
                    nonce.filter(|_| intent.is_next_generation() || is_bound)
                }),
                sequence: content.sequence,
                lsn: content.lsn,
                lsn_in_history: content.system_identifier == system_identifier
                    && history.contains(content.timeline, content.lsn),
            }),
        },
        witness: witness(),
    }
}

/// The signal files of this start, unless the database was bound since then.
fn start_facts(binding: Option<&Binding>, marker: Option<&Content>) -> StartFacts {
    let bound_since = match (binding, marker) {
        (Some(binding), Some(content)) => {
            content.bound_in_start == Some(postmaster_start()) && content.nonce() == Some(binding.nonce.uuid())
        }
        _ => false,
    };
    if bound_since || !shmem::available() {
        return StartFacts::default();
    }
    let start = shmem::with(|shared| shared.start);
    StartFacts {
        standby_signal: start.standby_signal,
        recovery_signal: start.recovery_signal,
        backup_label: start.backup_label,
    }
}

/// This postmaster was started as a standby and has been connected to a primary since (F7): to which stays in shared
/// memory after the promotion. The receiver's positions prove nothing: they are set when it is asked for a stream,
/// before there is a connection.
fn witness() -> bool {
    if !shmem::available() || !shmem::with(|shared| shared.start.standby_signal) {
        return false;
    }
    // SAFETY: set by the postmaster before any child starts; the port is one aligned word, written by the receiver once
    // it is connected, and never zero afterwards.
    unsafe { (&raw const (*pg_sys::WalRcv).sender_port).read_volatile() != 0 }
}

fn core_binding(binding: &Binding) -> verdict::Binding {
    verdict::Binding {
        branch_id: binding.branch_id,
        generation: binding.generation as u64,
        nonce: binding.nonce,
        system_identifier: binding.system_identifier,
        database_oid: binding.database_oid.to_u32(),
        timeline: binding.timeline,
        lsn: binding.lsn,
    }
}

/// What was read from the endpoint, in the verdict's words.
pub fn seen(
    highest: Option<&ClaimBody>,
    newest: Option<&LeaseBody>,
    movement: verdict::Movement,
    history: &History,
) -> verdict::Seen {
    verdict::Seen {
        highest: highest.map(|claim| verdict::HighestClaim {
            generation: claim.generation,
            nonce: Nonce::from_uuid(claim.nonce),
            had_heartbeat: newest.is_some_and(|beat| beat.generation >= claim.generation),
        }),
        newest_heartbeat: newest.map(|beat| verdict::Heartbeat {
            generation: beat.generation,
            nonce: Nonce::from_uuid(beat.nonce),
            sequence: beat.sequence,
            lsn: beat.flushed_lsn,
            lsn_in_history: beat.system_identifier == history::system_identifier()
                && history.contains(beat.timeline, beat.flushed_lsn),
        }),
        movement,
    }
}
