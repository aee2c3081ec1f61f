//! What backends ask: may this database read its endpoint, is it connected, and what to tell the user when not.

use super::history::History;
use super::{facts, marker};
use crate::catalog;
use crate::catalog::rows::Binding;
use crate::endpoint::refusal::{error_for, with_snapshot};
use crate::pg::error::{Error, Result};
use crate::pg::request;
use crate::pg::shmem::{self, Slot};
use pgrx::pg_sys;
use stretch_core::errors;
use stretch_core::state::DatabaseState;
use stretch_core::verdict::{self, Reason};

/// Passes when local facts, or the verdict of the worker, allow this database to read its endpoint; otherwise ST001
/// with state, reason and the statements that are missing. Never waits.
pub fn require_read() -> Result<()> {
    shmem::require()?;
    if let Some(slot) = judged_slot()
        && !in_recovery()
    {
        return if slot.may_read { Ok(()) } else { Err(refusal(&slot)) };
    }
    with_snapshot(|snapshot| {
        let binding = catalog::tables::binding(snapshot)?;
        let (facts, allowed) = here(binding.as_ref());
        if allowed {
            if !in_recovery() {
                request::want_worker();
            }
            return Ok(());
        }
        let reason = verdict::judge_locally(&facts).unwrap_or(Reason::NotJudged);
        Err(error_for(state_of(reason), reason.text(), binding.as_ref(), snapshot))
    })
}

/// Passes when the worker's verdict is *connected*: for everything that writes to the endpoint.
pub fn require_connected() -> Result<()> {
    shmem::require()?;
    match judged_slot() {
        Some(slot) if slot.state == DatabaseState::Connected => Ok(()),
        Some(slot) => Err(refusal(&slot)),
        None => {
            request::want_worker();
            require_read()?;
            Err(
                Error::new(&errors::DISCONNECTED, "this database has not been judged yet")
                    .hint("Wait until the worker has judged it; stretch.status shows the state."),
            )
        }
    }
}

/// Whether the verdict is *disconnected*, so that secrets may be replaced. Judges by local facts where no worker has.
pub fn is_disconnected() -> Result<bool> {
    if let Some(slot) = judged_slot() {
        return Ok(slot.state == DatabaseState::Disconnected);
    }
    with_snapshot(|snapshot| {
        let binding = catalog::tables::binding(snapshot)?;
        let (facts, _) = here(binding.as_ref());
        Ok(verdict::judge_locally(&facts).is_some())
    })
}

/// Asks the worker to judge anew. The caller has just replaced a secret, and the verdict may be "disconnected" only
/// because secrets did not open (rule 3).
pub fn judge_again() {
    let stuck = judged_slot().is_some_and(|slot| slot.state == DatabaseState::Disconnected && slot.rule == 3);
    if stuck && let Err(error) = request::call("judge_again", &serde_json::Value::Null) {
        error.report(pg_sys::WARNING as i32);
    }
}

/// The slot of this database, when its worker has judged.
fn judged_slot() -> Option<Slot> {
    shmem::my_slot().filter(|slot| slot.judged)
}

fn in_recovery() -> bool {
    // SAFETY: plain getter on shared memory.
    unsafe { pg_sys::RecoveryInProgress() }
}

/// Local facts as this backend sees them, and whether they allow reading.
fn here(binding: Option<&Binding>) -> (verdict::LocalFacts, bool) {
    let content = marker::peek();
    let facts = facts::local(binding, Some(content.as_ref()), &History::now());
    let allowed = if in_recovery() {
        verdict::may_read_in_recovery(&facts)
    } else {
        verdict::may_read(DatabaseState::Undecided, &facts)
    };
    (facts, allowed)
}

/// State and reason as local facts alone give them, where no worker has judged.
pub fn local_verdict(binding: Option<&Binding>) -> (DatabaseState, String) {
    let (facts, _) = here(binding);
    let reason = verdict::judge_locally(&facts).unwrap_or(Reason::NotJudged);
    (state_of(reason), reason.text().into())
}

/// Without a local reason the worker still has to judge.
fn state_of(reason: Reason) -> DatabaseState {
    match reason {
        Reason::NotJudged => DatabaseState::Undecided,
        _ => DatabaseState::Disconnected,
    }
}

fn refusal(slot: &Slot) -> Error {
    let state = slot.state;
    with_snapshot(|snapshot| {
        let binding = catalog::tables::binding(snapshot)?;
        Ok(error_for(state, &slot.reason.get(), binding.as_ref(), snapshot))
    })
    .unwrap_or_else(|error| error)
}
