//! Dispatch of requests that backends hand to the worker.

use super::calls;
use super::state::Worker;
use crate::ddl::enable::adopt;
use crate::endpoint::backup_pins;
use crate::movement::bring_back;
use crate::pg::error::{Error, Result};
use crate::pg::request::Taken;
use crate::pg::txn;
use pgrx::pg_sys;
use serde_json::Value;

/// Carries out one request and answers it; an ERROR inside becomes the caller's error.
pub fn serve(worker: &mut Worker, taken: Taken) {
    let outcome = txn::catch(|| dispatch(worker, &taken));
    if outcome.is_err() {
        // SAFETY: ends a transaction that an ERROR left open; harmless when there is none.
        unsafe { pg_sys::AbortCurrentTransaction() };
    }
    match outcome {
        Ok(Outcome::Waits(relation)) => worker.bring_back.wait(relation, taken),
        Ok(Outcome::Is(answer)) => taken.answer(Ok(answer)),
        Err(error) => taken.answer(Err(error)),
    }
}

/// What came of a request.
enum Outcome {
    Is(Value),
    /// The caller is answered when the table has its rows back.
    Waits(pg_sys::Oid),
}

fn dispatch(worker: &mut Worker, taken: &Taken) -> Result<Outcome> {
    let answer = match taken.op.as_str() {
        bring_back::REQUEST => return calls::bring_back(worker, &taken.args).map(Outcome::Waits),
        "migrate" => calls::migrate(worker, &taken.args),
        "drain" => calls::drain(worker, taken),
        "compact" => calls::compact(worker, taken),
        "collect" => calls::collect(worker, taken),
        "purge_remote" => calls::purge_remote(worker, taken),
        "drop_branch" => calls::drop_branch(worker, taken),
        "pin_backup" => backup_pins::pin(&worker.identity, &taken.args),
        "unpin_backup" => calls::unpin_backup(worker, &taken.args),
        "purge_quarantine" => backup_pins::purge_quarantine(&worker.identity),
        "purge_staged" => calls::purge_staged(worker, taken),
        "enable_database" => worker.identity.enable(&taken.args),
        "reauthorize" => crate::endpoint::reauthorize::reauthorize(&mut worker.identity, &taken.args),
        "reconcile" => crate::endpoint::reauthorize::reconcile(&mut worker.identity, &taken.args),
        adopt::REQUEST => crate::endpoint::reauthorize::adopt(&worker.identity, &taken.args),
        "disable_database" => worker.identity.disable(),
        "deauthorize" => worker.identity.deauthorize(),
        "judge_again" => worker.identity.judge_anew().map(|()| Value::Null),
        other => Err(Error::internal(format!("the worker does not know the request {other}"))),
    };
    answer.map(Outcome::Is)
}
