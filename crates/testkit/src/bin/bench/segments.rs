//! How much the number of segments costs: planning, look-ups of hot and cold rows, counting and inserting, from one
//! segment to ten thousand, beside a plain table with the same rows.

use crate::measure::{BATCH_ROWS, let_key_filters_merge, median};
use std::time::Instant;
use testkit::Client;
use testkit::setup::{drain, enable_table, purge};

const SEGMENTS: [u32; 5] = [1, 10, 100, 1_000, 10_000];
/// Times that each statement runs on each table.
const ROUNDS: usize = 101;

/// Milliseconds of each statement.
pub fn run(db: &Client) {
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
        println!("{found} segments:");
        let (cold, hot) = (rows / 2, rows + 500);
        for (what, statement) in [
            ("planning", "EXPLAIN SELECT * FROM {t} WHERE note = 'x'".to_owned()),
            ("hot row by key", format!("SELECT * FROM {{t}} WHERE id = {hot}")),
            ("cold row by key", format!("SELECT * FROM {{t}} WHERE id = {cold}")),
            ("missing key", "SELECT * FROM {t} WHERE id = -1".to_owned()),
            ("count(*)", "SELECT count(*) FROM {t}".to_owned()),
            ("INSERT of one row", "INSERT INTO {t} VALUES ({n}, 'new')".to_owned()),
        ] {
            measure(db, what, &statement, &tables);
        }
    }
}

fn measure(db: &Client, what: &str, statement: &str, tables: &[String; 2]) {
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
    println!(
        "  {what}: {plain:.3} ms plain, {stretched:.3} stretched ({:.2} x)",
        stretched / plain
    );
}
