//! Every row lock against everybody who may come for the same row, on a plain table and on cold rows: the outcomes are
//! the same, or the difference is listed with its reason (`differences.rs`).
//!
//! The matrix is made in Rust (`cases.rs`, of the statements in `deeds.rs`) and run by PostgreSQL's isolationtester,
//! each case on a row of its own.

#[path = "lock_matrix/cases.rs"]
mod cases;
#[path = "lock_matrix/deeds.rs"]
pub mod deeds;
#[path = "lock_matrix/differences.rs"]
mod differences;
#[path = "lock_matrix/spec.rs"]
mod spec;

use crate::isolation;
use cases::{Case, Family, Place};
use differences::{Difference, LISTED};
use spec::Outcome;
use std::collections::BTreeMap;
use testkit::setup::{drain, enable_database, enable_table};
use testkit::{Client, Cluster, Endpoint};

/// Runs at a time of the cases on rows that nobody moves.
const PARTS: usize = 3;

/// The tables of the deeds.
pub const TABLES: &str = "CREATE TABLE t (id int PRIMARY KEY, key int NOT NULL UNIQUE, v int NOT NULL DEFAULT 0, \
    old boolean NOT NULL DEFAULT true);
    CREATE TABLE child (id int PRIMARY KEY, of int REFERENCES t ON DELETE CASCADE ON UPDATE CASCADE, note text);
    CREATE INDEX ON child (of)";

/// What stands on a plain table for those who move rows.
const NOBODY_MOVES: &str = "CREATE FUNCTION batch(regclass) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
    CREATE FUNCTION fold() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
    CREATE FUNCTION wait_for_upload() RETURNS void LANGUAGE sql AS '';
    CREATE SCHEMA stretch;
    CREATE TABLE stretch.segment ();
    CREATE FUNCTION stretch.drain(regclass) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'";

#[test]
fn row_locks_meet_everybody_as_on_a_plain_table() {
    let (cluster, endpoint, _db) = isolation::server("lock-matrix");
    let all = cases::all(1);
    let mut parts: Vec<(Place, Vec<&Case>)> = Vec::new();
    for place in Place::ALL {
        let cases: Vec<&Case> = all.iter().filter(|case| case.family.place() == place).collect();
        for stretched in [false, true] {
            make(&cluster, &endpoint, stretched, place, &cases);
        }
        let several = if place == Place::Settled { PARTS } else { 1 };
        parts.extend((0..several).map(|part| (place, cases.iter().skip(part).step_by(several).copied().collect())));
    }
    let cluster = &cluster;
    let outcomes = std::thread::scope(|scope| {
        let run = |place: Place, stretched: bool, cases: &[&Case]| {
            let spec = spec::text(cases.iter().map(|case| case.steps.as_slice()));
            scope.spawn(move || isolation::run(cluster, &database(place, stretched), &spec))
        };
        let runs: Vec<_> = parts
            .iter()
            .map(|(place, cases)| [false, true].map(|stretched| run(*place, stretched, cases)))
            .collect();
        runs.into_iter()
            .map(|twins| twins.map(|run| spec::outcomes(&run.join().expect("no panic"))))
            .collect::<Vec<_>>()
    });
    let mut seen = Seen::default();
    for ((_, cases), [plain, cold]) in parts.iter().zip(&outcomes) {
        assert_eq!((plain.len(), cold.len()), (cases.len(), cases.len()));
        for (case, (plain, cold)) in cases.iter().zip(plain.iter().zip(cold)) {
            seen.compare(case, plain, cold);
        }
    }
    seen.print_and_demand();
}

fn database(place: Place, stretched: bool) -> String {
    format!("{place:?}_{}", if stretched { "cold" } else { "plain" }).to_lowercase()
}

/// A database with the tables; the rows of settled cases are there, and cold.
fn make(cluster: &Cluster, endpoint: &Endpoint, stretched: bool, place: Place, cases: &[&Case]) {
    let name = database(place, stretched);
    cluster.create_database(&name);
    let db = cluster.connect(&name);
    if stretched {
        enable_database(&db, &endpoint.url());
        isolation::movers(&db);
    } else {
        db.sql(NOBODY_MOVES);
    }
    db.sql(TABLES);
    if place == Place::Settled {
        fill(&db, cases);
    }
    if stretched {
        enable_table(&db, "t", "old");
        enable_table(&db, "child", "id > 0");
        drain(&db, "t");
        drain(&db, "child");
        assert_eq!(
            db.int("SELECT count(*) FROM t WHERE ctid < '(2147483648,0)'"),
            0,
            "all is cold"
        );
    }
}

fn fill(db: &Client, cases: &[&Case]) {
    let rows: Vec<String> = cases.iter().map(|case| case.row.to_string()).collect();
    let rows = rows.join(",");
    db.sql(&format!("INSERT INTO t SELECT g, g FROM unnest('{{{rows}}}'::int[]) g"));
    db.sql(&format!(
        "INSERT INTO child SELECT g, g FROM unnest('{{{rows}}}'::int[]) g"
    ));
}

/// What the comparison found.
#[derive(Default)]
struct Seen {
    cases: BTreeMap<Family, u32>,
    waited: u32,
    alike: u32,
    /// How often each listed difference was met.
    met: BTreeMap<usize, u32>,
    unlisted: Vec<String>,
    retried_at_read_committed: u32,
    /// Batches and folds that did something.
    worked: BTreeMap<String, u32>,
}

impl Seen {
    fn compare(&mut self, case: &Case, plain: &Outcome, cold: &Outcome) {
        assert_eq!(plain.steps, cold.steps);
        *self.cases.entry(case.family).or_default() += 1;
        self.waited += u32::from(!cold.waited.is_empty());
        for step in ["mmove", "ffold"] {
            let worked = cold.of(step).iter().any(|line| line.trim() == "t");
            *self.worked.entry(step.into()).or_default() += u32::from(worked);
        }
        let mut differs = differences::between(case, plain, cold);
        self.alike += u32::from(differs.is_empty());
        for (number, listed) in LISTED.iter().enumerate().filter(|(_, listed)| (listed.of)(case)) {
            if listed.aspects.iter().any(|aspect| differs.remove(aspect)) {
                *self.met.entry(number).or_default() += 1;
            }
            listed.aspects.iter().for_each(|aspect| {
                differs.remove(aspect);
            });
        }
        let told_to_retry = cold
            .printed
            .values()
            .flatten()
            .any(|line| line.contains("could not serialize"));
        if told_to_retry && !case.keeps_snapshot {
            self.retried_at_read_committed += 1;
            if !differences::may_fail_at_read_committed(case) {
                self.unlisted.push(format!(
                    "{}: 40001 at READ COMMITTED\n  {}",
                    case.title(),
                    told(case, cold)
                ));
            }
        }
        if !differs.is_empty() {
            let title = case.title();
            self.unlisted.push(format!(
                "{title}: {differs:?}\n  plain {}\n  cold  {}",
                told(case, plain),
                told(case, cold)
            ));
        }
    }

    fn print_and_demand(&self) {
        let listed = |number: &usize| self.met.get(number).copied().unwrap_or_default();
        println!(
            "lock matrix: {:?}, {} waited, {} alike, {:?} worked, {} got 40001 at READ COMMITTED",
            self.cases, self.waited, self.alike, self.worked, self.retried_at_read_committed
        );
        for (number, Difference { reason, .. }) in LISTED.iter().enumerate() {
            println!("lock matrix: {:4} differ: {reason}", listed(&number));
        }
        assert!(
            self.unlisted.is_empty(),
            "{} differences that nobody listed:\n{}",
            self.unlisted.len(),
            self.unlisted.join("\n")
        );
        for (number, Difference { reason, .. }) in LISTED.iter().enumerate() {
            assert!(listed(&number) > 0, "never met: {reason}");
        }
        assert!(
            self.worked["mmove"] > 100 && self.worked["ffold"] > 8,
            "{:?}",
            self.worked
        );
    }
}

/// An outcome in one line.
fn told(case: &Case, outcome: &Outcome) -> String {
    let steps: Vec<String> = case
        .steps
        .iter()
        .filter(|step| !outcome.of(&step.name).is_empty())
        .map(|step| format!("{}: {}", step.name, outcome.of(&step.name).join(" ")))
        .collect();
    format!("waited {:?}; {}", outcome.waited, steps.join("; "))
}
