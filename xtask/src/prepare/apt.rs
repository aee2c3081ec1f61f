//! Packages of Debian are installed as root, or through `sudo` where that asks no password.

use super::say::say;
use crate::sh;
use std::process::Command;

/// Installs packages; an error says what to do by hand.
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
