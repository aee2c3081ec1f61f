//! The steps of a schedule that move rows of its stretched table, and nothing else: out, home, into other segments, and
//! out of staging.

use super::schedule::{FILTER, Schedule};
use super::twin::content;
use rand::Rng;
use testkit::setup::enable_table;

const STATE: &str = "SELECT coalesce((SELECT migration_state FROM stretch.tables WHERE relation = 't'::regclass), '')";

const POSITION: &str = "SELECT pg_current_wal_insert_lsn()";

/// What the rows of the table do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Outbound,
    /// They come home, which the worker does on its own while the schedule goes on.
    Inbound,
}

impl Schedule<'_> {
    /// One step.
    pub fn move_rows(&mut self) {
        match (self.state, self.rng.random_range(0..12)) {
            (State::Inbound, 0..=6) => self.turn_round(),
            (State::Inbound, 7..=9) => self.bring_home(),
            // The worker goes on meanwhile.
            (State::Inbound, _) => {}
            (State::Outbound, 0..=3) => self.move_out(),
            (State::Outbound, 4..=5) => self.compact(),
            (State::Outbound, 6) => self.fold(),
            (State::Outbound, 7) => self.purge(),
            (State::Outbound, 8..=9) => self.bring_home(),
            (State::Outbound, _) => self.begin_homecoming(),
        }
    }

    fn say(&mut self, what: &str) {
        self.said.push(what.to_owned());
    }

    /// A number from a statement that moves rows, and must work.
    fn ask(&mut self, sql: &str) -> i64 {
        self.say(sql);
        let db = &self.twin.db;
        let before = db.text(POSITION);
        let answer = db.try_text(sql);
        self.moved = Some((before, db.text(POSITION)));
        answer
            .unwrap_or_else(|error| panic!("{}: {error}", self.said()))
            .and_then(|text| text.parse().ok())
            .unwrap_or_default()
    }

    /// All that is eligible, or some of it, so that there are segments of many sizes.
    fn move_out(&mut self) {
        let sql = match self.rng.random_range(0..4) {
            0 => "SELECT stretch.drain('t')".into(),
            rows => format!("SELECT stretch.migrate('t', max_rows => {rows})"),
        };
        if self.ask_behind_a_snapshot(&sql) > 0 {
            self.count("batches");
        }
    }

    fn compact(&mut self) {
        if self.ask_behind_a_snapshot("SELECT stretch.compact('t')") > 0 {
            self.count("compactions");
        }
    }

    /// At times somebody has a snapshot from before, by which the table stays what it was.
    fn ask_behind_a_snapshot(&mut self, sql: &str) -> i64 {
        if self.rng.random_bool(0.5) {
            return self.ask(sql);
        }
        self.older.sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
        let moved = self.ask(sql);
        let said = self.said();
        assert_eq!(content(self.older, "t"), content(self.older, "plain"), "before {said}");
        self.older.sql("COMMIT");
        if moved > 0 {
            self.count("moves behind an older snapshot");
        }
        moved
    }

    fn fold(&mut self) {
        self.say("SELECT public.fold_now()");
        match self.twin.db.try_text("SELECT public.fold_now()") {
            Ok(Some(folded)) if folded != "0" => self.count("folds"),
            Ok(_) => {}
            // It takes segments of all tables, and the worker has one of them just now.
            Err(error) if ["55P03", "40001"].contains(&error.code.as_str()) => {}
            Err(error) => panic!("{}: {error}", self.said()),
        }
    }

    fn purge(&mut self) {
        if self.ask("SELECT stretch.purge_staged('t')") > 0 {
            self.count("purges");
        }
    }

    /// All rows, now; then the table is stretched anew.
    fn bring_home(&mut self) {
        let cold = self.twin.cold_rows();
        self.ask("SELECT stretch.disable_table('t', leave_remote_data => false, if_exists => true)");
        if cold > 0 {
            self.count("tables brought home");
        }
        self.stretch_anew();
    }

    fn begin_homecoming(&mut self) {
        self.ask("SELECT stretch.set_migration_state('t', 'inbound')");
        self.state = State::Inbound;
        // Some of it happens on the way, unless the worker is faster.
        match self.rng.random_range(0..4) {
            0 => self.change_rows(),
            1..=2 => self.change_table(),
            _ => {}
        }
        if self.rng.random_bool(0.5) {
            self.turn_round();
        }
    }

    /// The rows that are not home yet stay cold.
    fn turn_round(&mut self) {
        let outbound = "SELECT stretch.set_migration_state('t', 'outbound')";
        self.say(outbound);
        match self.twin.db.try_sql(outbound) {
            Ok(()) => {
                self.state = State::Outbound;
                if self.twin.cold_rows() > 0 {
                    self.count("tables that turned round on their way home");
                }
            }
            // It is an ordinary table by now.
            Err(error) if error.code == "ST010" => {
                self.count("tables that came home by themselves");
                self.stretch_anew();
            }
            Err(error) => panic!("{}: {error}", self.said()),
        }
    }

    fn stretch_anew(&mut self) {
        assert_eq!(self.twin.db.text(STATE), "", "{}", self.said());
        self.twin.compare(&self.said());
        enable_table(&self.twin.db, "t", FILTER);
        self.state = State::Outbound;
    }
}
