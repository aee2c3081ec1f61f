//! Un-stretching: a table keeps its hot rows, its cold ones stay on the endpoint, and the database can be stretched
//! anew.

use testkit::setup::{drain, enable_database, enable_table, wait_uploaded};
use testkit::{Client, Cluster, Endpoint, digest};

fn server(name: &str) -> (Cluster, Endpoint, Client) {
    let cluster = Cluster::builder(name).conf("stretch.naptime", "100ms").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, s text); INSERT INTO t SELECT g, 'row ' || g \
        FROM generate_series(1, 1000) g",
    );
    (cluster, endpoint, db)
}

fn stretched(db: &Client) {
    enable_table(db, "t", "id <= 900");
    assert_eq!(drain(db, "t"), 900);
}

#[test]
fn disable_table_leaves_cold_rows_on_the_endpoint() {
    let (cluster, endpoint, db) = server("dis-table");
    stretched(&db);
    wait_uploaded(&db);
    db.sql("DELETE FROM t WHERE id IN (5, 950)");
    let objects = endpoint.segments();
    assert_eq!(objects.len(), 1);
    // Nobody can wait for the worker in a transaction that the worker cannot see.
    db.sql("BEGIN");
    db.fails("SELECT stretch.disable_table('t', false)", "25001");
    db.sql("ROLLBACK");
    db.fails("SELECT stretch.disable_table('t', NULL)", "22023");
    db.fails("SELECT stretch.disable_database()", "55000");

    let content = digest::multiset_digest(&db, "t");
    db.sql("BEGIN; SELECT stretch.disable_table('t', leave_remote_data => true)");
    assert_eq!(db.int("SELECT count(*) FROM t"), 99);
    db.sql("ROLLBACK");
    assert_eq!(digest::multiset_digest(&db, "t"), content, "a rollback brings all back");

    // An older snapshot is told, instead of being shown a part of its rows.
    let old = cluster.connect("postgres");
    old.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
    old.int("SELECT 1");
    db.notices();
    db.sql("SELECT stretch.disable_table('t', leave_remote_data => true)");
    let notices = db.notices();
    assert!(
        notices
            .iter()
            .any(|notice| notice.message.contains("899 cold rows left table public.t")),
        "{notices:?}"
    );
    let error = old.fails("SELECT count(*) FROM t", "40001");
    assert!(error.message.contains("public.t"), "{}", error.message);
    old.sql("ROLLBACK");
    assert_eq!(old.int("SELECT count(*) FROM t"), 99);

    // An ordinary table again: nothing of ours on it, and cold keys are free.
    assert_eq!(
        db.int("SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass"),
        0
    );
    assert_eq!(
        db.int("SELECT count(*) FROM pg_inherits WHERE inhparent = 't'::regclass"),
        0
    );
    assert_eq!(db.int("SELECT count(*) FROM stretch.tables"), 0);
    db.sql("INSERT INTO t VALUES (1, 'again'); ALTER TABLE t ADD CHECK (id > 0)");
    assert_eq!(endpoint.segments(), objects, "nothing is deleted from the endpoint");
    assert_eq!(
        db.lines("SELECT state, relation IS NULL FROM stretch.segments"),
        ["retired|t"]
    );
    db.fails("SELECT stretch.disable_table('t', true)", "ST010");
    db.sql("SELECT stretch.disable_table('t', true, if_exists => true)");
    // And it may be stretched again.
    stretched_again(&db);
}

/// Row 2 goes cold once more.
fn stretched_again(db: &Client) {
    db.sql("DELETE FROM t WHERE id < 10; INSERT INTO t VALUES (2, 'again')");
    let rows = db.int("SELECT count(*) FROM t");
    enable_table(db, "t", "id <= 100");
    assert_eq!(drain(db, "t"), 1);
    assert_eq!(db.int("SELECT count(*) FROM t"), rows);
}

#[test]
fn rows_that_are_not_uploaded_are_not_left_behind() {
    let (_cluster, endpoint, db) = server("dis-staged");
    endpoint.take_away();
    stretched(&db);
    let error = db.fails("SELECT stretch.disable_table('t', true)", "55000");
    assert!(error.message.contains("not on the endpoint yet"), "{}", error.message);
    assert_eq!(db.int("SELECT count(*) FROM t"), 1000);
    endpoint.put_back();
    wait_uploaded(&db);
    db.sql("SELECT stretch.disable_table('t', true)");
    assert_eq!(db.int("SELECT count(*) FROM t"), 100);
}

#[test]
fn a_table_without_cold_rows_needs_no_decision() {
    let (_cluster, endpoint, db) = server("dis-empty");
    // Nothing stays on the endpoint, so nothing has to get there.
    endpoint.take_away();
    stretched(&db);
    db.sql("DELETE FROM t WHERE id <= 900");
    db.sql("SELECT stretch.disable_table('t', leave_remote_data => false)");
    assert_eq!(db.int("SELECT count(*) FROM t"), 100);
}

#[test]
fn disable_database_forgets_the_endpoint_and_can_begin_anew() {
    let (cluster, endpoint, db) = server("dis-database");
    stretched(&db);
    let error = db.fails("SELECT stretch.disable_database()", "55000");
    assert!(error.detail.contains("public.t"), "{}", error.detail);
    db.fails("BEGIN; SELECT stretch.disable_database()", "25001");
    db.sql("ROLLBACK");
    wait_uploaded(&db);
    db.sql("SELECT stretch.disable_table('t', true)");
    let before = endpoint.segments();
    let first = db.text("SELECT db_id FROM stretch.status");
    db.sql("SELECT stretch.disable_database()");
    db.fails("SELECT stretch.disable_database()", "ST009");
    db.fails("SELECT stretch.enable_table('t', 'id < 5')", "ST009");
    assert_eq!(db.int("SELECT count(*) FROM stretch.status"), 0);
    assert_eq!(db.int("SELECT count(*) FROM stretch.segments"), 0);
    assert_eq!(endpoint.segments(), before);
    // A restart finds nothing to judge.
    cluster.restart();
    let db = cluster.connect("postgres");
    assert_eq!(db.int("SELECT count(*) FROM stretch.status"), 0);
    db.sql(&format!(
        "SELECT stretch.enable_database('{}', '{}')",
        endpoint.url(),
        testkit::setup::CREDENTIAL
    ));
    assert_eq!(db.text("SELECT state FROM stretch.status"), "connected");
    assert_ne!(db.text("SELECT db_id FROM stretch.status"), first);
    stretched_again(&db);
    wait_uploaded(&db);
}
