//! Opening of endpoints: who may name which (F5), with which credential, and what their failures are called.

use super::secrets::{self, SealedCredential, key_file};
use crate::catalog;
use crate::catalog::stretched::not_enabled;
use crate::pg::error::{Error, Result};
use crate::pg::gucs;
use pgrx::pg_sys;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use stretch_core::errors;
use stretch_endpoint::{Credential, DEFAULT_ALLOWED_ENDPOINTS, Endpoint, EndpointError, EndpointUrl, OpenOptions};

/// The format of the catalog that this version writes, `stretch.database.format`.
const CATALOG_FORMAT: i32 = 1;

/// Everything that an opened endpoint depends on.
#[derive(Clone, PartialEq, Eq)]
struct CacheKey {
    url: String,
    credential: SealedCredential,
    connect_timeout: i32,
    request_timeout: i32,
    authorities: Option<Authorities>,
}

/// The file `stretch.ca_file`, and when it was written: a new one of the same name counts at once.
#[derive(Clone, PartialEq, Eq)]
struct Authorities {
    file: PathBuf,
    written: Option<SystemTime>,
}

impl Authorities {
    fn now() -> Option<Authorities> {
        let file = gucs::ca_file()?;
        let written = std::fs::metadata(&file).and_then(|about| about.modified()).ok();
        Some(Authorities { file, written })
    }
}

static CACHE: Mutex<Option<(CacheKey, Arc<Endpoint>)>> = Mutex::new(None);

/// The endpoint that this database is bound to, opened with its credential. Kept per process until URL, credential or
/// settings change. ST001 without a binding, ST009 without a stretched database, ST016 when keys do not open.
pub fn bound(snapshot: pg_sys::Snapshot) -> Result<Arc<Endpoint>> {
    let Some(database) = catalog::tables::database(snapshot)? else {
        return Err(not_enabled());
    };
    check_format(&database)?;
    let Some(binding) = catalog::tables::binding(snapshot)? else {
        return Err(super::refusal::disconnected_without_binding());
    };
    open_existing(&database.endpoint, &binding.credential, snapshot)
}

/// ST018 when a later version of the extension wrote the catalog that this dump or copy came from (F47).
pub fn check_format(database: &catalog::rows::Database) -> Result<()> {
    if database.format <= CATALOG_FORMAT {
        return Ok(());
    }
    Err(Error::new(
        &errors::NEWER_FORMAT,
        format!(
            "the catalog of this database has format {}, this version knows {CATALOG_FORMAT}",
            database.format
        ),
    ))
}

/// Opens an endpoint that was used before. A `file://` folder that is gone is an endpoint that does not answer; it is
/// not made anew, as an unmounted disk would get a folder of that name otherwise.
pub fn open_existing(url_text: &str, credential: &str, snapshot: pg_sys::Snapshot) -> Result<Arc<Endpoint>> {
    let url = parse(url_text)?;
    if let Some(path) = url.file_path()
        && !path.is_dir()
    {
        return Err(Error::new(
            &errors::ENDPOINT_UNREACHABLE,
            "the folder of the endpoint does not exist",
        ));
    }
    open(url_text, credential, snapshot)
}

/// Opens an endpoint with a credential of this database. Who may name it is for [`check_allowed`] to say.
pub fn open(url_text: &str, credential: &str, snapshot: pg_sys::Snapshot) -> Result<Arc<Endpoint>> {
    let url = parse(url_text)?;
    let Some(sealed) = secrets::sealed_credential(credential, snapshot)? else {
        return Err(secrets::no_credential(credential));
    };
    let key = CacheKey {
        url: url_text.into(),
        credential: sealed,
        connect_timeout: gucs::CONNECT_TIMEOUT.get(),
        request_timeout: gucs::REQUEST_TIMEOUT.get(),
        authorities: Authorities::now(),
    };
    let cached = CACHE.lock().ok().and_then(|cache| match &*cache {
        Some((kept, endpoint)) if *kept == key => Some(endpoint.clone()),
        _ => None,
    });
    if let Some(endpoint) = cached {
        return Ok(endpoint);
    }
    let opened = secrets::open(&key.credential, snapshot)?;
    let endpoint = Arc::new(connect(&url, &opened)?);
    if let Ok(mut cache) = CACHE.lock() {
        *cache = Some((key, endpoint.clone()));
    }
    Ok(endpoint)
}

fn connect(url: &EndpointUrl, opened: &stretch_vault::Credential) -> Result<Endpoint> {
    check_apart(url)?;
    let credential = Credential::new(opened.identity.as_str(), opened.secret.as_str());
    let options = OpenOptions {
        connect_timeout: Duration::from_millis(gucs::CONNECT_TIMEOUT.get() as u64),
        request_timeout: Duration::from_millis(gucs::REQUEST_TIMEOUT.get() as u64),
        // Whether this address may be named at all was decided by `check_allowed`.
        allow_http: url.is_plain_http(),
        ca_file: gucs::ca_file(),
        ..OpenOptions::default()
    };
    Endpoint::open(url, Some(&credential), &options).map_err(|error| map_error(&error))
}

/// The URL, or 22023 with the reason; the URL is not repeated, as it may carry a secret.
pub fn parse(url_text: &str) -> Result<EndpointUrl> {
    EndpointUrl::parse(url_text).map_err(|error| map_error(&error))
}

/// Directories of this server in which no endpoint may lie.
fn server_places() -> Vec<PathBuf> {
    let mut places = key_file::data_places();
    places.push(gucs::state_dir());
    places.push(gucs::cache_dir());
    places.extend(gucs::service_key_file().parent().map(PathBuf::from));
    places
}

fn check_apart(url: &EndpointUrl) -> Result<()> {
    let Some(path) = url.file_path() else {
        return Ok(());
    };
    stretch_endpoint::file_root_check(path, &[PathBuf::from("/")], &server_places())
        .map(|_| ())
        .map_err(|error| map_error(&error))
}

/// Whether `role` may name this endpoint (F5): 42501 if not.
pub fn check_allowed(url: &EndpointUrl, role: pg_sys::Oid) -> Result<()> {
    check_apart(url)?;
    if crate::pg::user::is_superuser(role) {
        return Ok(());
    }
    let refused = |message: &str, hint: &str| Err(Error::new(&errors::NOT_OWNER, message).hint(hint));
    if let Some(path) = url.file_path() {
        let member = |of: u32| crate::pg::user::has_privs_of(role, of.into());
        if !member(pg_sys::ROLE_PG_READ_SERVER_FILES) || !member(pg_sys::ROLE_PG_WRITE_SERVER_FILES) {
            return refused(
                "a file:// endpoint needs membership in pg_read_server_files and pg_write_server_files",
                "Ask a superuser to grant both, or use an object store.",
            );
        }
        return stretch_endpoint::file_root_check(path, &gucs::file_roots(), &server_places())
            .map(|_| ())
            .map_err(|error| map_error(&error));
    }
    let patterns =
        gucs::allowed_endpoints().unwrap_or_else(|| DEFAULT_ALLOWED_ENDPOINTS.iter().map(|p| p.to_string()).collect());
    if stretch_endpoint::allowed(url, &patterns) {
        return Ok(());
    }
    refused(
        "the server of this endpoint is not permitted",
        "A superuser can add it to stretch.allowed_endpoints.",
    )
}

/// An endpoint's failure as an error for users; its text holds no secret and no body of an answer.
pub fn map_error(error: &EndpointError) -> Error {
    let text = error.to_string();
    let mapped = match error {
        EndpointError::Unreachable { .. }
        | EndpointError::NoSuchBucket
        | EndpointError::Redirected { .. }
        | EndpointError::Rejected { .. }
        | EndpointError::NoTls
        | EndpointError::CaFile(_)
        | EndpointError::Local { .. }
        | EndpointError::NotAFile { .. }
        | EndpointError::Archived { .. }
        | EndpointError::Other => Error::new(&errors::ENDPOINT_UNREACHABLE, text),
        EndpointError::Refused { .. } | EndpointError::BadCredential(_) => Error::new(&errors::ENDPOINT_REFUSED, text),
        EndpointError::NotFound { .. } => Error::new(&errors::SEGMENT_LOST, text),
        EndpointError::BadUrl(_) | EndpointError::BadKey(_) => Error::argument(text),
        EndpointError::Forbidden(_) => Error::new(&errors::NOT_OWNER, text).hint(
            "Name a folder outside the server's directories and, unless you are a superuser, below stretch.file_roots.",
        ),
        EndpointError::BrokenPromise { .. } => Error::new(&errors::STORE_BREAKS_PROMISE, text),
        EndpointError::Foreign { .. } => Error::new(&errors::WRONG_ENDPOINT, text),
        EndpointError::NewerFormat { .. } => Error::new(&errors::NEWER_FORMAT, text),
        EndpointError::Corrupt { .. } => Error::new(&errors::CHECKSUM_MISMATCH, text),
    };
    match error.hint() {
        Some(hint) => mapped.hint(hint),
        None => mapped,
    }
}
