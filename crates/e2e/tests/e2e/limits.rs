//! Limits: many rows in little memory, bounded staging, huge rows, tables of very many and of no columns (F44, F51).

use crate::sizes::peak_memory_kb;
use std::os::unix::fs::PermissionsExt;
use testkit::setup::{drain, enable_database, enable_table, hot_rows};
use testkit::{Client, Cluster, Endpoint, PATIENCE, digest, wait_until};

fn server(name: &str, settings: &[(&str, &str)]) -> (Cluster, Endpoint, Client) {
    let mut builder = Cluster::builder(name).conf("autovacuum", "off");
    for (setting, value) in settings {
        builder = builder.conf(setting, value);
    }
    let cluster = builder.start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    (cluster, endpoint, db)
}

fn worker(db: &Client) -> i64 {
    db.int("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_stretch worker'")
}

#[test]
fn ten_million_rows_move_in_little_memory() {
    const ROWS: i64 = 10_000_000;
    let (_cluster, _endpoint, db) = server("limits-many", &[("max_wal_size", "8GB"), ("synchronous_commit", "off")]);
    db.sql(&format!(
        "CREATE TABLE t (id int NOT NULL, cold boolean NOT NULL, n bigint, note text);
         INSERT INTO t SELECT g, true, g * 7, 'note ' || g % 1000 FROM generate_series(1, {ROWS}) g"
    ));
    let sums = "SELECT count(*), sum(id::bigint), sum(n), sum(length(note)) FROM t";
    let before = db.lines(sums);
    enable_table(&db, "t", "cold");
    let from = db.text("SELECT pg_current_wal_insert_lsn()");
    // The worker may move some before it is asked.
    drain(&db, "t");
    let wal = db.int(&format!("SELECT pg_current_wal_insert_lsn() - '{from}'"));
    let peak = peak_memory_kb(worker(&db));
    println!(
        "limits: {ROWS} rows, peak memory of the worker {} MB, {:.1} bytes of write-ahead log a row",
        peak / 1024,
        wal as f64 / ROWS as f64
    );
    assert!(peak < 512 * 1024, "the worker used {peak} kB");
    assert_eq!(hot_rows(&db, "t"), 0);
    assert_eq!(db.lines(sums), before);
}

/// Each look for a key reads staged pieces of a megabyte; what it takes of the server's memory goes with it.
#[test]
fn many_looks_for_cold_keys_need_little_memory() {
    const ROWS: i64 = 3_000;
    let (_cluster, _endpoint, db) = server("limits-looks", &[("stretch.naptime", "1h")]);
    // An enum has no hash that filters could hold, so that every look reads the key column.
    db.sql(&format!(
        "CREATE TYPE kind AS ENUM ('a', 'b');
         CREATE TABLE t (kind kind, id int, note text, PRIMARY KEY (kind, id));
         INSERT INTO t SELECT 'a', g, repeat(md5(g::text), 40) FROM generate_series(1, {ROWS}) g"
    ));
    enable_table(&db, "t", "id > 0");
    db.sql("SELECT stretch.migrate('t')");
    assert_eq!(hot_rows(&db, "t"), 0);
    db.sql("INSERT INTO t SELECT kind, id, 'again' FROM t ON CONFLICT DO NOTHING");
    assert_eq!(db.int("SELECT count(*) FROM t"), ROWS);
    // The same where the last of many new rows is the duplicate.
    let error = db.fails(
        "INSERT INTO t SELECT kind::kind, id, 'new'
         FROM (SELECT 'b' AS kind, generate_series(1, 20000) AS id UNION ALL SELECT 'a', 7) x",
        "23505",
    );
    assert_eq!(error.detail, "Key (kind, id)=(a, 7) already exists.");
    db.sql("INSERT INTO t SELECT 'b', g, 'new' FROM generate_series(1, 20000) g");
    let peak = peak_memory_kb(db.int("SELECT pg_backend_pid()"));
    println!(
        "limits: {ROWS} looks for cold keys, peak memory of the session {} MB",
        peak / 1024
    );
    assert!(peak < 400 * 1024, "the session used {peak} kB");
}

/// While nothing can be uploaded, migration stops at the limit and says so; afterwards it goes on.
#[test]
fn staging_keeps_its_limit() {
    let (_cluster, endpoint, db) = server(
        "limits-staging",
        &[
            ("stretch.max_staged_bytes", "1MB"),
            ("stretch.batch_bytes", "256kB"),
            ("stretch.naptime", "100ms"),
        ],
    );
    db.sql(
        "CREATE TABLE t (id int NOT NULL, note text); INSERT INTO t SELECT g, md5(g::text) || md5((g + 1)::text) \
        FROM generate_series(1, 100000) g",
    );
    enable_table(&db, "t", "id > 0");
    let open_to_all = |mode| {
        std::fs::set_permissions(endpoint.path(), std::fs::Permissions::from_mode(mode)).expect("our folder");
    };
    open_to_all(0o000);
    let mut error = None;
    wait_until("the limit", PATIENCE, || {
        error = db.try_sql("SELECT stretch.migrate('t')").err();
        error.is_some()
    });
    assert_eq!(error.expect("an error").code, "ST019");
    let staged = "SELECT sum(byte_size) FROM stretch.segment WHERE staged";
    let bytes = db.int(staged);
    assert!((512 * 1024..=1024 * 1024).contains(&bytes), "{bytes} bytes are staged");
    assert!(hot_rows(&db, "t") > 0);
    assert_eq!(db.int("SELECT count(*) FROM t"), 100_000);
    open_to_all(0o777);
    wait_until("all rows to be cold", PATIENCE, || {
        let _ = db.try_sql("SELECT stretch.migrate('t')");
        db.sql("SELECT stretch.purge_staged('t')");
        assert!(db.int(&format!("SELECT coalesce(({staged}), 0)")) <= 1024 * 1024);
        hot_rows(&db, "t") == 0
    });
    assert_eq!(db.int("SELECT count(DISTINCT note) FROM t"), 100_000);
}

#[test]
fn a_row_of_200_mb_moves() {
    let (_cluster, _endpoint, db) = server("limits-huge", &[("stretch.max_staged_bytes", "1GB")]);
    db.sql(
        "CREATE TABLE t (id int NOT NULL, content text); ALTER TABLE t ALTER content SET STORAGE EXTERNAL;
         INSERT INTO t SELECT 1, string_agg(md5(g::text), '') FROM generate_series(1, 6553600) g;
         INSERT INTO t VALUES (2, 'small'), (3, NULL)",
    );
    assert_eq!(db.int("SELECT length(content) FROM t WHERE id = 1"), 200 * 1024 * 1024);
    let sums = "SELECT id, length(content), md5(content) FROM t ORDER BY id";
    let before = db.lines(sums);
    enable_table(&db, "t", "id > 0");
    assert_eq!(drain(&db, "t"), 3);
    println!(
        "limits: peak memory of the worker {} MB",
        peak_memory_kb(worker(&db)) / 1024
    );
    assert_eq!(hot_rows(&db, "t"), 0);
    assert_eq!(db.lines(sums), before);
}

#[test]
fn tables_of_very_many_and_of_no_columns_move() {
    let (_cluster, _endpoint, db) = server("limits-columns", &[]);
    let columns: Vec<String> = (1..=1600).map(|number| format!("c{number} boolean")).collect();
    let values: Vec<String> = (1..=1600).map(|number| format!("(g + {number}) % 3 = 0")).collect();
    db.sql(&format!(
        "CREATE TABLE wide ({}); INSERT INTO wide SELECT {} FROM generate_series(1, 50) g; \
         CREATE TABLE wide_before AS TABLE wide",
        columns.join(", "),
        values.join(", ")
    ));
    db.sql("CREATE TABLE none (); INSERT INTO none SELECT FROM generate_series(1, 50)");
    db.sql("CREATE TABLE dropped (a int, b text); INSERT INTO dropped SELECT g, 'x' FROM generate_series(1, 50) g");
    db.sql("ALTER TABLE dropped DROP a, DROP b");
    for table in ["wide", "none", "dropped"] {
        db.sql(&format!("SELECT stretch.enable_table('{table}')"));
        assert_eq!(drain(&db, table), 50, "{table}");
        assert_eq!(hot_rows(&db, table), 0, "{table}");
        assert_eq!(db.int(&format!("SELECT count(*) FROM {table}")), 50, "{table}");
        db.sql(&format!("INSERT INTO {table} SELECT FROM generate_series(1, 5)"));
        assert_eq!(db.int(&format!("SELECT count(*) FROM {table}")), 55, "{table}");
        assert_eq!(
            db.lines(&format!("SELECT missing, corrupt FROM stretch.verify('{table}')")),
            ["0|0"]
        );
    }
    db.sql("DELETE FROM ONLY wide WHERE ctid < '(2147483648,0)'");
    assert_eq!(
        digest::multiset_digest(&db, "wide"),
        digest::multiset_digest(&db, "wide_before")
    );
    db.sql("DELETE FROM dropped");
    assert_eq!(db.int("SELECT count(*) FROM dropped"), 0);
}

/// A value that no longer passes its own type's input stays hot, by itself, and is named in the log; drain ends (F44).
#[test]
fn rows_that_can_never_move_stay_hot() {
    let (cluster, _endpoint, db) = server("limits-unmovable", &[]);
    db.sql(
        "CREATE DOMAIN small AS int; CREATE TYPE pair AS (a small, b text);
         CREATE TABLE t (id int NOT NULL, p pair); INSERT INTO t SELECT g, ROW(g, 'x')::pair \
         FROM generate_series(1, 100) g;
         ALTER DOMAIN small ADD CHECK (VALUE <= 97) NOT VALID",
    );
    enable_table(&db, "t", "id > 0");
    assert_eq!(drain(&db, "t"), 97);
    assert_eq!(
        db.lines("SELECT id FROM ONLY t WHERE ctid < '(2147483648,0)' ORDER BY id"),
        ["98", "99", "100"]
    );
    assert_eq!(db.lines("SELECT count(*), sum(id) FROM t"), ["100|5050"]);
    assert!(
        cluster
            .log()
            .matches("does not survive the round trip and stays hot")
            .count()
            >= 3
    );
    // They are no obstacle to what comes behind them, and move when they can.
    db.sql("INSERT INTO t VALUES (101, ROW(1, 'y'))");
    assert_eq!(drain(&db, "t"), 1);
    db.sql("ALTER DOMAIN small DROP CONSTRAINT small_check");
    assert_eq!(drain(&db, "t"), 3);
    assert_eq!(db.lines("SELECT count(*), sum((p).a) FROM t"), ["101|5051"]);
}
