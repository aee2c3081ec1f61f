//! Arrows point from the skin to the core: PostgreSQL only in one crate, I/O in none of the pure ones.

use super::terms::{Breaches, PURE};
use crate::{cargo, sh};
use std::fs;

/// What would betray a crate that does input or output.
const IO: [&str; 3] = ["tokio", "object_store", "tokio-postgres"];

/// Asks cargo for the whole tree of each crate.
pub fn check() -> Breaches {
    let mut breaches = Vec::new();
    for entry in fs::read_dir(sh::root().join("crates"))
        .map_err(|e| format!("cannot read crates: {e}"))?
        .flatten()
    {
        let package = entry.file_name().to_string_lossy().into_owned();
        // Build and development dependencies count too: a pure crate's tests run without a server.
        let tree = sh::output(cargo::cargo().args([
            "tree",
            "--locked",
            "--package",
            &package,
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--all-features",
        ]))?;
        let has = |name: &str| tree.lines().any(|line| line.split_whitespace().next() == Some(name));
        if package != "pg_stretch" && has("pgrx") {
            breaches.push(format!("{package} depends on pgrx; only pg_stretch may"));
        }
        if PURE.contains(&package.as_str()) {
            for io in IO.iter().filter(|io| has(io)) {
                breaches.push(format!("{package} depends on {io}; it must do no input or output"));
            }
        }
    }
    Ok(breaches)
}
