//! What a run did, and what it must have done to prove anything.

use super::pair::Level;
use super::session::Answer;
use super::statement::Statement;
use std::collections::BTreeMap;
use testkit::Client;
use testkit::setup::IS_HOT;

#[derive(Default)]
pub struct Counts {
    pub statements: u64,
    pub committed: u64,
    pub given_up: u64,
    pub waits: u64,
    /// Waits on the stretched side alone, and on the plain one alone.
    pub waits_of_one: [u64; 2],
    pub impatient: u64,
    pub excused: u64,
    pub cold_updates: i64,
    pub cold_deletes: i64,
    pub cold_locks: i64,
    pub cold_duplicates: i64,
    pub cold_rows: i64,
    pub rows: i64,
    pub comparisons: u64,
    /// Of statements, by kind and SQLSTATE.
    answers: BTreeMap<(&'static str, String), u64>,
    keeper: BTreeMap<&'static str, u64>,
    /// Messages of conflicts, without names.
    conflicts: BTreeMap<String, u64>,
}

impl Counts {
    pub fn answer(&mut self, kind: &'static str, answer: &Answer) {
        self.statements += 1;
        let code = answer
            .as_ref()
            .map_or_else(|error| error.code.clone(), |_| "00000".into());
        *self.answers.entry((kind, code)).or_default() += 1;
    }

    pub fn conflict(&mut self, answer: &Answer) {
        if let Err(error) = answer {
            *self
                .conflicts
                .entry(format!("{}: {}", error.code, error.message))
                .or_default() += 1;
        }
    }

    /// Counts what a statement met of cold rows, after it.
    pub fn cold(&mut self, monitor: &Client, pid: i32, statement: &Statement, answer: &Answer) {
        match answer {
            Ok(_) if statement.text.contains(" FOR ") => {
                // Blocks of cold rows are beyond what an int shows as positive.
                self.cold_locks += monitor.int(&format!(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'tuple' AND page < 0 AND pid = {pid}"
                ));
            }
            Err(error) if error.code == "23505" => {
                let key = error
                    .detail
                    .strip_prefix("Key (id)=(")
                    .and_then(|rest| rest.split(')').next());
                let table = if error.message.contains("part_") {
                    "part"
                } else {
                    "item"
                };
                if let Some(id) = key.filter(|_| !error.message.contains("bill") && !error.message.contains("note")) {
                    self.cold_duplicates += monitor.int(&format!(
                        "SELECT count(*) FROM cold.{table} WHERE id = {id} AND NOT {IS_HOT}"
                    ));
                }
            }
            _ => {}
        }
    }

    /// Counts the tombstones of a transaction that has committed.
    pub fn tombstones(&mut self, monitor: &Client, xid: &str) {
        let found = monitor.rows(&format!(
            "SELECT count(home), count(*) - count(home) FROM stretch.tombstone
                WHERE xmin::text::bigint >= {xid} AND row_no >= 0"
        ));
        let number = |at: usize| {
            found[0][at]
                .as_deref()
                .map_or(0, |text| text.parse().expect("a number"))
        };
        self.cold_updates += number(0);
        self.cold_deletes += number(1);
    }

    /// Counts what is cold when both sides were compared.
    pub fn compared(&mut self, monitor: &Client) {
        self.comparisons += 1;
        self.rows += monitor.int("SELECT count(*) FROM cold.item");
        self.cold_rows += monitor.int(&format!("SELECT count(*) FROM cold.item WHERE NOT {IS_HOT}"));
    }

    pub fn kept(&mut self, what: &'static str) {
        *self.keeper.entry(what).or_default() += 1;
    }

    pub fn print(&self, level: Level) {
        for ((kind, code), count) in &self.answers {
            println!("{count:8}  {kind}: {code}");
        }
        for (what, count) in &self.keeper {
            println!("{count:8}  {what} beside the worker");
        }
        for (message, count) in &self.conflicts {
            println!("{count:8}  {message}");
        }
        println!(
            "differential: {level:?}: {} statements, {} transactions committed, {} given up, {} waits ({} and {} of \
             one \
             side), {} of {} impatient answers excused, {} comparisons, {} of {} rows cold; {} cold rows updated, {} \
             deleted, {} locked, {} duplicates of cold rows",
            self.statements,
            self.committed,
            self.given_up,
            self.waits,
            self.waits_of_one[0],
            self.waits_of_one[1],
            self.excused,
            self.impatient,
            self.comparisons,
            self.cold_rows,
            self.rows,
            self.cold_updates,
            self.cold_deletes,
            self.cold_locks,
            self.cold_duplicates
        );
        testkit::tally("statements compared with plain twins", self.statements);
        testkit::tally(
            "cold rows updated or brought home in comparisons",
            self.cold_updates as u64,
        );
        testkit::tally("cold rows deleted in comparisons", self.cold_deletes as u64);
    }

    /// A run in which no cold row was touched proves nothing.
    pub fn demand(&self) {
        let of = |share: f64| (self.statements as f64 * share) as i64;
        for (what, count, share) in [
            ("cold rows updated", self.cold_updates, 0.05),
            ("cold rows deleted", self.cold_deletes, 0.005),
            ("cold rows locked", self.cold_locks, 0.005),
            ("duplicates of cold rows", self.cold_duplicates, 0.002),
        ] {
            assert!(
                count >= of(share),
                "only {count} {what} in {} statements",
                self.statements
            );
        }
        assert!(
            self.cold_rows * 8 > self.rows,
            "only {} of {} rows were cold",
            self.cold_rows,
            self.rows
        );
        assert!(self.committed > self.given_up, "{} given up", self.given_up);
        assert!(self.excused * 4 <= self.impatient + 8, "{} excused", self.excused);
    }
}
