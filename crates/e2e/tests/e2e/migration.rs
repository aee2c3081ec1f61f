//! Migration beside writers: a row is in exactly one place, whoever holds it.

use testkit::setup::{drain, enable_database, enable_table};
use testkit::{Cluster, Endpoint};

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
    testkit::wait_until("the rows to go cold", testkit::PATIENCE, || {
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
