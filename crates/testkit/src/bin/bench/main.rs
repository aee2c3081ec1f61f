//! `cargo xtask bench`: what stretching costs, as ratios to a plain table measured side by side in one run.

mod cold;
mod conflicts;
mod duckdb;
mod growth;
mod home;
mod hot;
mod keys;
mod measure;
mod report;
mod segments;
mod sides;
mod unseen;

use measure::BATCH_ROWS;
use testkit::setup::enable_database;
use testkit::{Cluster, Endpoint};

/// Words choose parts; without any, all run. A number is the scale of TPC-H for those that read much, and that of
/// segments for `growth`. With `write` the tables of `docs/performance.md` become those of this run.
fn main() {
    let (write, arguments): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word == "write");
    let is_written = !write.is_empty();
    let (scales, words): (Vec<String>, Vec<String>) =
        arguments.into_iter().partition(|word| word.parse::<f64>().is_ok());
    let scale = scales.first().and_then(|scale| scale.parse().ok()).unwrap_or(0.2);
    let wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    if wanted("unseen") {
        unseen::run();
    }
    if wanted("cold") {
        cold::run(scale, is_written);
    }
    if wanted("growth") {
        growth::run(scales.first().and_then(|number| number.parse().ok()), is_written);
    }
    if wanted("home") {
        home::run(scale);
    }
    let parts = ["conflicts", "keys", "hot", "segments"].map(wanted);
    if parts.contains(&true) {
        stretched(parts, is_written);
    }
}

fn stretched([conflicts, keys, hot, by_segments]: [bool; 4], is_written: bool) {
    let cluster = Cluster::builder("bench")
        .conf("stretch.batch_rows", &BATCH_ROWS.to_string())
        .conf("stretch.naptime", "1h")
        .conf("stretch.page_rows", "4096")
        .conf("autovacuum", "off")
        .conf("synchronous_commit", "off")
        .conf("checkpoint_timeout", "1h")
        .conf("max_wal_size", "16GB")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    if conflicts {
        conflicts::run(&cluster, &db);
    }
    if keys {
        for (name, key) in [("increasing", "bigint"), ("random", "uuid")] {
            keys::run(&db, name, key);
        }
    }
    if hot {
        hot::run(&db, is_written);
    }
    if by_segments {
        segments::run(&db, is_written);
    }
}
