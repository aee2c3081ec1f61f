//! Settings of the database that live in the catalog: query mode, RPO, retention; and `stretch.deauthorize`.

use crate::catalog;
use crate::catalog::snapshot::Latest;
use crate::endpoint::identity;
use crate::pg::error::{Error, OrRaise, Result, report};
use crate::pg::text::Text;
use crate::pg::{request, shmem, spi, user};
use pgrx::datum::Interval;
use pgrx::prelude::*;
use stretch_core::errors;
use stretch_core::state::QueryMode;

const DAY: i64 = 86_400;
/// Longest RPO and retention: ten years of 365 days and some.
const LONGEST: i64 = 3_660 * DAY;

/// `stretch.set_query_mode(mode, force)`.
#[pg_extern]
fn stretch_set_query_mode(mode: Text, force: bool) {
    set_query_mode(&mode, force).or_raise();
}

fn set_query_mode(mode: &str, force: bool) -> Result<()> {
    user::require_database_owner("set_query_mode")?;
    let mode: QueryMode = mode
        .parse()
        .map_err(|error: stretch_core::state::UnknownWord| Error::argument(error.to_string()))?;
    if mode == QueryMode::RemoteOnly {
        return Err(Error::new(
            &errors::UNSUPPORTED,
            "query mode REMOTE_ONLY is not supported",
        ));
    }
    require_stretched()?;
    if mode == QueryMode::LocalAndRemote && !force && identity::is_disconnected()? {
        // The mode would promise what no query could keep.
        identity::require_read()?;
    }
    let _owner = user::ActAs::extension_owner();
    let changed = spi::execute(
        "UPDATE stretch.binding SET query_mode = $1 RETURNING 1",
        &[mode.as_str().into()],
    )?;
    if changed == 0 {
        return Err(crate::endpoint::refusal::disconnected_without_binding());
    }
    Ok(())
}

/// `stretch.set_rpo(duration)`.
#[pg_extern]
fn stretch_set_rpo(duration: Interval) {
    let run = || {
        user::require_database_owner("set_rpo")?;
        let seconds = in_limits("the RPO duration", &duration, 0)?;
        set(
            "UPDATE stretch.database SET rpo = make_interval(secs => $1) RETURNING 1",
            seconds,
        )
    };
    run().or_raise();
}

/// `stretch.rpo()`.
#[pg_extern]
fn stretch_rpo() -> Option<Interval> {
    read(|database| database.rpo_seconds).or_raise()
}

/// `stretch.set_retention(duration)`.
#[pg_extern]
fn stretch_set_retention(duration: Interval) {
    let run = || {
        user::require_database_owner("set_retention")?;
        let seconds = in_limits("the retention", &duration, 0)?;
        let before = read_seconds(|database| database.retention_seconds)?;
        set(
            "UPDATE stretch.database SET retention = make_interval(secs => $1) RETURNING 1",
            seconds,
        )?;
        if seconds < before {
            report(
                pg_sys::WARNING as i32,
                "01000",
                "a shorter retention gives up restore points",
                None,
                Some("What was retired longer ago than the new retention may be collected from now on."),
            );
        }
        Ok(())
    };
    run().or_raise();
}

/// `stretch.retention()`.
#[pg_extern]
fn stretch_retention() -> Option<Interval> {
    read(|database| database.retention_seconds).or_raise()
}

fn in_limits(what: &str, duration: &Interval, least: i64) -> Result<i64> {
    let seconds = duration.months() as i64 * 30 * DAY + duration.days() as i64 * DAY + duration.micros() / 1_000_000;
    let negative = duration.months() < 0 || duration.days() < 0 || duration.micros() < 0;
    if negative || seconds < least || seconds > LONGEST {
        return Err(Error::argument(format!("{what} must lie between 0 and 10 years")));
    }
    Ok(seconds)
}

fn set(statement: &str, seconds: i64) -> Result<()> {
    require_stretched()?;
    let _owner = user::ActAs::extension_owner();
    spi::execute(statement, &[(seconds as f64).into()]).map(drop)
}

fn require_stretched() -> Result<()> {
    read_seconds(|_| 0).map(drop)
}

fn read_seconds(which: impl Fn(&catalog::rows::Database) -> i64) -> Result<i64> {
    let latest = Latest::take();
    let database = catalog::tables::database(latest.get())?.ok_or_else(catalog::stretched::not_enabled)?;
    Ok(which(&database))
}

fn read(which: impl Fn(&catalog::rows::Database) -> i64) -> Result<Option<Interval>> {
    let latest = Latest::take();
    let Some(database) = catalog::tables::database(latest.get())? else {
        return Ok(None);
    };
    let seconds = which(&database);
    Interval::new(0, (seconds / DAY) as i32, (seconds % DAY) * 1_000_000)
        .map(Some)
        .map_err(|_| Error::internal("an interval of the catalog is out of range"))
}

/// `stretch.deauthorize()`.
#[pg_extern]
fn stretch_deauthorize() {
    deauthorize().or_raise();
}

/// Takes the binding away, which holds across restarts: rule 1 of the verdict then says *disconnected*.
fn deauthorize() -> Result<()> {
    shmem::require()?;
    request::refuse_in_block("deauthorize")?;
    user::require_database_owner("deauthorize")?;
    require_stretched()?;
    if identity::is_disconnected()? {
        return Err(Error::new(&errors::NOT_NOW, "this database is disconnected already").without_hint());
    }
    request::call("deauthorize", &serde_json::Value::Null).map(drop)
}
