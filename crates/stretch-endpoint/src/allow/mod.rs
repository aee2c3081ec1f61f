//! The list of endpoints that a non-superuser may name (`stretch.allowed_endpoints`, F5).

use crate::url::EndpointUrl;

#[cfg(test)]
mod tests;

/// The default of `stretch.allowed_endpoints`: https at the public hosts of the three clouds.
pub const DEFAULT_ALLOWED_ENDPOINTS: [&str; 4] = [
    "https://s3.*.amazonaws.com",
    "https://*.s3.*.amazonaws.com",
    "https://*.blob.core.windows.net",
    "https://storage.googleapis.com",
];

/// Whether the server behind `url` matches one of `patterns`.
///
/// A pattern is `scheme://host[:port]`, scheme `http` or `https`. In the host a `*` as the first label stands for
/// one or more labels, as another label for exactly one. The port may be `*`; without one only the scheme's
/// default port matches. A pattern of another form matches nothing. `file://` never matches: it has rules of its
/// own ([`crate::file_root_check`]).
pub fn allowed(url: &EndpointUrl, patterns: &[String]) -> bool {
    url.host_for_allow_list()
        .is_some_and(|server| patterns.iter().any(|pattern| server_matches(&server, pattern.trim())))
}

/// Whether `pattern` has the form that [`allowed`] understands, for checking the setting when it is made.
pub fn valid_pattern(pattern: &str) -> bool {
    split(pattern.trim()).is_some()
}

fn server_matches(server: &str, pattern: &str) -> bool {
    let (Some(server), Some(pattern)) = (split(server), split(pattern)) else {
        return false;
    };
    server.scheme == pattern.scheme
        && (pattern.port == "*" || pattern.port == server.port)
        && host_matches(server.host, pattern.host)
}

struct Server<'a> {
    scheme: &'a str,
    host: &'a str,
    port: &'a str,
}

fn split(text: &str) -> Option<Server<'_>> {
    let (scheme, rest) = text.split_once("://")?;
    let default_port = match scheme {
        "https" => "443",
        "http" => "80",
        _ => return None,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    // The colons of an IPv6 address stand inside brackets.
    let after_address = rest.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match rest[after_address..].find(':') {
        Some(colon) => (&rest[..after_address + colon], &rest[after_address + colon + 1..]),
        None => (rest, default_port),
    };
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-*_[]:".contains(c);
    (!host.is_empty() && (digits || port == "*") && host.chars().all(plain)).then_some(Server { scheme, host, port })
}

fn host_matches(host: &str, pattern: &str) -> bool {
    // An IP address is never the work of a wildcard: `*.10` must not match 10.0.0.10.
    if host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok() {
        return host.eq_ignore_ascii_case(pattern);
    }
    let host: Vec<&str> = host.split('.').collect();
    let pattern: Vec<&str> = pattern.split('.').collect();
    let same = |host: &[&str], pattern: &[&str]| {
        host.len() == pattern.len()
            && host
                .iter()
                .zip(pattern)
                .all(|(label, want)| !label.is_empty() && (*want == "*" || label.eq_ignore_ascii_case(want)))
    };
    match pattern.split_first() {
        Some((&"*", rest)) => {
            host.len() > rest.len() && {
                let (leading, tail) = host.split_at(host.len() - rest.len());
                leading.iter().all(|label| !label.is_empty()) && same(tail, rest)
            }
        }
        _ => same(&host, &pattern),
    }
}
