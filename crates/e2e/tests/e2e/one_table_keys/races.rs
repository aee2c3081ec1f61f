//! Who deletes a cold row, or makes a row cold, while another writes its key.

use super::make_twins;
use crate::isolation;
use std::thread;
use testkit::{Client, PATIENCE, wait_until};

const LOCK: i64 = 77;

/// A table whose writers can be made to stop between the look at the cold side and the check by the primary key's
/// index: they evaluate an expression for another index in between.
fn with_a_stop(name: &str) -> (testkit::Cluster, testkit::Endpoint, Client) {
    let (cluster, endpoint, db) = isolation::server(name);
    make_twins(
        &db,
        "t",
        "plain",
        "a int NOT NULL, b int",
        &[
            "CREATE OR REPLACE FUNCTION stop(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
                IF current_setting('test.stops', true) = 'on' THEN
                    PERFORM pg_advisory_lock(77), pg_advisory_unlock(77);
                END IF;
                RETURN n; END $$",
            "CREATE INDEX {t}_stop ON {t} (stop(b))",
            "ALTER TABLE {t} ADD PRIMARY KEY (a)",
        ],
        "SELECT n, n, n <= 50 FROM generate_series(1, 100) n",
    );
    (cluster, endpoint, db)
}

/// Runs `statement` in a session of its own; while it stands between look and check, `meanwhile`.
fn stopped(
    cluster: &testkit::Cluster,
    db: &Client,
    statement: &str,
    meanwhile: impl FnOnce(),
) -> Result<(), testkit::SqlError> {
    let writer = cluster.connect("postgres");
    writer.sql("SET test.stops = on");
    let pid = writer.pid();
    db.sql(&format!("SELECT pg_advisory_lock({LOCK})"));
    thread::scope(|scope| {
        let writing = scope.spawn(move || writer.try_sql(statement));
        waits(db, pid, "advisory");
        meanwhile();
        db.sql(&format!("SELECT pg_advisory_unlock({LOCK})"));
        writing.join().expect("no panic")
    })
}

/// Until the session waits for a lock of this kind.
fn waits(db: &Client, pid: i32, kind: &str) {
    wait_until("a session to wait", PATIENCE, || {
        db.bool(&format!(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = {pid} AND locktype = '{kind}' AND NOT granted)"
        ))
    });
}

#[test]
fn a_row_that_becomes_cold_between_look_and_check_is_noticed() {
    let (cluster, _endpoint, db) = with_a_stop("one-keys-moved");
    let other = cluster.connect("postgres");
    let moves = |row: i32| {
        other.sql(&format!("UPDATE t SET cold = true WHERE a = {row}"));
        assert_eq!(other.int("SELECT stretch.drain('t')"), 1);
        // Would remove what the move left, were it not for the writer's snapshot.
        other.sql("VACUUM t");
    };
    let twice = |key: i32| format!("INSERT INTO t VALUES ({key}, 0, false)");
    let outcome = stopped(&cluster, &db, &twice(70), || moves(70));
    assert_eq!(outcome.expect_err("a duplicate").code, "40001");
    let outcome = stopped(
        &cluster,
        &db,
        "INSERT INTO t SELECT n, 0, false FROM generate_series(71, 1071, 1000) n",
        || moves(71),
    );
    assert_eq!(outcome.expect_err("a duplicate").code, "40001");
    let outcome = stopped(&cluster, &db, "UPDATE t SET a = 72, b = 0 WHERE a = 99", || moves(72));
    assert_eq!(outcome.expect_err("a duplicate").code, "40001");
    let script = "BEGIN; SAVEPOINT s; INSERT INTO t VALUES (73, 0, false); COMMIT";
    let outcome = stopped(&cluster, &db, script, || moves(73));
    assert_eq!(outcome.expect_err("a duplicate").code, "40001");
    // A chain of versions in one page, and one over two.
    let version = "UPDATE t SET cold = cold WHERE a = 74";
    other.sql(&format!("{version}; {version}; UPDATE t SET b = b + 1 WHERE a = 74"));
    let outcome = stopped(&cluster, &db, &twice(74), || moves(74));
    assert_eq!(outcome.expect_err("a duplicate").code, "40001");
    // What moved before the look is seen by it, and running it again gives a plain answer.
    for key in 70..=74 {
        db.fails(&format!("INSERT INTO t VALUES ({key}, 0, false)"), "23505");
    }
    // A move of another key is nobody's business.
    stopped(&cluster, &db, "INSERT INTO t VALUES (1070, 0, false)", || moves(75)).expect("another key");
}

#[test]
fn a_row_that_moves_while_its_key_is_checked_is_waited_for() {
    let (cluster, _endpoint, db) = with_a_stop("one-keys-moving");
    let other = cluster.connect("postgres");
    // The index itself meets the delete under way, and waits for its end.
    other.sql("UPDATE t SET cold = true WHERE a = 70");
    other.sql("BEGIN ISOLATION LEVEL SERIALIZABLE");
    other.sql("LOCK TABLE t IN ROW EXCLUSIVE MODE");
    assert_eq!(other.int("SELECT batch('t')"), 1);
    thread::scope(|scope| {
        let writer = cluster.connect("postgres");
        let pid = writer.pid();
        let writing = scope.spawn(move || writer.try_sql("INSERT INTO t VALUES (70, 0, false)"));
        waits(&db, pid, "transactionid");
        other.sql("COMMIT");
        let outcome = writing.join().expect("no panic");
        assert_eq!(outcome.expect_err("a duplicate").code, "40001");
    });
    db.fails("INSERT INTO t VALUES (70, 0, false)", "23505");
}

/// Who writes the key of a cold row that another deletes waits for the end of that, as an index of the heap does.
#[test]
fn deleters_of_cold_rows_are_waited_for() {
    let (cluster, _endpoint, db) = with_a_stop("one-keys-deleters");
    let deleter = cluster.connect("postgres");
    for (end, code) in [("COMMIT", None), ("ROLLBACK", Some("23505"))] {
        for statement in ["INSERT INTO t VALUES (7, 0, false)", "UPDATE t SET a = 7 WHERE a = 99"] {
            deleter.sql("BEGIN");
            deleter.sql("DELETE FROM t WHERE a = 7");
            thread::scope(|scope| {
                let writer = cluster.connect("postgres");
                let pid = writer.pid();
                let writing = scope.spawn(move || writer.try_sql(&format!("BEGIN; {statement}")));
                waits(&db, pid, "transactionid");
                deleter.sql(end);
                let outcome = writing.join().expect("no panic");
                assert_eq!(
                    outcome.err().map(|error| error.code).as_deref(),
                    code,
                    "{end}: {statement}"
                );
            });
            if code.is_none() {
                db.sql("DELETE FROM stretch.tombstone");
            }
        }
    }
    // Its own deletions count at once, and not after they were rolled back.
    db.sql("BEGIN; SAVEPOINT s");
    db.sql("DELETE FROM t WHERE a = 8");
    db.sql("INSERT INTO t VALUES (8, 0, false); ROLLBACK TO s");
    db.fails("INSERT INTO t VALUES (8, 0, false)", "23505");
    db.sql("ROLLBACK");
}

/// A DELETE that still runs has not written what it deletes; it has locked the row.
#[test]
fn a_delete_under_way_is_waited_for() {
    let (cluster, _endpoint, db) = with_a_stop("one-keys-deleting");
    for (end, code) in [("ROLLBACK", Some("23505")), ("COMMIT", None)] {
        let deleter = cluster.connect("postgres");
        let (deleting, writer) = (deleter.pid(), cluster.connect("postgres"));
        let writing = writer.pid();
        db.sql(&format!("SELECT pg_advisory_lock({LOCK})"));
        thread::scope(|scope| {
            let deleted = scope.spawn(move || {
                deleter.sql("BEGIN");
                deleter.sql("DELETE FROM t WHERE a = 7 RETURNING pg_advisory_xact_lock(77)");
                deleter.sql(end);
            });
            waits(&db, deleting, "advisory");
            let written = scope.spawn(move || writer.try_sql("INSERT INTO t VALUES (7, 0, false)"));
            waits(&db, writing, "tuple");
            db.sql(&format!("SELECT pg_advisory_unlock({LOCK})"));
            deleted.join().expect("no panic");
            let outcome = written.join().expect("no panic");
            assert_eq!(outcome.err().map(|error| error.code).as_deref(), code, "{end}");
        });
    }
}

/// Two sessions that meet the same cold row: one brings it home, the other meets it there.
#[test]
fn a_cold_row_comes_home_once() {
    let (cluster, _endpoint, db) = with_a_stop("one-keys-upserts");
    let upsert = |key: i32| {
        format!("INSERT INTO t VALUES ({key}, 0, false) ON CONFLICT (a) DO UPDATE SET b = t.b + 1000 RETURNING b")
    };
    for (key, end, expected) in [(7, "COMMIT", "2007"), (8, "ROLLBACK", "1008")] {
        let first = cluster.connect("postgres");
        first.sql("BEGIN");
        assert_eq!(first.text(&upsert(key)), (1000 + key).to_string());
        thread::scope(|scope| {
            let second = cluster.connect("postgres");
            let pid = second.pid();
            let statement = upsert(key);
            let second = scope.spawn(move || second.text(&statement));
            wait_until("the second to wait", PATIENCE, || {
                db.bool(&format!(
                    "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = {pid} AND NOT granted)"
                ))
            });
            first.sql(end);
            assert_eq!(second.join().expect("no panic"), expected, "{end}");
        });
        assert_eq!(db.lines(&format!("SELECT b FROM t WHERE a = {key}")), [expected]);
    }
}
