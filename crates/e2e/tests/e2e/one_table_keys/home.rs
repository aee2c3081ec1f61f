//! Cold rows that come home because a statement is to meet them in the heap: ON CONFLICT, deferrable keys.

use super::{fails, make_twins, succeeds, twins};
use crate::isolation;
use testkit::Client;

/// Both tables hold the same rows, but for which of them are cold.
#[track_caller]
fn same(db: &Client) {
    let rows = |table: &str| db.md5_of(&format!("SELECT * FROM {table} ORDER BY a, b, n, note"));
    assert_eq!(rows("t"), rows("plain"));
}

const COLUMNS: &str = "a int PRIMARY KEY, b int, n int, note text";
const KEYS: [&str; 2] = [
    "CREATE UNIQUE INDEX {t}_b ON {t} (b) WHERE n >= 0",
    "CREATE UNIQUE INDEX {t}_note ON {t} (lower(note))",
];
const ROWS: &str = "SELECT n, n, n, 'note' || n, n <= 60 FROM generate_series(1, 100) n";

#[test]
fn on_conflict_acts_on_cold_rows() {
    let (_cluster, _endpoint, db) = twins("one-keys-conflict", COLUMNS, &KEYS, ROWS);
    for statement in [
        "INSERT INTO {t} VALUES (5, 5, 5, 'new', false)
            ON CONFLICT (a) DO UPDATE SET n = {t}.n + 100, note = excluded.note",
        "INSERT INTO {t} VALUES (6, 6, 6, 'new6', false) ON CONFLICT (a) DO UPDATE SET n = 0 WHERE false",
        "INSERT INTO {t} VALUES (1007, 7, 7, 'new7', false) ON CONFLICT (b) WHERE n >= 0 DO UPDATE SET note = 'by b'",
        "INSERT INTO {t} VALUES (1008, 1008, 8, 'NOTE8', false) ON CONFLICT (lower(note)) DO UPDATE SET n = -8",
        "INSERT INTO {t} SELECT g, g, g, 'many' || g, false FROM generate_series(50, 110) g
            ON CONFLICT (a) DO UPDATE SET n = excluded.n + {t}.n, note = excluded.note",
        "INSERT INTO {t} SELECT g, g, g, 'none' || g, false FROM generate_series(1, 120, 7) g ON CONFLICT DO NOTHING",
        "INSERT INTO {t} VALUES (1009, 1009, 9, 'NOTE9', false) ON CONFLICT DO NOTHING",
        "BEGIN; SAVEPOINT s;
            INSERT INTO {t} VALUES (10, 0, 0, '', false) ON CONFLICT (a) DO UPDATE SET n = 7; ROLLBACK TO s;
            INSERT INTO {t} VALUES (10, 0, 0, '', false) ON CONFLICT (a) DO UPDATE SET n = {t}.n + 1; COMMIT",
        "WITH gone AS (DELETE FROM {t} WHERE a = 11 RETURNING a) INSERT INTO {t} VALUES (12, 0, 0, '', false)
            ON CONFLICT (a) DO UPDATE SET n = 12000",
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT; INSERT INTO {t} VALUES (13, 0, 0, '', false)
            ON CONFLICT (a) DO UPDATE SET n = 1; INSERT INTO {t} VALUES (13, 0, 0, '', false)
            ON CONFLICT (a) DO UPDATE SET n = {t}.n + 1; COMMIT",
    ] {
        succeeds(&db, statement);
        same(&db);
    }
    // The conflict is with another key than the one that is named.
    fails(
        &db,
        "INSERT INTO {t} VALUES (14, 2014, 14, 'note15', false) ON CONFLICT (a) DO UPDATE SET note = 'note15'",
    );
    fails(
        &db,
        "INSERT INTO {t} VALUES (2014, 2014, 14, 'note15', false) ON CONFLICT (a) DO NOTHING",
    );
    let twice =
        "INSERT INTO {t} VALUES (16, 0, 0, '', false), (16, 0, 0, '', false) ON CONFLICT (a) DO UPDATE SET n = 1";
    assert_eq!(super::alike(&db, twice), "21000");
    same(&db);
    let returned = |table: &str| {
        db.lines(&format!(
            "INSERT INTO {table} VALUES (17, 0, 0, 'x', false), (3017, 3017, 3017, 'y', false)
             ON CONFLICT (a) DO UPDATE SET n = {table}.n + 1 RETURNING a, b, n, note"
        ))
    };
    assert_eq!(returned("t"), returned("plain"));
    same(&db);
    db.sql(
        "CREATE FUNCTION other_key() RETURNS trigger LANGUAGE plpgsql
         AS 'BEGIN NEW.a := NEW.a - 5000; RETURN NEW; END'",
    );
    for table in ["t", "plain"] {
        db.sql(&format!(
            "CREATE TRIGGER other_key BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION other_key()"
        ));
    }
    succeeds(
        &db,
        "INSERT INTO {t} VALUES (5018, 0, 0, 'z', false) ON CONFLICT (a) DO UPDATE SET n = 18",
    );
    succeeds(
        &db,
        "INSERT INTO {t} VALUES (5019, 0, 0, 'z', false) ON CONFLICT (a) DO NOTHING",
    );
    same(&db);
}

#[test]
fn deferrable_keys_meet_cold_rows() {
    let (cluster, _endpoint, db) = isolation::server("one-keys-deferrable");
    make_twins(
        &db,
        "t",
        "plain",
        "a int, b int, n int, note text",
        &[
            "ALTER TABLE {t} ADD CONSTRAINT {t}_a PRIMARY KEY (a) DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE {t} ADD CONSTRAINT {t}_b UNIQUE (b) DEFERRABLE INITIALLY IMMEDIATE",
        ],
        ROWS,
    );
    for statement in [
        "BEGIN; INSERT INTO {t} VALUES (7, 1007, 0, '', false); DELETE FROM {t} WHERE b = 7; COMMIT",
        "BEGIN; INSERT INTO {t} VALUES (8, 1008, 0, '', false); UPDATE {t} SET a = 1008 WHERE b = 8; COMMIT",
        "UPDATE {t} SET b = b + 1",
        "UPDATE {t} SET a = a + 1, note = note || '+'",
        "UPDATE {t} SET b = 102 - b WHERE b < 150",
        "BEGIN; INSERT INTO {t} VALUES (20, 2020, 0, '', false); ROLLBACK",
    ] {
        succeeds(&db, statement);
        same(&db);
    }
    // By now a row has n + 1 for a and 101 - n for b.
    make_cold(&db, 80);
    for statement in [
        "INSERT INTO {t} VALUES (7000, 40, 0, '', false)",
        "INSERT INTO {t} VALUES (30, 7000, 0, '', false)",
        "BEGIN; INSERT INTO {t} VALUES (30, 7000, 0, '', false); COMMIT",
        "UPDATE {t} SET b = 40 WHERE b = 90",
    ] {
        fails(&db, statement);
        let _ = db.try_sql("ROLLBACK");
        same(&db);
    }
    // A duplicate that was hot when the row came, and is cold when it is checked.
    let other = cluster.connect("postgres");
    other.sql("UPDATE t SET cold = true WHERE b = 87");
    db.sql("BEGIN; INSERT INTO t VALUES (15, 7015, 0, '', false)");
    other.sql("SELECT stretch.drain('t')");
    other.sql("VACUUM t");
    db.fails("COMMIT", "23505");
}

/// A snapshot that is kept shows a version of the row that has gone, and became cold again as another.
#[test]
fn on_conflict_does_not_act_on_what_a_kept_snapshot_does_not_show() {
    let (cluster, _endpoint, db) = twins("one-keys-kept", COLUMNS, &KEYS, ROWS);
    let other = cluster.connect("postgres");
    for (row, action) in [(5, "DO UPDATE SET n = t.n + 1"), (6, "DO NOTHING")] {
        db.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
        assert_eq!(db.int(&format!("SELECT n FROM t WHERE a = {row}")), row);
        other.sql(&format!("UPDATE t SET n = n + 1000 WHERE a = {row}"));
        other.sql("SELECT stretch.drain('t')");
        let insert = format!("INSERT INTO t VALUES ({row}, 0, 0, '', false) ON CONFLICT (a) {action}");
        db.fails(&insert, "40001");
        db.sql("ROLLBACK");
        db.sql(&insert);
        assert!(db.int(&format!("SELECT n FROM t WHERE a = {row}")) >= row + 1000);
    }
}

/// A trigger gets hold of the row before the UPDATE does, also of one that this UPDATE has brought home.
#[test]
fn triggers_meet_rows_that_came_home() {
    let (_cluster, _endpoint, db) = twins(
        "one-keys-deferrable-triggers",
        COLUMNS,
        &["ALTER TABLE {t} ADD CONSTRAINT {t}_b UNIQUE (b) DEFERRABLE"],
        ROWS,
    );
    db.sql(
        "CREATE TABLE log (what text);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO log VALUES (format('%s %s: %s -> %s', TG_WHEN, TG_OP, OLD, NEW));
             IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
             RETURN NEW; END $$",
    );
    for table in ["t", "plain"] {
        db.sql(&format!(
            "CREATE TRIGGER early BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION note();
             CREATE TRIGGER late AFTER UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION note()"
        ));
    }
    for statement in [
        "UPDATE {t} SET b = 21 - b WHERE b <= 20",
        "UPDATE {t} SET b = b + 1 WHERE b >= 30",
        "MERGE INTO {t} USING generate_series(22, 29) g ON b = g WHEN MATCHED AND b = 29 THEN DELETE
            WHEN MATCHED THEN UPDATE SET b = 51 - b",
    ] {
        db.sql("TRUNCATE log");
        succeeds(&db, statement);
        same(&db);
        assert_eq!(
            db.int("SELECT max(n) FROM (SELECT count(*) AS n FROM log GROUP BY what) l"),
            2,
            "{statement}"
        );
    }
}

/// Makes rows cold again that came home.
fn make_cold(db: &Client, rows: i64) {
    db.sql(&format!(
        "UPDATE t SET cold = true WHERE b <= {rows}; UPDATE plain SET cold = true WHERE b <= {rows}"
    ));
    db.sql("SELECT stretch.drain('t')");
}
