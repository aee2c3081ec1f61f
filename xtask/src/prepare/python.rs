//! Packages of Python in virtual environments beside what cargo builds: what tests run, a test S3 server and the object
//! mappers with their driver; and what the bench compares with.

use super::apt::apt;
use super::say::say;
use crate::sh;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A virtual environment.
pub struct Environment {
    folder: &'static str,
    packages: &'static [&'static str],
}

/// Of the tests.
pub const TESTS: Environment = Environment {
    folder: "venv",
    packages: &[
        "moto[server]==5.2.5",
        "Django==5.2.19",
        "SQLAlchemy==2.1.9",
        "psycopg[binary]==3.3.9",
    ],
};

/// Of the bench.
pub const BENCH: Environment = Environment {
    folder: "venv-bench",
    packages: &["duckdb==2.0.0"],
};

impl Environment {
    /// Installs the packages, unless they are there.
    pub fn bring(&self) -> Result<(), String> {
        if self.is_there() {
            return Ok(());
        }
        let venv = self.path();
        say(&format!("install {} into {}", self.packages.join(", "), venv.display()));
        let make = |venv: &Path| sh::output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv));
        if make(&venv).is_err() {
            apt("python's venv", &["python3-venv"])?;
            make(&venv)?;
        }
        let mut install = Command::new(venv.join("bin/pip"));
        sh::output(
            install
                .args(["install", "--quiet", "--disable-pip-version-check"])
                .args(self.packages),
        )?;
        let stamp = self.stamp();
        fs::write(&stamp, self.packages.join("\n")).map_err(|e| format!("cannot write {}: {e}", stamp.display()))
    }

    /// Says that they are missing, where they are.
    pub fn missing(&self) -> Option<String> {
        let packages = self.packages.join(", ");
        let text = || format!("packages of Python: {packages} in {}", self.path().display());
        (!self.is_there()).then(text)
    }

    fn path(&self) -> PathBuf {
        sh::target_dir().join(self.folder)
    }

    fn stamp(&self) -> PathBuf {
        self.path().join("prepared")
    }

    fn is_there(&self) -> bool {
        fs::read_to_string(self.stamp()).is_ok_and(|have| have == self.packages.join("\n"))
    }
}
