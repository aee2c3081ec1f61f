//! A failed answer of a store, reduced to what may be shown.

use chrono::{DateTime, TimeDelta, Utc};
use object_store::client::HttpResponseBody;
use reqwest::header::{DATE, HeaderMap};
use std::fmt;

/// What remains of a failed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreReply {
    /// HTTP status.
    pub(crate) status: u16,
    /// Letters and digits only.
    pub(crate) code: Option<String>,
    /// The store's clock and this server's differ by more than stores permit.
    pub(crate) is_clock_off: bool,
    /// By the store's clock the credential has come to the end that it names itself.
    pub(crate) has_expired: bool,
}

impl StoreReply {
    /// Whether the code is one of these.
    pub(crate) fn is(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }
}

impl fmt::Display for StoreReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP status {}", self.status)
    }
}

impl std::error::Error for StoreReply {}

/// Error codes of stores whose meaning a status alone does not carry.
pub(crate) mod codes {
    /// The bucket or container, not an object, is missing.
    pub(crate) const NO_BUCKET: [&str; 3] = ["NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"];
    /// A 409 that says "another write to this key is under way", which is not "it exists".
    pub(crate) const TRY_AGAIN: [&str; 2] = ["ConditionalRequestConflict", "OperationAborted"];
    /// The object is in a storage class that cannot be read (S3, then Azure).
    pub(crate) const ARCHIVED: [&str; 3] = ["InvalidObjectState", "BlobArchived", "BlobBeingRehydrated"];
    /// A 400 that says "the body did not arrive in time", which another try may do better.
    pub(crate) const TIMED_OUT: [&str; 1] = ["RequestTimeout"];
    /// A 400 that says "a header asks for something that does not exist here" (S3, then Azure).
    pub(crate) const NOT_IMPLEMENTED: [&str; 2] = ["NotImplemented", "UnsupportedHeader"];
    /// S3 says with status 400 that temporary credentials are too old.
    pub(crate) const EXPIRED: [&str; 2] = ["ExpiredToken", "TokenRefreshRequired"];
    /// S3 says with status 400 that a session token is none, or that one is missing.
    pub(crate) const BAD_TOKEN: [&str; 1] = ["InvalidToken"];
    /// A 403 that says "it exists" to a signature which may create and not overwrite (Azure).
    pub(crate) const NO_OVERWRITE: [&str; 1] = ["UnauthorizedBlobOverwrite"];
    /// A deletion that a policy of the container forbids (Azure, status 409).
    pub(crate) const IMMUTABLE: [&str; 1] = ["BlobImmutableDueToPolicy"];
}

/// As much of an error body as is looked at for its code, in bytes.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// The difference of clocks from which stores refuse a request is 15 minutes; a minute is for the way.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(14);

impl StoreReply {
    /// What this side knows is put beside what the store says. `expires`: when the credential says that it ends.
    pub(super) fn new(status: u16, code: Option<String>, headers: &HeaderMap, expires: Option<DateTime<Utc>>) -> Self {
        let now = Utc::now();
        let store_says = headers
            .get(DATE)
            .and_then(|value| DateTime::parse_from_rfc2822(value.to_str().ok()?).ok())
            .map_or(now, |date| date.to_utc());
        Self {
            status,
            code,
            is_clock_off: (store_says - now).abs() > CLOCKS_APART,
            has_expired: expires.is_some_and(|end| end <= store_says),
        }
    }
}

/// The store's code, from as much of a failed answer as is needed.
pub(super) async fn code(headers: &HeaderMap, body: HttpResponseBody) -> Option<String> {
    match headers
        .get("x-ms-error-code")
        .and_then(|value| clean_code(value.to_str().ok()?))
    {
        Some(code) => Some(code),
        None => read_limited(body).await.as_deref().and_then(code_of_body),
    }
}

/// The beginning of a body; `None` if it cannot be read.
async fn read_limited(body: HttpResponseBody) -> Option<Vec<u8>> {
    use futures::StreamExt;
    let mut stream = body.bytes_stream();
    let mut collected = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.ok()?;
        let room = ERROR_BODY_LIMIT - collected.len();
        collected.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if collected.len() == ERROR_BODY_LIMIT {
            break;
        }
    }
    Some(collected)
}

/// The content of the first `<Code>` element of an XML error body.
pub(super) fn code_of_body(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    clean_code(code)
}

/// Only something that looks like an error code may leave this module.
pub(super) fn clean_code(code: &str) -> Option<String> {
    let good = (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric());
    good.then(|| code.to_owned())
}
