//! Azure deletes by a request that holds other requests, and hides their failures in an answer that is a success.

use super::reply::{clean_code, code_of_body};
use object_store::client::HttpRequest;
use reqwest::Method;

/// Whether this request holds others.
pub(super) fn is_batch(request: &HttpRequest) -> bool {
    let parameters = request.uri().query().unwrap_or_default();
    request.method() == Method::POST && parameters.split('&').any(|parameter| parameter == "comp=batch")
}

/// Status and code of the one answer in a batch, if it is a failure. What is not there is deleted, and a batch of
/// several answers is for object_store to take apart: we delete one object at a time.
pub(super) fn failure(body: &[u8]) -> Option<(u16, Option<String>)> {
    let text = std::str::from_utf8(body).ok()?;
    let mut answers = text.split("HTTP/1.1 ").skip(1);
    let (answer, None) = (answers.next()?, answers.next()) else {
        return None;
    };
    let status: u16 = answer.get(..3)?.parse().ok()?;
    if status < 400 || status == 404 {
        return None;
    }
    let header = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("x-ms-error-code").then(|| value.trim())
    });
    let code = header.and_then(clean_code).or_else(|| code_of_body(answer.as_bytes()));
    Some((status, code))
}
