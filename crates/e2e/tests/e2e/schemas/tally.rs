//! What a day came to, and what it must have come to, to prove anything.

use crate::differential::session::Answer;
use std::collections::BTreeMap;
use testkit::Client;
use testkit::setup::IS_HOT;

/// A kind of statement that ran so often must have worked.
const OFTEN: u64 = 10;

#[derive(Default)]
pub struct Tally {
    pub statements: u64,
    pub conflicts: u64,
    answers: BTreeMap<(&'static str, String), u64>,
    keeper: BTreeMap<&'static str, u64>,
    /// The oldest transaction whose tombstones are not counted yet.
    since: u64,
    home: i64,
    dead: i64,
    /// Segments when the day began, and those that it made.
    segments: i64,
    moved: i64,
    comparisons: u64,
    cold: BTreeMap<&'static str, (i64, i64)>,
}

impl Tally {
    pub fn answer(&mut self, kind: &'static str, answer: &Answer) {
        self.statements += 1;
        let code = answer
            .as_ref()
            .map_or_else(|error| error.code.clone(), |_| "00000".into());
        *self.answers.entry((kind, code)).or_default() += 1;
    }

    pub fn kept(&mut self, what: &'static str) {
        *self.keeper.entry(what).or_default() += 1;
    }

    /// Counts the tombstones that are new, of rows that came home and of deleted ones.
    pub fn tombstones(&mut self, monitor: &Client) {
        let lines = monitor.lines(&format!(
            "SELECT count(home), count(*) - count(home), pg_snapshot_xmax(pg_current_snapshot()) FROM stretch.tombstone
             WHERE row_no >= 0 AND xmin::text::bigint >= {}",
            self.since
        ));
        let numbers: Vec<i64> = lines[0]
            .split('|')
            .map(|text| text.parse().expect("a number"))
            .collect();
        self.home += numbers[0];
        self.dead += numbers[1];
        self.since = numbers[2] as u64;
    }

    /// Counts what is cold when both sides were compared.
    pub fn compared(&mut self, monitor: &Client, stretched: &[(&'static str, &'static str)]) {
        self.comparisons += 1;
        for (table, _) in stretched {
            let lines = monitor.lines(&format!(
                "SELECT count(*) FILTER (WHERE NOT {IS_HOT}), count(*) FROM cold.{table}"
            ));
            let (cold, all) = lines[0].split_once('|').expect("two columns");
            let entry = self.cold.entry(table).or_default();
            *entry = (cold.parse().expect("a number"), all.parse().expect("a number"));
        }
    }

    /// Says that the day begins, or ends.
    pub fn segments(&mut self, monitor: &Client) {
        let now = monitor.int("SELECT count(*) FROM stretch.segment");
        self.moved = now - self.segments;
        self.segments = now;
    }

    pub fn print(&self, app: &str) {
        for ((kind, code), count) in &self.answers {
            println!("{count:8}  {kind}: {code}");
        }
        for (what, count) in &self.keeper {
            println!("{count:8}  {what} by the keeper");
        }
        for (table, (cold, all)) in &self.cold {
            println!("{app}: {cold} of {all} rows of {table} are cold at the end");
        }
        println!(
            "{app}: {} statements, {} conflicts, {} comparisons, {} cold rows updated, {} deleted, {} batches",
            self.statements, self.conflicts, self.comparisons, self.home, self.dead, self.moved
        );
        testkit::tally("statements of applications compared", self.statements);
    }

    /// A day in which a statement never worked, or nothing cold was touched, proves nothing.
    pub fn demand(&self) {
        let mut kinds: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for ((kind, code), count) in &self.answers {
            let (all, worked) = kinds.entry(kind).or_default();
            *all += count;
            *worked += if code == "00000" { *count } else { 0 };
        }
        let never = kinds.iter().find(|(_, (all, worked))| *all >= OFTEN && *worked == 0);
        assert!(never.is_none(), "{never:?} never worked");
        assert!(
            self.home > 20 && self.dead > 0,
            "{} and {} cold rows",
            self.home,
            self.dead
        );
        assert!(self.conflicts * 10 < self.statements, "{} conflicts", self.conflicts);
        assert!(self.moved > 2, "only {} batches between statements", self.moved);
        let (cold, all) = self
            .cold
            .values()
            .fold((0, 0), |sum, (cold, all)| (sum.0 + cold, sum.1 + all));
        assert!(cold * 2 > all, "only {cold} of {all} rows of stretched tables are cold");
        let hot = self.cold.iter().find(|(_, (cold, _))| *cold == 0);
        assert!(hot.is_none(), "no row is cold at the end of {hot:?}");
    }
}
