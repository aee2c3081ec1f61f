//! Rules of the repository that neither the compiler nor clippy can check.

use crate::{cargo, sh};
use std::fs;
use std::path::{Path, PathBuf};

const MAX_LINES: usize = 700;
/// Crates that take no part in input or output, and what would betray one.
const PURE: [&str; 5] = [
    "stretch-core",
    "stretch-segment",
    "stretch-columns",
    "stretch-vault",
    "stretch-tsql",
];
const IO: [&str; 3] = ["tokio", "object_store", "tokio-postgres"];

/// Checks all of them and reports every breach at once.
pub fn check() -> Result<(), String> {
    let mut breaches = Vec::new();
    dependencies(&mut breaches)?;
    for path in sources()? {
        let text = fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        let top = sh::root();
        let name = path.strip_prefix(&top).unwrap_or(&path);
        source(name, &text, &mut breaches);
    }
    if breaches.is_empty() {
        Ok(())
    } else {
        Err(format!("rules broken:\n  {}", breaches.join("\n  ")))
    }
}

/// Arrows point from the skin to the core: PostgreSQL only in one crate, I/O in none of the pure ones.
fn dependencies(breaches: &mut Vec<String>) -> Result<(), String> {
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
    Ok(())
}

fn source(path: &Path, text: &str, breaches: &mut Vec<String>) {
    let name = path.display();
    if !text.starts_with("//! ") {
        breaches.push(format!("{name}: does not open with a `//!` sentence"));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        breaches.push(format!("{name}: {lines} lines, more than {MAX_LINES}"));
    }
    let bindings = concat!("pg", "_sys");
    if !path.starts_with("crates/pg_stretch") && text.contains(bindings) {
        breaches.push(format!("{name}: names {bindings}; only pg_stretch may"));
    }
    // Values are written and read under one set of settings, which only this file knows.
    let calls = ["Send", "Receive", "Input", "Output"].map(|kind| format!("{kind}{}", concat!("Function", "Call(")));
    if !path.ends_with("pg/type_io.rs") {
        for call in calls.iter().filter(|call| text.contains(call.as_str())) {
            breaches.push(format!(
                "{name}: {call}…) is called outside of pg/type_io.rs, which knows the settings"
            ));
        }
    }
    // A statement `matches!(…);` checks nothing, whatever its author thought.
    let bare = concat!("matches", "!(");
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with(bare) && line.ends_with(';') {
            breaches.push(format!("{name}:{}: a bare {bare}…) checks nothing", number + 1));
        }
    }
}

fn sources() -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut open = vec![sh::root().join("crates"), sh::root().join("xtask")];
    while let Some(dir) = open.pop() {
        let entries = fs::read_dir(&dir).map_err(|e| format!("cannot read {}: {e}", dir.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests;
