//! `cargo xtask docs`: writes the pages that are made from the code, or checks them.

use crate::{cargo, commands, sh};
use std::fs;
use std::process::Command;

/// Told by this variable, a test of stretch-core writes `docs/errors.md` instead of comparing it.
const WRITE: &str = "STRETCH_WRITE_DOCS";

/// Writes them, or with `--check` fails where one is stale.
pub fn run(args: &[String]) -> Result<(), String> {
    let check = match args {
        [] => false,
        [option] if option == "--check" => true,
        _ => return Err(format!("unexpected arguments {args:?}; there is --check alone")),
    };
    table(check)?;
    errors(check)?;
    println!("docs: {}", if check { "up to date" } else { "written" });
    Ok(())
}

fn table(check: bool) -> Result<(), String> {
    let path = sh::root().join("CONTRIBUTING.md");
    let there = fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let page = commands::page(&there)?;
    if page == there {
        return Ok(());
    }
    if check {
        return Err("the table of CONTRIBUTING.md is stale: run cargo xtask docs".into());
    }
    fs::write(&path, page).map_err(|e| format!("cannot write {}: {e}", path.display()))
}

/// The page is known to a test of a crate that depends on little.
fn errors(check: bool) -> Result<(), String> {
    let programs = cargo::build_one("stretch-core")?;
    let program = programs.iter().find(|program| program.package == "stretch-core");
    let program = program.ok_or("no tests of stretch-core were built")?;
    let mut test = Command::new(&program.path);
    test.args(["--quiet", "errors::tests::documentation_is_current", "--exact"])
        .current_dir(sh::root().join("crates/stretch-core"))
        .env_remove(WRITE);
    if !check {
        test.env(WRITE, "1");
    }
    sh::output(&mut test).map(|_| ())
}
