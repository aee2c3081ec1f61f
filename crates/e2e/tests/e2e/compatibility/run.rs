//! Runs files of the suite on a server of their own and judges what came out of them.

use super::file::{self, Kind, Report};
use super::listed::Lists;
use super::mover::Mover;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;
use testkit::regress::{Regress, make_database};
use testkit::setup::enable_database;
use testkit::{Cluster, Endpoint, tally, transcript};

/// Files whose tables others use.
const MADE_FOR_ALL: [&str; 3] = ["test_setup", "create_misc", "create_index"];

/// As the suite's own driver sets up a server; rows move when the test asks for it and at no other time.
fn server(name: &str) -> Cluster {
    let cluster = Cluster::builder(name)
        .conf("max_prepared_transactions", "2")
        .conf("stretch.copy_to", "all")
        .conf("stretch.max_batch_age", "1d")
        .conf("stretch.naptime", "2s")
        .conf("stretch.lease_ttl", "60s")
        .start();
    make_database(&cluster);
    cluster
}

/// The files that are meant, in the order in which they need each other.
fn files(suite: &Regress, wish: &str) -> Vec<String> {
    let all = suite.schedule().concat();
    if wish == "all" {
        return all;
    }
    let wish: Vec<&str> = wish.split_whitespace().collect();
    assert!(!wish.is_empty(), "STRETCH_SUITE names no file");
    for name in &wish {
        assert!(all.iter().any(|known| known == name), "the suite has no file {name}");
    }
    all.into_iter().filter(|name| wish.contains(&name.as_str())).collect()
}

/// Every file prints what it should where nothing is stretched.
pub fn plain(wish: &str) {
    let suite = Regress::get();
    let cluster = server("compatibility-plain");
    let output = cluster.scratch("output");
    let mut wrong = String::new();
    for name in files(suite, wish) {
        let report = file::run(suite, suite.session(&cluster, &output, &name), None, &name);
        if let Err(error) = &report.differences {
            write!(wrong, "\n{name}: {error}").expect("it can grow");
        }
        for difference in report.differences.iter().flatten() {
            let shown = transcript::difference(&difference.expected, &difference.printed, 20);
            write!(wrong, "\n{name}:{} {}\n{shown}", difference.line, difference.statement).expect("it can grow");
        }
    }
    assert!(wrong.is_empty(), "the harness itself is a difference:{wrong}");
}

/// Every file prints what it should, but for what is listed, while its tables become cold.
pub fn stretched(wish: &str) {
    let suite = Regress::get();
    let lists = Lists::read();
    let cluster = server("compatibility");
    let endpoint = Endpoint::new();
    enable_database(&cluster.connect("regression"), &endpoint.url());
    let output = cluster.scratch("output");
    let mut mover = Mover::new(&cluster);
    let mut wrong = Vec::new();
    let mut sums = BTreeMap::new();
    let mut add = |what: String| *sums.entry(what).or_insert(0_u64) += 1;
    for name in files(suite, wish) {
        let began = Instant::now();
        mover.whole = MADE_FOR_ALL.contains(&name.as_str());
        let report = file::run(suite, suite.session(&cluster, &output, &name), Some(&mut mover), &name);
        let verdict = judge(&report, &lists);
        println!(
            "{name}: {} in {:.1} s; {} pieces, {} tables and {} rows became cold, {} cold tables were met; {}",
            verdict.word,
            began.elapsed().as_secs_f64(),
            report.pieces,
            report.cold.len(),
            report.rows,
            report.met.len(),
            verdict.counts()
        );
        for reason in &report.repeated {
            add(format!("commands refused and repeated on heaps: {reason}"));
        }
        for (reason, count) in &verdict.reasons {
            (0..*count).for_each(|_| add(format!("pieces that differ: {reason}")));
        }
        let kind = match (report.cold.is_empty(), report.met.is_empty()) {
            (false, _) => "eligible files",
            (true, false) => "files that only meet cold tables",
            (true, true) => "files without cold tables",
        };
        add(format!("{kind}: {}", verdict.word));
        wrong.extend(surprise(&report, &verdict, &lists));
        verdict.keep(&report);
    }
    for reason in mover.unfit() {
        println!("not stretched: {reason}");
    }
    for (what, count) in sums {
        tally(&what, count);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where a file is not what the lists say of it.
fn surprise(report: &Report, verdict: &Verdict, lists: &Lists) -> Option<String> {
    let name = &report.name;
    match (verdict.word == FAILS, lists.failing.contains_key(name)) {
        (true, false) => Some(format!("{name} prints what it should not")),
        (false, true) => Some(format!("{name} does not fail any more; take it from failing.txt")),
        _ if lists.eligible.contains(name) == report.cold.is_empty() => Some(match report.cold.is_empty() {
            true => format!("no table of {name} became cold"),
            false => format!("{name} is eligible; add it to eligible.txt"),
        }),
        _ => None,
    }
}

const FAILS: &str = "fails";

/// What became of a file.
struct Verdict {
    word: &'static str,
    reasons: BTreeMap<String, usize>,
    /// What is not listed: lines for the list, each with what differs.
    unlisted: String,
}

impl Verdict {
    fn counts(&self) -> String {
        let counts: Vec<String> = self
            .reasons
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        counts.join(", ")
    }

    /// Shows what is not listed, or writes it into the folder that was asked for.
    fn keep(&self, report: &Report) {
        match std::env::var_os("STRETCH_SUITE_OUT") {
            Some(folder) => {
                let path = Path::new(&folder).join(format!("{}.diff", report.name));
                std::fs::write(&path, &self.unlisted).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            }
            None => print!("{}", self.unlisted),
        }
    }
}

fn judge(report: &Report, lists: &Lists) -> Verdict {
    let mut verdict = Verdict {
        word: "equal",
        reasons: BTreeMap::new(),
        unlisted: String::new(),
    };
    if let Err(error) = &report.differences {
        verdict.word = FAILS;
        writeln!(verdict.unlisted, "{error}").expect("it can grow");
    }
    for difference in report.differences.iter().flatten() {
        let digest = transcript::digest(&difference.printed);
        let listed = lists.of(&report.name, &difference.id, &digest);
        let reason = match (difference.kind, listed) {
            (_, Some(listed)) => &listed.reason,
            (Kind::Order, _) => "order",
            (Kind::Plan, _) => "plan",
            (Kind::Words, _) => "words",
            // What made it fail is in the list itself, or makes the file fail.
            (Kind::After, _) => "after",
            (Kind::Other, None) => "unlisted",
        };
        *verdict.reasons.entry(reason.to_owned()).or_insert(0) += 1;
        if reason == "unlisted" {
            verdict.word = FAILS;
            let shown = transcript::difference(&difference.expected, &difference.printed, 20);
            let line = format!("{} {} {} {digest}", report.name, difference.line, difference.id);
            write!(verdict.unlisted, "\n{line} {reason}\n{}\n{shown}", difference.statement).expect("it can grow");
        } else if verdict.word == "equal" {
            verdict.word = "equal but for what is known";
        }
    }
    verdict
}
