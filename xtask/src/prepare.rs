//! Looks for what a build and the tests need, and installs what is missing.

use crate::{regress_source, sh};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The server that the private test clusters are made from.
pub const PG_CONFIG: &str = "/usr/lib/postgresql/15/bin/pg_config";
const MOTO: &str = "moto[server]==5.2.5";
const FREE_GB: u64 = 5;

/// Everything: to build, and the stores that tests run against.
pub fn all() -> Result<(), String> {
    to_build()?;
    to_test()
}

/// What compiling, the demo and the private clusters need.
pub fn to_build() -> Result<(), String> {
    free_space()?;
    if !sh::on_path("cc") {
        apt("a C linker", &["gcc", "libc6-dev"])?;
    }
    if !Path::new(PG_CONFIG).with_file_name("postgres").exists() {
        apt("the PostgreSQL 15 server", &["postgresql-15"])?;
    }
    server_headers()?;
    if !has_libclang() {
        apt("libclang, for the bindings to PostgreSQL", &["libclang-dev"])?;
    }
    if !sh::on_path("xz") {
        apt("xz, for the demo's data", &["xz-utils"])?;
    }
    Ok(())
}

/// What end-to-end tests run against: an S3 server, and PostgreSQL's own regression suite.
fn to_test() -> Result<(), String> {
    moto()?;
    regress_source::bring()
}

fn moto() -> Result<(), String> {
    let venv = sh::target_dir().join("venv");
    let stamp = venv.join("prepared");
    if fs::read_to_string(&stamp).is_ok_and(|have| have == MOTO) {
        return Ok(());
    }
    say(&format!("install {MOTO} into {}", venv.display()));
    let make = |venv: &Path| sh::output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv));
    if make(&venv).is_err() {
        apt("python's venv", &["python3-venv"])?;
        make(&venv)?;
    }
    sh::output(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check", MOTO]))?;
    fs::write(&stamp, MOTO).map_err(|e| format!("cannot write {}: {e}", stamp.display()))
}

/// Tells what is done, since it may take a while.
pub fn say(what: &str) {
    println!("prepare: {what}");
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

/// The headers must be of the very version of the server, or the extension would be built
/// for another minor release than the one it is loaded into. Installing headers alone with
/// apt silently upgrades the server as well, so the version is named.
fn server_headers() -> Result<(), String> {
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
            "the server is PostgreSQL {server}, its headers are {}; install postgresql-server-dev-15 of the same version",
            headers.as_deref().unwrap_or("missing")
        ))
    }
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

/// Installs packages as root, or through `sudo` where that asks no password.
pub fn apt(what: &str, packages: &[&str]) -> Result<(), String> {
    let list = packages.join(" ");
    say(&format!("install {what}: apt-get install {list}"));
    let by_hand = |why: String| format!("{what} is missing: {why}\n  please install by hand: apt-get install {list}");
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(packages);
    if as_root(&install).is_ok() {
        return Ok(());
    }
    // The lists may be missing or old on a fresh machine.
    update_lists().and_then(|()| as_root(&install)).map_err(by_hand)
}

/// Reads the archives' lists of packages anew.
pub fn update_lists() -> Result<(), String> {
    as_root(&["update"])
}

fn as_root(arguments: &[&str]) -> Result<(), String> {
    let root = sh::output(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0");
    let mut command = if root {
        Command::new("apt-get")
    } else if sh::on_path("sudo") {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        sudo
    } else {
        return Err("we are not root, and there is no sudo".into());
    };
    sh::output(command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments)).map(|_| ())
}
