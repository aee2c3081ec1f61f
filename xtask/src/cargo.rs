//! The one way this repository is built: all packages, one profile, one set of features.

use crate::sh;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The feature that only tests and demo have; an installed extension is built without it.
pub const TESTING: [&str; 2] = ["--features", "pg_stretch/testing"];

/// A compiled test program.
pub struct TestProgram {
    /// The package it belongs to.
    pub package: String,
    pub path: PathBuf,
}

/// `cargo` as it started us, at the top of the repository.
pub fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(sh::root());
    command
}

/// Builds libraries, programs and tests. Always of the whole workspace: choosing packages
/// would choose other features for shared dependencies and build them twice.
pub fn build_all() -> Result<Vec<TestProgram>, String> {
    let mut build = cargo();
    build
        .args(["build", "--locked", "--workspace", "--all-targets"])
        .args(TESTING);
    sh::run(&mut build)?;
    // Everything is fresh now, so this only lists.
    let mut list = cargo();
    list.args(["build", "--locked", "--workspace", "--all-targets"])
        .args(TESTING)
        .args(["--quiet", "--message-format=json"])
        .stderr(Stdio::inherit());
    let text = sh::output(&mut list)?;
    Ok(text.lines().filter_map(test_program).collect())
}

/// Reads one message of cargo; `None` unless it is about a test program.
fn test_program(line: &str) -> Option<TestProgram> {
    // A target says that it can be tested, too; only the profile says that this is the test of it.
    let (_, profile) = line.split_once("\"profile\":{")?;
    let (profile, _) = profile.split_once('}')?;
    if !profile.contains("\"test\":true") {
        return None;
    }
    let path = PathBuf::from(string_after(line, "\"executable\":\"")?);
    let manifest = PathBuf::from(string_after(line, "\"manifest_path\":\"")?);
    let package = manifest.parent()?.file_name()?.to_str()?.to_owned();
    Some(TestProgram { package, path })
}

fn string_after<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let from = line.find(key)? + key.len();
    let rest = &line[from..];
    rest.find('"').map(|end| &rest[..end])
}
