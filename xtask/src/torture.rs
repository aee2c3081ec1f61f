//! `cargo xtask torture --minutes N [--seed S]`: kills, histories, random statements and restores with new seeds until
//! the time is over, and a summary.

use crate::{cargo, prepare, sh};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The tests that can run for any length, with what makes them long.
const TESTS: [(&str, &[(&str, &str)]); 8] = [
    (
        "history::histories_show_what_a_plain_table_shows",
        &[("STRETCH_TRANSACTIONS", "2500")],
    ),
    (
        "differential::statements_at_read_committed_do_what_they_do_to_plain_tables",
        &[("STRETCH_STATEMENTS", "3000")],
    ),
    (
        "differential::statements_at_repeatable_read_do_what_they_do_to_plain_tables",
        &[("STRETCH_STATEMENTS", "3000")],
    ),
    (
        "differential::statements_at_serializable_do_what_they_do_to_plain_tables",
        &[("STRETCH_STATEMENTS", "3000")],
    ),
    ("kills::kills_at_every_step_lose_nothing", &[]),
    (
        "kills::random::kills_at_random_lose_nothing",
        &[("STRETCH_KILLS", "60")],
    ),
    (
        "pitr_load::restores_under_load_give_back_both_twins",
        &[("STRETCH_POINTS", "10")],
    ),
    ("pitr::restores_to_drawn_moments_give_back_what_was_there", &[]),
];

/// Runs round after round; the first failure ends it.
pub fn run(args: &[String]) -> Result<(), String> {
    let (minutes, mut seed) = options(args)?;
    prepare::all(prepare::Missing::Install)?;
    let programs = cargo::build_all()?;
    let e2e = programs
        .iter()
        .find(|p| p.package == "e2e" && p.path.to_string_lossy().contains("e2e-"));
    let e2e = e2e.ok_or("no end-to-end tests were built")?;
    let began = Instant::now();
    let mut sums = BTreeMap::new();
    let mut runs = 0;
    for (name, settings) in TESTS.iter().cycle() {
        if began.elapsed() >= Duration::from_secs(minutes * 60) && runs >= TESTS.len() {
            break;
        }
        println!("{:6} s  STRETCH_SEED={seed} {name}", began.elapsed().as_secs());
        let mut command = Command::new(&e2e.path);
        command
            .args([name, "--exact", "--nocapture"])
            .current_dir(sh::root().join("crates/e2e"))
            .env("STRETCH_SEED", seed.to_string())
            .envs(settings.iter().copied());
        one(&mut command, &mut sums).map_err(|error| format!("{name} with STRETCH_SEED={seed}: {error}"))?;
        runs += 1;
        seed = seed.wrapping_add(1);
    }
    println!("\n{runs} runs in {} s", began.elapsed().as_secs());
    for (what, count) in &sums {
        println!("{count:10}  {what}");
    }
    Ok(())
}

fn options(args: &[String]) -> Result<(u64, u64), String> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let (mut minutes, mut seed) = (None, now.map_or(1, |age| age.as_secs()));
    for pair in args.chunks(2) {
        let [option, value] = pair else {
            return Err(format!("{} needs a number", pair[0]));
        };
        let number = value.parse().map_err(|_| format!("{value:?} is no number"))?;
        match option.as_str() {
            "--minutes" => minutes = Some(number),
            "--seed" => seed = number,
            other => return Err(format!("unexpected option {other:?}")),
        }
    }
    Ok((minutes.ok_or("say how long: --minutes N")?, seed))
}

/// Runs a test, shows what it prints, and adds up its lines `tally: N what`.
fn one(command: &mut Command, sums: &mut BTreeMap<String, u64>) -> Result<(), String> {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
    let mut child = child.map_err(|error| format!("cannot run: {error}"))?;
    let out = child.stdout.take().ok_or("no output to read")?;
    for line in BufReader::new(out).lines().map_while(Result::ok) {
        let tally = line.strip_prefix("tally: ").and_then(|rest| rest.split_once(' '));
        match tally.and_then(|(count, what)| Some((count.parse::<u64>().ok()?, what))) {
            Some((count, what)) => *sums.entry(what.to_owned()).or_insert(0) += count,
            None => println!("          {line}"),
        }
    }
    let status = child.wait().map_err(|error| format!("lost: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{status}"))
    }
}
