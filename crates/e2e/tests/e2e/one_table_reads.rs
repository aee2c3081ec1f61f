//! Tables stretched by the access method: a scan that owns the heap's shows each row once, hot or cold, by every kind
//! of plan; and what contradicts the filter, or needs one row, does not open the cold side.

use crate::cold_reads::counter;
use testkit::setup::{drain, enable_database, enable_table, hot_rows, purge};
use testkit::{Client, Cluster, Endpoint};

/// A server with an enabled database.
fn server(name: &str) -> (Cluster, Endpoint, Client) {
    let cluster = Cluster::builder(name)
        .conf("stretch.naptime", "1h")
        .conf("autovacuum", "off")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    (cluster, endpoint, db)
}

/// Tables `t` and `plain` with the same 6,000 rows, of which `t` has 4,000 cold ones in several segments.
fn numbers(db: &Client) {
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, d date NOT NULL, k int, s text COLLATE \"C\", gone int, n numeric(12,2));
         ALTER TABLE t DROP COLUMN gone;
         INSERT INTO t SELECT g, date '2020-01-01' + g % 1000, nullif(g % 50, 0), 'row ' || g % 333, g / 7.0
             FROM generate_series(1, 6000) g;
         CREATE INDEX t_d ON t (d); CREATE INDEX t_k_s ON t (k, s DESC); CREATE INDEX t_even ON t (k) WHERE id % 2 = 0;
         CREATE TABLE plain (LIKE t INCLUDING ALL); INSERT INTO plain SELECT * FROM t;
         CREATE TABLE small (id int PRIMARY KEY, of int);
         INSERT INTO small SELECT g, g * 37 FROM generate_series(1, 200) g",
    );
    enable_table(db, "t", "id <= 4000");
    for _ in 0..4 {
        db.sql("SELECT stretch.migrate('t', 1000)");
    }
    assert_eq!(hot(db), 2000);
    assert_eq!(db.int("SELECT count(*) FROM stretch.segment"), 4);
    for table in ["t", "plain", "small"] {
        db.sql(&format!("VACUUM ANALYZE {table}"));
    }
}

fn hot(db: &Client) -> i64 {
    db.int("SELECT count(*) FROM t WHERE ctid < '(2147483648,0)'")
}

/// Both tables give the same rows; in the same order where the query gives one.
fn same(db: &Client, query: &str) {
    let sorted = |mut lines: Vec<String>| {
        if !query.contains("ORDER BY") {
            lines.sort();
        }
        lines
    };
    let plain = query.replace(" t ", " plain ");
    assert_eq!(sorted(db.lines(query)), sorted(db.lines(&plain)), "{query}");
}

fn explain(db: &Client, query: &str) -> String {
    db.lines(&format!("EXPLAIN (COSTS OFF) {query}")).join("\n")
}

/// Whether the query reads the manifest: it shows counters then.
fn opens_cold_side(db: &Client, query: &str) -> bool {
    let lines = db.lines(&format!(
        "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {query}"
    ));
    lines.iter().any(|line| line.contains("Segments:"))
}

const QUERIES: &[&str] = &[
    "SELECT count(*), sum(id), min(n), max(s) FROM t ",
    "SELECT * FROM t WHERE id = 17",
    "SELECT * FROM t WHERE id = 5017",
    "SELECT * FROM t WHERE id = 99999",
    "SELECT id, s FROM t WHERE id BETWEEN 3990 AND 4010",
    "SELECT id FROM t WHERE id IN (1, 2, 4000, 4001, 6000, 7000)",
    "SELECT count(*) FROM t WHERE d < date '2020-03-01'",
    "SELECT id, k, s FROM t WHERE k = 7 AND s > 'row 2'",
    "SELECT id FROM t WHERE k IS NULL",
    "SELECT count(*) FROM t WHERE k = 8 AND id % 2 = 0",
    "SELECT count(*) FROM t WHERE k = 8 OR d = date '2021-01-01'",
    "SELECT id FROM t ORDER BY id LIMIT 20",
    "SELECT id FROM t ORDER BY id DESC LIMIT 2010",
    "SELECT id, d FROM t WHERE id < 4100 ORDER BY d, id",
    "SELECT k, s, id FROM t ORDER BY k, s DESC, id LIMIT 3000",
    "SELECT k, s, id FROM t ORDER BY k DESC NULLS FIRST, s, id",
    "SELECT k, count(*), avg(n)::numeric(12, 4) FROM t GROUP BY k ORDER BY k",
    "SELECT DISTINCT s FROM t ORDER BY s",
    "SELECT min(id), max(id) FROM t ",
    "SELECT count(*), sum(x.id) FROM small JOIN t x ON x.id = small.of",
    "SELECT small.id, (SELECT s FROM t x WHERE x.id = small.of) FROM small ORDER BY small.id",
    "SELECT small.id, x.n FROM small LEFT JOIN LATERAL (SELECT n FROM t WHERE id = small.of * 2 LIMIT 1) x ON true \
     ORDER BY small.id",
    "SELECT count(*) FROM t WHERE EXISTS (SELECT FROM small WHERE small.of = k)",
    "SELECT a.id FROM t a JOIN t b ON a.id = b.id + 3999 ORDER BY a.id LIMIT 50",
    "WITH c AS MATERIALIZED (SELECT * FROM t WHERE k = 3) SELECT count(*), sum(id) FROM c",
    "SELECT x FROM t x WHERE id IN (5, 5005)",
    "SELECT tableoid::regclass::text = 't' OR tableoid::regclass::text = 'plain' FROM t WHERE id IN (5, 5005)",
    "SELECT count(*) FROM t WHERE now() > '2000-01-01'",
    "SELECT count(*) FROM t WHERE now() < '2000-01-01'",
    "SELECT id FROM t WHERE id > 3995 AND (SELECT true) ORDER BY id LIMIT 10",
    "SELECT count(*) FROM (SELECT id FROM t UNION ALL SELECT id FROM small) u",
];

#[test]
fn every_plan_shows_each_row_once() {
    let (_cluster, _endpoint, db) = server("one-table-plans");
    numbers(&db);
    let plans = [
        "RESET ALL",
        "SET enable_seqscan = off; SET enable_bitmapscan = off",
        "SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = on",
        "SET enable_bitmapscan = off; SET enable_seqscan = on; SET enable_sort = off; SET enable_hashagg = off",
        "RESET ALL; SET enable_hashjoin = off; SET enable_mergejoin = off",
        "RESET ALL; SET enable_hashjoin = off; SET enable_nestloop = off",
        "RESET ALL; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
         SET min_parallel_index_scan_size = 0; SET max_parallel_workers_per_gather = 3",
        "SET enable_seqscan = off; SET enable_bitmapscan = off",
        "SET parallel_leader_participation = off; SET enable_seqscan = on; SET enable_indexscan = off",
        "RESET ALL; SET plan_cache_mode = force_generic_plan",
    ];
    for round in ["staged", "on the endpoint"] {
        for plan in plans {
            db.sql(plan);
            for query in QUERIES {
                same(&db, query);
            }
        }
        db.sql("RESET ALL");
        if round == "staged" {
            purge(&db, "t");
        }
    }
    // Each kind of plan was one of ours.
    db.sql("SET enable_sort = off");
    let ordered = explain(&db, "SELECT id FROM t ORDER BY id");
    assert!(
        ordered.contains("Custom Scan (Stretch)") && !ordered.contains("Sort"),
        "{ordered}"
    );
    db.sql(
        "RESET ALL; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
         SET max_parallel_workers_per_gather = 3; SET enable_indexonlyscan = off; SET enable_indexscan = off",
    );
    let parallel = explain(&db, "SELECT count(s) FROM t");
    assert!(parallel.contains("Parallel Custom Scan (Stretch)"), "{parallel}");
}

#[test]
fn what_contradicts_the_filter_does_not_open_the_cold_side() {
    let (_cluster, _endpoint, db) = server("one-table-contradictions");
    numbers(&db);
    // The planner sees it: the plan is that of a plain table.
    for query in ["SELECT * FROM t WHERE id > 4000", "SELECT * FROM t WHERE id = 4001"] {
        let plan = explain(&db, query);
        assert!(!plan.contains("Stretch"), "{plan}");
    }
    // A generic plan sees it when it runs.
    db.sql("SET plan_cache_mode = force_generic_plan; PREPARE above (int) AS SELECT count(*) FROM t WHERE id > $1");
    assert!(!opens_cold_side(&db, "EXECUTE above (4000)"));
    assert!(!opens_cold_side(&db, "EXECUTE above (NULL)"));
    assert!(opens_cold_side(&db, "EXECUTE above (3999)"));
    assert_eq!(db.lines("EXECUTE above (3999)"), ["2001"]);
    // One hot row of a unique key is all there is.
    db.sql("PREPARE one (int) AS SELECT * FROM t WHERE id = $1");
    assert!(!opens_cold_side(&db, "EXECUTE one (5000)"));
    assert!(!opens_cold_side(&db, "EXECUTE one (5000000)"));
    assert!(opens_cold_side(&db, "EXECUTE one (1)"));
    // A filter that is loosened holds at once.
    db.sql("SELECT stretch.set_filter('t', 'id <= 5000')");
    assert!(opens_cold_side(&db, "EXECUTE above (4000)"));
    assert_eq!(drain(&db, "t"), 1000);
    assert_eq!(db.lines("EXECUTE above (3999)"), ["2001"]);
    assert_eq!(db.lines("SELECT count(*) FROM t WHERE id > 4500"), ["1500"]);
}

#[test]
fn cursors_and_snapshots_see_each_row_once() {
    let (cluster, _endpoint, db) = server("one-table-cursors");
    numbers(&db);
    let other = cluster.connect("postgres");
    // A batch that commits between two fetches moves rows that the cursor has not shown yet.
    db.sql("SELECT stretch.set_filter('t', 'id <= 5000')");
    other.sql("BEGIN; DECLARE c CURSOR FOR SELECT id FROM t");
    let mut seen = other.lines("FETCH 100 FROM c");
    assert_eq!(drain(&db, "t"), 1000);
    seen.extend(other.lines("FETCH ALL FROM c"));
    other.sql("COMMIT");
    let mut ids: Vec<i64> = seen.iter().map(|id| id.parse().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=6000).collect::<Vec<i64>>());
    // So does a snapshot that is older than the batch.
    db.sql("SELECT stretch.set_filter('t', 'id <= 5500')");
    other.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(other.int("SELECT count(*) FROM t"), 6000);
    assert_eq!(drain(&db, "t"), 500);
    assert_eq!(other.lines("SELECT count(*), sum(id) FROM t"), ["6000|18003000"]);
    assert_eq!(other.lines("SELECT id FROM t WHERE id = 5400"), ["5400"]);
    other.sql("COMMIT");
    assert_eq!(other.lines("SELECT count(*), sum(id) FROM t"), ["6000|18003000"]);
    other.sql("BEGIN; DECLARE s SCROLL CURSOR FOR SELECT id FROM t ORDER BY id");
    assert_eq!(other.lines("FETCH LAST FROM s"), ["6000"]);
    assert_eq!(other.lines("FETCH ABSOLUTE 3 FROM s"), ["3"]);
    assert_eq!(other.lines("FETCH BACKWARD 2 FROM s"), ["2", "1"]);
    other.sql("COMMIT");
}

#[test]
fn ordered_scans_read_no_further_than_they_must() {
    let (cluster, endpoint) = (
        Cluster::builder("one-table-ordered")
            .conf("stretch.naptime", "1h")
            .conf("stretch.batch_rows", "100")
            .conf("autovacuum", "off")
            .start(),
        Endpoint::new(),
    );
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    for table in ["o", "o_plain"] {
        db.sql(&format!(
            "CREATE TABLE {table} (
                id int PRIMARY KEY, part int, at timestamp, word text COLLATE \"C\", price numeric(8, 2),
                mixed int
             );
             INSERT INTO {table} SELECT g, nullif(g * 7 % 30, 3), timestamp '2020-01-01' + g * interval '1 hour',
                'w' || lpad(((g - 1) / 10)::text, 4, '0'), nullif(g / 4.0, 100), g * 37 % 101
             FROM generate_series(1, 1200) g;
             CREATE INDEX ON {table} (part); CREATE INDEX ON {table} (at DESC NULLS LAST);
             CREATE INDEX ON {table} (word, id DESC); CREATE INDEX ON {table} (price);
             CREATE INDEX ON {table} (mixed)"
        ));
    }
    enable_table(&db, "o", "id <= 1000");
    // The worker may have moved some of them by then.
    drain(&db, "o");
    assert_eq!(hot_rows(&db, "o"), 200);
    purge(&db, "o");
    for table in ["o", "o_plain"] {
        db.sql(&format!("ANALYZE {table}"));
    }
    let same = |query: &str| {
        let rows = |table: &str| db.lines(&query.replace("{t}", table));
        assert_eq!(rows("o"), rows("o_plain"), "{query}");
    };
    let pages = |query: &str| counter(&db, &query.replace("{t}", "o"), "Pages");
    // Hot rows answer: nothing is read, and nobody is asked.
    endpoint.take_away();
    for query in [
        "SELECT id FROM {t} ORDER BY id DESC LIMIT 10",
        "SELECT max(id), max(at), max(word) FROM {t}",
        "SELECT id, at FROM {t} ORDER BY at DESC NULLS LAST LIMIT 3",
        "SELECT id FROM {t} ORDER BY word DESC, id LIMIT 5",
    ] {
        same(query);
    }
    db.fails("SELECT id FROM o ORDER BY id LIMIT 1", "ST005");
    endpoint.put_back();
    db.sql("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off");
    // About as many pages as it takes, of twenty for each column: each time twice as many as before.
    for (query, most) in [
        ("SELECT id FROM {t} ORDER BY id LIMIT 10", 1),
        ("SELECT id FROM {t} ORDER BY id DESC LIMIT 250", 3),
        ("SELECT id FROM {t} ORDER BY id DESC LIMIT 350", 10),
        ("SELECT id FROM {t} ORDER BY id LIMIT 10 OFFSET 195", 10),
        ("SELECT word, id FROM {t} ORDER BY word, id DESC LIMIT 12", 6),
    ] {
        same(query);
        assert!((1..=most).contains(&pages(query)), "{query}: {}", pages(query));
    }
    // A page that was read is not brought again when the scan runs again.
    let again = "SELECT v.x, (SELECT id FROM o WHERE id > v.x AND id < 100 ORDER BY id LIMIT 1)
                 FROM (VALUES (5), (15), (25), (35)) v (x)";
    let other = cluster.connect("postgres");
    other.sql("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off");
    assert_eq!(counter(&other, again, "Requests"), 1);
    assert_eq!(counter(&other, again, "Requests"), 0);
    // Ranges that overlap, NULLs, dead rows and conditions.
    for table in ["o", "o_plain"] {
        db.sql(&format!(
            "DELETE FROM {table} WHERE id % 9 = 4 OR id BETWEEN 301 AND 400"
        ));
    }
    for order in [
        "id",
        "id DESC",
        "part, id",
        "part DESC, id",
        "part NULLS FIRST, id",
        "part DESC NULLS LAST, id",
        "at DESC NULLS LAST, id",
        "word, id DESC",
        "word DESC, id",
        "price, id",
        "price DESC, id",
        "mixed, id",
        "mixed DESC, id",
    ] {
        for rest in ["", "WHERE part < 20", "WHERE id > 150 AND price > 60"] {
            same(&format!(
                "SELECT id, part, word, price FROM {{t}} {rest} ORDER BY {order}"
            ));
            same(&format!("SELECT id, price FROM {{t}} {rest} ORDER BY {order} LIMIT 90"));
        }
    }
    same("SELECT min(price), max(price), min(part), max(part), min(word), max(mixed) FROM {t}");
    same(
        "SELECT v.x, (SELECT id FROM {t} WHERE id > v.x ORDER BY id LIMIT 1),
            (SELECT max(id) FROM {t} WHERE id < v.x) FROM (VALUES (5), (399), (1100), (250)) v (x)",
    );
}
