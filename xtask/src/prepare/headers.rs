//! The headers of PostgreSQL must be of the very version of the server, or the extension would be built for another
//! minor release than the one it is loaded into.

use super::apt::apt;
use super::say::say;
use crate::sh;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The server that the private test clusters are made from.
pub const PG_CONFIG: &str = "/usr/lib/postgresql/15/bin/pg_config";

/// Installs them where they are missing or of another version. Installing headers alone with apt silently upgrades the
/// server as well, so the version is named.
pub fn install() -> Result<(), String> {
    if header_version() == Some(server_version()?) {
        return Ok(());
    }
    if let Ok(server) = package_version() {
        let exact = format!("postgresql-server-dev-15={server}");
        match apt("the headers of the installed server", &[&exact]) {
            Ok(()) => {}
            Err(_) => {
                say("the archive has no headers of that version any more: the server is upgraded too");
                apt(
                    "the server and its headers",
                    &["postgresql-15", "postgresql-server-dev-15"],
                )?;
            }
        }
    }
    let (server, headers) = (server_version()?, header_version());
    if headers.as_ref() == Some(&server) {
        Ok(())
    } else {
        Err(format!(
            "the server is PostgreSQL {server}, its headers are {}; install postgresql-server-dev-15 of the same \
             version",
            headers.as_deref().unwrap_or("missing")
        ))
    }
}

/// Says what is missing of them, where something is.
pub fn missing() -> Option<String> {
    let (server, headers) = (server_version().ok(), header_version());
    if server.is_some() && server == headers {
        return None;
    }
    let server = server.unwrap_or_else(|| "the server's version".to_owned());
    let headers = headers.map_or("missing".to_owned(), |version| format!("of {version}"));
    Some(format!(
        "the headers of the server, which are {headers}: apt-get install postgresql-server-dev-15, of {server}"
    ))
}

/// "15.18-0+deb12u1": Debian's version of the installed server.
pub fn package_version() -> Result<String, String> {
    sh::output(Command::new("dpkg-query").args(["--show", "--showformat=${Version}", "postgresql-15"]))
        .map(|version| version.trim().to_owned())
}

/// "15.18" of the installed `postgres`.
fn server_version() -> Result<String, String> {
    let text = sh::output(Command::new(Path::new(PG_CONFIG).with_file_name("postgres")).arg("--version"))?;
    text.split_whitespace()
        .nth(2)
        .map(str::to_owned)
        .ok_or_else(|| format!("unexpected answer of postgres --version: {text}"))
}

/// "15.18" as `pg_config.h` says, or `None` when there are no headers.
fn header_version() -> Option<String> {
    let dir = sh::output(Command::new(PG_CONFIG).arg("--includedir-server")).ok()?;
    let dir = PathBuf::from(dir.trim());
    if !dir.join("postgres.h").exists() {
        return None;
    }
    let text = fs::read_to_string(dir.join("pg_config.h")).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("#define PG_VERSION "))
        // Debian writes its own number behind.
        .and_then(|quoted| quoted.trim_matches('"').split_whitespace().next())
        .map(str::to_owned)
}
