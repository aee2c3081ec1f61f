//! `stretch.purge_remote`: the caller's rights are checked here, the worker does the work.

use super::migration::meant;
use crate::endpoint::identity;
use crate::pg::error::{OrRaise, Result, notice, report};
use crate::pg::{request, shmem};
use pgrx::prelude::*;
use serde_json::{Value, json};

/// Gives up what left a table, without waiting for the retention; returns the bytes of the objects that go.
#[pg_extern]
fn stretch_purge_remote(relation: pg_sys::Oid, force: Option<bool>) -> i64 {
    purge_remote(relation, force.unwrap_or(false)).or_raise()
}

fn purge_remote(relation: pg_sys::Oid, force: bool) -> Result<i64> {
    shmem::require()?;
    let tables = meant(Some(relation), "purge_remote")?;
    identity::require_connected()?;
    let args = json!({ "relation": relation.to_u32(), "tables": tables, "force": force });
    let answer = request::call("purge_remote", &args)?;
    let texts = |place: usize| answer[place].as_array().into_iter().flatten().filter_map(Value::as_str);
    for text in texts(1) {
        report(pg_sys::WARNING as i32, "01000", text, None, None);
    }
    texts(2).for_each(notice);
    Ok(answer[0].as_i64().unwrap_or(0))
}
