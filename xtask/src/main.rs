//! `cargo xtask …`: the commands of this repository, with nothing but the standard library.

mod cargo;
mod ci;
mod commands;
mod docs;
mod install;
mod mutants;
mod prepare;
mod rules;
mod sh;
mod suite;
mod torture;

use prepare::Missing;
use std::process::ExitCode;

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
        print!("{}", commands::help());
        return Ok(());
    };
    match command.as_str() {
        "prepare" => {
            let (missing, rest) = no_install(rest);
            no_arguments(&rest).and_then(|()| prepare::all(missing))
        }
        "build" => {
            let (missing, rest) = no_install(rest);
            no_arguments(&rest).and_then(|()| build(missing))
        }
        "test" => {
            let (missing, rest) = no_install(rest);
            suite::run(missing, &rest)
        }
        "unit" => suite::unit(rest),
        "rules" => rules::check(rest),
        "docs" => docs::run(rest),
        "install" => install::run(rest),
        "ci" => no_arguments(rest).and_then(|()| ci::run()),
        "demo" => program("demo", rest),
        "bench" => bench(rest),
        "mutants" => mutants::run(rest),
        "torture" => torture::run(rest),
        "help" | "--help" | "-h" => {
            print!("{}", commands::help());
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

/// Takes the option `--no-install` out of the arguments.
fn no_install(rest: &[String]) -> (Missing, Vec<String>) {
    let (options, rest): (Vec<String>, Vec<String>) = rest.iter().cloned().partition(|arg| arg == "--no-install");
    let missing = match options.is_empty() {
        true => Missing::Install,
        false => Missing::Name,
    };
    (missing, rest)
}

fn build(missing: Missing) -> Result<(), String> {
    prepare::to_build(missing)?;
    cargo::build_all().map(|_| ())
}

/// The same with what users get: an optimized build, in a folder of its own.
fn bench(args: &[String]) -> Result<(), String> {
    let (missing, args) = no_install(args);
    prepare::to_bench(missing)?;
    cargo::build_release()?;
    let path = sh::target_dir().join("release").join("bench");
    sh::run(std::process::Command::new(path).args(args))
}

/// Prepares, builds, and hands every other argument to a program of the testkit.
fn program(name: &str, args: &[String]) -> Result<(), String> {
    let (missing, args) = no_install(args);
    build(missing)?;
    let path = sh::target_dir().join("debug").join(name);
    sh::run(std::process::Command::new(path).args(args))
}
