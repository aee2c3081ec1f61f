//! Packages of Python that tests run, in a virtual environment beside what cargo builds: a test S3 server, and the
//! object mappers with their driver.

use super::apt::apt;
use super::say::say;
use crate::sh;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGES: [&str; 4] = [
    "moto[server]==5.2.5",
    "Django==5.2.19",
    "SQLAlchemy==2.1.9",
    "psycopg[binary]==3.3.9",
];

/// Installs them, unless they are there.
pub fn bring() -> Result<(), String> {
    if is_there() {
        return Ok(());
    }
    let venv = venv();
    say(&format!("install {} into {}", PACKAGES.join(", "), venv.display()));
    let make = |venv: &Path| sh::output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv));
    if make(&venv).is_err() {
        apt("python's venv", &["python3-venv"])?;
        make(&venv)?;
    }
    let mut install = Command::new(venv.join("bin/pip"));
    sh::output(
        install
            .args(["install", "--quiet", "--disable-pip-version-check"])
            .args(PACKAGES),
    )?;
    let stamp = stamp();
    fs::write(&stamp, PACKAGES.join("\n")).map_err(|e| format!("cannot write {}: {e}", stamp.display()))
}

/// Says that they are missing, where they are.
pub fn missing() -> Option<String> {
    let text = || format!("packages of Python: {} in {}", PACKAGES.join(", "), venv().display());
    (!is_there()).then(text)
}

fn venv() -> PathBuf {
    sh::target_dir().join("venv")
}

fn stamp() -> PathBuf {
    venv().join("prepared")
}

fn is_there() -> bool {
    fs::read_to_string(stamp()).is_ok_and(|have| have == PACKAGES.join("\n"))
}
