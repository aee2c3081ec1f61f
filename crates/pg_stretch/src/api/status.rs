//! What `stretch.status` shows: the verdict from shared memory beside what the catalog says.

use crate::catalog;
use crate::catalog::snapshot::Latest;
use crate::endpoint::identity;
use crate::pg::error::{Error, OrRaise, Result};
use crate::pg::phase::Phase;
use crate::pg::shmem::{self, Slot};
use crate::pg::text::Text;
use crate::pg::{gucs, spi, user};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use stretch_core::errors;
use stretch_core::state::DatabaseState;

/// One row of `stretch.status` but for the columns that the view reads from the catalog by itself.
type Row = (
    Text,
    Text,
    Option<TimestampWithTimeZone>,
    Option<pgrx::Uuid>,
    Option<i64>,
    Option<TimestampWithTimeZone>,
    Option<Text>,
    Option<i32>,
    Option<Text>,
    Option<Text>,
    Option<i64>,
    Option<TimestampWithTimeZone>,
);

/// `stretch.status_facts()`: no row without a stretched database.
#[pg_extern]
#[allow(clippy::type_complexity)] // the columns of a set-returning function are written out
fn stretch_status_facts() -> TableIterator<
    'static,
    (
        name!(state, Text),
        name!(reason, Text),
        name!(since, Option<TimestampWithTimeZone>),
        name!(branch_id, Option<pgrx::Uuid>),
        name!(generation, Option<i64>),
        name!(last_upload_at, Option<TimestampWithTimeZone>),
        name!(last_error, Option<Text>),
        name!(worker_pid, Option<i32>),
        name!(credential, Option<Text>),
        name!(query_mode, Option<Text>),
        name!(staged_bytes, Option<i64>),
        name!(staged_oldest, Option<TimestampWithTimeZone>),
    ),
> {
    TableIterator::new(facts().or_raise())
}

fn facts() -> Result<Option<Row>> {
    may_read_status()?;
    let latest = Latest::take();
    if catalog::tables::database(latest.get())?.is_none() {
        return Ok(None);
    }
    let binding = catalog::tables::binding(latest.get())?;
    let slot = shmem::my_slot();
    let judged = slot.filter(|slot| slot.judged);
    let (state, reason) = match judged {
        Some(slot) => (slot.state, slot.reason.get()),
        None => identity::local_verdict(binding.as_ref()),
    };
    // SAFETY: a getter.
    let state = match unsafe { pg_sys::RecoveryInProgress() } {
        true => "standby".to_string(),
        false => state.to_string(),
    };
    let reason = match slot.filter(|slot| slot.waits) {
        Some(_) => format!(
            "{reason}; it waits for one of {} workers (stretch.max_workers)",
            gucs::MAX_WORKERS.get()
        ),
        None => reason,
    };
    let owns = |slot: &Slot| slot.state == DatabaseState::Connected;
    let (staged_bytes, staged_oldest) = staged()?;
    Ok(Some((
        state.into(),
        if !gucs::ENABLED.get() && judged.is_none() {
            format!("{reason}; stretch.enabled is off").into()
        } else {
            reason.into()
        },
        judged.and_then(|slot| time(slot.since)),
        binding
            .as_ref()
            .map(|binding| pgrx::Uuid::from_bytes(*binding.branch_id.as_bytes())),
        judged
            .filter(owns)
            .map(|slot| slot.generation)
            .or(binding.as_ref().map(|binding| binding.generation)),
        slot.and_then(|slot| time(slot.last_upload)),
        slot.map(|slot| match slot.upload_error.get() {
            text if text.is_empty() => slot.claim_error.get(),
            text => text,
        })
        .filter(|text| !text.is_empty())
        .map(Text::from),
        slot.map(|slot| slot.worker_pid).filter(|pid| *pid != 0),
        match &binding {
            Some(binding) => Some(binding.credential.clone().into()),
            None => catalog::tables::database_credential(latest.get())?.map(Text::from),
        },
        binding.map(|binding| binding.query_mode.as_str().into()),
        staged_bytes,
        staged_oldest,
    )))
}

/// The view calls the function as whoever reads the view, so whoever may read the view may call it.
fn may_read_status() -> Result<()> {
    let allowed = spi::get::<bool>("SELECT has_table_privilege('stretch.status', 'SELECT')", &[])?;
    if allowed == Some(true) {
        return Ok(());
    }
    Err(
        Error::new(&errors::NOT_OWNER, "permission denied for view stretch.status")
            .hint("GRANT SELECT ON stretch.status, or grant membership in pg_monitor."),
    )
}

/// Microseconds since 2000, 0 for never.
fn time(micros: i64) -> Option<TimestampWithTimeZone> {
    (micros != 0)
        .then(|| TimestampWithTimeZone::try_from(micros).ok())
        .flatten()
}

fn staged() -> Result<(Option<i64>, Option<TimestampWithTimeZone>)> {
    let _owner = user::ActAs::extension_owner();
    let rows = spi::rows(
        "SELECT coalesce(sum(byte_size), 0)::bigint, min(migrated_at) FROM stretch.segment WHERE staged",
        &[],
        |row| Ok((row.get::<i64>(1)?, row.get::<TimestampWithTimeZone>(2)?)),
    )?;
    Ok(rows.into_iter().next().unwrap_or((None, None)))
}

/// `stretch.progress_facts()`: no row while the worker does nothing that has a length.
#[pg_extern]
#[allow(clippy::type_complexity)] // the columns of a set-returning function are written out
fn stretch_progress_facts() -> TableIterator<
    'static,
    (
        name!(pid, i32),
        name!(relation, pg_sys::Oid),
        name!(phase, Text),
        name!(done, i64),
        name!(total, i64),
        name!(started, Option<TimestampWithTimeZone>),
        name!(done_before, i64),
    ),
> {
    let working = shmem::my_slot().filter(|slot| slot.progress.phase != Phase::Idle && slot.worker_pid != 0);
    TableIterator::new(working.map(|slot| {
        let progress = slot.progress;
        (
            slot.worker_pid,
            progress.relation,
            progress.phase.as_str().into(),
            progress.done as i64,
            progress.total as i64,
            time(progress.began),
            progress.done_before as i64,
        )
    }))
}
