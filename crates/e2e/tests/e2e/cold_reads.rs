//! Reading cold rows: the same answers as a plain table, little I/O, and errors for what cannot be done exactly.

use testkit::setup::{drain, enable_database, enable_table, hot_rows};
use testkit::{Client, Cluster, Endpoint, SqlError, digest};

/// A server with an enabled database.
pub fn server(name: &str) -> (Cluster, Endpoint, Client) {
    let cluster = Cluster::builder(name)
        .conf("stretch.naptime", "100ms")
        .conf("autovacuum", "off")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    (cluster, endpoint, db)
}

/// Tables `t` (stretched, `cold` of `rows` rows cold) and `plain` with the same rows.
fn numbers(db: &Client, rows: i64, cold: i64) {
    db.sql(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, d date, n numeric(12,2), s text, b bigint);
         INSERT INTO t SELECT g, date '2020-01-01' + g % 1000, g / 7.0, CASE WHEN g % 10 > 0 THEN 'row ' || g END, g
             FROM generate_series(1, {rows}) g;
         CREATE TABLE plain AS SELECT * FROM t"
    ));
    enable_table(db, "t", &format!("id <= {cold}"));
    assert_eq!(drain(db, "t"), cold);
    assert_eq!(hot_rows(db, "t"), rows - cold);
}

/// Leaves staging to nothing.
pub fn purge(db: &Client) {
    assert!(db.int("SELECT stretch.purge_staged()") > 0);
    assert_eq!(db.int("SELECT count(*) FROM stretch.staged_chunk"), 0);
}

/// The number behind a label of the cold scan in EXPLAIN ANALYZE.
pub fn counter(db: &Client, query: &str, label: &str) -> i64 {
    let lines = db.lines(&format!(
        "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {query}"
    ));
    let prefix = format!("{label}: ");
    let line = lines.iter().find_map(|line| line.trim().strip_prefix(&prefix));
    let text = line.unwrap_or_else(|| panic!("no {label} in {lines:#?}"));
    text.trim_end_matches(" B").parse().expect("a number")
}

fn same(db: &Client, query: &str) {
    let plain = query.replace("FROM t", "FROM plain");
    assert_eq!(db.lines(query), db.lines(&plain), "{query}");
}

#[test]
fn cold_rows_give_the_same_answers_staged_and_remote() {
    let (_cluster, _endpoint, db) = server("cold-same");
    db.sql(
        "CREATE DOMAIN small AS int CHECK (VALUE < 10);
         CREATE TYPE mood AS ENUM ('sad', 'happy');
         CREATE TABLE t (id int PRIMARY KEY, gone text, d date, ts timestamptz, tw timestamp, n numeric(12,2), \
         nn numeric,
             s text, v varchar(20), c char(5), b bytea, u uuid, f8 float8, f4 float4, bo boolean, i2 smallint, \
             i8 bigint,
             j jsonb, a int[], iv interval, dom small, m mood, r int4range, i inet);
         INSERT INTO t SELECT g, 'x', date '2020-01-01' + g % 1000, timestamptz '2020-01-01' + g * interval '1 min',
             CASE g % 7 WHEN 0 THEN 'infinity' ELSE timestamp '1900-01-01' + g * interval '1 day' END,
             -g / 7.0, CASE WHEN g % 50 = 0 THEN 'NaN' ELSE g * 1.10 END, CASE WHEN g % 10 > 0 THEN repeat('é', \
             g % 200) END,
             'v' || g % 100, 'x' || g % 9, decode(md5(g::text), 'hex'), md5(g::text)::uuid,
             CASE g % 11 WHEN 0 THEN 'NaN' WHEN 1 THEN '-0' ELSE -g * 1.5 END::float8, g / 3.0, g % 2 = 0, -(g % 30000),
             g::bigint * -1000000000, jsonb_build_object('a', g), ARRAY[g, NULL, g + 1], g * interval '1 second', \
             g % 10,
             CASE WHEN g % 2 = 0 THEN 'sad' ELSE 'happy' END::mood, int4range(g, g + 5), '10.0.0.1'::inet + g
             FROM generate_series(1, 3000) g;
         ALTER TABLE t DROP COLUMN gone;
         CREATE TABLE plain AS SELECT * FROM t",
    );
    let expected = digest::binary_multiset(&db, "plain");
    enable_table(&db, "t", "id <= 2500");
    assert_eq!(drain(&db, "t"), 2500);
    assert_eq!(digest::binary_multiset(&db, "t"), expected, "staged");
    purge(&db);
    assert_eq!(digest::binary_multiset(&db, "t"), expected, "remote");
    same(
        &db,
        "SELECT count(*), sum(n), max(s), min(ts), sum(i8), bool_or(bo) FROM t",
    );
    same(
        &db,
        "SELECT m, count(*), sum(dom), max(upper(r)) FROM t GROUP BY m ORDER BY m",
    );
    same(&db, "SELECT id, x FROM t x WHERE c = 'x3' AND v < 'v3' ORDER BY id");
    same(&db, "SELECT id FROM t WHERE f8 = 'NaN' OR nn = 'NaN' ORDER BY id");
    assert_eq!(
        db.lines("SELECT segments, missing, corrupt FROM stretch.verify('t')"),
        ["1|0|0"]
    );
}

#[test]
fn conditions_prune_and_columns_are_read_alone() {
    let (_cluster, endpoint, db) = server("cold-prune");
    let columns: Vec<String> = (2..=20).map(|i| format!("md5((g * {i})::text) AS c{i}")).collect();
    db.sql(&format!(
        "CREATE TABLE w AS SELECT g AS id, {} FROM generate_series(1, 20000) g; ALTER TABLE w ADD PRIMARY KEY (id)",
        columns.join(", ")
    ));
    enable_table(&db, "w", "id <= 20000");
    assert_eq!(drain(&db, "w"), 20_000);
    purge(&db);
    let whole = db.int("SELECT sum(byte_size) FROM stretch.segment");
    let read = counter(&db, "SELECT sum(id) FROM w", "Bytes Read");
    assert!(read > 0 && read * 100 <= whole * 15, "{read} of {whole} bytes");
    assert_eq!(counter(&db, "SELECT count(*) FROM w", "Bytes Read"), 0);

    numbers(&db, 1000, 900);
    purge(&db);
    // What contradicts filter or statistics needs no endpoint at all (I-11).
    endpoint.take_away();
    assert_eq!(db.int("SELECT count(*) FROM t WHERE id = 950"), 1);
    for condition in [
        "b > 900 AND b <= 950",
        "b = ANY (ARRAY[901, 950, NULL])",
        "b IN (950, 99999)",
        "950 = b",
        "b BETWEEN 920 AND 950",
        "n > 129",
        "n = 133.00 AND b > 0",
        "d < '2019-12-31'",
        "d >= date '2022-09-26' AND b > 900",
        "b IS NULL",
        "b = (SELECT 950)",
        "b > (SELECT max(x) FROM generate_series(1, 900) x)",
        "s = 'zzz'",
        "s COLLATE \"C\" > 'row 999x'",
        "b = (SELECT NULL::bigint)",
    ] {
        same(&db, &format!("SELECT id FROM t WHERE {condition} ORDER BY id"));
        let query = format!("SELECT id FROM t WHERE {condition}");
        let plan = db.lines(&format!(
            "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {query}"
        ));
        // What contradicts the filter asks nothing of the cold side.
        assert!(
            plan.iter().any(|line| line.trim() == "Segments Pruned: 1")
                || !plan.iter().any(|line| line.contains("Segments")),
            "{condition}: {plan:#?}"
        );
    }
    db.fails("SELECT sum(b) FROM t", "ST005");
    db.fails("SELECT sum(b) FROM t WHERE b IS NOT NULL", "ST005");
    endpoint.put_back();
    same(&db, "SELECT sum(b) FROM t");
    // Bounds of text in another order than bytes decide nothing about < and >.
    db.sql("CREATE COLLATION german (provider = icu, locale = 'de', deterministic = true)");
    same(&db, "SELECT count(*) FROM t WHERE s COLLATE german > 'ROW' AND b > 0");
}

#[test]
fn plans_cursors_and_snapshots_see_each_row_once() {
    let (cluster, _endpoint, db) = server("cold-plans");
    numbers(&db, 20_000, 5000);
    db.sql(
        "ANALYZE t; SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
            SET min_parallel_table_scan_size = 0",
    );
    let plan = db.lines("EXPLAIN (COSTS OFF) SELECT sum(b) FROM t").join("\n");
    assert!(plan.contains("Parallel Seq Scan on t"), "{plan}");
    same(&db, "SELECT sum(b), count(*) FROM t");
    purge(&db);
    same(&db, "SELECT sum(b), count(s) FROM t");
    // With no help of the leader a worker has to read the cold side.
    db.sql("SET parallel_leader_participation = off");
    same(&db, "SELECT sum(b), count(s) FROM t");

    // A generic plan meets segments that came after it; an open cursor and an old snapshot do not.
    let other = cluster.connect("postgres");
    db.sql(
        "SET plan_cache_mode = force_generic_plan; PREPARE p(bigint) AS SELECT count(*), sum(b) FROM t WHERE b <= $1",
    );
    let expected = db.lines("EXECUTE p(6000)");
    db.sql("PREPARE q AS SELECT count(*) FROM t WHERE b <> -1");
    assert_eq!(db.lines("EXECUTE q"), ["20000"]);
    other.sql("BEGIN ISOLATION LEVEL REPEATABLE READ; DECLARE c CURSOR FOR SELECT b FROM t ORDER BY b");
    assert_eq!(other.lines("FETCH 2 FROM c"), ["1", "2"]);
    let old = other.lines("SELECT count(*), sum(b) FROM t");
    db.sql("INSERT INTO t SELECT -g, NULL, 0, '', 1000000 + g FROM generate_series(1, 500) g");
    assert_eq!(drain(&db, "t"), 500);
    assert_eq!(db.int("SELECT segments FROM stretch.manifest"), 2);
    assert_eq!(db.lines("EXECUTE q"), ["20500"]);
    assert_eq!(db.lines("EXECUTE p(6000)"), expected);
    assert_eq!(other.lines("SELECT count(*), sum(b) FROM t"), old);
    assert_eq!(other.lines("FETCH FORWARD ALL FROM c").len(), 19_998);
    other.sql("COMMIT");
    assert_eq!(other.int("SELECT count(*) FROM t"), 20_500);
    // Parameters that change with each outer row prune again.
    assert_eq!(
        db.lines("SELECT (SELECT count(b) FROM t WHERE b = g * 4000) FROM generate_series(1, 6) g"),
        ["1", "1", "1", "1", "1", "0"]
    );
    assert_eq!(
        db.int("SELECT count(*) FROM t x JOIN t y USING (id) WHERE x.b = y.b"),
        20_500
    );
}

#[test]
fn what_cannot_be_exact_is_refused() {
    let (_cluster, _endpoint, db) = server("cold-refused");
    numbers(&db, 1000, 900);
    db.sql("UPDATE t SET s = 'hot' WHERE b = 950");
    db.sql("DELETE FROM t WHERE b = 951");
    assert_eq!(db.int("SELECT id FROM t WHERE b = 950 FOR UPDATE"), 950);
    for statement in [
        "SELECT count(*) FROM t TABLESAMPLE BERNOULLI (1)",
        "WITH x AS (SELECT * FROM t TABLESAMPLE SYSTEM (1)) SELECT count(*) FROM x",
        "SELECT 1 WHERE EXISTS (SELECT FROM t TABLESAMPLE SYSTEM (1))",
        "SELECT count(*) FROM ONLY t TABLESAMPLE BERNOULLI (100)",
    ] {
        let error = db.fails(statement, "0A000");
        assert!(error.message.contains("public.t"), "{statement}: {}", error.message);
    }
    // The version of a cold row is that of its segment.
    assert_eq!(
        db.lines("SELECT xmin, xmax, cmin, cmax, b FROM t WHERE b IN (4, 5) ORDER BY b"),
        ["4294967295|0|0|0|4", "4294967295|0|0|0|5"]
    );
    assert_eq!(
        db.lines("SELECT xmin, id FROM t WHERE xmin = '4294967295' AND id IN (7, 960) ORDER BY id"),
        ["4294967295|7"]
    );
    assert_eq!(
        db.lines("UPDATE t SET s = 'x' WHERE id = 8 AND xmin = '4294967295' RETURNING s"),
        ["x"]
    );
    assert_eq!(
        db.lines("UPDATE t SET s = 'y' WHERE id = 8 AND xmin = '4294967295' RETURNING s"),
        [""; 0]
    );
    assert_eq!(drain(&db, "t"), 1);
    assert_eq!(
        db.text("SELECT xmin FROM t WHERE id = 8"),
        "4294967294",
        "it is cold again, and another version"
    );
    assert_eq!(db.int("SELECT count(*) FROM t WHERE xmin IS NOT NULL AND id > 900"), 99);
    db.sql("DELETE FROM t WHERE ctid = (SELECT ctid FROM t WHERE id = 952)");
    db.sql("DELETE FROM t WHERE ctid = (SELECT ctid FROM t WHERE id = 52)");
    assert_eq!(db.int("SELECT count(*) FROM t"), 997);
    assert_eq!(db.int("SELECT count(DISTINCT tableoid) FROM t"), 1);
    // ONLY means what it means for every table.
    assert_eq!(db.int("SELECT count(*) FROM ONLY t"), 997);
}

#[test]
fn damage_is_named_and_never_read() {
    let (_cluster, endpoint, db) = server("cold-damage");
    numbers(&db, 2000, 1500);
    purge(&db);
    let query = "SELECT sum(id), sum(b), sum(n), max(s), max(d) FROM t";
    same(&db, query);
    let object = endpoint.segments().pop().expect("one object");
    let good = endpoint.read(&object);
    let id = db.text("SELECT segment_id FROM stretch.segment");
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut place = seed;
    let mut found = 0;
    for _ in 0..40 {
        place = place
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let at = (place >> 16) as usize % good.len();
        let mut bad = good.clone();
        bad[at] ^= 1 << (place & 7);
        endpoint.overwrite(&object, &bad);
        match db.try_rows(query) {
            // The byte lies in the footer or the magic number, which no query reads; verify does.
            Ok(_) => same(&db, query),
            Err(error) => {
                found += 1;
                expect_damage(&error, &id, at);
            }
        }
        assert_eq!(
            db.lines("SELECT corrupt, first_bad FROM stretch.verify('t')"),
            [format!("1|{id}")],
            "byte {at}"
        );
    }
    assert!(found > 0, "no flip hit a chunk");
    endpoint.overwrite(&object, &good[..good.len() / 2]);
    db.fails(query, "ST004");
    endpoint.remove(&object);
    let error = db.fails(query, "ST003");
    assert!(error.message.contains(&id), "{}", error.message);
    assert_eq!(db.int("SELECT missing FROM stretch.verify('t')"), 1);
    assert_eq!(db.int("SELECT count(*) FROM t WHERE id > 1500"), 500);
    std::fs::write(endpoint.path().join(&object), &good).expect("put back");
    same(&db, query);
}

/// The error names the segment, and the column that a flipped byte is of.
pub fn expect_damage(error: &SqlError, segment: &str, at: usize) {
    assert_eq!(error.code, "ST004", "byte {at}: {}", error.message);
    assert!(error.message.contains(segment), "byte {at}: {}", error.message);
    let detail = &error.detail;
    assert!(detail.contains("row group 0, column"), "byte {at}: {detail}");
}

#[test]
fn every_flipped_byte_is_survived_or_named() {
    let (_cluster, endpoint, db) = server("cold-flips");
    numbers(&db, 30, 20);
    purge(&db);
    let query = "SELECT sum(id), sum(b), sum(n), max(s), max(d) FROM t";
    same(&db, query);
    let object = endpoint.segments().pop().expect("one object");
    let good = endpoint.read(&object);
    let id = db.text("SELECT segment_id FROM stretch.segment");
    let (mut named, mut survived) = (0, 0);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0xff;
        endpoint.overwrite(&object, &bad);
        match db.try_rows(query) {
            Ok(_) => {
                survived += 1;
                same(&db, query);
            }
            Err(error) => {
                named += 1;
                expect_damage(&error, &id, at);
            }
        }
    }
    println!(
        "{} bytes: {named} named, {survived} lie where no query reads",
        good.len()
    );
    assert!(named > 100 && survived > 0);
    endpoint.overwrite(&object, &good);
    same(&db, query);
}

#[test]
fn large_values_many_row_groups_and_limits() {
    let (_cluster, _endpoint, db) = server("cold-large");
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, big text, b bytea);
         ALTER TABLE t ALTER b SET STORAGE EXTERNAL;
         INSERT INTO t SELECT g, (SELECT string_agg(md5((g * i)::text), '') FROM generate_series(1, 32768) i),
             CASE WHEN g % 2 = 0 THEN decode(repeat('00ff', 500000), 'hex') END FROM generate_series(1, 12) g;
         CREATE TABLE plain AS SELECT * FROM t",
    );
    enable_table(&db, "t", "id <= 10");
    assert_eq!(drain(&db, "t"), 10);
    let query = "SELECT id, length(big), md5(big), md5(b) FROM t ORDER BY id";
    same(&db, query);
    purge(&db);
    same(&db, query);
    assert_eq!(db.lines("SELECT id FROM t WHERE id <= 10 LIMIT 1").len(), 1);
}

#[test]
fn query_modes_decide_what_is_read() {
    let (_cluster, _endpoint, db) = server("cold-modes");
    numbers(&db, 1000, 900);
    let set = |mode: &str| db.sql(&format!("UPDATE stretch.binding SET query_mode = '{mode}'"));
    set("LOCAL_ONLY");
    assert_eq!(db.int("SELECT count(b) FROM t"), 1000);
    db.fails("DELETE FROM t WHERE b = 950", "ST015");
    set("LOCAL_AND_REMOTE");
    purge(&db);
    db.sql("PREPARE p AS SELECT count(b) FROM t");
    set("LOCAL_ONLY");
    db.notices();
    assert_eq!(db.int("EXECUTE p"), 100);
    let notices = db.notices();
    assert!(
        notices
            .iter()
            .any(|n| n.message.contains("900 cold rows of table public.t")),
        "{notices:?}"
    );
    set("DISABLED");
    db.fails("EXECUTE p", "ST020");
    assert_eq!(hot_rows(&db, "t"), 100);
    set("LOCAL_AND_REMOTE");
    assert_eq!(db.int("EXECUTE p"), 1000);
    db.fails("SELECT stretch.set_query_mode('REMOTE_ONLY')", "0A000");
    set("REMOTE_ONLY");
    db.fails("EXECUTE p", "0A000");
    set("A_MODE_OF_A_LATER_VERSION");
    db.fails("EXECUTE p", "0A000");
}

#[test]
fn readers_lend_no_rights_and_policies_hold() {
    let (_cluster, _endpoint, db) = server("cold-rights");
    db.sql(
        "CREATE ROLE alice; CREATE SCHEMA a AUTHORIZATION alice; SET ROLE alice;
         CREATE FUNCTION a.only_alice(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
             IF current_user <> 'alice' THEN RAISE EXCEPTION 'runs as %', current_user; END IF; RETURN true; END $$;
         CREATE DOMAIN a.checked AS int CHECK (a.only_alice(VALUE));
         CREATE TABLE a.t (id int PRIMARY KEY, x a.checked[], c regclass, b bigint);
         INSERT INTO a.t SELECT g, ARRAY[g, g + 1], 'a.t', g FROM generate_series(1, 100) g;
         RESET ROLE",
    );
    enable_table(&db, "a.t", "id <= 90");
    assert_eq!(drain(&db, "a.t"), 90);
    db.sql("SET search_path = a; SET DateStyle = 'SQL, DMY'");
    assert_eq!(db.int("SELECT sum(x[2]) FROM t"), 5150);
    assert_eq!(db.int("SELECT count(*) FROM t WHERE c = 'a.t'::regclass"), 100);
    assert_eq!(db.text("SHOW DateStyle"), "SQL, DMY");
    assert_eq!(db.text("SHOW search_path"), "a");

    db.sql("ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY");
    db.sql("CREATE POLICY even ON t USING (b % 2 = 0)");
    db.sql("PREPARE p AS SELECT count(*) FROM t");
    assert_eq!(db.int("EXECUTE p"), 100);
    db.sql("SET ROLE alice");
    assert_eq!(db.int("SELECT count(*) FROM t"), 50);
    assert_eq!(db.int("EXECUTE p"), 50);
    assert_eq!(db.int("SELECT count(*) FROM ONLY t"), 50);
    // The key is still unique against cold rows, those too that the policy hides.
    db.fails("INSERT INTO t VALUES (7, NULL, NULL, 2)", "23505");
    let plan = db.lines("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT id FROM t WHERE b = 1000");
    assert!(!plan.iter().any(|line| line.contains("Pruned")), "{plan:#?}");
}

/// Conditions leave rows out before values are made of them; a rescan of the row group at hand asks its own conditions.
#[test]
fn conditions_are_asked_of_stored_values() {
    let (_cluster, _endpoint, db) = server("cold-conditions");
    for table in ["c", "c_plain"] {
        db.sql(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, part int, word text, at date, price numeric(8, 2));
             INSERT INTO {table} SELECT g, nullif(g * 7 % 50, 0), 'w' || g % 10, '2020-01-01'::date + g % 365,
                (g * 37 % 1000) / 8.0 FROM generate_series(1, 1000) g"
        ));
    }
    enable_table(&db, "c", "id > 0");
    drain(&db, "c");
    // The row group has the dead rows, too.
    db.sql(
        "CREATE TABLE c_group AS TABLE c_plain;
         DELETE FROM c WHERE id % 100 = 3; DELETE FROM c_plain WHERE id % 100 = 3",
    );
    let is_pruned = |condition: &str| {
        let rows = |table: &str| db.lines(&format!("SELECT * FROM {table} WHERE {condition} ORDER BY id"));
        assert_eq!(rows("c"), rows("c_plain"), "{condition}");
        let pruned = counter(&db, &format!("SELECT id FROM c WHERE {condition}"), "Rows Pruned");
        assert_eq!(
            pruned,
            1000 - db.int(&format!("SELECT count(*) FROM c_group WHERE {condition}")),
            "{condition}"
        );
    };
    for condition in [
        "part = 14",
        "part IS NULL",
        "part = 14 AND word = 'w2'",
        "at < '2020-01-11' AND price >= 60",
        "part IN (7, 14)",
        "part = 14 OR word = 'w2' AND id < 200",
        "part <> 14 AND word = 'w3'",
        "NOT (part > 7) AND part NOT IN (1, 2, 3)",
        "word LIKE '%3' AND (part IS NULL OR part < 10)",
        "word NOT LIKE 'w%' OR part = 49",
        "at < '2020-01-05' OR at > '2020-12-25'",
    ] {
        is_pruned(condition);
    }
    let most = "SELECT id FROM c WHERE part > 0";
    assert_eq!(
        counter(&db, most, "Rows Pruned"),
        0,
        "too few are left out to be worth it"
    );
    db.sql("SET enable_indexscan = off; SET enable_bitmapscan = off");
    db.sql("SET enable_hashjoin = off; SET enable_mergejoin = off");
    let rescans = |table: &str| {
        db.lines(&format!(
            "SELECT v.part, found.id FROM (VALUES (14), (NULL), (7), (999), (7), (14)) v (part)
             LEFT JOIN LATERAL (SELECT id FROM {table} WHERE {table}.part = v.part OFFSET 0) found ON true
             ORDER BY v.part, found.id"
        ))
    };
    assert_eq!(rescans("c"), rescans("c_plain"));
    for plan in ["force_generic_plan", "force_custom_plan"] {
        db.sql(&format!("SET plan_cache_mode = {plan}"));
        for table in ["c", "c_plain"] {
            db.sql(&format!(
                "PREPARE {table}_of(int, numeric) AS SELECT id FROM {table} WHERE part = $1 AND price > $2"
            ));
        }
        for arguments in ["(14, 20)", "(7, 20)", "(NULL, 20)", "(14, 'NaN')", "(14, -1)"] {
            let rows = |table: &str| {
                let mut lines = db.lines(&format!("EXECUTE {table}_of{arguments}"));
                lines.sort();
                lines
            };
            assert_eq!(rows("c"), rows("c_plain"), "{arguments}");
        }
        db.sql("DEALLOCATE ALL");
    }
}

/// From a few segments on, one look at their statistics together comes first. It follows the versions of the table.
#[test]
fn many_segments_are_ruled_out_together() {
    let (_cluster, _endpoint, db) = server("cold-many");
    db.sql("CREATE TABLE m (id int PRIMARY KEY, part int); CREATE TABLE m_plain (LIKE m)");
    enable_table(&db, "m", "id > 0");
    for first in (0..12).map(|number| number * 100) {
        for table in ["m", "m_plain"] {
            db.sql(&format!(
                "INSERT INTO {table} SELECT g, CASE WHEN g > 1100 THEN g END \
                 FROM generate_series({first} + 1, {first} + 100) g"
            ));
        }
        drain(&db, "m");
        for (condition, pruned) in [
            (format!("id > {}", first + 100), first / 100 + 1),
            (format!("id = {}", first + 100), first / 100),
            ("id = 1".into(), first / 100),
            ("part IS NULL".into(), first / 1100),
        ] {
            let count = |table: &str| db.int(&format!("SELECT count(*) FROM {table} WHERE {condition}"));
            assert_eq!(count("m"), count("m_plain"), "{condition}");
            let query = format!("SELECT id FROM m WHERE {condition}");
            assert_eq!(counter(&db, &query, "Segments Pruned"), pruned, "{condition}");
        }
    }
}
