//! The settings `stretch.*`: their names, contexts and defaults (design §13).

use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::pg_sys;
use std::ffi::{CStr, CString};
use std::path::PathBuf;
use std::time::Duration;
use stretch_segment::limits::DEFAULT_PAGE_ROWS;

/// What an UPDATE or DELETE that meets a cold row does.
#[derive(Copy, Clone, Debug, PartialEq, Eq, pgrx::PostgresGucEnum)]
pub enum ColdWrites {
    #[name = c"allow"]
    Allow,
    /// As SQL Server: the statement is an error.
    #[name = c"refuse"]
    Refuse,
}

/// What `COPY table TO` does where it would leave cold rows out.
#[derive(Copy, Clone, Debug, PartialEq, Eq, pgrx::PostgresGucEnum)]
pub enum CopyTo {
    #[name = c"error"]
    Error,
    /// The hot rows alone.
    #[name = c"hot"]
    Hot,
    /// Hot and cold rows.
    #[name = c"all"]
    All,
}

/// What workers do about objects that nobody needs.
#[derive(Copy, Clone, Debug, PartialEq, Eq, pgrx::PostgresGucEnum)]
pub enum Collect {
    #[name = c"off"]
    Off,
    /// The log says how much it is.
    #[name = c"report"]
    Report,
    #[name = c"on"]
    On,
}

pub static COLLECT: GucSetting<Collect> = GucSetting::<Collect>::new(Collect::On);
pub static COPY_TO: GucSetting<CopyTo> = GucSetting::<CopyTo>::new(CopyTo::Error);
pub static COLD_WRITES: GucSetting<ColdWrites> = GucSetting::<ColdWrites>::new(ColdWrites::Allow);
pub static REWRITE: GucSetting<bool> = GucSetting::<bool>::new(false);
pub static ENABLED: GucSetting<bool> = GucSetting::<bool>::new(true);
pub static MAX_WORKERS: GucSetting<i32> = GucSetting::<i32>::new(8);
pub static NAPTIME: GucSetting<i32> = GucSetting::<i32>::new(10_000);
pub static BATCH_ROWS: GucSetting<i32> = GucSetting::<i32>::new(200_000);
pub static BATCH_BYTES: GucSetting<i32> = GucSetting::<i32>::new(128 * 1024);
pub static PAGE_ROWS: GucSetting<i32> = GucSetting::<i32>::new(DEFAULT_PAGE_ROWS as i32);
pub static ENCODE_THREADS: GucSetting<i32> = GucSetting::<i32>::new(2);
pub static COMPACT: GucSetting<bool> = GucSetting::<bool>::new(true);
pub static COMPACT_RATE: GucSetting<i32> = GucSetting::<i32>::new(32 * 1024);
pub static CUT_STEP: GucSetting<i32> = GucSetting::<i32>::new(0);
pub static MAX_BATCH_AGE: GucSetting<i32> = GucSetting::<i32>::new(300);
pub static MAX_STAGED_BYTES: GucSetting<i32> = GucSetting::<i32>::new(10 * 1024);
pub static MAX_KEPT_BYTES: GucSetting<i32> = GucSetting::<i32>::new(100 * 1024);
pub static STATE_DIR: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
pub static SERVICE_KEY_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
pub static CACHE_DIR: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
pub static CACHE_SIZE: GucSetting<i32> = GucSetting::<i32>::new(1024);
pub static LEASE_TTL: GucSetting<i32> = GucSetting::<i32>::new(60_000);
pub static REQUEST_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(30_000);
pub static CONNECT_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(5_000);
pub static PREFETCH_BYTES: GucSetting<i32> = GucSetting::<i32>::new(32 * 1024);
pub static CA_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
pub static FILE_ROOTS: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
pub static ALLOWED_ENDPOINTS: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);

/// Registers every setting; called once from `_PG_init`.
pub fn register() {
    use GucContext::{Postmaster, Sighup, Userset};
    let none = GucFlags::empty();
    let secret = GucFlags::SUPERUSER_ONLY;
    GucRegistry::define_bool_guc(
        c"stretch.enabled",
        c"Lets workers run and tables be enabled.",
        c"Never changes what a query returns.",
        &ENABLED,
        Sighup,
        none,
    );
    GucRegistry::define_bool_guc(
        c"stretch.compact",
        c"Lets workers make few full segments of many small or half dead ones.",
        c"stretch.compact() does so whatever this says.",
        &COMPACT,
        Sighup,
        none,
    );
    int(
        c"stretch.compact_rate",
        c"How much a worker's compaction reads in a second, on the whole; 0 for no limit.",
        &COMPACT_RATE,
        (0, i32::MAX),
        Sighup,
        GucFlags::UNIT_KB,
    );
    int(
        c"stretch.cut_step",
        c"How long the filter that names the present stays as it is; 0 for a thirtieth of its interval.",
        &CUT_STEP,
        (0, i32::MAX),
        Sighup,
        GucFlags::UNIT_MS,
    );
    int(
        c"stretch.max_workers",
        c"Maximum number of database workers.",
        &MAX_WORKERS,
        (0, 64),
        Postmaster,
        none,
    );
    int(
        c"stretch.naptime",
        c"Pause between two rounds of a worker.",
        &NAPTIME,
        (10, i32::MAX),
        Sighup,
        GucFlags::UNIT_MS,
    );
    int(
        c"stretch.batch_rows",
        c"Rows of a segment at most.",
        &BATCH_ROWS,
        (1, 10_000_000),
        Sighup,
        none,
    );
    int(
        c"stretch.batch_bytes",
        c"Bytes of rows of a segment at most.",
        &BATCH_BYTES,
        (64, 1024 * 1024),
        Sighup,
        GucFlags::UNIT_KB,
    );
    int(
        c"stretch.page_rows",
        c"Rows of a page of new segments, about: what is read of each column to find a single row.",
        &PAGE_ROWS,
        (16, 65_536),
        Sighup,
        none,
    );
    int(
        c"stretch.encode_threads",
        c"Threads that encode the rows of a batch, while the worker deletes them from the table.",
        &ENCODE_THREADS,
        (1, 64),
        Sighup,
        none,
    );
    int(
        c"stretch.max_batch_age",
        c"Age of the oldest eligible row at which a small batch is cut.",
        &MAX_BATCH_AGE,
        (0, i32::MAX),
        Sighup,
        GucFlags::UNIT_S,
    );
    int(
        c"stretch.max_staged_bytes",
        c"Staged bytes at which migration waits for uploads.",
        &MAX_STAGED_BYTES,
        (1, i32::MAX),
        Sighup,
        GucFlags::UNIT_MB,
    );
    int(
        c"stretch.max_kept_bytes",
        c"Uploaded bytes that staging keeps until the RPO is over before migration waits.",
        &MAX_KEPT_BYTES,
        (1, i32::MAX),
        Sighup,
        GucFlags::UNIT_MB,
    );
    text(
        c"stretch.state_dir",
        c"Folder outside the data directory for markers and the service key.",
        &STATE_DIR,
        Postmaster,
        secret,
    );
    text(
        c"stretch.service_key_file",
        c"Service key elsewhere than in stretch.state_dir.",
        &SERVICE_KEY_FILE,
        Sighup,
        secret,
    );
    text(
        c"stretch.cache_dir",
        c"Folder of the local segment cache.",
        &CACHE_DIR,
        Postmaster,
        secret,
    );
    int(
        c"stretch.cache_size",
        c"Size of the local segment cache; 0 for none.",
        &CACHE_SIZE,
        (0, i32::MAX),
        Sighup,
        GucFlags::UNIT_MB,
    );
    int(
        c"stretch.lease_ttl",
        c"Silence after which a lease counts as abandoned.",
        &LEASE_TTL,
        (100, i32::MAX),
        Sighup,
        GucFlags::UNIT_MS,
    );
    int(
        c"stretch.request_timeout",
        c"Time limit of one request to the endpoint.",
        &REQUEST_TIMEOUT,
        (1, i32::MAX),
        Userset,
        GucFlags::UNIT_MS,
    );
    int(
        c"stretch.connect_timeout",
        c"Time limit of connecting to the endpoint.",
        &CONNECT_TIMEOUT,
        (1, i32::MAX),
        Userset,
        GucFlags::UNIT_MS,
    );
    int(
        c"stretch.prefetch_bytes",
        c"Bytes that one scan fetches ahead at most.",
        &PREFETCH_BYTES,
        (64, 1024 * 1024),
        Userset,
        GucFlags::UNIT_KB,
    );
    text(
        c"stretch.ca_file",
        c"PEM file of certificate authorities that https endpoints may use, beside those of the system.",
        &CA_FILE,
        Sighup,
        secret,
    );
    text(
        c"stretch.file_roots",
        c"Folders under which file:// endpoints may lie, separated by commas.",
        &FILE_ROOTS,
        Sighup,
        secret,
    );
    text(
        c"stretch.allowed_endpoints",
        c"Endpoints that non-superusers may name, separated by commas.",
        &ALLOWED_ENDPOINTS,
        Sighup,
        secret,
    );
    GucRegistry::define_enum_guc(
        c"stretch.collect",
        c"Lets workers delete objects that nobody needs any more: off, report (in the log), or on.",
        c"stretch.collect() does so whatever this says, and what stretch.purge_remote() gave up goes in any case.",
        &COLLECT,
        Sighup,
        none,
    );
    GucRegistry::define_enum_guc(
        c"stretch.cold_writes",
        c"Lets UPDATE and DELETE change cold rows, or refuses them.",
        c"",
        &COLD_WRITES,
        Userset,
        none,
    );
    GucRegistry::define_bool_guc(
        c"stretch.rewrite",
        c"Lets a command that makes all rows of a table anew bring its cold rows home, or refuses it.",
        c"",
        &REWRITE,
        Userset,
        none,
    );
    GucRegistry::define_enum_guc(
        c"stretch.copy_to",
        c"What COPY TO of a table with cold rows does: error, hot (the hot rows alone), or all.",
        c"A session that dumps the whole database copies the hot rows, which the dumped catalog completes.",
        &COPY_TO,
        Userset,
        none,
    );
    // SAFETY: called once during library load with a static, NUL-terminated prefix.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"stretch".as_ptr()) };
}

fn int(
    name: &'static CStr,
    what: &'static CStr,
    setting: &'static GucSetting<i32>,
    range: (i32, i32),
    context: GucContext,
    flags: GucFlags,
) {
    GucRegistry::define_int_guc(name, what, c"", setting, range.0, range.1, context, flags);
}

fn text(
    name: &'static CStr,
    what: &'static CStr,
    setting: &'static GucSetting<Option<CString>>,
    context: GucContext,
    flags: GucFlags,
) {
    GucRegistry::define_string_guc(name, what, c"", setting, context, flags);
}

fn string(setting: &GucSetting<Option<CString>>) -> Option<String> {
    setting
        .get()
        .and_then(|value| value.into_string().ok())
        .filter(|value| !value.is_empty())
}

/// `stretch.naptime`.
pub fn naptime() -> Duration {
    Duration::from_millis(NAPTIME.get() as u64)
}

/// `stretch.lease_ttl`.
pub fn lease_ttl() -> Duration {
    Duration::from_millis(LEASE_TTL.get() as u64)
}

/// `stretch.batch_bytes` in bytes.
pub fn batch_bytes() -> usize {
    BATCH_BYTES.get() as usize * 1024
}

/// `stretch.max_staged_bytes` in bytes.
pub fn max_staged_bytes() -> u64 {
    MAX_STAGED_BYTES.get() as u64 * 1024 * 1024
}

/// `stretch.max_kept_bytes` in bytes.
pub fn max_kept_bytes() -> u64 {
    MAX_KEPT_BYTES.get() as u64 * 1024 * 1024
}

/// `stretch.cache_size` in bytes.
pub fn cache_size() -> u64 {
    CACHE_SIZE.get() as u64 * 1024 * 1024
}

/// The data directory of this server.
pub fn data_directory() -> PathBuf {
    // SAFETY: DataDir is set before any library is loaded and never changes.
    let dir = unsafe { CStr::from_ptr(pg_sys::DataDir) };
    PathBuf::from(dir.to_string_lossy().into_owned())
}

/// `stretch.state_dir`, by default the data directory's path with `.stretch` appended.
pub fn state_dir() -> PathBuf {
    match string(&STATE_DIR) {
        Some(dir) => PathBuf::from(dir),
        None => {
            let data = data_directory();
            let mut name = data.file_name().map(|n| n.to_os_string()).unwrap_or_default();
            name.push(".stretch");
            data.with_file_name(name)
        }
    }
}

/// `stretch.service_key_file`, by default `service_key` in the state directory.
pub fn service_key_file() -> PathBuf {
    string(&SERVICE_KEY_FILE)
        .map(PathBuf::from)
        .unwrap_or_else(|| state_dir().join("service_key"))
}

/// `stretch.cache_dir`, by default `cache` in the state directory.
pub fn cache_dir() -> PathBuf {
    string(&CACHE_DIR)
        .map(PathBuf::from)
        .unwrap_or_else(|| state_dir().join("cache"))
}

/// `stretch.ca_file`, if it names one.
pub fn ca_file() -> Option<PathBuf> {
    string(&CA_FILE).map(PathBuf::from)
}

/// The items of `stretch.file_roots`.
pub fn file_roots() -> Vec<PathBuf> {
    list(&FILE_ROOTS).into_iter().map(PathBuf::from).collect()
}

/// The items of `stretch.allowed_endpoints`; `None` when the default list holds.
pub fn allowed_endpoints() -> Option<Vec<String>> {
    string(&ALLOWED_ENDPOINTS).map(|_| list(&ALLOWED_ENDPOINTS))
}

fn list(setting: &GucSetting<Option<CString>>) -> Vec<String> {
    let text = string(setting).unwrap_or_default();
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_string)
        .collect()
}
