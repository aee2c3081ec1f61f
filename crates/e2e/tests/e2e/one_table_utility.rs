//! Tables that have their cold rows by the access method: whoever reads such a table as a whole sees them, or says that
//! he does not (I-13); what maintains the heap leaves them alone.

use std::process::Output;
use testkit::setup::{drain, enable_database, enable_table, purge, reauthorize};
use testkit::{Client, Cluster, Endpoint, PATIENCE, wait_until};

fn one_table(name: &str) -> (Cluster, Endpoint, Client) {
    let cluster = Cluster::builder(name).start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE FUNCTION unguarded(text) RETURNS void LANGUAGE c STRICT AS '$libdir/pg_stretch', \
         'stretch_test_unguarded_wrapper'",
    );
    (cluster, endpoint, db)
}

/// Ten orders, of which four are cold: one has no note.
fn orders(db: &Client) {
    db.sql(
        "CREATE TABLE orders (id int PRIMARY KEY, note text, twice int GENERATED ALWAYS AS (id * 2) STORED);
         INSERT INTO orders SELECT n, nullif('note ' || n, 'note 3') FROM generate_series(1, 10) n",
    );
    enable_table(db, "orders", "id < 5");
    assert_eq!(drain(db, "orders"), 4);
}

fn lines(bytes: Vec<u8>) -> Vec<String> {
    let text = String::from_utf8(bytes).expect("text");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_by_key(|line| line.split('\t').next().and_then(|id| id.parse::<i32>().ok()));
    lines
}

fn numbers(from: i32, to: i32) -> Vec<String> {
    (from..=to).map(|n| n.to_string()).collect()
}

#[test]
fn copy_takes_what_the_setting_says() {
    let (cluster, endpoint, db) = one_table("one-table-copy");
    orders(&db);
    let error = db.fails("COPY orders TO STDOUT", "ST015");
    assert!(error.message.contains("would leave out 4 cold rows"), "{error}");
    db.fails("COPY orders (id) TO STDOUT (FORMAT binary)", "ST015");
    db.sql("SET stretch.copy_to = 'all'");
    assert_eq!(lines(db.copy_out("COPY orders (id) TO STDOUT")), numbers(1, 10));
    let all = lines(db.copy_out("COPY orders TO STDOUT"));
    assert_eq!(
        (all.len(), all[1].as_str(), all[2].as_str()),
        (10, "2\tnote 2", "3\t\\N")
    );
    // By itself COPY sees all rows; an error half-way is no trouble for the next one.
    db.sql("SET stretch.copy_to = 'error'");
    let file = cluster.scratch("copies").join("orders");
    testkit::os::give(file.parent().expect("a folder"));
    db.sql(&format!(
        "DO $do$ BEGIN
            FOR round IN 1..3 LOOP
                BEGIN
                    PERFORM unguarded('ALTER TABLE orders ADD CHECK (1 / (id - 2) < 7)');
                    RAISE 'no error';
                EXCEPTION WHEN division_by_zero THEN NULL;
                END;
                PERFORM unguarded($$COPY orders TO '{}'$$);
            END LOOP;
         END $do$",
        file.display()
    ));
    assert_eq!(lines(std::fs::read(&file).expect("the file")), all);

    // Hot rows alone need no endpoint.
    purge(&db, "orders");
    endpoint.take_away();
    db.sql("SET stretch.copy_to = hot");
    assert_eq!(lines(db.copy_out("COPY orders TO STDOUT")), all[4..]);
    assert_eq!(
        lines(db.copy_out("COPY orders (id) TO STDOUT (FORMAT csv)")),
        numbers(5, 10)
    );
    assert_eq!(db.int("SELECT count(*) FROM orders WHERE id > 4"), 6);
    assert_eq!(
        db.int("SELECT count(*) FROM orders WHERE id > 4 AND now() > '2000-01-01'"),
        6
    );
    assert_eq!(db.int("SELECT count(*) FROM orders WHERE ctid < '(2147483648,0)'"), 6);
    endpoint.put_back();
    assert_eq!(db.int("SELECT count(*) FROM orders"), 10);
    db.sql("BEGIN; DECLARE c SCROLL CURSOR FOR SELECT id FROM orders WHERE id > 4 ORDER BY id");
    assert_eq!(db.lines("FETCH ALL FROM c"), numbers(5, 10));
    assert_eq!(db.lines("FETCH BACKWARD 1 FROM c"), ["10"]);
    db.sql("ROLLBACK");
}

fn pg_dump(cluster: &Cluster, options: &[&str], file: &str) -> (Output, String) {
    let path = cluster.scratch("dumps").join(file);
    let mut dump = cluster.command("pg_dump");
    dump.args(options).arg("--file").arg(&path).arg("postgres");
    let out = dump.output().expect("pg_dump runs");
    (out, path.display().to_string())
}

#[test]
fn a_dump_has_the_hot_rows_and_half_a_dump_is_no_table() {
    let (cluster, _endpoint, db) = one_table("one-table-dump");
    orders(&db);
    purge(&db, "orders");
    for (number, options) in [vec!["-Fp"], vec!["-Fp", "--inserts"]].into_iter().enumerate() {
        let (out, path) = pg_dump(&cluster, &options, &format!("whole{number}"));
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && said.is_empty(), "{options:?}: {said}");
        let text = std::fs::read_to_string(path).expect("a script");
        assert!(text.contains("SET default_table_access_method = stretch;"), "{text}");
        assert!(text.contains("note 10") && !text.contains("note 2"), "{options:?}");
    }
    for options in [
        ["-Fp", "-t", "orders"].to_vec(),
        ["-Fp", "-n", "public", "--inserts"].to_vec(),
    ] {
        let (out, _) = pg_dump(&cluster, &options, "part");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(
            !out.status.success() && said.contains("would leave out 4 cold rows"),
            "{said}"
        );
    }

    let (out, archive) = pg_dump(&cluster, &["-Fc"], "archive");
    assert!(out.status.success());
    let listed = testkit::os::run_ok(cluster.command("pg_restore").arg("-l").arg(&archive));
    let (catalog, rest): (Vec<&str>, Vec<&str>) = listed
        .lines()
        .partition(|line| line.contains(" TABLE DATA stretch ") || line.contains(" SEQUENCE SET stretch "));
    assert!(!catalog.is_empty());
    let restore = |what: &[&str], file: &str| {
        let list = cluster.scratch("dumps").join(file);
        std::fs::write(&list, what.join("\n")).expect("a list");
        testkit::os::give(&list);
        testkit::os::run_ok(
            cluster
                .command("pg_restore")
                .arg("-L")
                .arg(&list)
                .args(["-d", "copy"])
                .arg(&archive),
        )
    };
    cluster.create_database("copy");
    restore(&rest, "rest");
    let there = cluster.connect("copy");
    for query in [
        "SELECT count(*) FROM orders",
        "SELECT note FROM orders WHERE id = 7",
        "SELECT note FROM orders WHERE ctid = '(0,1)'",
        "UPDATE orders SET note = ''",
        "COPY orders TO '/dev/null'",
    ] {
        let error = there.fails(query, "ST010");
        assert!(error.message.contains("orders"), "{query}: {error}");
    }
    // What keeps the heap in order does not care.
    for statement in [
        "VACUUM ANALYZE orders",
        "REINDEX TABLE orders",
        "INSERT INTO orders VALUES (11)",
    ] {
        there.sql(statement);
    }

    restore(&catalog, "catalog");
    let error = there
        .try_text("SELECT count(*) FROM orders")
        .expect_err("nothing connects it yet");
    assert!(error.code.starts_with("ST") && error.code != "ST010", "{error}");
    assert_eq!(there.int("SELECT count(*) FROM orders WHERE id > 5"), 6);
    reauthorize(&there);
    assert_eq!(there.int("SELECT count(*) FROM orders"), 11);
    assert_eq!(there.text("SELECT note FROM orders WHERE id = 2"), "note 2");
}

#[test]
fn a_rule_about_all_rows_is_checked_on_cold_ones() {
    let (cluster, endpoint, db) = one_table("one-table-rules");
    orders(&db);
    purge(&db, "orders");
    let try_to = |statement: &str, code: &str| {
        db.fails(&format!("SELECT unguarded($$ALTER TABLE orders {statement}$$)"), code);
    };
    let done = |statement: &str| db.sql(&format!("SELECT unguarded($$ALTER TABLE orders {statement}$$)"));
    for mode in ["LOCAL_AND_REMOTE", "LOCAL_ONLY", "DISABLED"] {
        db.sql(&format!("SELECT stretch.set_query_mode('{mode}')"));
        try_to("ADD CHECK (id > 2)", "23514");
        done("ADD CONSTRAINT later CHECK (id <> 4) NOT VALID");
        try_to("VALIDATE CONSTRAINT later", "23514");
        done("DROP CONSTRAINT later");
        try_to("ALTER note SET NOT NULL", "23502");
        done("ADD CONSTRAINT holds CHECK (id > 0 AND note <> '')");
        done("DROP CONSTRAINT holds");
    }
    db.sql("SELECT stretch.set_query_mode('LOCAL_AND_REMOTE')");
    // Nothing is believed of rows that cannot be read.
    endpoint.take_away();
    assert!(
        db.try_sql("SELECT unguarded('ALTER TABLE orders ADD CHECK (id > 0)')")
            .is_err(),
        "the endpoint is away"
    );
    endpoint.put_back();

    // The rows would be there twice.
    try_to("ALTER note TYPE varchar(100)", "0A000");
    try_to("ADD COLUMN more float DEFAULT random()", "0A000");
    assert_eq!(db.int("SELECT count(*) FROM orders"), 10);

    let state = || db.text("SELECT count(*) || ' ' || coalesce(sum(id), 0) FROM orders");
    let truncate = "SELECT unguarded('TRUNCATE orders')";
    db.sql(&format!("BEGIN; SAVEPOINT s; {truncate}"));
    assert_eq!(state(), "0 0");
    db.sql("ROLLBACK TO s");
    assert_eq!(state(), "10 55");
    db.sql(&format!(
        "{truncate}; INSERT INTO orders VALUES (2); {truncate}; INSERT INTO orders VALUES (2)"
    ));
    assert_eq!(state(), "1 2");
    db.sql("ROLLBACK");
    assert_eq!(state(), "10 55");
    let old = cluster.connect("postgres");
    old.sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    db.sql(&format!(
        "{truncate}; INSERT INTO orders VALUES (3, 'again'), (7, 'hot')"
    ));
    // A part of the rows is never taken for all.
    let error = old.fails("SELECT count(*) FROM orders", "40001");
    assert!(error.message.contains("was truncated"), "{error}");
    old.sql("ROLLBACK");
    assert_eq!(state(), "2 10");
    assert_eq!(db.int("SELECT count(*) FROM stretch.segment WHERE NOT retired"), 0);
    assert_eq!(drain(&db, "orders"), 1);
    assert_eq!(state(), "2 10");
}

#[test]
fn what_maintains_the_heap_leaves_cold_rows_alone() {
    let (_cluster, endpoint, db) = one_table("one-table-upkeep");
    orders(&db);
    purge(&db, "orders");
    let state = || db.text("SELECT count(*) || ' ' || sum(id) || ' ' || min(note) FROM orders");
    let before = state();
    endpoint.take_away();
    for statement in [
        "VACUUM orders",
        "VACUUM FULL orders",
        "CLUSTER orders USING orders_pkey",
        "VACUUM (FREEZE) orders",
        "CREATE INDEX one ON orders (note)",
        "CREATE INDEX CONCURRENTLY two ON orders (twice) WHERE id > 3",
        "CREATE INDEX three ON orders USING hash (note)",
        "CREATE INDEX four ON orders USING brin (id)",
        "REINDEX TABLE orders",
        "REINDEX TABLE CONCURRENTLY orders",
        "VACUUM FULL orders",
        "DROP INDEX one",
    ] {
        db.sql(statement);
        endpoint.put_back();
        assert_eq!(state(), before, "{statement}");
        assert_eq!(
            db.int("SELECT reltuples::int FROM pg_class WHERE relname = 'orders'"),
            6,
            "{statement}"
        );
        endpoint.take_away();
    }
    endpoint.put_back();
}

/// Rows of a column that grows with the order, one of 500 values, one with one very common value, and one that is often
/// null.
const ROWS: &str = "SELECT n AS id, date '2020-01-01' + n / 100 AS day, n % 500 AS kind, \
    CASE WHEN n % 4 = 0 THEN n % 977 ELSE 7 END AS skewed, CASE WHEN n % 10 < 3 THEN 'text ' || n % 50 END AS note";

fn analyzed(db: &Client, filter: Option<&str>) {
    db.sql(&format!(
        "CREATE TABLE plain AS {ROWS} FROM generate_series(1, 60000) n;
         CREATE TABLE t AS SELECT * FROM plain;
         ALTER TABLE plain ADD PRIMARY KEY (id);
         ALTER TABLE t ADD PRIMARY KEY (id);
         CREATE FUNCTION estimate(query text) RETURNS float LANGUAGE plpgsql AS $$ DECLARE plan json; BEGIN
            EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
            RETURN plan->0->'Plan'->>'Plan Rows'; END $$"
    ));
    match filter {
        Some(filter) => enable_table(db, "t", filter),
        None => db.sql("SELECT stretch.enable_table('t')"),
    }
    drain(db, "t");
    purge(db, "t");
    db.sql("ANALYZE plain; ANALYZE t");
}

/// The statistics of `t` are those of `plain`, but for what a sample leaves to chance.
fn like_the_twin(db: &Client) {
    let off = db.lines(
        "SELECT attname, a.null_frac, b.null_frac, a.n_distinct, b.n_distinct, a.correlation, b.correlation,
            a.most_common_freqs[1], b.most_common_freqs[1]
         FROM pg_stats a JOIN pg_stats b USING (attname) WHERE a.tablename = 't' AND b.tablename = 'plain'
         AND NOT (abs(a.null_frac - b.null_frac) < 0.02 AND a.n_distinct BETWEEN least(b.n_distinct * 1.3,
            b.n_distinct / 1.3) AND greatest(b.n_distinct * 1.3, b.n_distinct / 1.3)
            AND abs(coalesce(a.correlation, 0) - coalesce(b.correlation, 0)) < 0.1
            AND abs(coalesce(a.most_common_freqs[1], 0) - coalesce(b.most_common_freqs[1], 0)) < 0.03)",
    );
    assert!(off.is_empty(), "{off:#?}");
    assert_eq!(db.int("SELECT count(*) FROM pg_stats WHERE tablename = 't'"), 5);
    for condition in [
        "true",
        "id < 1000",
        "id BETWEEN 20000 AND 25000",
        "id > 55000",
        "day < '2020-03-01'",
        "kind = 17",
        "kind < 100",
        "skewed = 7",
        "skewed = 500",
        "note IS NULL",
        "note = 'text 21'",
        "kind = 17 AND day > '2021-01-01'",
    ] {
        let [ours, plain, real] = ["estimate($$SELECT * FROM t", "estimate($$SELECT * FROM plain", ""].map(|from| {
            db.text(&match from {
                "" => format!("SELECT count(*) FROM plain WHERE {condition}"),
                from => format!("SELECT {from} WHERE {condition}$$)"),
            })
            .parse::<f64>()
            .expect("a number")
        });
        let near = |a: f64, b: f64| (a + 60.0) / (b + 60.0) < 1.4 && (b + 60.0) / (a + 60.0) < 1.4;
        assert!(
            near(ours, plain) || near(ours, real),
            "{condition}: {ours}, plain {plain}, true {real}"
        );
    }
}

fn reltuples(db: &Client) -> i64 {
    db.int("SELECT reltuples::int FROM pg_class WHERE oid = 't'::regclass")
}

#[test]
fn statistics_are_those_of_all_rows() {
    let (cluster, endpoint, db) = one_table("one-table-analyze");
    analyzed(&db, Some("id <= 45000"));
    like_the_twin(&db);
    assert_eq!(reltuples(&db), 15000);
    db.sql("VACUUM t");
    assert_eq!(reltuples(&db), 15000);
    db.sql("BEGIN; ANALYZE t (id, kind); ANALYZE t; COMMIT");
    assert_eq!(reltuples(&db), 15000);
    db.sql("SET default_statistics_target = 10; ANALYZE t; RESET default_statistics_target");
    assert_eq!(reltuples(&db), 15000);
    db.sql("ANALYZE t");
    like_the_twin(&db);
    db.sql("DELETE FROM t WHERE id > 59000");

    endpoint.take_away();
    db.notices();
    db.sql("ANALYZE t");
    let notices = db.notices();
    assert!(notices[0].message.contains("hot rows alone"), "{notices:?}");
    assert_eq!(reltuples(&db), 14000);
    endpoint.put_back();
    db.sql("SELECT stretch.set_query_mode('LOCAL_ONLY'); ANALYZE t");
    assert!(db.notices()[0].message.contains("hot rows alone"));
    db.sql("SELECT stretch.set_query_mode('LOCAL_AND_REMOTE'); INSERT INTO t SELECT * FROM plain WHERE id > 59000");

    // Autovacuum's own.
    db.sql("ALTER TABLE t SET (autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100)");
    cluster.set_conf(&[("autovacuum_naptime", "1s")]);
    cluster.reload();
    db.sql("INSERT INTO t SELECT n, '2021-01-01', 1, 1 FROM generate_series(100001, 100200) n");
    wait_until("autovacuum to analyze", PATIENCE, || {
        db.bool("SELECT autoanalyze_count > 0 FROM pg_stat_user_tables WHERE relname = 't'")
            && db.bool("SELECT n_mod_since_analyze < 100 FROM pg_stat_user_tables WHERE relname = 't'")
    });
    wait_until("the number of hot rows", PATIENCE, || {
        (15100..15300).contains(&reltuples(&db))
    });
    db.sql("DELETE FROM t WHERE id > 100000");
    like_the_twin(&db);
}

#[test]
fn a_table_without_hot_rows_has_statistics() {
    let (_cluster, _endpoint, db) = one_table("one-table-all-cold");
    analyzed(&db, None);
    db.sql("VACUUM t");
    assert_eq!(db.int("SELECT pg_relation_size('t')"), 0);
    db.sql("ANALYZE t");
    like_the_twin(&db);
    assert_eq!(reltuples(&db), 0);
    assert_eq!(db.int("SELECT relpages FROM pg_class WHERE oid = 't'::regclass"), 0);
    db.sql("VACUUM ANALYZE t");
    assert_eq!(reltuples(&db), 0);
    like_the_twin(&db);
}
