//! Unique keys over hot and cold rows: duplicates, ON CONFLICT, key filters, deferrable constraints (F13, F27, F28).

use crate::cold_reads::counter;
use crate::tables::{enable_orders, stretched};
use testkit::setup::{drain, enable_database, enable_table};
use testkit::{Client, Cluster, Endpoint, PATIENCE, wait_until};

#[test]
fn cold_keys_stay_unique() {
    let (_cluster, _endpoint, db) = stretched("tables-unique");
    enable_orders(&db);
    drain(&db, "orders");
    assert_eq!(db.int("SELECT count(*) FROM ONLY orders"), 635);
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
    db.fails(
        "INSERT INTO orders VALUES (5, '2026-01-01', 'new', 5000) ON CONFLICT (id) DO UPDATE SET note = 'x'",
        "ST015",
    );
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
        "ST015",
    );
    // Null is equal to null in the key that says so, and in no other.
    let null = "VALUES (7001, date '2024-01-08', NULL, NULL)";
    assert!(
        db.lines(&format!("INSERT INTO orders {null} ON CONFLICT DO NOTHING RETURNING 1"))
            .is_empty()
    );
    // Prepared, in a WITH clause, and under EXPLAIN ANALYZE.
    db.sql("PREPARE add(int) AS INSERT INTO orders VALUES ($1, '2031-01-01', $1::text, 20000 + $1) ON CONFLICT DO NOTHING RETURNING id");
    assert_eq!(db.lines("EXECUTE add(2000)"), ["2000"]);
    for _ in 0..7 {
        assert!(db.lines("EXECUTE add(7)").is_empty());
    }
    let with = "WITH added AS (INSERT INTO orders SELECT n, '2032-01-01', n::text, 30000 + n FROM generate_series(1, 3000, 999) n
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

/// Ten segments of a hundred rows with random keys, on the endpoint alone.
fn far_away(db: &Client) {
    db.sql(
        "CREATE TABLE t (id uuid PRIMARY KEY, cold boolean NOT NULL, n int);
         INSERT INTO t SELECT md5(g::text)::uuid, g <= 1000, g FROM generate_series(1, 1010) g",
    );
    enable_table(db, "t", "cold");
    assert_eq!(drain(db, "t"), 1000);
    assert!(db.int("SELECT stretch.purge_staged('t')") > 0);
    assert_eq!(db.int("SELECT count(*) FROM stretch.segments"), 10);
}

/// Files of key filters in the server's folder for temporary ones.
fn runs(cluster: &Cluster) -> Vec<std::path::PathBuf> {
    let mut files = testkit::endpoint::files(&cluster.data().join("base/pgsql_tmp"));
    files.retain(|file| file.to_string_lossy().contains("pgsql_tmp.stretch."));
    files
}

/// A key that is new, or that of a hot row, needs nothing of the endpoint; one that is cold is never taken for a new one.
#[test]
fn random_keys_need_no_endpoint() {
    let cluster = Cluster::builder("keys-random")
        .conf("stretch.batch_rows", "100")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    far_away(&db);
    let key = |n: i32| format!("md5('{n}')::uuid");
    assert_eq!(
        counter(
            &db,
            &format!("SELECT n FROM t WHERE id = {}", key(500)),
            "Segments Pruned"
        ),
        9
    );
    endpoint.take_away();
    let works = |db: &Client, from: i32| {
        let rows = format!("SELECT md5(g::text)::uuid, false, g FROM generate_series({from}, {from} + 999) g");
        db.sql(&format!("INSERT INTO t {rows}"));
        db.sql(&format!(
            "UPDATE t SET id = {} WHERE id = {}",
            key(from + 1000),
            key(from)
        ));
        let copied = db.copy_out(&format!("COPY (SELECT {}, false, 1) TO STDOUT", key(from + 1001)));
        assert_eq!(db.copy_in("COPY t FROM STDIN", copied.as_slice()), 1);
        let hot = format!(
            "SELECT {}, false, 1 UNION ALL SELECT {}, false, 1",
            key(from + 1),
            key(from + 1002)
        );
        let added = format!("INSERT INTO t {hot} ON CONFLICT DO NOTHING RETURNING n");
        assert_eq!(db.lines(&added), ["1"], "the hot one is skipped");
        assert_eq!(
            db.int(&format!(
                "SELECT count(*) FROM t WHERE id IN ({}, {})",
                key(from + 2),
                key(-1)
            )),
            1
        );
        db.sql(&format!("DELETE FROM t WHERE id = {}", key(from + 3)));
        assert_eq!(
            db.text(&format!("SELECT n FROM t WHERE id = {}", key(from + 4))),
            (from + 4).to_string()
        );
    };
    works(&db, 10_000);
    // What another session or the worker made is used, and what is gone is made again.
    wait_until("the worker to merge the filters", PATIENCE, || {
        runs(&cluster).len() <= 4
    });
    works(&cluster.connect("postgres"), 20_000);
    for file in runs(&cluster) {
        std::fs::remove_file(file).expect("it can be deleted at any time");
    }
    works(&db, 30_000);
    works(&cluster.connect("postgres"), 40_000);
    // A cold key, or one of which nothing is known, is an error and not a new one.
    let cold = format!("VALUES ({}, false, 0)", key(77));
    db.fails(&format!("INSERT INTO t {cold}"), "ST005");
    db.fails(&format!("INSERT INTO t {cold} ON CONFLICT DO NOTHING"), "ST005");
    db.fails(
        &format!("UPDATE t SET id = {} WHERE id = {}", key(77), key(40_005)),
        "ST005",
    );
    db.fails(&format!("SELECT FROM t WHERE id = {}", key(77)), "ST005");
    cluster.restart();
    let db = cluster.wait_ready("postgres");
    works(&db, 50_000);
    db.sql("SET allow_system_table_mods = on; UPDATE stretch.segment_detail SET key_filters = NULL");
    for file in runs(&cluster) {
        std::fs::remove_file(file).expect("it can be deleted at any time");
    }
    let db = cluster.connect("postgres");
    db.fails(&format!("INSERT INTO t VALUES ({}, false, 0)", key(60_000)), "ST005");
    endpoint.put_back();
    wait_until("the endpoint to be seen again", PATIENCE, || {
        db.try_sql(&format!("INSERT INTO t VALUES ({}, false, 0)", key(60_000)))
            .is_ok()
    });
    works(&db, 70_000);
    db.fails(&format!("INSERT INTO t {cold}"), "23505");
    assert!(
        db.lines(&format!("INSERT INTO t {cold} ON CONFLICT DO NOTHING RETURNING 1"))
            .is_empty()
    );
}

/// Keys that are equal however they are written, in the types that hash and in those that do not.
#[test]
fn keys_are_equal_as_in_a_plain_table() {
    let (_cluster, _endpoint, db) = stretched("keys-equal");
    db.sql(
        "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE COLLATION german (provider = icu, locale = 'de');
         CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN small AS int CHECK (VALUE < 100);
         CREATE TYPE pair AS (a int, b text)",
    );
    // Per type: three keys that become cold, others that are equal to the first, and one that is new.
    let cases: &[(&str, [&str; 3], &[&str], &str)] = &[
        ("boolean", ["true", "NULL", "NULL"], &["1::boolean"], "false"),
        ("smallint", ["1", "2", "-3"], &["1"], "4"),
        ("int", ["1", "2", "-3"], &["1"], "4"),
        ("bigint", ["-1", "2", "5000000000"], &["-1"], "4"),
        ("small", ["1", "2", "-3"], &["1"], "4"),
        ("numeric", ["1.0", "'NaN'", "1e30"], &["1", "1.00", "1.000000"], "1.01"),
        ("float8", ["'-0'", "'NaN'", "'Infinity'"], &["0", "'-0.0'"], "1"),
        ("float4", ["0.1", "'NaN'", "2"], &["0.1", "'1e-1'"], "0.2"),
        ("text", ["'a'", "''", "'ä'"], &["'a'"], "'A'"),
        ("text COLLATE german", ["'a'", "'b'", "'ä'"], &["'a'"], "'A'"),
        ("text COLLATE \"C\"", ["'a'", "'b'", "'ä'"], &["'a'"], "'A'"),
        ("text COLLATE nocase", ["'a'", "'b'", "'ä'"], &["'a'", "'A'"], "'c'"),
        ("varchar(10)", ["'a'", "'b'", "'c '"], &["'a'"], "'a '"),
        ("char(5)", ["'a'", "'b'", "'c'"], &["'a'", "'a  '"], "'d'"),
        ("bytea", ["'\\x00'", "'\\x'", "'\\xff'"], &["'\\x00'"], "'\\x0000'"),
        (
            "date",
            ["'2024-02-29'", "'infinity'", "'0044-03-15 BC'"],
            &["'29 Feb 2024'"],
            "'2024-03-01'",
        ),
        ("time", ["'10:00'", "'24:00'", "'0:00'"], &["'10:00:00.000'"], "'10:01'"),
        (
            "timetz",
            ["'10:00+02'", "'11:00+02'", "'0:00+00'"],
            &["'10:00:00+02:00'"],
            "'08:00+00'",
        ),
        (
            "timestamptz",
            ["'2024-01-01 10:00+02'", "'infinity'", "'2020-01-01'"],
            &["'2024-01-01 08:00+00'"],
            "'2024-01-02'",
        ),
        (
            "interval",
            ["'1 mon'", "'1 day'", "'0'"],
            &["'30 days'", "'720 hours'"],
            "'31 days'",
        ),
        (
            "uuid",
            ["md5('1')::uuid", "md5('2')::uuid", "md5('3')::uuid"],
            &["upper(md5('1'))::uuid"],
            "md5('4')::uuid",
        ),
        (
            "inet",
            ["'10.0.0.1'", "'::1'", "'10.0.0.0/8'"],
            &["'10.0.0.1/32'"],
            "'10.0.0.1/31'",
        ),
        (
            "macaddr",
            ["'08:00:2b:01:02:03'", "'08:00:2b:01:02:04'", "NULL"],
            &["'08002b010203'"],
            "'08:00:2b:01:02:05'",
        ),
        ("oid", ["1", "2", "3"], &["1"], "4"),
        ("name", ["'a'", "'b'", "'c'"], &["'a'"], "'A'"),
        ("mood", ["'sad'", "NULL", "NULL"], &["'sad'"], "'happy'"),
        ("int[]", ["'{1,2}'", "'{}'", "'{NULL}'"], &["'{1, 2}'"], "'{2,1}'"),
        ("int4range", ["'[1,3]'", "'empty'", "'[5,)'"], &["'[1,4)'"], "'[1,5)'"),
        (
            "jsonb",
            ["'{\"a\": 1, \"b\": 2}'", "'null'", "'[]'"],
            &["'{\"b\": 2, \"a\": 1.0}'"],
            "'{}'",
        ),
        (
            "pair",
            ["'(1,a)'", "'(2,b)'", "'(3,)'"],
            &["ROW(1, 'a')::pair"],
            "'(1,b)'",
        ),
    ];
    let mut checked = 0;
    for (number, (kind, cold, equal, new)) in cases.iter().enumerate() {
        let bare = kind.split(" COLLATE").next().unwrap_or(kind);
        for (suffix, unique, second) in [
            ("one", "UNIQUE (k)", "0"),
            ("two", "UNIQUE NULLS NOT DISTINCT (other, k)", "NULL::int"),
        ] {
            let (t, plain) = (format!("t{number}_{suffix}"), format!("p{number}_{suffix}"));
            let rows = cold.map(|key| format!("({key}::{bare}, {second}, true)"));
            // Two of the three may be NULL, which a key that takes them for equal would refuse.
            let distinct = if suffix == "two" {
                "SELECT DISTINCT ON (k) * FROM"
            } else {
                "SELECT * FROM"
            };
            for table in [&t, &plain] {
                db.sql(&format!(
                    "CREATE TABLE {table} (k {kind}, other int, cold boolean NOT NULL, {unique});
                     INSERT INTO {table} {distinct} (VALUES {}) v(k, o, c)",
                    rows.join(", ")
                ));
            }
            enable_table(&db, &t, "cold");
            assert_eq!(
                drain(&db, &t),
                db.int(&format!("SELECT count(*) FROM {plain}")),
                "{kind}"
            );
            let insert =
                |table: &str, key: &str| db.try_sql(&format!("INSERT INTO {table} VALUES ({key}, {second}, false)"));
            let skip = |table: &str, key: &str| {
                db.lines(&format!(
                    "INSERT INTO {table} VALUES ({key}, {second}, false) ON CONFLICT DO NOTHING RETURNING 1"
                ))
            };
            for key in equal.iter().copied().chain([cold[0]]) {
                for table in [&t, &plain] {
                    let error = insert(table, key).expect_err("a duplicate");
                    assert_eq!(error.code, "23505", "{kind} {key}: {error}");
                    assert!(skip(table, key).is_empty(), "{kind} {key} is skipped");
                }
                let count = |table: &str| db.int(&format!("SELECT count(*) FROM {table} WHERE k = {key}::{bare}"));
                assert_eq!((count(&t), count(&plain)), (1, 1), "{kind} {key}");
                checked += 1;
            }
            // NULL is a duplicate of NULL in one of the two, and the other keys are new in both.
            for key in ["NULL", *new] {
                let outcomes = [&t, &plain].map(|table| insert(table, key).map_err(|error| error.code));
                assert_eq!(outcomes[0], outcomes[1], "{kind} {key}");
            }
            let content = |table: &str| db.lines(&format!("SELECT k::text, cold FROM {table} ORDER BY 1, 2"));
            assert_eq!(content(&t), content(&plain), "{kind}");
        }
    }
    assert!(checked >= 2 * cases.len());
}

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
    // A dump keeps the triggers; only that SET CONSTRAINTS finds them depends on their arguments, which it keeps, too.
    let dump = cluster.pg_dump("postgres", &["-Fc"]);
    cluster.create_database("copy");
    cluster.pg_restore("copy", &[], &dump);
    let copy = cluster.connect("copy");
    let fires = "SELECT count(*) FROM pg_trigger WHERE tgname ~ '^stretch_(unique|deferred)_' AND tgenabled = 'A' AND
        (tgdeferrable, tginitdeferred) = (tgname ~ 'deferred', tgname ~ 'deferred_1')";
    assert_eq!((copy.int(fires), db.int(fires)), (6, 6));
    testkit::setup::reauthorize(&copy);
    copy.sql("INSERT INTO t SELECT g, g, 'new' || g, true FROM generate_series(3001, 3010) g");
    assert!(drain(&copy, "t") >= 10, "its keys are guarded, so it migrates");
    copy.sql("BEGIN; SET CONSTRAINTS t_b DEFERRED; INSERT INTO t VALUES (3999, 3001, 'x', false)");
    copy.fails("COMMIT", "23505");
    // Disabling leaves nothing of ours behind.
    db.sql("SELECT stretch.set_migration_state('t', 'paused')");
    assert!(db.int("SELECT stretch.purge_staged('t')") >= 0);
    db.sql("SELECT stretch.disable_table('t', leave_remote_data => true)");
    assert_eq!(db.int("SELECT count(*) FROM pg_trigger WHERE tgname ~ '^stretch_'"), 0);
    drop(endpoint);
}
