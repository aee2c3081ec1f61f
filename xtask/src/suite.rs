//! `cargo xtask test`: the unit tests, then the end-to-end tests, with the slowest ones named.

use crate::cargo::TestProgram;
use crate::{cargo, prepare, sh};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// End-to-end tests at a time: each has a whole PostgreSQL server, and machines are small.
const E2E_THREADS: &str = "2";
const SLOWEST: usize = 10;
/// How long the parser's fuzz target runs in CI; by hand it takes a few seconds.
const CI_FUZZ_SECONDS: &str = "60";

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: Vec<String>,
    times: Vec<(Duration, String)>,
}

/// Runs the tests whose name contains the filter, or all of them.
pub fn run(missing: prepare::Missing, filter: &[String]) -> Result<(), String> {
    no_options(filter)?;
    prepare::all(missing)?;
    tests(cargo::build_all()?, filter)
}

/// `cargo xtask unit`: the same of the crates that need no server.
pub fn unit(filter: &[String]) -> Result<(), String> {
    no_options(filter)?;
    tests(cargo::build_without_server()?, filter)
}

fn no_options(filter: &[String]) -> Result<(), String> {
    match filter.iter().find(|a| a.starts_with('-')) {
        Some(option) => Err(format!(
            "unexpected option {option:?}; a filter is a part of a test's name"
        )),
        None => Ok(()),
    }
}

fn tests(mut programs: Vec<TestProgram>, filter: &[String]) -> Result<(), String> {
    programs.sort_by_key(|p| (p.package == "e2e", p.package.clone(), p.path.clone()));
    let began = Instant::now();
    let mut tally = Tally::default();
    for program in &programs {
        one(program, filter, &mut tally)?;
    }
    summary(tally, began.elapsed(), filter)
}

fn one(program: &TestProgram, filter: &[String], tally: &mut Tally) -> Result<(), String> {
    let times = sh::target_dir().join("test-times");
    fs::remove_file(&times).ok();
    let began = Instant::now();
    let mut command = Command::new(&program.path);
    command
        .args(filter)
        .current_dir(sh::root().join("crates").join(&program.package))
        .env("PG_STRETCH_TEST_TIMES", &times)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if program.package == "stretch-tsql"
        && std::env::var_os("CI").is_some()
        && std::env::var_os("STRETCH_FUZZ_SECONDS").is_none()
    {
        command.env("STRETCH_FUZZ_SECONDS", CI_FUZZ_SECONDS);
    }
    if program.package == "xtask" {
        command.current_dir(sh::root().join("xtask"));
    }
    if program.package == "e2e" {
        command.args(["--test-threads", E2E_THREADS]);
    }
    let mut child = command
        .spawn()
        .map_err(|e| format!("cannot run {}: {e}", program.path.display()))?;
    let before = (tally.passed, tally.failed.len());
    let out = child.stdout.take().ok_or("no output to read")?;
    for line in BufReader::new(out).lines().map_while(Result::ok) {
        record(&line, &program.package, tally);
    }
    let status = child
        .wait()
        .map_err(|e| format!("lost {}: {e}", program.path.display()))?;
    let (passed, failed) = (tally.passed - before.0, tally.failed.len() - before.1);
    if !status.success() && failed == 0 {
        // It died without naming a test: abort, signal, or a failure in the harness itself.
        tally.failed.push(format!("{} ({status})", program.package));
    }
    if passed + failed > 0 {
        println!(
            "{}: {passed} passed, {failed} failed in {:.1} s",
            program.package,
            began.elapsed().as_secs_f64()
        );
    }
    read_times(&times, tally);
    Ok(())
}

/// Reads one line of the test program and shows it unless it is the noise of an empty run.
fn record(line: &str, package: &str, tally: &mut Tally) {
    if let Some((name, verdict)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) {
        match verdict {
            "ok" => tally.passed += 1,
            "FAILED" => tally.failed.push(format!("{package}: {name}")),
            _ => {}
        }
    }
    let noise = line.is_empty()
        || line.starts_with("running ")
        || line.starts_with("test result:")
        || line.ends_with(" ... ok") && package != "e2e";
    if !noise {
        println!("{line}");
    }
}

/// Lines of `name seconds`, appended by the testkit when a test ends.
fn read_times(path: &Path, tally: &mut Tally) {
    let text = fs::read_to_string(path).unwrap_or_default();
    for line in text.lines() {
        if let Some((name, seconds)) = line.rsplit_once(' ')
            && let Ok(seconds) = seconds.parse::<f64>()
        {
            tally.times.push((Duration::from_secs_f64(seconds), name.to_owned()));
        }
    }
}

fn summary(mut tally: Tally, took: Duration, filter: &[String]) -> Result<(), String> {
    tally.times.sort_by(|a, b| b.cmp(a));
    if !tally.times.is_empty() {
        println!("\nslowest tests:");
        for (time, name) in tally.times.iter().take(SLOWEST) {
            println!("{:8.1} s  {name}", time.as_secs_f64());
        }
    }
    println!("\nall in {:.0} s", took.as_secs_f64());
    println!("{} passed, {} failed", tally.passed, tally.failed.len());
    if !tally.failed.is_empty() {
        return Err(format!("failed:\n  {}", tally.failed.join("\n  ")));
    }
    if tally.passed == 0 {
        return Err(format!("no test has {filter:?} in its name"));
    }
    Ok(())
}
