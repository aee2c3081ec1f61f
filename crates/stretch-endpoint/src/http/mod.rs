//! The HTTP client under the cloud stores: no redirects, no proxies, no foreign bodies in errors.
//!
//! object_store's own client follows redirects, takes proxies from the environment and puts response bodies into its
//! errors. Each of these would let an endpoint of a non-superuser reach or show what it must not (F5), so the
//! client is built here, and failures leave it as a [`StoreReply`]: a status, a short code, and what this side knows.

use crate::url::HttpVersions;
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use pause::Pause;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use std::time::Duration;

mod batch;
pub(crate) mod ca_file;
mod pause;
mod reply;

pub(crate) use reply::{StoreReply, codes};

/// Makes clients that keep the rules above.
#[derive(Debug)]
pub(crate) struct GuardedConnector {
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    /// Plain http and nothing else: then no certificates are needed, and none are looked for.
    pub(crate) plain_http: bool,
    pub(crate) versions: HttpVersions,
    /// Trusted beside the system's.
    pub(crate) authorities: Vec<reqwest::Certificate>,
    /// When the credential says that it ends.
    pub(crate) expires: Option<DateTime<Utc>>,
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
            builder
                .https_only(true)
                .tls_certs_merge(self.authorities.iter().cloned())
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
        Ok(HttpClient::new(GuardedService {
            client,
            pause: Pause::new(self.request_timeout),
            expires: self.expires,
        }))
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
    pause: Pause,
    expires: Option<DateTime<Utc>>,
}

#[async_trait]
impl HttpService for GuardedService {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.pause.over().await;
        let deletes = request.method() == Method::DELETE;
        let is_batch = batch::is_batch(&request);
        let response = self.client.call(request).await.map_err(repeatable)?;
        let succeeded = response.status().is_success();
        if succeeded && !is_batch {
            return Ok(response);
        }
        let (mut parts, body) = response.into_parts();
        if succeeded {
            let body = body.bytes().await?;
            return match batch::failure(&body) {
                None => Ok(HttpResponse::from_parts(parts, body.into())),
                Some((status, code)) => Err(self.failed(status, code, &parts.headers)),
            };
        }
        let status = parts.status.as_u16();
        let code = reply::code(&parts.headers, body).await;
        let reply = StoreReply::new(status, code, &parts.headers, self.expires);
        if let Some(known) = known_status(&reply, deletes) {
            parts.status = known;
            return Ok(HttpResponse::from_parts(parts, Bytes::new().into()));
        }
        Err(self.failed(status, reply.code, &parts.headers))
    }
}

impl GuardedService {
    /// A failure of a type that can be recognised.
    fn failed(&self, status: u16, code: Option<String>, headers: &HeaderMap) -> HttpError {
        let reply = StoreReply::new(status, code, headers, self.expires);
        let kind = kind(&reply);
        if kind == HttpErrorKind::Request {
            self.pause.note(headers);
        }
        HttpError::new(kind, reply)
    }
}

/// A connection that broke after a request was sent: the answer may be lost, and what was asked for done. object_store
/// asks again where it knows that this is harmless, and of our writes we know it (see [`kind`]).
fn repeatable(error: HttpError) -> HttpError {
    match error.kind() {
        HttpErrorKind::Interrupted => HttpError::new(HttpErrorKind::Request, error),
        _ => error,
    }
}

/// Some statuses carry meaning for object_store's own logic (create-if-absent, missing objects) and pass on with an
/// empty body, as the status that says so; all others end here with a type that can be recognised.
fn known_status(reply: &StoreReply, deletes: bool) -> Option<StatusCode> {
    let is = |codes: &[&str]| reply.is(codes);
    match reply.status {
        404 if !is(&codes::NO_BUCKET) => Some(StatusCode::NOT_FOUND),
        // That it exists is no answer to a deletion.
        409 if !deletes && !is(&codes::NO_BUCKET) && !is(&codes::TRY_AGAIN) && !is(&codes::ARCHIVED) => {
            Some(StatusCode::CONFLICT)
        }
        403 if is(&codes::NO_OVERWRITE) => Some(StatusCode::CONFLICT),
        304 => Some(StatusCode::NOT_MODIFIED),
        412 => Some(StatusCode::PRECONDITION_FAILED),
        _ => None,
    }
}

/// `Request` is the kind that object_store retries within its budget for every method; all our writes are
/// create-if-absent and a deletion has one outcome, so a repeated one is harmless.
fn kind(reply: &StoreReply) -> HttpErrorKind {
    match reply.status {
        // What is not implemented will not be a moment later.
        501 => HttpErrorKind::Unknown,
        408 | 429 | 500..=599 => HttpErrorKind::Request,
        400 if reply.is(&codes::TIMED_OUT) => HttpErrorKind::Request,
        409 if reply.is(&codes::TRY_AGAIN) => HttpErrorKind::Request,
        _ => HttpErrorKind::Unknown,
    }
}
