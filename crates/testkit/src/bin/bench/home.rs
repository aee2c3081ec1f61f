//! The way back and compaction: rows that come home beside `INSERT … SELECT` of the same rows by hand, and what many
//! small segments cost to read before and after they become few.

use crate::measure::median;
use std::time::Instant;
use testkit::setup::{drain, enable_database, enable_table, purge};
use testkit::{Client, Cluster, Endpoint, PATIENCE, wait_until};

const ROUNDS: usize = 3;
/// Batches of the trickle, and rows of each.
const BATCHES: u32 = 2_000;
const BATCH: u32 = 500;

/// Both parts; two million rows at scale 1.
pub fn run(scale: f64) {
    let rows = (scale * 2e6) as u64;
    let endpoint = Endpoint::new();
    let cluster = cluster("bench-home", "200000");
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    come_home(&db, rows);
    drop(db);
    let endpoint = Endpoint::new();
    let cluster = self::cluster("bench-trickle", "500");
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    trickle(&cluster, &db);
}

fn cluster(name: &str, batch_rows: &str) -> Cluster {
    Cluster::builder(name)
        .conf("stretch.batch_rows", batch_rows)
        .conf("stretch.naptime", "50ms")
        .conf("stretch.page_rows", "4096")
        .conf("autovacuum", "off")
        .conf("synchronous_commit", "off")
        .conf("shared_buffers", "2GB")
        .conf("max_wal_size", "16GB")
        .start()
}

fn come_home(db: &Client, rows: u64) {
    let (mut by_hand, mut ours) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        db.sql(&format!(
            "DROP TABLE IF EXISTS home, hand;
             CREATE TABLE home (id bigint PRIMARY KEY, word text, amount numeric(12, 2), at timestamptz, note text);
             INSERT INTO home SELECT g, 'word ' || g % 1000, g % 9000, timestamptz '2024-01-01' + g * interval '1 s',
                 md5(g::text) FROM generate_series(1, {rows}) g;
             CREATE TABLE hand (LIKE home INCLUDING ALL)"
        ));
        enable_table(db, "home", "true");
        drain(db, "home");
        purge(db, "home");
        db.sql("VACUUM home");
        db.sql("CHECKPOINT");
        let began = Instant::now();
        db.sql("INSERT INTO hand SELECT * FROM home");
        let hand = began.elapsed().as_secs_f64();
        db.sql("CHECKPOINT");
        let began = Instant::now();
        db.sql("SELECT stretch.disable_table('home', leave_remote_data => false)");
        let home = began.elapsed().as_secs_f64();
        assert_eq!(db.int("SELECT count(*) FROM home"), rows as i64);
        if round > 0 {
            by_hand.push(hand);
            ours.push(home);
        }
    }
    let (hand, home) = (median(by_hand), median(ours));
    let rate = |seconds: f64| rows as f64 / seconds / 1e3;
    println!(
        "rows that come home: {:.0} k a second; by INSERT ... SELECT of the same rows {:.0} k; {:.2} times as fast",
        rate(home),
        rate(hand),
        hand / home
    );
}

fn trickle(cluster: &Cluster, db: &Client) {
    let rows = BATCHES * BATCH;
    db.sql(&format!(
        "CREATE TABLE t (id bigint PRIMARY KEY, n int, note text);
         INSERT INTO t SELECT g, g % 1000, 'note ' || g FROM generate_series(1, {rows}) g"
    ));
    enable_table(db, "t", "true");
    drain(db, "t");
    purge(db, "t");
    println!("{BATCHES} batches of {BATCH} rows:");
    reads(db);
    cluster.set_conf(&[("stretch.batch_rows", "200000")]);
    cluster.reload();
    wait_until("the setting", PATIENCE, || {
        cluster.connect("postgres").int("SHOW stretch.batch_rows") == 200_000
    });
    let began = Instant::now();
    let replaced = db.int("SELECT stretch.compact('t')");
    println!(
        "{replaced} segments replaced in {:.1} s:",
        began.elapsed().as_secs_f64()
    );
    purge(db, "t");
    reads(db);
}

/// Milliseconds of three reads.
fn reads(db: &Client) {
    let segments = db.int("SELECT count(*) FROM stretch.segment WHERE NOT retired");
    let mut shown = Vec::new();
    for (what, sql) in [
        ("count(*)", "SELECT count(*) FROM t"),
        ("a row by key", "SELECT * FROM t WHERE id = 123456"),
        ("a range", "SELECT sum(n) FROM t WHERE id BETWEEN 300000 AND 301000"),
    ] {
        let mut times = Vec::new();
        for _ in 0..21 {
            let began = Instant::now();
            db.lines(sql);
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        shown.push(format!("{what} {:.2} ms", median(times)));
    }
    println!("  {segments} segments: {}", shown.join(", "));
}
