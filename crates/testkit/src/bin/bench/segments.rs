//! How much the number of segments costs: planning, look-ups of hot and cold rows, counting and inserting, from one
//! segment to ten thousand, beside a plain table with the same rows.

use crate::measure::{BATCH_ROWS, let_key_filters_merge, median};
use crate::report::{Table, digits};
use std::time::Instant;
use testkit::Client;
use testkit::setup::{drain, enable_table, purge};

const SEGMENTS: [u32; 5] = [1, 10, 100, 1_000, 10_000];
/// What is asked of a plain table and of a stretched one.
const STATEMENTS: [(&str, &str); 6] = [
    ("planning", "EXPLAIN SELECT * FROM {t} WHERE note = 'x'"),
    ("hot row by key", "SELECT * FROM {t} WHERE id = {hot}"),
    ("cold row by key", "SELECT * FROM {t} WHERE id = {cold}"),
    ("missing key", "SELECT * FROM {t} WHERE id = -1"),
    ("`count(*)`", "SELECT count(*) FROM {t}"),
    ("INSERT of one row", "INSERT INTO {t} VALUES ({n}, 'new')"),
];
/// Times that each statement runs on each table.
const ROUNDS: usize = 101;

/// Milliseconds of each statement.
pub fn run(db: &Client, is_written: bool) {
    let mut table = Table::new("segments", &["milliseconds: plain, stretched, ratio"]);
    table.rows = STATEMENTS.iter().map(|(what, _)| vec![(*what).to_owned()]).collect();
    for segments in SEGMENTS {
        let rows = segments * BATCH_ROWS;
        let tables = ["plain", "stretched"].map(|kind| format!("seg_{kind}_{segments}"));
        let [_, stretched] = &tables;
        for table in &tables {
            db.sql(&format!(
                "CREATE TABLE {table} (id bigint PRIMARY KEY, note text);
                 INSERT INTO {table} SELECT g, 'note ' || g FROM generate_series(1, {rows} + 1000) g"
            ));
        }
        enable_table(db, stretched, &format!("id <= {rows}"));
        drain(db, stretched);
        purge(db, stretched);
        for table in &tables {
            db.sql(&format!("VACUUM (ANALYZE) {table}"));
        }
        let_key_filters_merge();
        let found = db.int(&format!(
            "SELECT count(*) FROM stretch.segments WHERE relation = '{stretched}'::regclass"
        ));
        table.head.push(format!("{found} segments"));
        let (cold, hot) = (rows / 2, rows + 500);
        for (at, (_, statement)) in STATEMENTS.iter().enumerate() {
            let statement = statement
                .replace("{cold}", &cold.to_string())
                .replace("{hot}", &hot.to_string());
            table.rows[at].push(measure(db, &statement, &tables));
        }
    }
    table.show(is_written);
}

fn measure(db: &Client, statement: &str, tables: &[String; 2]) -> String {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        for turn in 0..2 {
            let side = (turn + round) % 2;
            let statement = statement.replace("{t}", &tables[side]);
            let statement = statement.replace("{n}", &(10_000_000 + round).to_string());
            let began = Instant::now();
            db.lines(&statement);
            if round > 0 {
                times[side].push(began.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    let [plain, stretched] = times.map(median);
    format!("{}, {}, {:.1} x", digits(plain), digits(stretched), stretched / plain)
}
