//! The HTTP client under the cloud stores: no redirects, no proxies, no foreign bodies in errors.
//!
//! object_store's own client follows redirects, takes proxies from the environment and puts response bodies into its
//! errors. Each of these would let an endpoint of a non-superuser reach or show what it must not (F5), so the
//! client is built here, and failures leave it as a [`StoreReply`]: a status and a short code.

use crate::url::HttpVersions;
use async_trait::async_trait;
use bytes::Bytes;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use std::fmt;
use std::time::Duration;

/// A failed answer, reduced to what may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreReply {
    /// HTTP status.
    pub(crate) status: u16,
    /// Letters and digits only.
    pub(crate) code: Option<String>,
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
}

/// As much of an error body as is looked at for its code, in bytes.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// Makes clients that keep the rules above.
#[derive(Debug)]
pub(crate) struct GuardedConnector {
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    /// Plain http and nothing else: then no certificates are needed, and none are looked for.
    pub(crate) plain_http: bool,
    pub(crate) versions: HttpVersions,
}

/// The name under which a failure to set up the client is recognised.
pub(crate) const NO_CLIENT: &str = "http client";

impl HttpConnector for GuardedConnector {
    /// The options are those of object_store; ours are complete, so nothing of them is used. In particular a
    /// client for instance metadata, which would be asked for with plain http allowed, gets https only.
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        install_crypto_provider();
        let builder = reqwest::Client::builder();
        let builder = if self.plain_http {
            builder.tls_certs_only(std::iter::empty())
        } else {
            builder.https_only(true)
        };
        let builder = match self.versions {
            HttpVersions::Any => builder,
            HttpVersions::Http11 => builder.http1_only(),
        };
        let client = builder
            .user_agent(concat!("pg_stretch/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(self.connect_timeout)
            .timeout(self.request_timeout)
            .build()
            .map_err(|_| object_store::Error::Generic {
                store: NO_CLIENT,
                source: "cannot set up the HTTP client".into(),
            })?;
        Ok(HttpClient::new(GuardedService { client }))
    }
}

/// rustls needs one provider per process; whoever came first wins, which is fine.
fn install_crypto_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

#[derive(Debug)]
struct GuardedService {
    client: reqwest::Client,
}

#[async_trait]
impl HttpService for GuardedService {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = self.client.call(request).await?;
        let status = response.status().as_u16();
        if response.status().is_success() {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let from_header = parts
            .headers
            .get("x-ms-error-code")
            .and_then(|value| value.to_str().ok())
            .and_then(clean_code);
        let code = match from_header {
            Some(code) => Some(code),
            None => read_limited(body).await.as_deref().and_then(code_of_body),
        };
        let reply = StoreReply { status, code };
        let is = |codes: &[&str]| reply.is(codes);
        // These statuses carry meaning for object_store's own logic (create-if-absent, missing objects) and pass
        // on with an empty body; the others end here with a type that can be recognised.
        let passes = match status {
            404 => !is(&codes::NO_BUCKET),
            409 => !is(&codes::NO_BUCKET) && !is(&codes::TRY_AGAIN) && !is(&codes::ARCHIVED),
            304 | 412 => true,
            _ => false,
        };
        if passes {
            return Ok(HttpResponse::from_parts(parts, Bytes::new().into()));
        }
        // `Request` is the kind that object_store retries within its budget for every method; all our writes are
        // create-if-absent and a deletion has one outcome, so a repeated one is harmless.
        let kind = match status {
            // What is not implemented will not be a moment later.
            501 => HttpErrorKind::Unknown,
            408 | 429 | 500..=599 => HttpErrorKind::Request,
            400 if is(&codes::TIMED_OUT) => HttpErrorKind::Request,
            409 if is(&codes::TRY_AGAIN) => HttpErrorKind::Request,
            _ => HttpErrorKind::Unknown,
        };
        Err(HttpError::new(kind, reply))
    }
}

/// The beginning of a body; `None` if it cannot be read.
async fn read_limited(body: object_store::client::HttpResponseBody) -> Option<Vec<u8>> {
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
fn code_of_body(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    clean_code(code)
}

/// Only something that looks like an error code may leave this module.
fn clean_code(code: &str) -> Option<String> {
    let good = (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric());
    good.then(|| code.to_owned())
}
