//! The two sides: the schema `cold`, whose tables are stretched, and `plain`; each with two sessions
//! of a user who owns them and is no superuser.

use super::Statement;
use super::app::App;
use crate::differential::session::{self, Answer};
use crate::differential::tables::{SCHEMAS, differences};
use testkit::setup::{IS_HOT, drain, enable_table};
use testkit::{Client, Cluster};

#[derive(Clone, Copy)]
pub enum Side {
    Cold = 0,
    Plain = 1,
}

/// Who does something: the session of a unit, or the one beside it.
#[derive(Clone, Copy)]
pub enum Who {
    Unit = 0,
    Other = 1,
}

pub struct Sides {
    /// By side, and by who it is.
    sessions: [[Client; 2]; 2],
    tables: Vec<String>,
}

/// What time it is, says the test, so that both sides agree.
const CLOCK: &str = "CREATE FUNCTION clock() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT current_setting('app.now')::timestamptz $$";

impl Sides {
    /// Makes both schemas with the application's tables, and stretches and drains some in one of them.
    pub fn make(cluster: &Cluster, app: &App) -> Self {
        let monitor = cluster.connect("postgres");
        monitor.sql(
            "CREATE ROLE clerk; CREATE ROLE owner LOGIN; GRANT clerk TO owner;
             GRANT CREATE ON DATABASE postgres TO owner; GRANT CREATE ON SCHEMA public TO owner",
        );
        let sessions = SCHEMAS.map(|schema| {
            let db = session(cluster, schema);
            db.sql(&format!("CREATE SCHEMA {schema}; {CLOCK}"));
            db.sql(app.sql);
            db.sql(&format!(
                "GRANT USAGE ON SCHEMA {schema} TO clerk; GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO clerk;
                 GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO clerk; ANALYZE"
            ));
            [db, session(cluster, schema)]
        });
        for (table, filter) in app.stretched {
            let table = format!("cold.{table}");
            enable_table(&monitor, &table, filter);
            drain(&monitor, &table);
            let cold = monitor.int(&format!("SELECT count(*) FROM {table} WHERE NOT {IS_HOT}"));
            assert!(cold > 0, "{table} has no cold row");
        }
        let tables = monitor.lines(
            "SELECT quote_ident(relname) FROM pg_class
             WHERE relnamespace = 'plain'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1",
        );
        Self { sessions, tables }
    }

    /// Says what time it is.
    pub fn set_clock(&self, minute: u64) {
        for session in self.sessions.iter().flatten() {
            session.sql(&clock(minute));
        }
    }

    /// Runs a statement on one side.
    pub fn one(&self, side: Side, who: Who, statement: &Statement) -> Answer {
        session::run(&self.sessions[side as usize][who as usize], statement)
    }

    /// Runs a statement of the test's own on both sides, which cannot fail.
    pub fn must(&self, who: Who, [cold, plain]: [&str; 2]) {
        self.sessions[0][who as usize].sql(cold);
        self.sessions[1][who as usize].sql(plain);
    }

    /// Sequences go on alike: what a failed statement took of them is not given back, and how much that is depends on
    /// where in its rows it failed.
    pub fn level_sequences(&self) {
        let [cold, plain] = [&self.sessions[0][1], &self.sessions[1][1]];
        for name in cold.lines("SELECT quote_ident(sequencename) FROM pg_sequences WHERE schemaname = 'cold'") {
            let state = cold
                .lines(&format!("SELECT last_value, is_called FROM cold.{name}"))
                .remove(0);
            let (value, called) = state.split_once('|').expect("two columns");
            plain.sql(&format!("SELECT setval('plain.{name}', {value}, '{called}')"));
        }
    }

    /// What differs in the content of all tables.
    pub fn differences(&self, monitor: &Client) -> Vec<String> {
        let tables: Vec<&str> = self.tables.iter().map(String::as_str).collect();
        differences(monitor, &tables)
    }
}

fn session(cluster: &Cluster, schema: &str) -> Client {
    let db = cluster.connect_as("owner", "postgres");
    db.sql(&format!(
        "SET search_path = {schema}, public; SET lock_timeout = '1s'; SET app.tenant = '1'"
    ));
    db.sql(&clock(0));
    db
}

fn clock(minute: u64) -> String {
    format!(
        "SELECT set_config('app.now', (timestamptz '2025-03-01 08:00+00' + {minute} * interval '1 min')::text, false)"
    )
}
