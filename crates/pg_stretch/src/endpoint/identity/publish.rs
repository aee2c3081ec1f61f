//! Publishing of the verdict in shared memory, for every backend of the database, and in the server log.

use super::state::Claim;
use crate::catalog::tables;
use crate::pg::{error, shmem, txn};
use pgrx::pg_sys;
use stretch_core::state::DatabaseState;
use stretch_core::verdict::Verdict;
use uuid::Uuid;

/// Publishes the verdict; logs it when the state changed.
pub fn publish(verdict: &Verdict, may_read: bool, claim: Option<&Claim>) {
    store(verdict, Some(may_read), claim);
}

/// Publishes the verdict and leaves untouched whether backends may read.
pub fn publish_keeping_read(verdict: &Verdict) {
    store(verdict, None, None);
}

/// Takes the verdict back.
pub fn unpublish() {
    // SAFETY: plain global.
    let me = unsafe { pg_sys::MyDatabaseId };
    shmem::with(|shared| {
        if let Some(slot) = shared.slot(me) {
            slot.judged = false;
            slot.may_read = false;
        }
    });
    shmem::broadcast();
}

fn store(verdict: &Verdict, may_read: Option<bool>, claim: Option<&Claim>) {
    // SAFETY: plain global and a clock.
    let (me, now) = unsafe { (pg_sys::MyDatabaseId, pg_sys::GetCurrentTimestamp()) };
    let changed = shmem::with(|shared| {
        let Some(slot) = shared.slot(me) else {
            return false;
        };
        let changed = !slot.judged || slot.state != verdict.state || slot.rule != verdict.rule();
        slot.judged = true;
        slot.state = verdict.state;
        slot.rule = verdict.rule();
        slot.reason.set(verdict.reason.text());
        if let Some(may_read) = may_read {
            slot.may_read = may_read;
        }
        if let Some(claim) = claim {
            slot.generation = claim.generation as i64;
            slot.branch = *claim.branch.as_bytes();
            slot.nonce = *claim.nonce.as_bytes();
        }
        if changed {
            slot.since = now;
        }
        changed
    });
    shmem::broadcast();
    if changed {
        say(verdict);
    }
}

fn say(verdict: &Verdict) {
    let hint = (verdict.state == DatabaseState::Disconnected)
        .then(|| {
            txn::run(|| {
                // SAFETY: inside a transaction with an active snapshot.
                let snapshot = unsafe { pg_sys::GetActiveSnapshot() };
                let binding = tables::binding(snapshot)?;
                Ok(crate::endpoint::refusal::missing_statements(binding.as_ref(), snapshot))
            })
            .ok()
        })
        .flatten();
    error::report(
        pg_sys::LOG as i32,
        "00000",
        &format!(
            "pg_stretch: this database is {}: {}",
            verdict.state,
            verdict.reason.text()
        ),
        None,
        hint.map(|statements| format!("Run {statements}")).as_deref(),
    );
}

/// Whether this database is already published as connected with this claim.
pub fn connected_as(generation: i64, nonce: Uuid) -> bool {
    shmem::my_slot().is_some_and(|slot| {
        slot.judged
            && slot.state == DatabaseState::Connected
            && slot.generation == generation
            && slot.nonce == *nonce.as_bytes()
    })
}

/// Shows trouble with claim or heartbeat in `stretch.status`; an empty text when it is over.
pub fn claim_error(text: &str) {
    // SAFETY: plain global.
    let me = unsafe { pg_sys::MyDatabaseId };
    shmem::with(|shared| {
        if let Some(slot) = shared.slot(me) {
            slot.claim_error.set(text);
        }
    });
}
