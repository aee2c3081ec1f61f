//! What unique keys cost on hot inserts.

use crate::measure::{BATCH_ROWS, let_key_filters_merge, median};
use std::time::Instant;
use testkit::Client;
use testkit::setup::{drain, enable_table};

/// Segments of the stretched table.
const SEGMENTS: u32 = 1000;
/// Times that each statement runs on each table.
const ROUNDS: usize = 61;

/// INSERT and COPY into a table with a primary key, against plain ones of the same rows.
pub fn run(db: &Client, name: &str, key: &str) {
    let rows = SEGMENTS * BATCH_ROWS;
    let value = |n: &str| match key {
        "uuid" => format!("md5({n}::text)::uuid"),
        _ => format!("{n}::bigint"),
    };
    let tables = ["plain", "stretched"].map(|kind| format!("{name}_{kind}"));
    let [_, stretched] = &tables;
    for table in &tables {
        db.sql(&format!(
            "CREATE TABLE {table} (id {key} PRIMARY KEY, cold boolean NOT NULL, note text);
             INSERT INTO {table} SELECT {}, true, 'note ' || g FROM generate_series(1, {rows}) g; ANALYZE {table}",
            value("g")
        ));
    }
    enable_table(db, stretched, "cold");
    drain(db, stretched);
    let segments = db.int(&format!(
        "SELECT count(*) FROM stretch.segments WHERE relation = '{stretched}'::regclass"
    ));
    let_key_filters_merge();
    let mut next = 1_000_000;
    for (what, count) in [("INSERT of 1,000 rows", 1000), ("COPY of 20,000 rows", 20_000)] {
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            let mut sides: Vec<_> = tables.iter().zip(&mut times).collect();
            if round % 2 == 1 {
                sides.reverse();
            }
            for (table, times) in sides {
                next += count;
                let source = format!(
                    "SELECT {}, false, 'note ' || g FROM generate_series({next}, {next} + {count} - 1) g",
                    value("g")
                );
                let copied = count > 1000;
                let bytes = if copied {
                    db.copy_out(&format!("COPY ({source}) TO STDOUT"))
                } else {
                    Vec::new()
                };
                let began = Instant::now();
                if copied {
                    db.copy_in(&format!("COPY {table} FROM STDIN"), bytes.as_slice());
                } else {
                    db.sql(&format!("INSERT INTO {table} {source}"));
                }
                times.push(began.elapsed().as_secs_f64());
            }
        }
        let [plain, stretched] = times.map(median);
        println!(
            "{what}, {name} keys, {segments} segments: {:.2} ms plain, {:+.1} % stretched",
            plain * 1e3,
            100.0 * (stretched / plain - 1.0)
        );
    }
}
