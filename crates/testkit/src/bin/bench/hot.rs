//! What one statement on hot rows costs a stretched table more than a plain one, under generic plans; beside it what it
//! costs a plain table whose old rows lie in a child that inherits from it.
//!
//! Each loop runs inside the server, in PL/pgSQL, so that neither the client nor the protocol is measured.

use crate::measure::{let_key_filters_merge, median};
use crate::report::Table;
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

/// One with all rows, one whose old rows are cold, and one whose old rows lie in a child.
const TABLES: [&str; 3] = ["hot_plain", "hot_stretched", "hot_inherits"];

/// Microseconds of each statement on the tables, in turns.
pub fn run(db: &Client, is_written: bool) {
    for table in TABLES {
        db.sql(&format!(
            "CREATE TABLE {table} (id bigint PRIMARY KEY, note text);
             INSERT INTO {table} SELECT g, 'note ' || g FROM generate_series(1, {ROWS}) g;
             CREATE TABLE {table}_child (id bigint PRIMARY KEY, of bigint REFERENCES {table});
             CREATE INDEX ON {table}_child (of)"
        ));
    }
    db.sql(&format!(
        "CREATE TABLE hot_old (PRIMARY KEY (id), CHECK (id <= {COLD})) INHERITS (hot_inherits);
         WITH old AS (DELETE FROM ONLY hot_inherits WHERE id <= {COLD} RETURNING *)
         INSERT INTO hot_old SELECT * FROM old"
    ));
    enable_table(db, "hot_stretched", &format!("id <= {COLD}"));
    drain(db, "hot_stretched");
    let_key_filters_merge();
    db.sql("SET plan_cache_mode = force_generic_plan");
    for table in TABLES {
        db.sql(&format!("VACUUM ANALYZE {table}"));
        for (number, (_, statement)) in STATEMENTS.iter().enumerate() {
            db.sql(&function(table, number, statement));
        }
    }
    let mut table = Table::new(
        "hot",
        &["statement", "plain", "stretched", "ratio", "plain with a child"],
    );
    for (number, (what, _)) in STATEMENTS.iter().enumerate() {
        let mut times = TABLES.map(|_| Vec::new());
        for round in 0..ROUNDS {
            for turn in 0..TABLES.len() {
                let side = (turn + round) % TABLES.len();
                let call = format!("SELECT {}_{number}({})", TABLES[side], round as u32 * LOOP);
                times[side].push(db.text(&call).parse().expect("a number"));
            }
        }
        let [plain, stretched, inherits] = times.map(median);
        table.rows.push(vec![
            (*what).to_owned(),
            format!("{plain:.2}"),
            format!("{:+.2}", stretched - plain),
            format!("{:.2}", stretched / plain),
            format!("{:+.2}", inherits - plain),
        ]);
    }
    println!("Microseconds:");
    table.show(is_written);
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
