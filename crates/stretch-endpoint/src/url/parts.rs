//! The parts of an endpoint URL. Takes one apart and checks each; errors are reasons without values.

use super::objects::{Encryption, StorageClass};
use super::reason::Reason;
use std::path::PathBuf;

/// Which versions of HTTP a store is spoken to with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum HttpVersions {
    /// The best that both sides know.
    #[default]
    Any,
    /// HTTP/1.1 only (`http=1.1`), for stores or proxies that reject signed requests over HTTP/2.
    Http11,
}

/// What each scheme carries. `prefix` has neither leading nor trailing slash and may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inner {
    File {
        path: PathBuf,
    },
    S3 {
        bucket: String,
        prefix: String,
        region: Option<String>,
        /// `http(s)://host[:port]`, without a trailing slash.
        endpoint: Option<String>,
        path_style: bool,
        encryption: Option<Encryption>,
        storage_class: Option<StorageClass>,
        http: HttpVersions,
    },
    Az {
        container: String,
        prefix: String,
        account: Option<String>,
        /// `http(s)://host[:port][/path]`, without a trailing slash.
        endpoint: Option<String>,
        http: HttpVersions,
    },
    Gs {
        bucket: String,
        prefix: String,
    },
}

/// The only value of the parameter `http`.
pub(super) const HTTP_11: &str = "1.1";

/// Parameter names that people use for secrets somewhere; they get an error that names the way out.
const SECRET_WORDS: [&str; 8] = ["sig", "token", "key", "secret", "pass", "pwd", "auth", "credential"];

/// Parses the whole URL.
pub(super) fn parse(text: &str) -> Result<Inner, Reason> {
    if text.chars().any(|c| c.is_control()) {
        return Err("it holds a control character".into());
    }
    if text.contains('#') {
        return Err("a fragment (#…) has no meaning here".into());
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err("it must begin with file:///, s3://, az:// or gs://".into());
    };
    let (location, query) = match rest.split_once('?') {
        Some((location, query)) => (location, Some(query)),
        None => (rest, None),
    };
    match scheme {
        "file" => parse_file(location, query),
        "s3" => parse_s3(location, query),
        "az" => parse_az(location, query),
        "gs" => {
            let (bucket, prefix) = bucket_and_prefix(location)?;
            check_name(&bucket, 3, 222, "-._", "bucket")?;
            Params::parse(query, &[])?;
            Ok(Inner::Gs { bucket, prefix })
        }
        _ => Err("the scheme must be file, s3, az or gs".into()),
    }
}

fn parse_file(location: &str, query: Option<&str>) -> Result<Inner, Reason> {
    Params::parse(query, &[])?;
    if location.contains('@') && !location.starts_with('/') {
        return Err("it must not hold a user name or password".into());
    }
    if !location.starts_with('/') {
        return Err("the path must be absolute, with three slashes: file:///directory".into());
    }
    if location.contains('%') {
        return Err("percent signs are not supported in the path".into());
    }
    let mut path = PathBuf::from("/");
    let trimmed = location.trim_end_matches('/');
    for segment in trimmed.split('/').skip(1) {
        check_segment(segment)?;
        path.push(segment);
    }
    if trimmed.is_empty() {
        return Err("the root directory cannot be an endpoint".into());
    }
    Ok(Inner::File { path })
}

fn parse_s3(location: &str, query: Option<&str>) -> Result<Inner, Reason> {
    let (bucket, prefix) = bucket_and_prefix(location)?;
    check_name(&bucket, 3, 63, "-.", "bucket")?;
    let known = [
        "region",
        "endpoint",
        "path_style",
        "sse",
        "kms_key",
        "storage_class",
        "http",
    ];
    let mut params = Params::parse(query, &known)?;
    let region = params.take("region");
    if let Some(region) = &region {
        check_name(region, 1, 63, "-", "region")?;
    }
    let endpoint = params
        .take("endpoint")
        .map(|value| base_url(&value, false))
        .transpose()?;
    let path_style = match params.take("path_style").as_deref() {
        None | Some("true") => true,
        Some("false") => false,
        Some(_) => return Err("parameter \"path_style\" must be true or false".into()),
    };
    if !path_style
        && endpoint
            .as_deref()
            .and_then(|base| url::Url::parse(base).ok())
            .is_some_and(|base| !matches!(base.host(), Some(url::Host::Domain(_))))
    {
        return Err("path_style=false needs an endpoint with a host name".into());
    }
    Ok(Inner::S3 {
        bucket,
        prefix,
        region,
        endpoint,
        path_style,
        encryption: Encryption::parse(params.take("sse").as_deref(), params.take("kms_key"))?,
        storage_class: params
            .take("storage_class")
            .as_deref()
            .map(StorageClass::parse)
            .transpose()?,
        http: http_versions(&mut params)?,
    })
}

fn parse_az(location: &str, query: Option<&str>) -> Result<Inner, Reason> {
    let (container, prefix) = bucket_and_prefix(location)?;
    check_name(&container, 3, 63, "-", "container")?;
    let mut params = Params::parse(query, &["account", "endpoint", "http"])?;
    let account = params.take("account");
    if let Some(account) = &account {
        check_account(account)?;
    }
    let endpoint = params
        .take("endpoint")
        .map(|value| base_url(&value, true))
        .transpose()?;
    Ok(Inner::Az {
        container,
        prefix,
        account,
        endpoint,
        http: http_versions(&mut params)?,
    })
}

/// The parameter `http`, of which `1.1` is the only value: everything else is what happens without it.
fn http_versions(params: &mut Params) -> Result<HttpVersions, Reason> {
    match params.take("http").as_deref() {
        None => Ok(HttpVersions::Any),
        Some(HTTP_11) => Ok(HttpVersions::Http11),
        Some(_) => Err("parameter \"http\" must be 1.1; leave it out for the best version that the store knows".into()),
    }
}

/// An Azure storage account: 3 to 24 lower-case letters and digits.
pub(crate) fn check_account(account: &str) -> Result<(), Reason> {
    check_name(account, 3, 24, "", "account")
}

fn bucket_and_prefix(location: &str) -> Result<(String, String), Reason> {
    let (bucket, path) = location.split_once('/').unwrap_or((location, ""));
    if bucket.contains('@') || bucket.contains(':') {
        return Err("it must not hold a user name, password or port".into());
    }
    let path = path.trim_end_matches('/');
    if !path.is_empty() {
        for segment in path.split('/') {
            check_segment(segment)?;
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.=+".contains(c);
            if !segment.chars().all(plain) {
                return Err("the prefix may hold letters, digits and - _ . = + only".into());
            }
        }
    }
    Ok((bucket.to_owned(), path.to_owned()))
}

fn check_segment(segment: &str) -> Result<(), Reason> {
    match segment {
        "" => Err("the path holds an empty part (//)".into()),
        "." | ".." => Err("the path must not hold . or ..".into()),
        _ => Ok(()),
    }
}

/// Lower-case letters, digits and the characters of `extra`, beginning and ending with a letter or digit.
fn check_name(name: &str, min: usize, max: usize, extra: &str, what: &str) -> Result<(), Reason> {
    let alnum = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good = (min..=max).contains(&name.len())
        && name.chars().all(|c| alnum(c) || extra.contains(c))
        && name.starts_with(alnum)
        && name.ends_with(alnum)
        && !name.contains("..");
    if good {
        Ok(())
    } else if name.is_empty() {
        Err(format!("the {what} is missing"))
    } else {
        Err(format!("the {what} is not a valid name"))
    }
}

/// Checks the `endpoint` parameter and returns it normalised, without a trailing slash. The host is normalised by
/// the URL parser, so that `http://2130706433` is compared as `127.0.0.1`.
fn base_url(value: &str, path_allowed: bool) -> Result<String, Reason> {
    let bad = || Reason::from("parameter \"endpoint\" must look like https://host or http://host:port");
    let parsed = url::Url::parse(value).map_err(|_| bad())?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("parameter \"endpoint\" must not hold a user name or password".into());
    }
    let scheme = parsed.scheme();
    if !matches!(scheme, "http" | "https") || parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(bad());
    }
    let host = parsed.host_str().ok_or_else(bad)?;
    let path = parsed.path().trim_end_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
    if !path.is_empty() && (!path_allowed || !path.chars().all(plain)) {
        return Err("parameter \"endpoint\" must not hold a path".into());
    }
    let port = parsed.port().map(|p| format!(":{p}")).unwrap_or_default();
    Ok(format!("{scheme}://{host}{port}{path}"))
}

/// The query parameters, each at most once and only those expected.
struct Params(Vec<(String, String)>);

impl Params {
    fn parse(query: Option<&str>, known: &[&str]) -> Result<Self, Reason> {
        let mut found: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or("").as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Err(unknown_parameter(&name));
            }
            if value.is_empty() {
                return Err(format!("parameter \"{name}\" is empty"));
            }
            if found.iter().any(|(other, _)| *other == name) {
                return Err(format!("parameter \"{name}\" is given twice"));
            }
            found.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(found))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let position = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.swap_remove(position).1)
    }
}

/// A name may itself be a pasted secret, so only short plain words are repeated.
fn unknown_parameter(name: &str) -> Reason {
    let lower = name.to_ascii_lowercase();
    if SECRET_WORDS.iter().any(|word| lower.contains(word)) {
        return "it carries a secret in a parameter; secrets belong into a credential".into();
    }
    let plain = |c: char| c.is_ascii_lowercase() || c == '_';
    if name.len() <= 20 && name.chars().all(plain) {
        format!("unknown parameter \"{name}\"")
    } else {
        "unknown parameter".into()
    }
}
