//! The one way this repository is built: all packages, one profile, one set of features.

use crate::sh;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The feature that only tests and demo have; an installed extension is built without it.
pub const TESTING: [&str; 2] = ["--features", "pg_stretch/testing"];

/// All packages but those that PostgreSQL or a store takes part in.
const WITHOUT_SERVER: [&str; 7] = [
    "--workspace",
    "--exclude",
    "pg_stretch",
    "--exclude",
    "testkit",
    "--exclude",
    "e2e",
];

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
    // `cargo run` tells us of our own package. Build scripts such as ring's are run again when these variables differ,
    // and with them all that depends on ring: an xtask and a plain `cargo build` in turns would build for minutes each
    // time.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_our_package) {
            command.env_remove(name);
        }
    }
    command
}

/// Variables that `cargo run` sets for the program that it runs.
fn is_of_our_package(name: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Builds libraries, programs and tests. Always of the whole workspace: choosing packages
/// would choose other features for shared dependencies and build them twice.
pub fn build_all() -> Result<Vec<TestProgram>, String> {
    build(&[&["--workspace"], &TESTING[..]].concat())
}

/// Builds all packages as users get them, for measurements.
pub fn build_release() -> Result<(), String> {
    sh::run(
        cargo()
            .args(["build", "--locked", "--release", "--workspace"])
            .args(TESTING),
    )
}

/// Builds what needs no PostgreSQL. Some dependencies are built a second time for it, once; then it takes seconds.
pub fn build_without_server() -> Result<Vec<TestProgram>, String> {
    build(&WITHOUT_SERVER)
}

/// Builds one crate with its tests; only for those that depend on little.
pub fn build_one(package: &str) -> Result<Vec<TestProgram>, String> {
    build(&["--package", package])
}

fn build(selection: &[&str]) -> Result<Vec<TestProgram>, String> {
    let build = |more: &[&str]| {
        let mut build = cargo();
        build.args(["build", "--locked", "--all-targets"]).args(selection);
        build.args(more);
        build
    };
    sh::run(&mut build(&[]))?;
    // Everything is fresh now, so this only lists.
    let mut list = build(&["--quiet", "--message-format=json"]);
    let text = sh::output(list.stderr(Stdio::inherit()))?;
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
