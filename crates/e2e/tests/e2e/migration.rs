//! Migration beside writers: a row is in exactly one place, whoever holds it.

use crate::twins::StopAtEnd;
use std::sync::atomic::{AtomicBool, Ordering};
use testkit::setup::{drain, enable_database, enable_table};
use testkit::{Cluster, Endpoint, PATIENCE, wait_until};

/// Pauses of `after_a_pause_no_batch_commits`.
const ROUNDS: u32 = 12;

#[test]
fn a_row_that_somebody_holds_stays_hot_and_counts_once() {
    let cluster = Cluster::builder("migration-held").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql("CREATE TABLE t (id int PRIMARY KEY, b bigint); INSERT INTO t SELECT g, g FROM generate_series(1, 100) g");
    // So few rows wait for max_batch_age: nothing moves before it is asked to.
    enable_table(&db, "t", "id <= 90");
    let writer = cluster.connect("postgres");
    writer.sql("BEGIN; UPDATE t SET b = -b WHERE id = 5; SELECT FROM t WHERE id = 6 FOR UPDATE");
    assert_eq!(drain(&db, "t"), 88, "two rows are held");
    assert_eq!(db.int("SELECT count(*) FROM ONLY t"), 12);
    assert_eq!(db.lines("SELECT count(*), sum(b) FROM t"), ["100|5050"]);
    assert_eq!(writer.lines("SELECT count(*), sum(b) FROM t"), ["100|5040"]);
    writer.sql("COMMIT");
    assert_eq!(db.lines("SELECT count(*), sum(b) FROM t"), ["100|5040"]);
    wait_until("the rows to go cold", PATIENCE, || {
        drain(&db, "t");
        db.int("SELECT count(*) FROM ONLY t") == 10
    });
    assert_eq!(
        db.lines("SELECT count(*), count(DISTINCT id), sum(b) FROM t"),
        ["100|100|5040"]
    );
    assert_eq!(db.int("SELECT sum(live_rows) FROM stretch.segments"), 90);
}

#[test]
fn a_plan_in_use_never_loses_the_rows_that_go_cold() {
    let cluster = Cluster::builder("migration-plans").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 1000)");
    let reader = cluster.connect("postgres");
    reader.sql(
        "SET plan_cache_mode = force_generic_plan; PREPARE p AS SELECT count(*) FROM t; BEGIN; SELECT count(*) FROM t",
    );
    assert_eq!(reader.int("EXECUTE p"), 1000);
    // The reader holds its lock: enabling gives up instead of pulling the plan from under it (F1).
    let error = db.fails("SELECT stretch.enable_table('t', 'id <= 600')", "55P03");
    assert!(!error.message.is_empty());
    assert_eq!(reader.int("EXECUTE p"), 1000);
    reader.sql("COMMIT");
    enable_table(&db, "t", "id <= 600");
    assert_eq!(drain(&db, "t"), 600);
    assert_eq!(reader.int("EXECUTE p"), 1000);
}

/// A batch that began before the pause, and was still looking for rows, does not end after it.
#[test]
fn after_a_pause_no_batch_commits() {
    let cluster = Cluster::builder("migration-pause")
        .conf("stretch.naptime", "10ms")
        .conf("stretch.max_batch_age", "0")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    // Most of a batch's time is its look at rows that stay hot.
    db.sql(
        "CREATE TABLE t (id serial, cold boolean NOT NULL);
         INSERT INTO t (cold) SELECT false FROM generate_series(1, 100000)",
    );
    enable_table(&db, "t", "cold");
    let manifest = || db.text("SELECT manifest_id FROM stretch.manifest");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stopped = StopAtEnd(&stop);
        scope.spawn(|| {
            let feeder = cluster.connect("postgres");
            while !stop.load(Ordering::Relaxed) {
                feeder.sql("INSERT INTO t (cold) VALUES (true); SELECT pg_stat_force_next_flush()");
            }
        });
        for _ in 0..ROUNDS {
            let before = manifest();
            db.sql("SELECT stretch.set_migration_state('t', 'outbound')");
            wait_until("a batch", PATIENCE, || manifest() != before);
            db.sql("SELECT stretch.set_migration_state('t', 'paused')");
            let paused = manifest();
            // The worker does one thing after the other: what it was at is done when it answers.
            db.fails("SELECT stretch.migrate('t')", "55000");
            assert_eq!(manifest(), paused);
        }
    });
}

#[test]
fn a_filter_that_fails_on_some_rows_moves_the_others() {
    let cluster = Cluster::builder("migration-filter")
        .conf("stretch.batch_rows", "700")
        .conf("stretch.max_batch_age", "0")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, q int, note text);
         INSERT INTO t SELECT n, n % 100, repeat('x', 20) FROM generate_series(1, 5000) n",
    );
    // What fails in every statement is refused.
    for constant in ["id BETWEEN 1 AND 1/0", "id < 'x'::int"] {
        let error = db.fails(&format!("SELECT stretch.enable_table('t', $${constant}$$)"), "ST012");
        assert!(error.message.contains("the filter is not usable"), "{error}");
        db.fails(
            &format!("SELECT * FROM stretch.check_table('t', $${constant}$$)")
                .replace("SELECT * ", "SELECT 1/count(*) FILTER (WHERE item <> 'filter') "),
            "22012",
        );
    }
    db.sql("SELECT stretch.enable_table('t', '100/(q-10) > 5')");
    let wanted = "q BETWEEN 11 AND 26";
    // The worker may have moved some before it was asked.
    db.sql("SELECT stretch.drain('t')");
    let notices: Vec<_> = db.notices();
    let warning = notices
        .iter()
        .find(|notice| notice.severity == "WARNING")
        .expect("a warning");
    assert!(
        warning.message.contains(
            "50 rows of public.t stay hot, because the filter ((100 / (q - 10)) > 5) fails on them: division by zero"
        ),
        "{warning:?}"
    );
    assert_eq!(db.int(&format!("SELECT count(*) FROM ONLY t WHERE {wanted}")), 0);
    assert_eq!(db.int("SELECT count(*) FROM t WHERE q = 10"), 50);
    assert_eq!(db.int("SELECT count(*) FROM t"), 5000);
    // The worker's own passes go on as well.
    db.sql("INSERT INTO t SELECT n, n % 100, 'new' FROM generate_series(5001, 7000) n");
    wait_until("the worker", PATIENCE, || {
        db.int(&format!("SELECT count(*) FROM ONLY t WHERE {wanted}")) == 0
    });
    assert_eq!(db.int("SELECT count(*) FROM ONLY t WHERE q = 10"), 70);
    db.sql("UPDATE t SET q = 11 WHERE q = 10");
    db.sql("SELECT stretch.drain('t')");
    assert!(db.notices().iter().all(|notice| notice.severity != "WARNING"));
    assert_eq!(db.int(&format!("SELECT count(*) FROM ONLY t WHERE {wanted}")), 0);
}
