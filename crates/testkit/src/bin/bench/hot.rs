//! What one statement on hot rows costs a stretched table more than a plain one, under generic plans.
//!
//! Each loop runs inside the server, in PL/pgSQL, so that neither the client nor the protocol is measured.

use crate::measure::median;
use testkit::Client;
use testkit::setup::{drain, enable_table};

/// Rows of each table; those up to the first bound are cold in the stretched one.
const ROWS: u32 = 200_000;
const COLD: u32 = 100_000;
/// Statements in each loop, and loops of each kind on each table.
const LOOP: u32 = 2_000;
const ROUNDS: usize = 21;

/// A kind of statement. `{t}` is the table, `{c}` its child, `i` counts from 1 in each loop, `n` over all loops.
const STATEMENTS: [(&str, &str); 9] = [
    (
        "SELECT by key",
        "SELECT t.note INTO found FROM {t} t WHERE id = 100000 + i",
    ),
    ("UPDATE by key", "UPDATE {t} SET note = 'new' WHERE id = 100000 + i"),
    ("INSERT of one row", "INSERT INTO {t} VALUES (1000000 + n, 'new')"),
    (
        "upsert of a hot row",
        "INSERT INTO {t} VALUES (100000 + i, 'new') ON CONFLICT (id) DO UPDATE SET note = 'up'",
    ),
    (
        "upsert of a new row",
        "INSERT INTO {t} VALUES (2000000 + n, 'new') ON CONFLICT (id) DO UPDATE SET note = 'up'",
    ),
    ("INSERT of a child", "INSERT INTO {c} VALUES (n, 100000 + i)"),
    ("DELETE by key", "DELETE FROM {t} WHERE id = 1000000 + n"),
    (
        "DELETE of a parent without children",
        "DELETE FROM {t} WHERE id = 2000000 + n",
    ),
    (
        "SELECT FOR UPDATE by key",
        "PERFORM 1 FROM {t} WHERE id = 100000 + i FOR UPDATE",
    ),
];

/// Microseconds of each statement on both tables, in turns.
pub fn run(db: &Client) {
    for table in ["hot_plain", "hot_stretched"] {
        db.sql(&format!(
            "CREATE TABLE {table} (id bigint PRIMARY KEY, note text);
             INSERT INTO {table} SELECT g, 'note ' || g FROM generate_series(1, {ROWS}) g;
             CREATE TABLE {table}_child (id bigint PRIMARY KEY, of bigint REFERENCES {table});
             CREATE INDEX ON {table}_child (of)"
        ));
    }
    enable_table(db, "hot_stretched", &format!("id <= {COLD}"));
    drain(db, "hot_stretched");
    db.sql("SET plan_cache_mode = force_generic_plan; ANALYZE hot_plain; ANALYZE hot_stretched");
    for (number, (_, statement)) in STATEMENTS.iter().enumerate() {
        for table in ["hot_plain", "hot_stretched"] {
            db.sql(&function(table, number, statement));
        }
    }
    for (number, (what, _)) in STATEMENTS.iter().enumerate() {
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            for turn in 0..2 {
                let side = (turn + round) % 2;
                let table = ["hot_plain", "hot_stretched"][side];
                let call = format!("SELECT {table}_{number}({})", round as u32 * LOOP);
                times[side].push(db.text(&call).parse().expect("a number"));
            }
        }
        let [plain, stretched] = times.map(median);
        println!(
            "{what}: {plain:.2} µs plain, {:+.2} µs stretched ({:.2} x)",
            stretched - plain,
            stretched / plain
        );
    }
}

/// A function that runs the statement in a loop and says how many microseconds each took.
fn function(table: &str, number: usize, statement: &str) -> String {
    let statement = statement
        .replace("{t}", table)
        .replace("{c}", &format!("{table}_child"));
    format!(
        "CREATE FUNCTION {table}_{number}(before int) RETURNS float LANGUAGE plpgsql AS $$
         DECLARE began timestamptz := clock_timestamp(); n bigint; found text;
         BEGIN
            FOR i IN 1..{LOOP} LOOP
                n := before + i;
                {statement};
            END LOOP;
            RETURN extract(epoch FROM clock_timestamp() - began) * 1e6 / {LOOP};
         END $$"
    )
}
