//! `cargo xtask install`: puts library, control file and SQL into a PostgreSQL installation.

use crate::{cargo, prepare, sh};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the extension for the given installation and copies its files there.
pub fn run(args: &[String]) -> Result<(), String> {
    let mut release = false;
    let mut pg_config = prepare::PG_CONFIG.to_owned();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--release" => release = true,
            "--pg-config" => {
                pg_config = rest.next().ok_or("--pg-config needs a path")?.clone();
            }
            other => return Err(format!("unexpected argument {other:?}")),
        }
    }
    if pg_config == prepare::PG_CONFIG {
        prepare::to_build(prepare::Missing::Install)?;
    }
    let version = ask(&pg_config, "--version")?;
    if !version.starts_with("PostgreSQL 15.") {
        return Err(format!(
            "{pg_config} is of {version}; this release is for PostgreSQL 15"
        ));
    }
    let mut build = cargo::cargo();
    build.env("PGRX_PG_CONFIG_PATH", &pg_config).args(["build", "--locked"]);
    if release {
        build.args(["--release", "--package", "pg_stretch"]);
    } else {
        // As everything else is built, or cargo would build the dependencies again.
        build.arg("--workspace");
    }
    sh::run(&mut build)?;

    let profile = if release { "release" } else { "debug" };
    let library = sh::target_dir().join(profile).join("libpg_stretch.so");
    let lib = PathBuf::from(ask(&pg_config, "--pkglibdir")?);
    let share = PathBuf::from(ask(&pg_config, "--sharedir")?).join("extension");
    put(&library, &lib.join("pg_stretch.so"))?;
    for file in extension_files()? {
        let name = file.file_name().unwrap_or_default();
        put(&file, &share.join(name))?;
    }
    println!(
        "\nNext:\n  1. in postgresql.conf: shared_preload_libraries = 'pg_stretch', then restart the server\n  \
         2. in the database: CREATE EXTENSION pg_stretch;"
    );
    Ok(())
}

/// Every control file and install script of the extension.
fn extension_files() -> Result<Vec<PathBuf>, String> {
    let top = sh::root().join("crates/pg_stretch");
    let mut files = Vec::new();
    for (dir, ending) in [(top.clone(), "control"), (top.join("sql"), "sql")] {
        let entries = fs::read_dir(&dir).map_err(|e| format!("cannot read {}: {e}", dir.display()))?;
        files.extend(
            entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|e| e == ending)),
        );
    }
    files.sort();
    if files.is_empty() {
        return Err(format!("no control file in {}", top.display()));
    }
    Ok(files)
}

fn ask(pg_config: &str, what: &str) -> Result<String, String> {
    sh::output(Command::new(pg_config).arg(what)).map(|text| text.trim().to_owned())
}

/// Copies beside the destination and renames: a server that has the old file mapped keeps it.
fn put(from: &Path, to: &Path) -> Result<(), String> {
    let fresh = to.with_extension("new");
    fs::copy(from, &fresh)
        .and_then(|_| fs::rename(&fresh, to))
        .map_err(|e| format!("cannot put {} there: {e}", to.display()))?;
    println!("installed {}", to.display());
    Ok(())
}
