//! `stretch.test_connection` and `stretch.check`: does everything that stretch needs work right now?

use crate::catalog;
use crate::catalog::snapshot::Latest;
use crate::endpoint::secrets::{self, key_file};
use crate::endpoint::{identity, open};
use crate::pg::error::{Error, OrRaise, Result};
use crate::pg::text::Text;
use crate::pg::{gucs, io, names, shmem, user};
use pgrx::datum::Interval;
use pgrx::prelude::*;
use std::ffi::CStr;
use std::time::Instant;
use stretch_core::errors;
use stretch_core::state::DatabaseState;
use stretch_endpoint::{bodies, claim, probe};

type Link = (i32, Text, Option<Text>, Text, Option<Interval>);

/// `stretch.test_connection(endpoint, credential)`.
#[pg_extern]
#[allow(clippy::type_complexity)] // the columns of a set-returning function are written out
fn stretch_test_connection(
    endpoint: Option<Text>,
    credential: Option<Text>,
) -> TableIterator<
    'static,
    (
        name!(link_state, i32),
        name!(link_state_desc, Text),
        name!(sqlstate, Option<Text>),
        name!(message, Text),
        name!(latency, Option<Interval>),
    ),
> {
    TableIterator::once(test_connection(endpoint.as_deref(), credential.as_deref()).or_raise())
}

/// Codes of `link_state` as `sp_rda_test_connection` gives them: 0 healthy, 1 unreachable, 2 refused, 3 another error.
fn test_connection(url: Option<&str>, credential: Option<&str>) -> Result<Link> {
    user::require_database_owner("test_connection")?;
    let latest = Latest::take();
    let database = catalog::tables::database(latest.get())?;
    let binding = catalog::tables::binding(latest.get())?;
    let missing = |what: &str| Error::argument(format!("name the {what}: this database has none"));
    let known = database.as_ref().map(|database| database.endpoint.clone());
    let is_own = url.is_none_or(|url| known.as_deref() == Some(url));
    let url = url.map(str::to_string).or(known).ok_or_else(|| missing("endpoint"))?;
    let bound = match binding {
        Some(binding) => Some(binding.credential),
        None => catalog::tables::database_credential(latest.get())?,
    };
    let credential = credential
        .map(str::to_string)
        .or(bound)
        .ok_or_else(|| missing("credential"))?;
    open::check_allowed(&open::parse(&url)?, user::current())?;
    let opened = open::open_existing(&url, &credential, latest.get());
    let started = Instant::now();
    let outcome = match opened {
        Err(error) => Err(error),
        Ok(endpoint) if is_own => {
            let db = database.map(|database| database.db_id.uuid()).unwrap_or_default();
            io::run(async move {
                bodies::open_database(&endpoint, &db)
                    .await
                    .map(|_| "the endpoint answers")
            })?
            .map_err(|error| open::map_error(&error))
        }
        // Nothing may be written now, so one listing has to do.
        // SAFETY: a getter.
        Ok(endpoint) if unsafe { pg_sys::RecoveryInProgress() } => {
            io::run(async move { endpoint.list("").await.map(|_| "the endpoint answers") })?
                .map_err(|error| open::map_error(&error))
        }
        // As enable_database does: a server that answers something is not yet a store.
        Ok(endpoint) => {
            let scratch = crate::pg::random::random_uuid()?.to_string();
            io::run(async move { probe::probe(&endpoint, &scratch).await })?
                .map(|_| "the endpoint keeps what stretch relies on")
                .map_err(|error| open::map_error(&error))
        }
    };
    let latency = Interval::from_micros(started.elapsed().as_micros() as i64);
    Ok(match outcome {
        Ok(message) => (0, "LINK_HEALTHY".into(), None, message.into(), Some(latency)),
        Err(error) => {
            let (code, text) = if error.is(&errors::ENDPOINT_UNREACHABLE) {
                (1, "LINK_ERROR_UNREACHABLE")
            } else if error.is(&errors::ENDPOINT_REFUSED) {
                (2, "LINK_ERROR_REFUSED")
            } else {
                (3, "LINK_ERROR")
            };
            (
                code,
                text.into(),
                Some(error.sqlstate.into()),
                error.message.into(),
                None,
            )
        }
    })
}

type Item = (Text, bool, Text, Option<Text>);

/// `stretch.check()`.
#[pg_extern]
#[allow(clippy::type_complexity)] // as above
fn stretch_check() -> TableIterator<
    'static,
    (
        name!(item, Text),
        name!(ok, bool),
        name!(detail, Text),
        name!(hint, Option<Text>),
    ),
> {
    TableIterator::new(check().or_raise())
}

fn item(name: &str, result: Result<String>) -> Item {
    match result {
        Ok(detail) => (name.into(), true, detail.into(), None),
        Err(error) => (name.into(), false, error.message.into(), error.hint.map(Text::from)),
    }
}

fn not_ok(detail: impl Into<String>, hint: &str) -> Result<String> {
    Err(Error::new(&errors::NOT_NOW, detail).hint(hint))
}

fn check() -> Result<Vec<Item>> {
    // The right to execute it, which is nobody's but the database owner's unless he grants it, is all that it takes.
    let latest = Latest::take();
    let snapshot = latest.get();
    let mut items = vec![
        item("preload", shmem::require().map(|()| "the library is preloaded".into())),
        item("enabled", enabled()),
        item(
            "service key",
            key_file::read().map(|_| "the service key file is there and private".into()),
        ),
        item(
            "master key",
            secrets::master_key(snapshot).map(|_| "the master key opens".into()),
        ),
    ];
    let Some(database) = catalog::tables::database(snapshot)? else {
        items.push(item("database", Err(catalog::stretched::not_enabled())));
        return Ok(items);
    };
    items.push(item("worker", worker()));
    items.push(item("state", state()));
    items.push(item("wal archiving", archiving()));
    let endpoint = match open::bound(snapshot) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            items.push(item("endpoint", Err(error)));
            return Ok(items);
        }
    };
    let db = database.db_id.uuid();
    let owner = endpoint.clone();
    let belongs = io::run(async move { bodies::open_database(&owner, &db).await })?;
    items.push(item(
        "endpoint",
        belongs
            .map(|_| "the endpoint belongs to this database".into())
            .map_err(|error| open::map_error(&error)),
    ));
    if let Some(slot) = shmem::my_slot().filter(|slot| slot.state == DatabaseState::Connected) {
        let (branch, nonce) = (uuid::Uuid::from_bytes(slot.branch), uuid::Uuid::from_bytes(slot.nonce));
        let generation = slot.generation as u64;
        let store = endpoint.clone();
        let valid = io::run(async move { claim::validate_claim(&store, &db, &branch, generation, &nonce).await })?;
        items.push(item(
            "claim",
            match valid {
                Ok(claim::Validity::Valid) => Ok(format!("generation {generation} is the highest")),
                Ok(_) => not_ok(
                    "another incarnation of the database owns the branch",
                    "Run stretch.reauthorize.",
                ),
                Err(error) => Err(open::map_error(&error)),
            },
        ));
        // Writing belongs to the owner of the branch alone (I-7).
        let scratch = crate::pg::random::random_uuid()?.to_string();
        let promises = io::run(async move { probe::probe(&endpoint, &scratch).await })?;
        items.push(item(
            "put, get and list",
            promises
                .map(|_| "the endpoint keeps its promises".into())
                .map_err(|error| open::map_error(&error)),
        ));
    }
    Ok(items)
}

fn enabled() -> Result<String> {
    if gucs::ENABLED.get() {
        return Ok("workers may run".into());
    }
    not_ok(
        "stretch.enabled is off",
        "Set stretch.enabled = on and reload the server.",
    )
}

fn worker() -> Result<String> {
    match shmem::my_slot().map(|slot| slot.worker_pid).filter(|pid| *pid != 0) {
        Some(pid) => Ok(format!("process {pid}")),
        None => not_ok(
            "no worker runs in this database",
            "Check max_worker_processes, stretch.max_workers and the server log.",
        ),
    }
}

fn state() -> Result<String> {
    match shmem::my_slot().filter(|slot| slot.judged) {
        Some(slot) if slot.state == DatabaseState::Connected => Ok(format!("connected: {}", slot.reason.get())),
        Some(slot) if slot.state == DatabaseState::Disconnected => {
            identity::require_read().map(|()| DatabaseState::Connected.to_string())
        }
        Some(slot) => not_ok(
            format!("{}: {}", slot.state, slot.reason.get()),
            "Wait until the worker has judged the database.",
        ),
        None => not_ok("not judged yet", "Wait until the worker has judged the database."),
    }
}

/// Restore points inside the retention need archived log to be reached.
fn archiving() -> Result<String> {
    // SAFETY: reads the text of a setting; the result is copied at once.
    let mode = names::text(unsafe { pg_sys::GetConfigOption(setting(c"archive_mode"), true, false) });
    if mode == "on" || mode == "always" {
        return Ok("write-ahead log is archived".into());
    }
    not_ok(
        "write-ahead log is not archived, so the retention of objects serves no restore to a point in time",
        "Set archive_mode = on, or archive with pg_receivewal and take no notice of this line.",
    )
}

fn setting(name: &'static CStr) -> *const std::ffi::c_char {
    name.as_ptr()
}
