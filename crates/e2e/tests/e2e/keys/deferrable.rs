//! Deferrable keys: each is checked when a plain table checks it (F28).

use crate::tables::stretched;
use testkit::Client;
use testkit::setup::{drain, enable_table};

/// A script of statements, each run on both tables; `{t}` stands for the table. Both answer alike, by SQLSTATE.
fn alike(db: &Client, what: &str, script: &[&str]) -> Vec<String> {
    let run = |table: &str| -> Vec<String> {
        let outcomes = script.iter().map(|sql| match db.try_sql(&sql.replace("{t}", table)) {
            Ok(()) => "ok".to_owned(),
            Err(error) => error.code,
        });
        let outcomes = outcomes.collect();
        let _ = db.try_sql("ROLLBACK");
        outcomes
    };
    let outcomes = run("t");
    assert_eq!(outcomes, run("plain"), "{what}");
    let content = |table: &str| db.lines(&format!("SELECT * FROM {table} ORDER BY a, b, c"));
    assert_eq!(content("t"), content("plain"), "{what}");
    outcomes
}

#[test]
fn deferrable_keys_are_checked_when_a_plain_table_does() {
    let (cluster, endpoint, db) = stretched("keys-deferrable");
    for table in ["t", "plain"] {
        db.sql(&format!(
            "CREATE TABLE {table} (a int, b int, c text, cold boolean,
                CONSTRAINT {table}_a PRIMARY KEY (a) DEFERRABLE INITIALLY DEFERRED,
                CONSTRAINT {table}_b UNIQUE (b) DEFERRABLE INITIALLY IMMEDIATE, UNIQUE (c));
             INSERT INTO {table} SELECT g, g, g::text, g <= 50 FROM generate_series(1, 100) g"
        ));
    }
    enable_table(&db, "t", "cold");
    assert_eq!(drain(&db, "t"), 50);
    let check = |db: &Client| {
        let ok =
            |script: &[&str], what: &str| assert!(alike(db, what, script).iter().all(|code| code == "ok"), "{what}");
        let fails = |script: &[&str], at: usize, what: &str| {
            let outcomes = alike(db, what, script);
            assert_eq!(
                outcomes.iter().position(|code| code == "23505"),
                Some(at),
                "{what}: {outcomes:?}"
            );
        };
        let same_a = "INSERT INTO {t} VALUES (7, 1007, 'a', false)";
        let same_b = "INSERT INTO {t} VALUES (1007, 7, 'b', false)";
        fails(&[same_b], 0, "by itself at the statement's end");
        fails(&[same_a], 0, "by itself at the commit");
        fails(&["BEGIN", same_a, "SELECT 1", "COMMIT"], 3, "at the commit");
        fails(&["BEGIN", same_b, "COMMIT"], 1, "at the statement's end");
        fails(
            &["BEGIN", "SET CONSTRAINTS {t}_b DEFERRED", same_b, "SELECT 1", "COMMIT"],
            4,
            "by name",
        );
        fails(
            &["BEGIN", "SET CONSTRAINTS public.{t}_b DEFERRED", same_b, "COMMIT"],
            3,
            "by qualified name",
        );
        fails(
            &["BEGIN", "SET CONSTRAINTS ALL DEFERRED", same_b, "COMMIT"],
            3,
            "with all",
        );
        fails(
            &["BEGIN", same_a, "SET CONSTRAINTS {t}_a IMMEDIATE"],
            2,
            "when it becomes immediate",
        );
        fails(
            &["BEGIN", "SET CONSTRAINTS {t}_a IMMEDIATE", same_a],
            2,
            "immediate by name",
        );
        fails(
            &[
                "BEGIN",
                "SET CONSTRAINTS {t}_a, {t}_b DEFERRED",
                same_a,
                same_b,
                "SET CONSTRAINTS {t}_b IMMEDIATE",
            ],
            4,
            "one of two",
        );
        fails(
            &["INSERT INTO {t} VALUES (2000, 2000, '7', false)"],
            0,
            "a key that is not deferrable",
        );
        fails(
            &["BEGIN", "UPDATE {t} SET a = 8 WHERE a = 90", "COMMIT"],
            2,
            "a hot row takes a cold key",
        );
        fails(
            &["BEGIN", "UPDATE {t} SET a = 8 WHERE a = 9", "COMMIT"],
            2,
            "a cold row takes a cold key",
        );
        ok(
            &["BEGIN", same_a, "DELETE FROM {t} WHERE a = 7 AND cold", "COMMIT"],
            "the cold row goes afterwards",
        );
        ok(
            &[
                "BEGIN",
                "INSERT INTO {t} VALUES (9, 1009, 'c', false)",
                "DELETE FROM {t} WHERE b = 1009",
                "COMMIT",
            ],
            "the new row goes",
        );
        ok(
            &[
                "BEGIN",
                "SAVEPOINT s",
                "INSERT INTO {t} VALUES (9, 1009, 'c', false)",
                "ROLLBACK TO s",
                "COMMIT",
            ],
            "the new row was never there",
        );
        ok(
            &[
                "BEGIN",
                "INSERT INTO {t} VALUES (9, 1009, 'c', false)",
                "UPDATE {t} SET a = 1009 WHERE b = 1009",
                "COMMIT",
            ],
            "the new row takes another key",
        );
        ok(
            &["UPDATE {t} SET a = CASE a WHEN 10 THEN 91 ELSE 10 END WHERE a IN (10, 91)"],
            "a cold and a hot row swap their keys",
        );
        ok(
            &["UPDATE {t} SET b = 113 - b WHERE b IN (12, 101 - 0, 13, 100)"],
            "several do, in one statement",
        );
        fails(
            &[
                "BEGIN",
                "INSERT INTO {t} VALUES (14, 1014, 'd', false)",
                "UPDATE {t} SET c = 'e' WHERE b = 1014",
                "COMMIT",
            ],
            3,
            "a new version with the same key",
        );
    };
    check(&db);
    let error = db.fails("INSERT INTO t VALUES (15, 1015, 'f', false)", "23505");
    assert!(error.message.contains("\"t_a\""), "{error}");
    let dump = cluster.pg_dump("postgres", &["-Fc"]);
    cluster.create_database("copy");
    cluster.pg_restore("copy", &[], &dump);
    let copy = cluster.connect("copy");
    testkit::setup::reauthorize(&copy);
    copy.sql("INSERT INTO t SELECT g, g, 'new' || g, true FROM generate_series(3001, 3010) g");
    assert!(drain(&copy, "t") >= 10, "its keys are guarded, so it migrates");
    copy.sql("BEGIN; SET CONSTRAINTS t_b DEFERRED; INSERT INTO t VALUES (3999, 3001, 'x', false)");
    copy.fails("COMMIT", "23505");
    drop(endpoint);
}

/// Without a target ON CONFLICT asks one index after the other and ends at the first deferrable one, as a heap does;
/// rows that an index before it keeps out are skipped. It is the same by way of a parent.
#[test]
fn on_conflict_do_nothing_comes_to_a_deferrable_key_as_on_a_heap() {
    let (_cluster, _endpoint, db) = stretched("keys-deferrable-skip");
    for table in ["t", "plain"] {
        db.sql(&format!(
            "CREATE TABLE {table} (a int PRIMARY KEY, b int UNIQUE DEFERRABLE, c int UNIQUE, cold boolean);
             INSERT INTO {table} SELECT g, g, g, g <= 50 FROM generate_series(1, 100) g;
             CREATE TABLE {table}_root (a int, b int, c int, cold boolean) PARTITION BY RANGE (a);
             ALTER TABLE {table}_root ATTACH PARTITION {table} DEFAULT"
        ));
    }
    enable_table(&db, "t", "cold");
    assert_eq!(drain(&db, "t"), 50);
    for target in ["{t}", "{t}_root"] {
        for (row, outcome) in [
            ("7, 1007, 1007", "ok"),
            ("77, 1007, 1007", "ok"),
            ("7, 8, 9", "ok"),
            // Only the deferrable key, only one that comes behind it, and none.
            ("1007, 7, 1007", "55000"),
            ("1007, 1007, 7", "55000"),
            ("1007, 1007, 77", "55000"),
            ("1007, 1007, 1007", "55000"),
        ] {
            let insert = format!("INSERT INTO {target} VALUES ({row}, false) ON CONFLICT DO NOTHING");
            assert_eq!(alike(&db, &insert, &[&insert]), [outcome], "{insert}");
        }
    }
    for (row, outcome) in [
        ("7, 1007, 1007", "ok"),
        ("1007, 1007, 7", "23505"),
        ("1007, 7, 1007", "23505"),
        ("1007, 1007, 1007", "ok"),
    ] {
        let insert = format!("INSERT INTO {{t}} VALUES ({row}, false) ON CONFLICT (a) DO NOTHING");
        assert_eq!(alike(&db, &insert, &[&insert]), [outcome], "{insert}");
    }
}
