//! PostgreSQL's own regression suite, from Debian's source package of the server that is installed. It is kept beside
//! what cargo builds and never in the repository.

use super::apt::{apt as install, update_lists};
use super::headers::package_version;
use super::say::say;
use crate::sh;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the suite is inside the package.
const SUITE: &str = "src/test/regress";

/// Brings the suite into `<target>/postgresql-regress`, unless it is there already.
pub fn bring() -> Result<(), String> {
    let place = place();
    let stamp = place.join("prepared");
    let version = package_version()?;
    if is_there(&version) {
        return Ok(());
    }
    say(&format!(
        "download the source of postgresql-15 {version} for its regression suite"
    ));
    fs::remove_dir_all(&place).ok();
    let apt = place.join("apt");
    for folder in [apt.join("lists/partial"), apt.join("cache/archives/partial")] {
        fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    }
    download(&apt, &version)?;
    unpack(&apt, &place)?;
    fs::remove_dir_all(&apt).map_err(|e| format!("cannot remove {}: {e}", apt.display()))?;
    fs::write(&stamp, version).map_err(|e| format!("cannot write {}: {e}", stamp.display()))
}

/// Says that it is missing, where it is.
pub fn missing() -> Option<String> {
    let version = package_version().unwrap_or_else(|_| "of the server".to_owned());
    let text = || {
        format!(
            "PostgreSQL's regression suite: of the source package postgresql-15 {version}, in {}",
            place().display()
        )
    };
    (!is_there(&version)).then(text)
}

fn place() -> PathBuf {
    sh::target_dir().join("postgresql-regress")
}

fn is_there(version: &str) -> bool {
    fs::read_to_string(place().join("prepared")).is_ok_and(|have| have == version)
}

/// The archives of Debian itself that this machine uses, as lines of a list of sources: most machines have only those
/// of packages.
fn archives() -> Result<String, String> {
    let known = || {
        sh::output(Command::new("apt-get").args([
            "indextargets",
            "--format",
            "deb-src $(SITE) $(CODENAME) $(COMPONENT)",
            "Created-By: Packages",
            "Origin: Debian",
        ]))
    };
    let mut lines = known()?;
    if lines.trim().is_empty() {
        update_lists()?;
        lines = known()?;
    }
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    match lines.is_empty() {
        true => Err("this machine knows no archive of Debian, where the source of postgresql-15 is".into()),
        false => Ok(lines.join("\n") + "\n"),
    }
}

/// Downloads with lists and caches of our own, so that nobody must be root and the machine's stay as they are.
fn download(apt: &Path, version: &str) -> Result<(), String> {
    let sources = apt.join("sources.list");
    fs::write(&sources, archives()?).map_err(|e| format!("cannot write {}: {e}", sources.display()))?;
    let get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        for (option, value) in [
            ("Dir::Etc::sourcelist", sources.clone()),
            ("Dir::Etc::sourceparts", "-".into()),
            ("Dir::State::lists", apt.join("lists")),
            ("Dir::Cache", apt.join("cache")),
            ("APT::Sandbox::User", "".into()),
        ] {
            command.arg("-o").arg(format!("{option}={}", value.display()));
        }
        sh::output(command.args(arguments).current_dir(apt))
    };
    get(&["update"])?;
    let source = ["source", "--download-only", "--quiet"];
    // The very version may have left the archive. The tests compare two runs with each other, so a near one serves as
    // well.
    get(&[&source[..], &[&format!("postgresql-15={version}")]].concat())
        .or_else(|_| get(&[&source[..], &["postgresql-15"]].concat()))
        .map(|_| ())
}

/// Takes the suite alone out of the archive.
fn unpack(apt: &Path, place: &Path) -> Result<(), String> {
    let archive = fs::read_dir(apt)
        .map_err(|e| format!("cannot read {}: {e}", apt.display()))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().ends_with(".orig.tar.bz2"))
        .ok_or("the source package of postgresql-15 holds no .orig.tar.bz2")?;
    if !sh::on_path("bzip2") {
        install("bzip2, for the source of PostgreSQL", &["bzip2"])?;
    }
    // GNU tar: the first folder has the version in its name, which a wildcard stands for.
    sh::output(
        Command::new("tar")
            .arg("--extract")
            .arg("--bzip2")
            .arg("--file")
            .arg(&archive)
            .arg("--directory")
            .arg(place)
            .args(["--strip-components=4", "--wildcards", &format!("*/{SUITE}/*")]),
    )
    .map(|_| ())
}
