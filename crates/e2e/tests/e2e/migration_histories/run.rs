//! Runs a history on both sides, and says at its end what it came to.

use super::check;
use super::script::{self, Expected, Runs, Statement, Step};
use super::sides::Sides;
use crate::differential::session::Answer;
use std::collections::BTreeMap;

/// The least share of cold rows, in percent, of each stretched table after each release.
const COLD: i64 = 90;

struct History {
    name: &'static str,
    sides: Sides,
    release: String,
    /// The statements that follow are the application's.
    is_code: bool,
    in_block: bool,
    tally: Tally,
}

#[derive(Default)]
struct Tally {
    releases: usize,
    migrations: usize,
    anew: Vec<String>,
    home: Vec<String>,
    code: usize,
    failed_alike: usize,
    /// In which release each segment was new.
    segments: BTreeMap<String, usize>,
}

pub fn history(name: &'static str, file: &str) {
    let mut history = History {
        name,
        sides: Sides::new(&format!("history-{name}")),
        release: String::new(),
        is_code: false,
        in_block: false,
        tally: Tally::default(),
    };
    for step in script::steps(file) {
        history.step(&step);
    }
    history.end_release();
    history.end();
}

impl History {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Release(name) => {
                self.end_release();
                self.release.clone_from(name);
                self.is_code = false;
                // The first only makes the tables.
                self.tally.releases += usize::from(!self.sides.stretched().is_empty());
            }
            Step::Code => {
                self.sides.settle();
                check::compare(&self.sides, &self.release);
                self.is_code = true;
            }
            Step::Stretch { table, filter } => self.sides.stretch(table, filter),
            Step::Statement(statement) => {
                for text in statement.texts() {
                    self.statement(statement, &text);
                }
                self.count(statement);
            }
        }
    }

    fn count(&mut self, statement: &Statement) {
        // What makes the tables of the beginning is no migration, and the frame of a transaction none either.
        if self.sides.stretched().is_empty() || ["BEGIN", "COMMIT"].contains(&statement.verb().as_str()) {
            return;
        }
        let text = statement.text.clone();
        match &statement.expected {
            Expected::Anew => self.tally.anew.push(text),
            Expected::Home(_) => self.tally.home.push(text),
            Expected::Fails(_) => self.tally.failed_alike += 1,
            Expected::Works => {}
        }
        match self.is_code {
            true => self.tally.code += 1,
            false => self.tally.migrations += 1,
        }
    }

    /// Runs a statement; what it moved into the heap becomes cold again before the next, if no transaction is open.
    fn statement(&mut self, statement: &Statement, text: &str) {
        match &statement.expected {
            Expected::Anew => self.refused_without(text),
            Expected::Home(table) => self.refused_until_home(table, text),
            Expected::Works | Expected::Fails(_) => {}
        }
        loop {
            let answers = self.sides.both(text);
            let changed = self.same(text, &statement.expected, &answers);
            if matches!(statement.expected, Expected::Anew) {
                self.allow_rewrites(false);
            }
            let verb = statement.verb();
            self.in_block = match verb.as_str() {
                "BEGIN" => true,
                "COMMIT" | "ROLLBACK" => false,
                _ => self.in_block,
            };
            let makes_rows_hot = ["INSERT", "UPDATE", "DELETE", "WITH", "COMMIT"].contains(&verb.as_str())
                || matches!(statement.expected, Expected::Anew);
            if makes_rows_hot && !self.in_block {
                self.sides.settle();
            }
            if !matches!(statement.runs, Runs::UntilDone) || changed == 0 {
                return;
            }
        }
    }

    /// Both sides answered alike, and as the history says; the rows that changed.
    fn same(&mut self, text: &str, expected: &Expected, [cold, plain]: &[Answer; 2]) -> u64 {
        let after = &self.release;
        match (cold, plain, expected) {
            (Err(cold), Err(plain), Expected::Fails(code)) => {
                assert_eq!(
                    [&cold.code, &plain.code],
                    [code; 2],
                    "{after}: {text}: {cold} and {plain}"
                );
                0
            }
            (Ok(cold), Ok(plain), Expected::Works | Expected::Anew | Expected::Home(_)) => {
                assert_eq!(cold, plain, "{after}: {text}");
                cold.count
            }
            _ => panic!("{after}: {text}\nstretched: {cold:?}\nplain: {plain:?}\nexpected: {expected:?}"),
        }
    }

    /// The statement fails without `stretch.rewrite`, and finds it on.
    fn refused_without(&mut self, text: &str) {
        let before = if self.in_block { "SAVEPOINT before" } else { "" };
        let back = if self.in_block {
            "ROLLBACK TO before; RELEASE before"
        } else {
            ""
        };
        self.sides.cold.sql(before);
        let error = self.sides.cold.fails(text, "0A000");
        assert!(error.hint.contains("SET stretch.rewrite = on"), "{text}: {error}");
        self.sides.cold.sql(back);
        self.allow_rewrites(true);
    }

    fn allow_rewrites(&self, allowed: bool) {
        self.sides.cold.sql(&format!("SET stretch.rewrite = {allowed}"));
    }

    /// The statement is refused, until the administrator does what the hint says.
    fn refused_until_home(&mut self, table: &str, text: &str) {
        let error = self.sides.cold.fails(text, "0A000");
        assert!(error.hint.contains("stretch.disable_table"), "{text}: {error}");
        self.sides.bring_home(table);
    }

    fn end_release(&mut self) {
        let stretched = self.sides.stretched();
        if self.release.is_empty() {
            return;
        }
        self.sides.settle();
        for table in &stretched {
            check::probe(&self.sides, table, &self.release);
        }
        self.sides.settle();
        check::compare(&self.sides, &self.release);
        let mut told = Vec::new();
        for table in &stretched {
            let (cold, all) = self.sides.cold_rows(table);
            told.push(format!("{cold} of {all} rows of {table} are cold"));
            assert!(cold * 100 >= all * COLD, "{}: {told:?}", self.release);
        }
        println!("{}, {}: {}", self.name, self.release, told.join(", "));
        for segment in self.live_segments() {
            self.tally.segments.entry(segment).or_insert(self.tally.releases);
        }
    }

    fn live_segments(&self) -> Vec<String> {
        let live = "SELECT segment_id::text FROM stretch.segment WHERE NOT retired";
        self.sides.administrator.lines(live)
    }

    /// Segments of several versions of the schema are read at the end; then all rows come home, and are the same.
    fn end(self) {
        let tally = &self.tally;
        let mut ages: Vec<usize> = self
            .live_segments()
            .iter()
            .map(|segment| tally.segments[segment])
            .collect();
        ages.sort_unstable();
        ages.dedup();
        for (text, why) in [(&tally.anew, "all rows anew"), (&tally.home, "rows home first")] {
            text.iter()
                .for_each(|text| println!("{}, {why}: {}", self.name, text.replace('\n', " ")));
        }
        println!(
            "{}: {} migrations in {} releases, of which {} needed stretch.rewrite and {} the rows at home; \
             {} statements of the application, of which {} failed alike; segments of {} versions at the end",
            self.name,
            tally.migrations,
            tally.releases,
            tally.anew.len(),
            tally.home.len(),
            tally.code,
            tally.failed_alike,
            ages.len()
        );
        testkit::tally("migrations of applications compared", tally.migrations as u64);
        assert!(ages.len() > 2, "the cold rows have {} versions", ages.len());
        for table in self.sides.stretched() {
            self.sides.bring_home(&table);
        }
        check::compare(&self.sides, "all rows are home");
        let log = self.sides.cluster.log();
        let leak = log.lines().find(|line| line.contains("leak"));
        assert!(leak.is_none(), "{leak:?}");
    }
}
