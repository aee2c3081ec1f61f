//! `cargo xtask ci`: everything a change must pass, in the order in which it fails fastest.

use crate::{cargo, prepare, rules, sh, suite};

/// Format, rules of the repository, lints, then the tests as the README names them.
pub fn run() -> Result<(), String> {
    step("format");
    sh::run(cargo::cargo().args(["fmt", "--all", "--check"]))?;
    step("rules of the repository");
    rules::check(&[])?;
    step("what must be there");
    prepare::all(prepare::Missing::Install)?;
    step("lints");
    sh::run(cargo::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        cargo::TESTING[0],
        cargo::TESTING[1],
        "--",
        "-D",
        "warnings",
    ]))?;
    step("tests");
    suite::run(prepare::Missing::Install, &[])?;
    println!("ci: all passed");
    Ok(())
}

fn step(what: &str) {
    println!("\n== {what}");
}
