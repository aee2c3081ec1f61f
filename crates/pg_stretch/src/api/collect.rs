//! `stretch.collect`, `drop_branch`, `pin_backup`, `unpin_backup` and `purge_quarantine`: checks in the caller's
//! session, the work in the worker.

use crate::catalog;
use crate::catalog::snapshot::Latest;
use crate::endpoint::identity;
use crate::pg::error::{Error, OrRaise, Result};
use crate::pg::text::Text;
use crate::pg::{request, shmem, spi, user};
use pgrx::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

/// Seconds from 1970 to 2000, where PostgreSQL's times begin.
const EPOCH_2000: i64 = 946_684_800;

type Rows = TableIterator<
    'static,
    (
        name!(object_key, Text),
        name!(bytes, i64),
        name!(reason, Text),
        name!(deleted, bool),
    ),
>;

/// One round of collection, or what it would do.
#[pg_extern]
fn stretch_collect(dry_run: Option<bool>) -> Rows {
    TableIterator::new(collect(dry_run.unwrap_or(true)).or_raise())
}

fn collect(dry_run: bool) -> Result<Vec<(Text, i64, Text, bool)>> {
    may_call("collect", user::require_database_owner("collect"))?;
    report("collect", json!({ "dry_run": dry_run }))
}

/// Hands a call to the worker and fetches the lines that it left.
fn report(op: &str, mut args: Value) -> Result<Vec<(Text, i64, Text, bool)>> {
    let request: Uuid = crate::pg::random::random_uuid()?;
    args["request"] = request.to_string().into();
    request::call(op, &args)?;
    let _owner = user::ActAs::extension_owner();
    let rows = spi::rows(
        "SELECT object_key, bytes, reason, deleted FROM stretch.collect_report WHERE request_id = $1 ORDER BY ordinal",
        &[pgrx::Uuid::from_bytes(*request.as_bytes()).into()],
        |row| {
            let found = row.get::<Text>(1)?.zip(row.get::<i64>(2)?);
            Ok(found.zip(row.get::<Text>(3)?.zip(row.get::<bool>(4)?)))
        },
    )?;
    let flat = |((key, bytes), (reason, deleted))| (key, bytes, reason, deleted);
    Ok(rows.into_iter().flatten().map(flat).collect())
}

/// Gives up a branch on which nobody lives, or lists what would go.
#[pg_extern]
fn stretch_drop_branch(
    branch_id: Option<pgrx::Uuid>,
    force: Option<bool>,
    dry_run: Option<bool>,
) -> TableIterator<'static, (name!(object_key, Text), name!(bytes, i64))> {
    let run = || {
        may_call("drop_branch", user::require_database_owner("drop_branch"))?;
        let branch = branch_id.ok_or_else(|| Error::argument("branch_id must not be null"))?;
        let branch = Uuid::from_bytes(*branch.as_bytes()).to_string();
        let force = force.unwrap_or(false);
        let lines = report(
            "drop_branch",
            json!({ "branch": branch, "force": force, "dry_run": dry_run.unwrap_or(true) }),
        )?;
        Ok(lines.into_iter().map(|(key, bytes, _, _)| (key, bytes)))
    };
    TableIterator::new(run().or_raise())
}

/// Keeps what a backup that begins now needs. The time is in microseconds since 2000, the position is a `pg_lsn`.
#[pg_extern]
fn stretch_pin_backup(label: Option<Text>, expires_at: Option<i64>) -> i64 {
    let run = || {
        let signature = "stretch.pin_backup(text,timestamptz)";
        may_call(
            "pin_backup",
            user::require_database_owner_or_grant("pin_backup", signature),
        )?;
        let label = label.ok_or_else(|| Error::argument("label must not be null"))?;
        let expires_at = match expires_at {
            // infinity
            None | Some(i64::MAX) => None,
            Some(micros) => {
                // SAFETY: a clock.
                if micros <= unsafe { pg_sys::GetCurrentTimestamp() } {
                    return Err(Error::argument("expires_at must lie in the future"));
                }
                Some(micros / 1_000_000 + EPOCH_2000)
            }
        };
        let answer = request::call("pin_backup", &json!({ "label": &*label, "expires_at": expires_at }))?;
        Ok(answer.as_u64().unwrap_or(0) as i64)
    };
    run().or_raise()
}

/// Gives a backup up; false when there is no such pin.
#[pg_extern]
fn stretch_unpin_backup(label: Option<Text>) -> bool {
    let run = || {
        let signature = "stretch.unpin_backup(text)";
        may_call(
            "unpin_backup",
            user::require_database_owner_or_grant("unpin_backup", signature),
        )?;
        let label = label.ok_or_else(|| Error::argument("label must not be null"))?;
        let answer = request::call("unpin_backup", &json!({ "label": &*label }))?;
        Ok(answer.as_bool().unwrap_or(false))
    };
    run().or_raise()
}

/// Gives up what is kept for a former owner of the branch; returns how many objects were listed.
#[pg_extern]
fn stretch_purge_quarantine() -> i64 {
    let run = || {
        may_call("purge_quarantine", user::require_database_owner("purge_quarantine"))?;
        let answer = request::call("purge_quarantine", &json!({}))?;
        Ok(answer.as_i64().unwrap_or(0))
    };
    run().or_raise()
}

/// What holds for all of them; rights are told before anything else.
fn may_call(function: &str, rights: Result<()>) -> Result<()> {
    shmem::require()?;
    rights?;
    request::refuse_in_block(function)?;
    let latest = Latest::take();
    if catalog::tables::database(latest.get())?.is_none() {
        return Err(catalog::stretched::not_enabled());
    }
    identity::require_connected()
}
