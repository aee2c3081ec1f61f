//! `cargo xtask bench`: what stretching costs, as ratios to a plain table measured side by side in one run.

mod conflicts;
mod keys;

use testkit::setup::enable_database;
use testkit::{Cluster, Endpoint};

/// Rows of a batch, and so of a segment.
const BATCH_ROWS: u32 = 50;

fn main() {
    let cluster = Cluster::builder("bench")
        .conf("stretch.batch_rows", &BATCH_ROWS.to_string())
        .conf("stretch.naptime", "1h")
        .conf("autovacuum", "off")
        .conf("synchronous_commit", "off")
        .conf("checkpoint_timeout", "1h")
        .conf("max_wal_size", "16GB")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    conflicts::run(&cluster, &db);
    for (name, key) in [("increasing", "bigint"), ("random", "uuid")] {
        keys::run(&db, name, key);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
