//! Unique keys of tables whose access method keeps them: every kind of key, by every way in which a new key comes; who
//! deletes the cold row meanwhile; rows that become cold meanwhile (F28).

#[path = "one_table_keys/exclusion.rs"]
mod exclusion;
#[path = "one_table_keys/home.rs"]
mod home;
#[path = "one_table_keys/races.rs"]
mod races;

use crate::tables::stretched;
use testkit::setup::drain;
use testkit::{Client, Cluster, Endpoint};

/// A server with tables `t`, by the access method with its old rows cold, and `plain` with the same rows.
pub fn twins(name: &str, columns: &str, keys: &[&str], rows: &str) -> (Cluster, Endpoint, Client) {
    let (cluster, endpoint, db) = stretched(name);
    make_twins(&db, "t", "plain", columns, keys, rows);
    (cluster, endpoint, db)
}

/// Makes such tables. In the texts of keys `{t}` stands for the table.
pub fn make_twins(db: &Client, t: &str, plain: &str, columns: &str, keys: &[&str], rows: &str) {
    for table in [t, plain] {
        db.sql(&format!("CREATE TABLE {table} ({columns}, cold boolean NOT NULL)"));
        for key in keys {
            db.sql(&key.replace("{t}", table));
        }
        db.sql(&format!("INSERT INTO {table} {rows}"));
    }
    db.sql(&format!("SELECT stretch.enable_table('{t}', 'cold')"));
    let cold = db.int(&format!("SELECT count(*) FROM {plain} WHERE cold"));
    assert_eq!(drain(db, t), cold);
    assert!(cold > 0);
    assert_eq!(
        db.text(&format!(
            "SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE c.oid = '{t}'::regclass"
        )),
        "stretch"
    );
}

/// Runs a statement on both tables, `{t}` standing for the table: both succeed or fail alike.
#[track_caller]
fn alike(db: &Client, statement: &str) -> String {
    let run = |table: &str| match db.try_sql(&statement.replace("{t}", table)) {
        Ok(()) => ("ok".to_owned(), String::new()),
        Err(error) => (
            error.code,
            format!(
                "{}: {}",
                error.message.replace(&format!("\"{table}_"), "\""),
                error.detail
            ),
        ),
    };
    let (stretched, plain) = (run("t"), run("plain"));
    assert_eq!(stretched, plain, "{statement}");
    stretched.0
}

#[track_caller]
fn fails(db: &Client, statement: &str) {
    assert_eq!(alike(db, statement), "23505", "{statement}");
}

#[track_caller]
fn succeeds(db: &Client, statement: &str) {
    assert_eq!(alike(db, statement), "ok", "{statement}");
}

const COLUMNS: &str = "a int, b text, c numeric, d date, e int";
const KEYS: [&str; 6] = [
    "ALTER TABLE {t} ADD CONSTRAINT {t}_pkey PRIMARY KEY (a) INCLUDE (e)",
    "CREATE UNIQUE INDEX {t}_two ON {t} (b, d)",
    "CREATE UNIQUE INDEX {t}_nulls ON {t} (c) NULLS NOT DISTINCT",
    "CREATE UNIQUE INDEX {t}_part ON {t} (e) WHERE b LIKE 'p%'",
    "CREATE UNIQUE INDEX {t}_expr ON {t} (lower(b), (a % 1000)) NULLS NOT DISTINCT",
    "CREATE UNIQUE INDEX {t}_both ON {t} ((e * 2)) WHERE d IS NULL",
];
/// Rows 1 to 100 are cold, of which every tenth has a `b` that begins with p; 101 to 200 are hot.
const ROWS: &str = "SELECT n, CASE WHEN n % 10 = 0 THEN 'p' ELSE 'x' END || n, nullif(n, 7),
        CASE WHEN n <> 50 THEN date '2024-01-01' + n END, n, n <= 100 FROM generate_series(1, 200) n";

#[test]
fn every_kind_of_key_is_kept() {
    let (_cluster, _endpoint, db) = twins("one-keys", COLUMNS, &KEYS, ROWS);
    // One row each way, for each key: a, (b, d), c, e where b is p…, lower(b) with a % 1000, e * 2 where d is null.
    let conflicts = [
        "(5, 'new', -1, '2030-01-01', -1, false)",
        "(1001, 'x3', -1, '2024-01-04', -1, false)",
        "(1001, 'new', 4.00, '2030-01-01', -1, false)",
        "(1001, 'new', NULL, '2030-01-01', -1, false)",
        "(1001, 'pnew', -1, '2030-01-01', 20, false)",
        "(3003, 'X3', -1, '2030-01-01', -1, false)",
        "(1001, 'new', -1, NULL, 50, false)",
        // And hot ones.
        "(150, 'new', -1, '2030-01-01', -1, false)",
        "(1001, 'pnew', -1, '2030-01-01', 120, false)",
    ];
    let free = "(9001, 'y1', 9001, '2031-01-01', 9001, false)";
    for row in conflicts {
        fails(&db, &format!("INSERT INTO {{t}} VALUES {row}"));
        fails(&db, &format!("INSERT INTO {{t}} VALUES {free}, {row}"));
        let set = "(a, b, c, d, e, cold)";
        fails(&db, &format!("UPDATE {{t}} SET {set} = {row} WHERE a = 190"));
        let copied = row.trim_matches(['(', ')']).replace(", ", "\t").replace('\'', "");
        let copied = format!(
            "9001\ty1\t9001\t2031-01-01\t9001\tf\n{}\n",
            copied.replace("NULL", "\\N")
        );
        for table in ["t", "plain"] {
            let error = db.try_copy_in(&format!("COPY {table} FROM STDIN"), copied.as_bytes());
            assert_eq!(error.expect_err("a duplicate").code, "23505", "{table} {row}");
        }
    }
    // What is no conflict: no key of a cold row, a row outside of a predicate, NULL in a plain key.
    for row in [
        free,
        "(9002, 'new', -2, '2030-01-02', 20, false)",
        "(9003, NULL, -3, '2024-01-04', 9003, false)",
        "(9004, 'x3', -4, NULL, 9004, false)",
        "(9005, 'X4', -5, '2030-01-01', 9005, false)",
    ] {
        succeeds(&db, &format!("INSERT INTO {{t}} VALUES {row}"));
    }
    fails(&db, "INSERT INTO {t} VALUES (19003, NULL, -6, '2032-01-01', -6, false)");
    // An UPDATE that keeps its keys, or changes them to free ones.
    succeeds(&db, "UPDATE {t} SET e = e, d = d WHERE NOT cold");
    succeeds(
        &db,
        "UPDATE {t} SET a = a + 20000, c = c + 20000, e = e + 20000, b = b || 'z' WHERE a BETWEEN 110 AND 180",
    );
    fails(&db, "UPDATE {t} SET c = c - 101 WHERE a = 102");
    let hot = |table: &str| db.md5_of(&format!("SELECT * FROM {table} WHERE NOT cold ORDER BY a"));
    assert_eq!(hot("t"), hot("plain"));
}

#[test]
fn many_rows_at_once() {
    let (_cluster, _endpoint, db) = twins(
        "one-keys-many",
        "a int PRIMARY KEY, b text COLLATE \"und-x-icu\"",
        &["CREATE UNIQUE INDEX {t}_b ON {t} (b)"],
        "SELECT n, 'b' || n, n <= 5000 FROM generate_series(1, 6000) n",
    );
    // Around the cold keys, and between them.
    let insert = |rows: &str| format!("INSERT INTO {{t}} SELECT n, b || n, false FROM {rows}");
    succeeds(&db, &insert("generate_series(-5000, 0) n, (VALUES ('c')) v(b)"));
    fails(
        &db,
        &insert("(SELECT generate_series(-15000, -5001) UNION SELECT 4999) s(n), (VALUES ('d')) v(b)"),
    );
    fails(
        &db,
        &insert("generate_series(10001, 12000) n, (VALUES ('d')) v(b) UNION SELECT 20000, 'b77', false"),
    );
    let rows = |extra: &str| {
        let mut rows: String = (10_001..12_000).map(|n| format!("{n}\tnew{n}\tf\n")).collect();
        rows.push_str(extra);
        rows
    };
    for table in ["t", "plain"] {
        let copy = format!("COPY {table} FROM STDIN");
        for duplicate in ["1234\tnew\tf\n", "12001\tb1234\tf\n", "10005\tnew\tf\n"] {
            let error = db.try_copy_in(&copy, rows(duplicate).as_bytes());
            assert_eq!(error.expect_err("a duplicate").code, "23505", "{table} {duplicate}");
        }
        assert_eq!(db.copy_in(&copy, rows("").as_bytes()), 1999);
    }
}

/// A key that this transaction freed is free at once, and cold again after a rollback.
#[test]
fn detail_names_the_key_to_who_may_see_it() {
    let (cluster, _endpoint, db) = twins(
        "one-keys-detail",
        "a int PRIMARY KEY, b text",
        &["CREATE UNIQUE INDEX {t}_b ON {t} (lower(b))"],
        "SELECT n, 'b' || n, n <= 50 FROM generate_series(1, 60) n",
    );
    let error = db.fails("INSERT INTO t VALUES (7, 'x', false)", "23505");
    assert_eq!(error.detail, "Key (a)=(7) already exists.");
    let error = db.fails("INSERT INTO t VALUES (700, 'B7', false)", "23505");
    assert_eq!(error.detail, "Key (lower(b))=(b7) already exists.");
    db.sql("CREATE ROLE writer LOGIN; GRANT INSERT ON t TO writer");
    let writer = cluster.connect_as("writer", "postgres");
    let error = writer.fails("INSERT INTO t VALUES (7, 'x', false)", "23505");
    assert_eq!(error.detail, "A cold row of table public.t has this key.");
    db.sql("ALTER INDEX t_b RENAME TO renamed");
    let error = db.fails("INSERT INTO t VALUES (700, 'B7', false)", "23505");
    assert!(error.message.contains("\"renamed\""), "{error}");
}
