//! Random schedules of commands that change the table, of statements that change rows, and of everything that moves
//! rows out, home and together, against a plain twin.
//!
//! Ten schedules at a time take turns in one database, each on tables of its own. Some of the tens are restored to a
//! drawn moment (`moments.rs`). `STRETCH_SCHEDULES` says how many there are, `STRETCH_RESTORE_EVERY` which of the tens
//! are restored. The ten from schedule number N on are replayed alone with N added to the seed.

use super::moments::Moment;
use super::moves::State;
use super::twin::Twin;
use crate::isolation::movers;
use crate::seed::seed;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use testkit::{Client, Cluster};

/// Steps of one schedule.
pub const STEPS: usize = 14;
/// Schedules that take turns.
const TOGETHER: u64 = 10;
/// Which rows become cold.
pub const FILTER: &str = "id % 3 <> 0";
/// Types that a column is made of or changed to, and a value of each.
const TYPES: [(&str, &str); 8] = [
    ("int", "7"),
    ("bigint", "-8"),
    ("text", "'t''x'"),
    ("varchar(12)", "'vc'"),
    ("numeric(9,3)", "1.25"),
    ("timestamptz", "'2024-05-06 07:08:09+00'"),
    ("int[]", "'{1,2}'"),
    ("boolean", "true"),
];

/// How often each kind of step did something.
pub type Counts = BTreeMap<&'static str, u64>;

/// A schedule under way.
pub struct Schedule<'a> {
    pub twin: &'a Twin,
    /// A session that keeps a snapshot while rows move.
    pub older: &'a Client,
    pub rng: StdRng,
    /// The schema of its tables.
    schema: String,
    pub state: State,
    /// Columns besides `id` that there may be.
    columns: Vec<String>,
    made: usize,
    next_id: i32,
    pub said: Vec<String>,
    /// From where to where the log went by a statement that only moved rows, if that was the last one.
    pub moved: Option<(String, String)>,
    pub counts: Counts,
}

impl<'a> Schedule<'a> {
    fn new(twin: &'a Twin, older: &'a Client, seed: u64, place: u64) -> Self {
        let mut schedule = Self {
            twin,
            older,
            rng: StdRng::seed_from_u64(seed),
            schema: format!("s{place}"),
            state: State::Outbound,
            columns: vec!["c0".into(), "c1".into()],
            made: 1,
            next_id: 21,
            said: Vec::new(),
            moved: None,
            counts: Counts::new(),
        };
        twin.db.sql(&format!("CREATE SCHEMA IF NOT EXISTS {}", schedule.schema));
        schedule.enter();
        twin.make(
            "CREATE TABLE {t} (id int PRIMARY KEY, c0 int DEFAULT 4, c1 text); \
             INSERT INTO {t} SELECT g, g % 3, 'row ' || g FROM generate_series(1, 20) g",
            FILTER,
            "",
        );
        // Several segments.
        for _ in 0..3 {
            schedule.insert(4);
            twin.db.sql("SELECT stretch.migrate('t')");
        }
        schedule
    }

    /// The session works with its tables from here on.
    pub fn enter(&self) {
        for session in [&self.twin.db, self.older] {
            session.sql(&format!("SET search_path = {}", self.schema));
        }
    }

    /// The schema of its tables.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// All that was done, for whoever reads that it went wrong.
    pub fn said(&self) -> String {
        self.said.join(";\n")
    }

    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn column(&mut self) -> String {
        self.columns[self.rng.random_range(0..self.columns.len())].clone()
    }

    fn new_column(&mut self) -> String {
        // A name that was there before comes again.
        self.made += 1;
        let new = format!("c{}", self.made % 6);
        self.columns.push(new.clone());
        new
    }

    fn step(&mut self) {
        self.moved = None;
        match self.rng.random_range(0..20) {
            0..=7 => self.move_rows(),
            8..=13 => self.change_rows(),
            _ => self.change_table(),
        }
    }

    /// INSERT, UPDATE, DELETE, or the heap written anew.
    pub fn change_rows(&mut self) {
        let low = self.rng.random_range(0..self.next_id);
        match self.rng.random_range(0..7) {
            0..=2 => {
                let rows = self.rng.random_range(1..6);
                self.insert(rows);
            }
            3 => drop(self.run(&format!("DELETE FROM {{t}} WHERE id BETWEEN {low} AND {low} + 2"))),
            4..=5 => {
                let (column, (_, value)) = (self.column(), TYPES[self.rng.random_range(0..TYPES.len())]);
                let value = if self.rng.random_bool(0.3) { "NULL" } else { value };
                self.run(&format!(
                    "UPDATE {{t}} SET {column} = {value} WHERE id BETWEEN {low} AND {low} + 3"
                ));
            }
            _ => {
                self.said.push("VACUUM FULL t".into());
                self.twin.db.sql("VACUUM FULL t");
            }
        }
    }

    fn insert(&mut self, rows: i32) {
        let first = self.next_id;
        self.next_id += rows;
        self.run(&format!(
            "INSERT INTO {{t}} (id) SELECT generate_series({first}, {})",
            self.next_id - 1
        ));
    }

    /// ALTER TABLE and its like.
    pub fn change_table(&mut self) {
        let (kind, value) = TYPES[self.rng.random_range(0..TYPES.len())];
        let column = self.column();
        let command = match self.rng.random_range(0..14) {
            0..=2 => format!(
                "ALTER TABLE {{t}} ADD COLUMN {} {kind} DEFAULT {value}",
                self.new_column()
            ),
            3 => format!("ALTER TABLE {{t}} ADD COLUMN {} {kind}", self.new_column()),
            4 => format!("ALTER TABLE {{t}} DROP COLUMN {column}"),
            5 => {
                let other = self.column();
                format!("ALTER TABLE {{t}} DROP COLUMN {column}, ADD COLUMN {other} {kind} DEFAULT {value}")
            }
            6..=7 => format!("ALTER TABLE {{t}} RENAME {column} TO {}", self.new_column()),
            8..=9 => format!("ALTER TABLE {{t}} ALTER {column} TYPE {kind} USING {column}::text::{kind}"),
            10 => format!("ALTER TABLE {{t}} ALTER {column} SET DEFAULT {value}"),
            11 => format!("ALTER TABLE {{t}} ADD CONSTRAINT c CHECK ({column} IS NOT NULL)"),
            12 => "ALTER TABLE {t} DROP CONSTRAINT IF EXISTS c".into(),
            _ => format!("CREATE UNIQUE INDEX ON {{t}} ({column})"),
        };
        let cold = self.twin.cold_rows();
        if self.run(&command) && cold > 0 {
            self.count("changes of a table with cold rows");
            if self.state == State::Inbound {
                self.count("changes of a table on its way home");
            }
        }
    }

    /// Runs it on both, at times within a transaction that is rolled back.
    fn run(&mut self, command: &str) -> bool {
        self.said.push(command.to_owned());
        self.moved = None;
        if self.rng.random_bool(0.1) {
            let db = &self.twin.db;
            db.sql("BEGIN");
            let _ = db.try_sql(&command.replace("{t}", "t"));
            db.sql("ROLLBACK");
        }
        // A value that does not fit the new type may be another one, and fail otherwise, where rows come in another
        // order.
        let (stretched, plain) = self.twin.on_each(command);
        assert_eq!(
            stretched.is_ok(),
            plain.is_ok(),
            "{}: {stretched:?} and {plain:?}",
            self.said()
        );
        stretched.is_ok()
    }

    fn compare(&mut self) {
        let said = self.said();
        self.twin.compare(&said);
        let column = self.column();
        let query = match self.rng.random_range(0..4) {
            0 => format!("SELECT count(*), count({column}), min({column}::text) FROM {{t}}"),
            1 => format!("SELECT {column}::text, count(*) FROM {{t}} GROUP BY {column} ORDER BY 1"),
            2 => format!("SELECT max({column}) FROM {{t}} WHERE id < 12"),
            _ => format!("SELECT id FROM {{t}} WHERE {column} IS NULL ORDER BY {column}, id LIMIT 5"),
        };
        self.twin.same(&query, &said);
    }
}

/// Runs schedules in turn. What they counted, and how many of them were restored.
fn together(twin: &Twin, seed: u64, schedules: u64, restores: bool) -> Counts {
    let older = twin.cluster.connect("postgres");
    let mut all: Vec<Schedule<'_>> = (0..schedules)
        .map(|place| Schedule::new(twin, &older, seed.wrapping_add(place), place))
        .collect();
    let mut moment = restores.then(|| Moment::draw(&twin.cluster, &mut all[0].rng, schedules as usize));
    let mut counts = Counts::new();
    for step in 0..STEPS {
        for at in 0..all.len() {
            all[at].enter();
            all[at].step();
            all[at].compare();
            if let Some(moment) = &mut moment {
                moment.look(&all, step, at, &mut counts);
            }
        }
    }
    if let Some(moment) = moment {
        moment.restore_and_compare(&twin.cluster, &all, &mut counts);
    }
    for (what, count) in all.iter().flat_map(|schedule| &schedule.counts) {
        *counts.entry(what).or_default() += count;
    }
    counts
}

#[test]
fn schedules_of_changes_leave_the_same_rows() {
    let seed = seed();
    let number = |name: &str, usual| std::env::var(name).map_or(usual, |text| text.parse().expect("a number"));
    let (schedules, every) = (number("STRETCH_SCHEDULES", 200), number("STRETCH_RESTORE_EVERY", 4));
    let cluster = Cluster::builder("ddl-schedules")
        .archiving()
        .conf("stretch.naptime", "20ms")
        .start();
    let twin = Twin::on(cluster);
    movers(&twin.db);
    twin.db
        .sql("SET stretch.rewrite = on; SET client_min_messages = warning");
    let mut counts = Counts::new();
    for first in (0..schedules).step_by(TOGETHER as usize) {
        let restores = (first / TOGETHER).is_multiple_of(every);
        let here = together(
            &twin,
            seed.wrapping_add(first),
            TOGETHER.min(schedules - first),
            restores,
        );
        for (what, count) in here {
            *counts.entry(what).or_default() += count;
        }
    }
    println!("{schedules} schedules: {counts:#?}");
    for (what, least) in [
        ("changes of a table with cold rows", schedules),
        ("changes of a table on its way home", schedules / 20),
        ("batches", schedules / 2),
        ("tables brought home", schedules / 4),
        ("tables that turned round on their way home", schedules / 20),
        ("compactions", schedules / 8),
        ("moves behind an older snapshot", schedules / 8),
        ("folds", schedules / 20),
        ("purges", schedules / 10),
        ("schedules restored to a moment", schedules / every / 2),
        ("moments in the midst of a move", schedules / every / TOGETHER / 2),
    ] {
        let met = counts.get(what).copied().unwrap_or_default();
        assert!(met >= least, "{what}: {met} of {schedules} schedules, too few");
    }
}
