//! Key filters: what a key asks of the endpoint, and which keys are equal (F27).

use crate::cold_reads::counter;
use crate::tables::stretched;
use testkit::setup::{drain, enable_database, enable_table, hot_rows};
use testkit::{Client, Cluster, Endpoint, PATIENCE, wait_until};

/// Ten segments of a hundred rows with random keys, on the endpoint alone.
fn far_away(db: &Client) {
    db.sql(
        "CREATE TABLE t (id uuid PRIMARY KEY, cold boolean NOT NULL, n int);
         INSERT INTO t SELECT md5(g::text)::uuid, g <= 1000, g FROM generate_series(1, 1010) g",
    );
    enable_table(db, "t", "cold");
    // The worker may move some before it is asked.
    drain(db, "t");
    assert_eq!(hot_rows(db, "t"), 10);
    assert!(db.int("SELECT stretch.purge_staged('t')") > 0);
    assert_eq!(db.int("SELECT count(*) FROM stretch.segments"), 10);
}

/// Files of key filters in the server's folder for temporary ones.
fn runs(cluster: &Cluster) -> Vec<std::path::PathBuf> {
    let mut files = testkit::endpoint::files(&cluster.data().join("base/pgsql_tmp"));
    files.retain(|file| file.to_string_lossy().contains("pgsql_tmp.stretch."));
    files
}

/// Deleting a parent asks the cold children nothing that their key filters know: the endpoint may be away. A foreign
/// key that came later is in the filters of later segments.
#[test]
fn parents_without_cold_children_need_no_endpoint() {
    let cluster = Cluster::builder("keys-referencing")
        .conf("stretch.batch_rows", "100")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    let key = |n: i32| format!("md5('{n}')::uuid");
    db.sql(
        "CREATE TABLE parent (id uuid, region varchar(10), PRIMARY KEY (id, region));
         INSERT INTO parent SELECT md5(g::text)::uuid, 'r' || g % 5 FROM generate_series(1, 1200) g;
         CREATE TABLE other (id bigint PRIMARY KEY); INSERT INTO other SELECT generate_series(1, 1200);
         CREATE TABLE child (id int PRIMARY KEY, of uuid, region varchar(10), later int,
            FOREIGN KEY (of, region) REFERENCES parent ON DELETE CASCADE);
         CREATE INDEX ON child (of);
         INSERT INTO child SELECT g, CASE WHEN g % 10 > 0 THEN md5(g::text)::uuid END, 'r' || g % 5, 1201 - g
         FROM generate_series(1, 1000) g",
    );
    enable_table(&db, "child", "id <= 5000");
    let moved = |rows: i64| {
        wait_until("the rows to move", PATIENCE, || {
            drain(&db, "child");
            db.int("SELECT sum(rows) FROM stretch.segments") == rows
        })
    };
    moved(1000);
    db.sql("ALTER TABLE child ADD FOREIGN KEY (later) REFERENCES other");
    db.sql("INSERT INTO child SELECT g, NULL, NULL, g % 1000 + 1 FROM generate_series(4001, 4100) g");
    moved(1100);
    assert!(db.int("SELECT stretch.purge_staged('child')") > 0);
    let children = |n: i32| format!("SELECT id FROM child WHERE of = {} AND region = 'r{}'", key(n), n % 5);
    assert_eq!(counter(&db, &children(503), "Segments Pruned"), 10);
    assert_eq!(counter(&db, &children(1100), "Segments Pruned"), 11);
    // Segments from before the foreign key are looked into where their statistics leave room.
    let later = |n: i32| format!("SELECT id FROM child WHERE later = {n}");
    assert_eq!(counter(&db, &later(500), "Segments Pruned"), 10);
    assert_eq!(counter(&db, &later(1100), "Segments Pruned"), 10);
    endpoint.take_away();
    db.sql(&format!("DELETE FROM parent WHERE id = {}", key(1100)));
    db.sql(&format!("DELETE FROM parent WHERE id = {}", key(500)));
    db.sql(&format!("UPDATE parent SET region = 'none' WHERE id = {}", key(1101)));
    db.fails(&format!("DELETE FROM parent WHERE id = {}", key(501)), "ST005");
    endpoint.put_back();
    wait_until("the endpoint to answer", PATIENCE, || {
        db.try_sql(&format!("DELETE FROM parent WHERE id = {}", key(501)))
            .is_ok()
    });
    assert_eq!(db.int("SELECT count(*) FROM child"), 1099);
}

/// A key that is new, or that of a hot row, needs nothing of the endpoint; one that is cold is never taken for a new
/// one.
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
