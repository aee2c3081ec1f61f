//! From object_store's errors to ours, by type and never by text.

use crate::error::{EndpointError, Reply, Unreachable};
use crate::http::{StoreReply, codes};
use crate::refusal::{Operation, Refusal};
use object_store::client::{HttpError, HttpErrorKind};
use std::error::Error as StdError;

/// Translates a failure of an operation on `key` (as the caller named it).
pub(crate) fn translate(error: &object_store::Error, operation: Operation, key: &str) -> EndpointError {
    use object_store::Error as Os;
    if let Some(reply) = find::<StoreReply>(error) {
        return from_reply(reply, operation, key);
    }
    if let Some(http) = find::<HttpError>(error) {
        return EndpointError::Unreachable {
            why: why(http),
            reply: Reply::default(),
        };
    }
    match error {
        Os::NotFound { .. } => EndpointError::NotFound { key: key.to_owned() },
        Os::PermissionDenied { .. } | Os::Unauthenticated { .. } => match find_io(error) {
            Some(kind) => EndpointError::Local { kind },
            None => EndpointError::Refused {
                why: Refusal::Credential,
                reply: Reply::default(),
            },
        },
        Os::InvalidPath { .. } => EndpointError::BadKey("it has a form the store cannot keep"),
        _ => match find_io(error) {
            Some(std::io::ErrorKind::TimedOut) => EndpointError::timeout(),
            Some(kind) => EndpointError::Local { kind },
            None => EndpointError::Other,
        },
    }
}

fn from_reply(found: &StoreReply, operation: Operation, key: &str) -> EndpointError {
    let reply = Reply {
        status: Some(found.status),
        code: found.code.clone(),
    };
    let is = |codes: &[&str]| found.is(codes);
    let refused = |why| EndpointError::Refused {
        why,
        reply: reply.clone(),
    };
    match found.status {
        _ if is(&codes::ARCHIVED) => EndpointError::Archived {
            key: key.to_owned(),
            reply,
        },
        _ if is(&codes::NO_BUCKET) => EndpointError::NoSuchBucket,
        409 if is(&codes::IMMUTABLE) => refused(Refusal::Immutable),
        400 if is(&codes::EXPIRED) => refused(Refusal::Expired),
        400 if is(&codes::BAD_TOKEN) => refused(refusal(found, operation)),
        501 => not_implemented(operation),
        400 if is(&codes::NOT_IMPLEMENTED) => not_implemented(operation),
        400 if is(&codes::TIMED_OUT) => EndpointError::Unreachable {
            why: Unreachable::Busy,
            reply,
        },
        401 | 403 => refused(refusal(found, operation)),
        300..=399 => EndpointError::Redirected { reply },
        408 | 409 | 429 | 500..=599 => EndpointError::Unreachable {
            why: Unreachable::Busy,
            reply,
        },
        _ => EndpointError::Rejected { reply },
    }
}

/// From the store's error code, which S3, Azure and Google Cloud spell differently. Azure has one code for a wrong
/// signature, for a clock that is off and for a shared access signature at its end; what is known here decides.
fn refusal(reply: &StoreReply, operation: Operation) -> Refusal {
    match reply.code.as_deref() {
        Some("SignatureDoesNotMatch") => Refusal::Signature,
        Some("RequestTimeTooSkewed") => Refusal::Clock,
        Some(
            "AccessDenied"
            | "AuthorizationPermissionMismatch"
            | "AuthorizationResourceTypeMismatch"
            | "InsufficientAccountPermissions",
        ) => Refusal::Permission(operation),
        _ if reply.has_expired => Refusal::Expired,
        _ if reply.is_clock_off => Refusal::Clock,
        _ => Refusal::Credential,
    }
}

/// The store says itself that it lacks something: no trouble of the moment, and worse than one refused request.
fn not_implemented(operation: Operation) -> EndpointError {
    EndpointError::BrokenPromise {
        which: match operation {
            Operation::Read => "objects and ranges of them can be read (the store says \"not implemented\")",
            Operation::Create => {
                "objects can be created with If-None-Match and a checksum (the store says \"not implemented\")"
            }
            Operation::List => "objects can be listed (the store says \"not implemented\")",
            Operation::Delete => "objects can be deleted (the store says \"not implemented\")",
        },
    }
}

/// The first error of type `T` in the chain of sources.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    chain(error).find_map(|e| e.downcast_ref::<T>())
}

fn find_io(error: &(dyn StdError + 'static)) -> Option<std::io::ErrorKind> {
    find::<std::io::Error>(error).map(std::io::Error::kind)
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    // An io::Error hides the error it wraps from `source`, which names that one's source instead.
    std::iter::successors(Some(error), |&e| {
        match e.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref()) {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => e.source(),
        }
    })
    .take(32)
}

fn why(http: &HttpError) -> Unreachable {
    if let Some(tls) = find::<rustls::Error>(http) {
        return of_tls(tls);
    }
    if http.kind() == HttpErrorKind::Timeout {
        return Unreachable::Timeout;
    }
    match find_io(http) {
        Some(std::io::ErrorKind::ConnectionRefused) => return Unreachable::ConnectionRefused,
        Some(std::io::ErrorKind::TimedOut) => return Unreachable::Timeout,
        _ => {}
    }
    // The resolver's failure has no type of its own in the client; its step has this fixed name.
    if chain(http).any(|e| e.to_string() == "dns error") {
        return Unreachable::Dns;
    }
    Unreachable::Connection
}

/// What is wrong with a store's certificate can be put right by whoever knows which it is.
fn of_tls(error: &rustls::Error) -> Unreachable {
    use rustls::CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = error else {
        return Unreachable::Tls;
    };
    match bad {
        // An authority that got a new key has its old name.
        Bad::UnknownIssuer | Bad::BadSignature => Unreachable::UnknownAuthority,
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => Unreachable::CertificateName,
        Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
            Unreachable::CertificateTime
        }
        _ => Unreachable::Tls,
    }
}
