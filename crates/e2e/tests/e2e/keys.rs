//! Unique keys over hot and cold rows: duplicates, ON CONFLICT, fields of errors (F13); filters and deferrable keys in
//! modules.

#[path = "keys/deferrable.rs"]
mod deferrable;
#[path = "keys/filters.rs"]
mod filters;

use crate::tables::{enable_orders, stretched};
use testkit::setup::{drain, hot_rows};

#[test]
fn cold_keys_stay_unique() {
    let (_cluster, _endpoint, db) = stretched("tables-unique");
    enable_orders(&db);
    drain(&db, "orders");
    assert_eq!(hot_rows(&db, "orders"), 635);
    let duplicate = |sql: &str, key: &str| {
        let error = db.fails(sql, "23505");
        assert!(error.message.contains(key), "{sql}: {error}");
    };
    duplicate(
        "INSERT INTO orders VALUES (5, '2026-01-01', 'new', 5000)",
        "orders_pkey",
    );
    duplicate(
        "INSERT INTO orders VALUES (5000, '2024-01-08', 'note', 5000)",
        "orders_day_note_key",
    );
    duplicate(
        "INSERT INTO orders VALUES (5000, '2026-01-01', 'new', NULL)",
        "orders_number_key",
    );
    duplicate(
        "INSERT INTO orders SELECT n, date '2030-01-01' + n, 'new', 5000 + n FROM generate_series(365, 3000, 635) n
         WHERE n NOT BETWEEN 366 AND 1000 OR n = 365",
        "orders_pkey",
    );
    duplicate("UPDATE orders SET id = 7 WHERE id = 900", "orders_pkey");
    duplicate("UPDATE orders SET number = NULL WHERE id = 900", "orders_number_key");
    db.sql("SET session_replication_role = replica");
    duplicate(
        "INSERT INTO orders VALUES (5, '2026-01-01', 'new', 5000)",
        "orders_pkey",
    );
    db.sql("RESET session_replication_role");
    db.sql("INSERT INTO orders VALUES (5, '2026-01-01', 'new', 5000) ON CONFLICT (id) DO UPDATE SET note = 'x'");
    assert_eq!(db.text("SELECT note FROM orders WHERE id = 5"), "x");
    // What is new stays possible, with and without ON CONFLICT, and null is not equal to null in a plain key.
    db.sql("INSERT INTO orders VALUES (5000, '2024-01-08', NULL, 5000), (5001, '2024-01-08', NULL, 5001)");
    db.sql("INSERT INTO orders VALUES (5000, '2026-01-01', 'x', 5002) ON CONFLICT (id) DO UPDATE SET note = 'y'");
    db.sql("UPDATE orders SET id = 6000, note = 'z' WHERE id = 900");
    assert_eq!(db.int("SELECT count(*) FROM orders"), 1002);
}

/// Rows with a cold key are skipped like those with a hot one, and those alone.
#[test]
fn on_conflict_do_nothing_skips_cold_keys() {
    let (_cluster, _endpoint, db) = stretched("tables-skip");
    enable_orders(&db);
    drain(&db, "orders");
    let inserted = |target: &str| {
        let sql = format!(
            "INSERT INTO orders SELECT n, date '2030-01-01' + n, 'new', 9000 + n FROM generate_series(360, 1005) n
             ON CONFLICT {target} DO NOTHING RETURNING id"
        );
        db.lines(&sql)
    };
    assert_eq!(inserted("(id)"), ["1001", "1002", "1003", "1004", "1005"]);
    assert!(inserted("").is_empty());
    // Any key counts without a target; with one, the others are errors.
    let other_key = "VALUES (7000, date '2024-01-08', 'note', 7000)";
    assert!(
        db.lines(&format!(
            "INSERT INTO orders {other_key} ON CONFLICT DO NOTHING RETURNING 1"
        ))
        .is_empty()
    );
    db.fails(
        &format!("INSERT INTO orders {other_key} ON CONFLICT (id) DO NOTHING"),
        "23505",
    );
    // Null is equal to null in the key that says so, and in no other.
    let null = "VALUES (7001, date '2024-01-08', NULL, NULL)";
    assert!(
        db.lines(&format!("INSERT INTO orders {null} ON CONFLICT DO NOTHING RETURNING 1"))
            .is_empty()
    );
    // Prepared, in a WITH clause, and under EXPLAIN ANALYZE.
    db.sql(
        "PREPARE add(int) AS INSERT INTO orders VALUES ($1, '2031-01-01', $1::text, \
        20000 + $1) ON CONFLICT DO NOTHING RETURNING id",
    );
    assert_eq!(db.lines("EXECUTE add(2000)"), ["2000"]);
    for _ in 0..7 {
        assert!(db.lines("EXECUTE add(7)").is_empty());
    }
    let with = "WITH added AS (INSERT INTO orders SELECT n, '2032-01-01', n::text, 30000 + n \
        FROM generate_series(1, 3000, 999) n
                 ON CONFLICT DO NOTHING RETURNING id) SELECT array_agg(id ORDER BY id) FROM added";
    assert_eq!(db.text(with), "{1999,2998}");
    db.sql("EXPLAIN ANALYZE INSERT INTO orders VALUES (8, '2033-01-01', 'x', 40000) ON CONFLICT DO NOTHING");
    // A cold row that is deleted frees its key.
    db.sql("DELETE FROM orders WHERE id = 8");
    assert_eq!(
        db.lines("INSERT INTO orders VALUES (8, '2033-01-01', 'x', 40000) ON CONFLICT DO NOTHING RETURNING id"),
        ["8"]
    );
    assert_eq!(db.int("SELECT count(*) - count(DISTINCT id) FROM orders"), 0);
    assert_eq!(db.int("SELECT count(*) FROM orders"), 1000 + 5 + 1 + 2);
}

/// Applications read names of constraints from errors: those of our own, and those of the server that pass our hooks.
#[test]
fn errors_keep_their_fields() {
    let (cluster, _endpoint, db) = stretched("tables-fields");
    enable_orders(&db);
    drain(&db, "orders");
    db.sql(
        "CREATE TABLE plain (id int PRIMARY KEY, n int NOT NULL CHECK (n > 0)); INSERT INTO plain VALUES (1, 1);
         CREATE FUNCTION inner_one() RETURNS void LANGUAGE plpgsql AS 'BEGIN INSERT INTO plain VALUES (1, 1); END';
         CREATE FUNCTION outer_one() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM inner_one(); END'",
    );
    let shown = |statement: &str| {
        let script = format!("\\set VERBOSITY verbose\n{statement}");
        let output = testkit::os::run(
            cluster
                .command("psql")
                .args(["-X", "-q"])
                .args(script.lines().flat_map(|line| ["-c", line]).collect::<Vec<_>>()),
        );
        output.expect_err("the statement fails")
    };
    for (statement, expected) in [
        (
            "INSERT INTO plain VALUES (1, 1)",
            vec![
                "23505",
                "SCHEMA NAME:  public",
                "TABLE NAME:  plain",
                "CONSTRAINT NAME:  plain_pkey",
            ],
        ),
        (
            "INSERT INTO plain VALUES (2, 0)",
            vec!["23514", "CONSTRAINT NAME:  plain_n_check"],
        ),
        ("INSERT INTO plain VALUES (2, NULL)", vec!["23502", "COLUMN NAME:  n"]),
        (
            "INSERT INTO orders VALUES (5, '2026-01-01', 'new', 5000)",
            vec![
                "23505",
                "SCHEMA NAME:  public",
                "TABLE NAME:  orders",
                "CONSTRAINT NAME:  orders_pkey",
            ],
        ),
        (
            "SELECT outer_one()",
            vec![
                "CONSTRAINT NAME:  plain_pkey",
                "PL/pgSQL function inner_one() line 1 at SQL statement",
                "PL/pgSQL function outer_one() line 1 at PERFORM",
            ],
        ),
    ] {
        let text = shown(statement);
        for part in expected {
            assert_eq!(text.matches(part).count(), 1, "{part} in: {text}");
        }
    }
}

/// An operator class of a user may call values equal that PostgreSQL does not; statistics and hashes then say nothing.
#[test]
fn keys_are_equal_as_an_operator_class_of_a_user_says() {
    let (_cluster, _endpoint, db) = stretched("tables-opclass");
    db.sql(
        "CREATE FUNCTION ci_cmp(text, text) RETURNS int LANGUAGE sql IMMUTABLE AS
             $$ SELECT bttextcmp(lower($1), lower($2)) $$;
         CREATE FUNCTION ci_eq(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT ci_cmp($1, $2) = 0 $$;
         CREATE FUNCTION ci_lt(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT ci_cmp($1, $2) < 0 $$;
         CREATE FUNCTION ci_le(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT ci_cmp($1, $2) <= 0 $$;
         CREATE FUNCTION ci_ge(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT ci_cmp($1, $2) >= 0 $$;
         CREATE FUNCTION ci_gt(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT ci_cmp($1, $2) > 0 $$;
         CREATE OPERATOR ~=~~ (FUNCTION = ci_eq, LEFTARG = text, RIGHTARG = text, COMMUTATOR = ~=~~);
         CREATE OPERATOR ~<~~ (FUNCTION = ci_lt, LEFTARG = text, RIGHTARG = text);
         CREATE OPERATOR ~<=~~ (FUNCTION = ci_le, LEFTARG = text, RIGHTARG = text);
         CREATE OPERATOR ~>=~~ (FUNCTION = ci_ge, LEFTARG = text, RIGHTARG = text);
         CREATE OPERATOR ~>~~ (FUNCTION = ci_gt, LEFTARG = text, RIGHTARG = text);
         CREATE OPERATOR CLASS ci_ops FOR TYPE text USING btree AS
             OPERATOR 1 ~<~~, OPERATOR 2 ~<=~~, OPERATOR 3 ~=~~, OPERATOR 4 ~>=~~, OPERATOR 5 ~>~~,
             FUNCTION 1 ci_cmp(text, text);
         CREATE TABLE people (id int, name text COLLATE \"C\" NOT NULL);
         CREATE UNIQUE INDEX ON people (name ci_ops);
         INSERT INTO people VALUES (1, 'Bob'), (2, 'Eve'), (900, 'Zoe')",
    );
    db.sql("SELECT stretch.enable_table('people', 'id < 100')");
    assert_eq!(drain(&db, "people"), 2);
    for duplicate in [
        "UPDATE people SET name = 'BOB' WHERE id = 900",
        "INSERT INTO people VALUES (901, 'bob')",
        "INSERT INTO people VALUES (901, 'aaa'), (902, 'eVE')",
    ] {
        db.fails(duplicate, "23505");
    }
    db.sql("INSERT INTO people VALUES (901, 'bobby')");
    db.sql("INSERT INTO people VALUES (902, 'BOB') ON CONFLICT DO NOTHING");
    assert_eq!(db.int("SELECT count(*) FROM people"), 4);
}
