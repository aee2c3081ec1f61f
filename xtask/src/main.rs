//! `cargo xtask …`: the commands of this repository, with nothing but the standard library.

mod cargo;
mod ci;
mod install;
mod mutants;
mod prepare;
mod regress_source;
mod rules;
mod sh;
mod suite;
mod torture;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  prepare                               look for what a build and the tests need, install what is missing
  build                                 build everything in one profile and one set of features
  install [--release] [--pg-config PATH]  put the extension into a PostgreSQL 15 installation
  test [FILTER]                         unit tests, then end-to-end tests against a private PostgreSQL
  ci                                    format, lints, rules of the repository, then the tests
  mutants [NAME]                        plant one bug after the other and name the test that catches it
  torture --minutes N [--seed S]        kills, histories and restores with new seeds, and a summary
  bench [unseen] [conflicts] [keys]     what stretching costs, as ratios measured side by side
  demo [--keep] [--tsql]                the whole story on real data, in a private PostgreSQL
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<(), String> {
    let Some((command, rest)) = args.split_first() else {
        print!("{HELP}");
        return Ok(());
    };
    match command.as_str() {
        "prepare" => no_arguments(rest).and_then(|()| prepare::all()),
        "build" => no_arguments(rest).and_then(|()| build()),
        "install" => install::run(rest),
        "test" => suite::run(rest),
        "ci" => no_arguments(rest).and_then(|()| ci::run()),
        "rules" => rules::check(rest),
        "demo" => program("demo", rest),
        "bench" => program("bench", rest),
        "mutants" => mutants::run(rest),
        "torture" => torture::run(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("no command {other:?}; `cargo xtask` lists them")),
    }
}

fn no_arguments(rest: &[String]) -> Result<(), String> {
    match rest.first() {
        None => Ok(()),
        Some(arg) => Err(format!("unexpected argument {arg:?}")),
    }
}

fn build() -> Result<(), String> {
    prepare::to_build()?;
    cargo::build_all().map(|_| ())
}

/// Prepares, builds, and hands every argument to a program of the testkit.
fn program(name: &str, args: &[String]) -> Result<(), String> {
    prepare::to_build()?;
    cargo::build_all()?;
    let path = sh::target_dir().join("debug").join(name);
    sh::run(std::process::Command::new(path).args(args))
}
