//! Packages of Node.js beside what cargo builds: Azurite, the emulator of Azure Blob Storage that tests run.

use super::apt::apt;
use super::say::say;
use crate::sh;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Later versions need a newer Node.js than Debian 12 has.
const PACKAGE: &str = "azurite@3.35.0";

/// Installs it, unless it is there.
pub fn bring() -> Result<(), String> {
    if is_there() {
        return Ok(());
    }
    if !sh::on_path("node") {
        apt("Node.js", &["nodejs"])?;
    }
    if !sh::on_path("npm") {
        apt("npm", &["npm"])?;
    }
    let folder = folder();
    say(&format!("install {PACKAGE} into {}", folder.display()));
    let failed = |e| format!("cannot make {}: {e}", folder.display());
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).map_err(failed)?;
    // Scripts of packages would build what only its services of queues and tables could use.
    sh::output(
        Command::new("npm")
            .args([
                "install",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ])
            .arg("--prefix")
            .arg(&folder)
            .arg(PACKAGE)
            .current_dir(&folder),
    )?;
    fs::write(stamp(), PACKAGE).map_err(|e| format!("cannot write {}: {e}", stamp().display()))
}

/// Says that it is missing, where it is.
pub fn missing() -> Option<String> {
    let text = || format!("package of Node.js: {PACKAGE} in {}", folder().display());
    (!is_there()).then(text)
}

fn folder() -> PathBuf {
    sh::target_dir().join("azurite")
}

fn stamp() -> PathBuf {
    folder().join("prepared")
}

fn is_there() -> bool {
    fs::read_to_string(stamp()).is_ok_and(|have| have == PACKAGE)
}
