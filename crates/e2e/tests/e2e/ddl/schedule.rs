//! Random schedules of commands that change the table, of statements that change rows, and of migration, against a
//! plain twin. `STRETCH_SCHEDULES` says how many.

use super::twin::Twin;
use crate::seed::seed;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use testkit::setup::drain;

/// Steps of one schedule.
const STEPS: usize = 14;
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

/// A schedule under way.
struct Schedule<'a> {
    twin: &'a Twin,
    rng: StdRng,
    /// Columns besides `id` that there may be.
    columns: Vec<String>,
    made: usize,
    next_id: i32,
    said: Vec<String>,
    /// Steps that changed the table, with cold rows in it.
    changes: usize,
}

impl Schedule<'_> {
    fn column(&mut self) -> String {
        match self.columns.is_empty() {
            true => "id".into(),
            false => self.columns[self.rng.random_range(0..self.columns.len())].clone(),
        }
    }

    fn new_column(&mut self) -> String {
        // A name that was there before comes again.
        self.made += 1;
        format!("c{}", self.made % 6)
    }

    fn step(&mut self) {
        let twin = self.twin;
        match self.rng.random_range(0..20) {
            0..=3 => drop(drain(&twin.db, "t")),
            4..=6 => {
                let rows: Vec<String> = (0..self.rng.random_range(1..6))
                    .map(|n| (self.next_id + n).to_string())
                    .collect();
                self.next_id += rows.len() as i32;
                self.run(&format!(
                    "INSERT INTO {{t}} (id) SELECT unnest(ARRAY[{}])",
                    rows.join(", ")
                ));
            }
            7 => {
                let low = self.rng.random_range(0..self.next_id.max(1));
                self.run(&format!("DELETE FROM {{t}} WHERE id BETWEEN {low} AND {low} + 2"));
            }
            8..=9 => {
                let (column, low) = (self.column(), self.rng.random_range(0..self.next_id.max(1)));
                let (_, value) = TYPES[self.rng.random_range(0..TYPES.len())];
                let value = if self.rng.random_bool(0.3) { "NULL" } else { value };
                self.run(&format!(
                    "UPDATE {{t}} SET {column} = {value} WHERE id BETWEEN {low} AND {low} + 3"
                ));
            }
            10 => twin.db.sql("VACUUM FULL t"),
            _ => self.change(),
        }
    }

    fn change(&mut self) {
        let (kind, value) = TYPES[self.rng.random_range(0..TYPES.len())];
        let column = self.column();
        let command = match self.rng.random_range(0..14) {
            0..=2 => {
                let new = self.new_column();
                self.columns.push(new.clone());
                format!("ALTER TABLE {{t}} ADD COLUMN {new} {kind} DEFAULT {value}")
            }
            3 => {
                let new = self.new_column();
                self.columns.push(new.clone());
                format!("ALTER TABLE {{t}} ADD COLUMN {new} {kind}")
            }
            4 => format!("ALTER TABLE {{t}} DROP COLUMN {column}"),
            5 => {
                let other = self.column();
                format!("ALTER TABLE {{t}} DROP COLUMN {column}, ADD COLUMN {other} {kind} DEFAULT {value}")
            }
            6..=7 => {
                let new = self.new_column();
                self.columns.push(new.clone());
                format!("ALTER TABLE {{t}} RENAME {column} TO {new}")
            }
            8..=9 => format!("ALTER TABLE {{t}} ALTER {column} TYPE {kind} USING {column}::text::{kind}"),
            10 => format!("ALTER TABLE {{t}} ALTER {column} SET DEFAULT {value}"),
            11 => format!("ALTER TABLE {{t}} ADD CONSTRAINT c CHECK ({column} IS NOT NULL)"),
            12 => "ALTER TABLE {t} DROP CONSTRAINT IF EXISTS c".into(),
            _ => format!("CREATE UNIQUE INDEX ON {{t}} ({column})"),
        };
        let cold = self.twin.cold_rows();
        if self.run(&command) && cold > 0 {
            self.changes += 1;
        }
    }

    /// Runs it on both, at times within a transaction that is rolled back.
    fn run(&mut self, command: &str) -> bool {
        self.said.push(command.to_owned());
        if self.rng.random_bool(0.1) {
            let db = &self.twin.db;
            db.sql("BEGIN");
            let _ = db.try_sql(&command.replace("{t}", "t"));
            db.sql("ROLLBACK");
        }
        // The filter's column, and what the order names, stay.
        let names_the_filter = ["DROP COLUMN id", "ALTER id TYPE"]
            .iter()
            .any(|part| command.contains(part));
        if names_the_filter {
            return false;
        }
        // A value that does not fit the new type may be another one, and fail otherwise, where rows come in another
        // order.
        let (stretched, plain) = self.twin.on_each(command);
        assert_eq!(
            stretched.is_ok(),
            plain.is_ok(),
            "{}: {stretched:?} and {plain:?}",
            self.said.join(";\n")
        );
        stretched.is_ok()
    }

    fn compare(&mut self) {
        let said = self.said.join(";\n");
        self.twin.compare(&said);
        let column = self.column();
        for query in [
            format!("SELECT count(*), count({column}), min({column}::text) FROM {{t}}"),
            format!("SELECT {column}::text, count(*) FROM {{t}} GROUP BY {column} ORDER BY 1"),
            format!("SELECT max({column}) FROM {{t}} WHERE id < 12"),
            format!("SELECT id FROM {{t}} WHERE {column} IS NULL ORDER BY {column}, id LIMIT 5"),
        ] {
            self.twin.same(&query, &said);
        }
    }
}

#[test]
fn schedules_of_changes_leave_the_same_rows() {
    let seed = seed();
    let schedules = std::env::var("STRETCH_SCHEDULES").map_or(60, |text| text.parse().expect("a number"));
    let twin = Twin::new("ddl-schedules");
    twin.db
        .sql("SET stretch.rewrite = on; SET client_min_messages = warning");
    let mut changes = 0;
    for number in 0..schedules {
        twin.make(
            "CREATE TABLE {t} (id int PRIMARY KEY, c0 int DEFAULT 4, c1 text); \
             INSERT INTO {t} SELECT g, g % 3, 'row ' || g FROM generate_series(1, 20) g",
            "id % 3 <> 0",
            "",
        );
        let mut schedule = Schedule {
            twin: &twin,
            rng: StdRng::seed_from_u64(seed.wrapping_add(number)),
            columns: vec!["c0".into(), "c1".into()],
            made: 1,
            next_id: 21,
            said: Vec::new(),
            changes: 0,
        };
        for _ in 0..STEPS {
            schedule.step();
            schedule.compare();
        }
        changes += schedule.changes;
    }
    println!("{schedules} schedules, {changes} changes of a table with cold rows");
    assert!(changes as u64 >= schedules, "the schedules change too little");
}
