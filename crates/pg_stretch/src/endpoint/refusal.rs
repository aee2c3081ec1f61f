//! ST001 with the way out: what a database that may not use its endpoint tells the user.

use super::secrets;
use crate::catalog;
use crate::catalog::rows::Binding;
use crate::catalog::snapshot::Latest;
use crate::pg::error::{Error, Result};
use crate::pg::txn;
use pgrx::pg_sys;
use stretch_core::errors;
use stretch_core::state::DatabaseState;
use stretch_core::verdict::Reason;

/// ST001 for a database whose catalog has no binding.
pub fn disconnected_without_binding() -> Error {
    with_snapshot(|snapshot| {
        Ok(error_for(
            DatabaseState::Disconnected,
            Reason::NoBinding.text(),
            None,
            snapshot,
        ))
    })
    .unwrap_or_else(|error| error)
}

/// ST001 with the way out: exactly the statements that are missing.
pub fn error_for(state: DatabaseState, reason: &str, binding: Option<&Binding>, snapshot: pg_sys::Snapshot) -> Error {
    let error = Error::new(&errors::DISCONNECTED, format!("this database is {state}: {reason}"));
    // SAFETY: plain getter on shared memory.
    if unsafe { pg_sys::RecoveryInProgress() } {
        return error.hint(match reason == Reason::NoServiceKey.text() {
            true => "Copy the service key file of the primary to this server.",
            false => "Wait until the recovery has ended: before that nothing can be reauthorized.",
        });
    }
    if state != DatabaseState::Disconnected {
        return error.hint("Try again when the worker has judged the database; stretch.status shows its state.");
    }
    error.hint(format!("Run {}", missing_statements(binding, snapshot)))
}

/// The statements that lead back to *connected*.
pub fn missing_statements(binding: Option<&Binding>, snapshot: pg_sys::Snapshot) -> String {
    let name = binding
        .map(|binding| binding.credential.clone())
        .or_else(|| catalog::tables::database_credential(snapshot).ok().flatten())
        .unwrap_or_else(|| "cred".into());
    let quoted = crate::pg::names::quote_literal(&name);
    let mut statements = Vec::new();
    if secrets::master_key(snapshot).is_err() {
        statements.push("SELECT stretch.create_master_key('password');".to_string());
    }
    if secrets::credential(&name, snapshot).is_err() {
        statements.push(format!(
            "SELECT stretch.create_credential({quoted}, identity => '…', secret => '…');"
        ));
    }
    statements.push(format!("SELECT stretch.reauthorize({quoted});"));
    statements.join(" ")
}

/// Under the active snapshot, or one taken now.
pub fn with_snapshot<R>(f: impl FnOnce(pg_sys::Snapshot) -> Result<R>) -> Result<R> {
    // SAFETY: getters of the transaction and snapshot managers. In a parallel worker only the active snapshot may be
    // used.
    unsafe {
        if !pg_sys::IsTransactionState() {
            return txn::run(|| f(pg_sys::GetActiveSnapshot()));
        }
        if pg_sys::ActiveSnapshotSet() {
            return f(pg_sys::GetActiveSnapshot());
        }
    }
    let latest = Latest::take();
    f(latest.get())
}
