//! Who may speak with the server, changed while it runs, and what it says instead of an answer.

use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::{Method, Request, Response, StatusCode};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{Body, S3Result, s3_error};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// Keys, session token and counts of one server.
pub(super) struct Gate {
    bucket: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    keys: HashMap<String, SecretKey>,
    token: Option<String>,
    /// A part of the keys that nobody may delete.
    protected: Option<String>,
    requests: HashMap<String, u64>,
}

impl Gate {
    pub(super) fn new(bucket: PathBuf) -> Gate {
        Gate {
            bucket,
            state: Arc::default(),
        }
    }

    pub(super) fn register(&self, access_key: &str, secret_key: &str) {
        let secret = SecretKey::from(secret_key);
        self.lock().keys.insert(access_key.to_owned(), secret);
    }

    pub(super) fn revoke(&self, access_key: &str) {
        self.lock().keys.remove(access_key).expect("the key was accepted");
    }

    pub(super) fn set_token(&self, token: Option<&str>) {
        self.lock().token = token.map(str::to_owned);
    }

    pub(super) fn protect(&self, key: Option<&str>) {
        self.lock().protected = key.map(str::to_owned);
    }

    pub(super) fn requests_of(&self, access_key: &str) -> u64 {
        self.lock().requests.get(access_key).copied().unwrap_or(0)
    }

    /// What the server asks for the secret of a key.
    pub(super) fn auth(&self) -> Keys {
        Keys(Arc::clone(&self.state))
    }

    /// Counts the request, and answers it where the server itself would not do as S3 does.
    pub(super) fn refusal(&self, request: &Request<Incoming>) -> Option<Response<Body>> {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let mut state = self.lock();
        if let Some(key) = header(AUTHORIZATION.as_str()).and_then(access_key) {
            *state.requests.entry(key.to_owned()).or_default() += 1;
        }
        let token = header("x-amz-security-token");
        let asked = request.uri().path().split('/').nth(1).unwrap_or_default();
        if !self.bucket.ends_with(asked) || !self.bucket.exists() {
            // The server itself would miss the key, and make the bucket for a new one.
            return Some(says(StatusCode::NOT_FOUND, "NoSuchBucket"));
        }
        let key = request.uri().path();
        if *request.method() == Method::DELETE && state.protected.as_ref().is_some_and(|part| key.contains(part)) {
            return Some(says(StatusCode::CONFLICT, "BlobImmutableDueToPolicy"));
        }
        match (&state.token, token) {
            (Some(wanted), Some(token)) if wanted != token => Some(says(StatusCode::BAD_REQUEST, "ExpiredToken")),
            (Some(_), None) => Some(says(StatusCode::FORBIDDEN, "InvalidAccessKeyId")),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }
}

/// `AWS4-HMAC-SHA256 Credential=KEY/20260101/region/s3/aws4_request, …`
fn access_key(authorization: &str) -> Option<&str> {
    let (_, rest) = authorization.split_once("Credential=")?;
    rest.split('/').next()
}

fn says(status: StatusCode, code: &str) -> Response<Body> {
    let text = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

/// The keys that are accepted at this moment.
pub(super) struct Keys(Arc<Mutex<State>>);

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let state = self.0.lock().expect("no panic while held");
        match state.keys.get(access_key) {
            Some(secret) => Ok(secret.clone()),
            None => Err(s3_error!(InvalidAccessKeyId, "no such key")),
        }
    }
}
