//! Looks for what a build and the tests need, and installs what is missing, or names it.

mod apt;
mod headers;
mod node;
mod python;
mod regress_source;
mod say;

pub use headers::PG_CONFIG;

use crate::sh;
use apt::apt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FREE_GB: u64 = 5;

/// What to do about something that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Install it, as root or by `sudo` without a password.
    Install,
    /// Name it and stop: `--no-install`.
    Name,
}

/// A program or library of a package of Debian.
struct Want {
    what: &'static str,
    packages: &'static [&'static str],
    is_there: fn() -> bool,
}

const WANTS: [Want; 4] = [
    Want {
        what: "a C linker",
        packages: &["gcc", "libc6-dev"],
        is_there: || sh::on_path("cc"),
    },
    Want {
        what: "the PostgreSQL 15 server",
        packages: &["postgresql-15"],
        is_there: || Path::new(PG_CONFIG).with_file_name("postgres").exists(),
    },
    Want {
        what: "libclang, for the bindings to PostgreSQL",
        packages: &["libclang-dev"],
        is_there: has_libclang,
    },
    Want {
        what: "xz, for the demo's data",
        packages: &["xz-utils"],
        is_there: || sh::on_path("xz"),
    },
];

/// Programs that tests run and builds do without.
const TEST_WANTS: [Want; 2] = [
    Want {
        what: "pgBackRest",
        packages: &["pgbackrest"],
        is_there: || sh::on_path("pgbackrest"),
    },
    Want {
        what: "Barman",
        packages: &["barman"],
        is_there: || sh::on_path("barman"),
    },
];

/// Everything: to build, and the programs and stores that tests run against.
pub fn all(missing: Missing) -> Result<(), String> {
    if missing == Missing::Name {
        return named(missing_to_build().chain(missing_to_test()).collect());
    }
    to_build(missing)?;
    bring(&TEST_WANTS)?;
    python::TESTS.bring()?;
    node::bring()?;
    regress_source::bring()
}

/// To build, and what the bench compares with.
pub fn to_bench(missing: Missing) -> Result<(), String> {
    if missing == Missing::Name {
        return named(missing_to_build().chain(python::BENCH.missing()).collect());
    }
    to_build(missing)?;
    python::BENCH.bring()
}

/// What compiling, the demo and the private clusters need.
pub fn to_build(missing: Missing) -> Result<(), String> {
    free_space()?;
    if missing == Missing::Name {
        return named(missing_to_build().collect());
    }
    bring(&WANTS)?;
    headers::install()
}

/// Installs those that are missing.
fn bring(wants: &[Want]) -> Result<(), String> {
    for want in wants.iter().filter(|want| !(want.is_there)()) {
        apt(want.what, want.packages)?;
    }
    Ok(())
}

/// Those that are missing, and how to install them by hand.
fn missing(wants: &[Want]) -> impl Iterator<Item = String> {
    let missing = wants.iter().filter(|want| !(want.is_there)());
    missing.map(|want| format!("{}: apt-get install {}", want.what, want.packages.join(" ")))
}

fn missing_to_build() -> impl Iterator<Item = String> {
    missing(&WANTS).chain(headers::missing())
}

fn missing_to_test() -> impl Iterator<Item = String> {
    let packages = python::TESTS.missing().into_iter().chain(node::missing());
    missing(&TEST_WANTS).chain(packages).chain(regress_source::missing())
}

/// Says all at once what is missing, so that nobody installs one thing after the other.
fn named(missing: Vec<String>) -> Result<(), String> {
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "missing, and not installed because of --no-install:\n  {}\nWithout --no-install, \
         the same command installs it.",
        missing.join("\n  ")
    ))
}

/// A build that dies of a full disk after ten minutes is a poor greeting, so ask before.
fn free_space() -> Result<(), String> {
    let target = sh::target_dir();
    fs::create_dir_all(&target).map_err(|e| format!("cannot make {}: {e}", target.display()))?;
    for dir in [target.as_path(), Path::new("/tmp")] {
        let text = sh::output(Command::new("df").arg("-Pk").arg(dir))?;
        let free = text
            .lines()
            .nth(1)
            .and_then(|row| row.split_whitespace().nth(3))
            .and_then(|kb| kb.parse::<u64>().ok())
            .ok_or_else(|| format!("cannot read the output of df for {}", dir.display()))?;
        if free < FREE_GB << 20 {
            return Err(format!(
                "{} has {} MB free; building and testing needs {FREE_GB} GB",
                dir.display(),
                free >> 10
            ));
        }
    }
    Ok(())
}

fn has_libclang() -> bool {
    if std::env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    let mut dirs = vec![
        PathBuf::from("/usr/lib"),
        PathBuf::from("/usr/lib64"),
        PathBuf::from("/usr/lib/x86_64-linux-gnu"),
        PathBuf::from("/usr/lib/aarch64-linux-gnu"),
    ];
    for entry in fs::read_dir("/usr/lib").into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("llvm") {
            dirs.push(entry.path().join("lib"));
        }
    }
    dirs.iter()
        .filter_map(|dir| fs::read_dir(dir).ok())
        .flat_map(|entries| entries.flatten())
        .any(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.starts_with("libclang.so") || name.starts_with("libclang-") && name.contains(".so")
        })
}
