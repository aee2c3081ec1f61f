//! Aggregates over hot and cold rows, in part on stored values: the same answers and errors as on a plain table.

#[path = "aggregates/draw.rs"]
mod draw;
#[path = "aggregates/parents.rs"]
mod parents;
#[path = "aggregates/shared.rs"]
mod shared;

use crate::cold_reads::counter;
use crate::seed::seed;
use draw::{Draw, SEVERAL_PROCESSES};
use testkit::setup::{drain, enable_database, enable_table, hot_rows, purge};
use testkit::{Client, Cluster, Endpoint};

/// The plan node that aggregates cold rows.
const NODE: &str = "Stretch Aggregate";
/// Statements of the random test when the environment says nothing.
const STATEMENTS: usize = 1_500;

fn server(name: &str) -> (Cluster, Endpoint, Client) {
    let cluster = Cluster::builder(name)
        .conf("stretch.naptime", "1h")
        .conf("stretch.batch_rows", "300")
        .conf("autovacuum", "off")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    // What is planned must not depend on how small the tables are.
    db.sql("SET cpu_operator_cost = 0.01");
    (cluster, endpoint, db)
}

/// A column of every type that matters.
const COLUMNS: &str = "id int, small smallint, n int, b bigint, price numeric(12, 2), rate numeric(6, 4),
    wide numeric, d date, ts timestamp, tz timestamptz, f float8, name text, code varchar(12) COLLATE \"C\",
    ch char(3), flag boolean, u uuid";
/// Rows of a table with these columns.
const ROWS: &str = "SELECT g, nullif(g % 7, 3), g * 7919 % 1000 - 500,
        CASE WHEN g % 11 > 0 THEN g::bigint * 1000000007 * 900000 END,
        nullif((g * 37 % 1000) / 8.0, 0), (g % 90 - 40) / 100.0, g / 3.0,
        date '2020-01-01' + g % 365, timestamp '2020-01-01' + g * interval '1 hour',
        CASE WHEN g % 5 > 0 THEN timestamptz '2020-01-01 00:00+00' + g * interval '1 minute' END,
        g % 64 / 2.0, CASE g % 6 WHEN 0 THEN NULL WHEN 1 THEN 'né' ELSE 'name ' || g % 9 END,
        repeat('c', g % 4) || g % 3, 'x' || g % 2, nullif(g % 3, 0) = 1,
        ('00000000-0000-0000-0000-00000000000' || g % 5)::uuid
    FROM generate_series(1, 2000) g";

/// `a`, of which three quarters are cold, and `a_plain` with the same rows.
fn tables(db: &Client) {
    for table in ["a", "a_plain"] {
        db.sql(&format!(
            "CREATE TABLE {table} ({COLUMNS}, PRIMARY KEY (id)); INSERT INTO {table} {ROWS}"
        ));
    }
    enable_table(db, "a", "id <= 1500");
    // The worker may have moved some of them by then.
    drain(db, "a");
    assert_eq!(hot_rows(db, "a"), 500);
    for table in ["a", "a_plain"] {
        db.sql(&format!(
            "DELETE FROM {table} WHERE id % 50 = 7 OR id BETWEEN 900 AND 940;
             UPDATE {table} SET n = n + 1 WHERE id % 60 = 11;
             ANALYZE {table}"
        ));
    }
}

/// What a query gives on a table: its lines, or the code of its error.
fn outcome(db: &Client, query: &str, table: &str) -> Result<Vec<String>, String> {
    let rows = db.try_rows(&query.replace("{t}", table)).map_err(|error| error.code)?;
    Ok(rows.iter().map(|row| format!("{row:?}")).collect())
}

fn same(db: &Client, query: &str) -> Result<Vec<String>, String> {
    same_on(db, query, "a")
}

/// What a query gives on a table, which is what it gives on its twin.
fn same_on(db: &Client, query: &str, table: &str) -> Result<Vec<String>, String> {
    let (ours, plain) = (outcome(db, query, table), outcome(db, query, &format!("{table}_plain")));
    assert_eq!(ours, plain, "{query}");
    ours
}

fn is_aggregated(db: &Client, query: &str) -> bool {
    nodes(&plan(db, query, "a")) > 0
}

fn plan(db: &Client, query: &str, table: &str) -> Vec<String> {
    db.lines(&format!("EXPLAIN {}", query.replace("{t}", table)))
}

/// How many nodes of a plan aggregate cold rows.
fn nodes(plan: &[String]) -> usize {
    plan.iter().filter(|line| line.contains(NODE)).count()
}

/// Whether several processes aggregate cold rows.
fn is_shared(plan: &[String]) -> bool {
    let gather = plan.iter().position(|line| line.contains("Gather"));
    gather.is_some_and(|at| nodes(&plan[at..]) > 0)
}

/// Statements of a random test.
fn statements() -> usize {
    match std::env::var("STRETCH_STATEMENTS") {
        Ok(text) => text.parse().expect("STRETCH_STATEMENTS is a number"),
        Err(_) => STATEMENTS,
    }
}

/// Random queries give on a table what they give on its twin, and most are aggregated on stored values. How many were
/// so by several processes.
fn random(db: &Client, table: &str) -> usize {
    let mut draw = Draw::new(seed());
    let statements = statements();
    let (mut aggregated, mut shared, mut failed) = (0, 0, 0);
    for number in 0..statements {
        if number % 100 == 0 {
            db.sql(draw.setting());
        }
        // A fifth of them by several processes, which take their time to begin.
        match number % 500 {
            0 => db.sql(SEVERAL_PROCESSES),
            100 => db.sql("SET max_parallel_workers_per_gather = 0"),
            _ => {}
        }
        let query = draw.query();
        failed += usize::from(same_on(db, &query, table).is_err());
        let plan = plan(db, &query, table);
        aggregated += usize::from(nodes(&plan) > 0);
        shared += usize::from(is_shared(&plan));
    }
    println!(
        "{aggregated} of {statements} aggregated on stored values, {shared} by several processes, {failed} failed alike"
    );
    assert!(aggregated * 2 > statements);
    shared
}

#[test]
fn random_aggregates_are_those_of_a_plain_table() {
    let (_cluster, _endpoint, db) = server("aggregates-random");
    tables(&db);
    let shared = random(&db, "a");
    assert!(shared * 20 > statements(), "{shared} by several processes");
}

#[test]
fn every_function_gives_what_it_gives_on_a_plain_table() {
    let (_cluster, _endpoint, db) = server("aggregates-functions");
    tables(&db);
    for (function, columns) in [
        ("count", "small n b price wide d ts tz f name code ch flag u"),
        ("sum", "small n b price rate"),
        ("avg", "small n b price rate"),
        ("min", "small n b price rate d ts tz code"),
        ("max", "small n b price rate d ts tz code"),
        ("bool_and", "flag"),
        ("bool_or", "flag"),
        ("every", "flag"),
    ] {
        for column in columns.split(' ') {
            for rest in ["", "WHERE n > 100", "GROUP BY small ORDER BY small"] {
                let key = if rest.starts_with("GROUP") { "small, " } else { "" };
                let query = format!("SELECT {key}{function}({column}) FROM {{t}} {rest}");
                same(&db, &query).expect("an answer");
                assert!(is_aggregated(&db, &query), "{query}");
            }
        }
    }
    for query in [
        "SELECT sum(price * (1 - rate)), sum(price * (1 - rate) * (1 + rate)), avg(rate - price) FROM {t}",
        "SELECT sum(n * 2 + small), sum(b - n), max(length(name)), min(n - 1) FROM {t}",
        "SELECT flag, u, ch, count(*) FROM {t} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        "SELECT name, f, sum(n) FROM {t} GROUP BY 1, 2 HAVING count(*) > 3 ORDER BY 1, 2",
        "SELECT rate, count(*) FROM {t} GROUP BY 1 ORDER BY 1",
        "SELECT count(*) FILTER (WHERE n > 0), sum(n) FILTER (WHERE d < '2020-06-01' AND flag) FROM {t}",
        "SELECT code FROM {t} GROUP BY code ORDER BY code",
        "SELECT date_trunc('month', ts), count(*), sum(n) FROM {t} GROUP BY 1 ORDER BY 1",
        "SELECT extract(year FROM d), extract(month FROM d), max(b) FROM {t} GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT n % 7, count(*), min(date_trunc('week', ts)), max(ts::date) FROM {t} GROUP BY 1 ORDER BY 1",
        "SELECT CASE WHEN n > 100 THEN 'many' WHEN n IS NULL THEN NULL ELSE name END, sum(b) FROM {t} GROUP BY 1
         ORDER BY 1",
        "SELECT coalesce(name, 'né'), small * 2 > 3, sum(price) FROM {t} GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT count(*), sum(n) FROM {t} WHERE n + small > 5 AND ts::date BETWEEN '2020-01-05' AND '2020-03-01'",
        "SELECT count(*) FILTER (WHERE price * 2 > 10.25), sum(extract(hour FROM ts)) FROM {t} WHERE 3 <> n % 5",
        "SELECT sum(CASE WHEN n > 100 THEN price ELSE 0 END), avg(CASE WHEN flag THEN n END) FROM {t}",
        "SELECT small, sum(CASE WHEN d < '2020-02-01' THEN price * rate WHEN n < 0 THEN 7 END),
            count(CASE WHEN code = 'c1' THEN 1 END), sum(coalesce(small, n)), avg(coalesce(price, rate, 0))
         FROM {t} GROUP BY 1 ORDER BY 1",
        // Nothing but whole numbers is chosen, and so it looks.
        "SELECT sum(CASE WHEN n > 10000 THEN price ELSE 0 END), sum(coalesce(rate, 0)) FROM {t} WHERE id < 900",
        "SELECT max(CASE WHEN n > 0 THEN b ELSE 0 END), min(coalesce(small, 99::smallint)) FROM {t}",
        "SELECT count(*), sum(n) FROM {t} WHERE id < 0",
        "SELECT small, count(*) FROM {t} WHERE id < 0 GROUP BY small",
    ] {
        same(&db, query).expect("an answer");
        assert!(is_aggregated(&db, query), "{query}");
    }
    // As many groups as rows are cheaper row by row.
    same(&db, "SELECT wide, count(*) FROM {t} GROUP BY 1 ORDER BY 1").expect("an answer");
    // What cannot be exact on stored values is not tried.
    for query in [
        "SELECT sum(f), min(f), stddev(n) FROM {t}",
        "SELECT sum(wide), min(name), max(ch) FROM {t}",
        "SELECT max(CASE WHEN flag THEN price ELSE 100 END) FROM {t}",
        "SELECT sum(CASE small WHEN 1 THEN n ELSE 0 END) FROM {t}",
        "SELECT count(DISTINCT n), string_agg(code, ',' ORDER BY id) FROM {t}",
        "SELECT sum(n) FROM {t} WHERE abs(n) = 2",
        "SELECT CASE small WHEN 1 THEN 0 ELSE n END, count(*) FROM {t} GROUP BY 1 ORDER BY 1",
        "SELECT n % small, count(*) FROM {t} WHERE small > 0 GROUP BY 1 ORDER BY 1",
        "SELECT date_trunc('month', tz), count(*) FROM {t} GROUP BY 1 ORDER BY 1",
        "SELECT date_trunc('decade', ts), count(*) FROM {t} GROUP BY 1 ORDER BY 1",
    ] {
        same(&db, query).expect("an answer");
        assert!(!is_aggregated(&db, query), "{query}");
    }
}

#[test]
fn parts_of_days_and_moments_are_those_of_the_server() {
    let (_cluster, _endpoint, db) = server("aggregates-moments");
    let seed = seed() % 1_000_000;
    for table in ["a", "a_plain"] {
        db.sql(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, ts timestamp, d date);
             SELECT setseed({seed} / 1000000.0);
             INSERT INTO {table} SELECT g, CASE WHEN g % 20 > 0 THEN
                    timestamp '0001-01-01' + (random() * 3652000)::int * interval '1 day' * (g % 3)::float8 / 2
                        + random() * interval '1 day' END,
                CASE WHEN g % 30 > 0 THEN date '0001-01-01' + (random() * 3652000)::int END
             FROM generate_series(1, 900) g;
             UPDATE {table} SET ts = 'infinity', d = '-infinity' WHERE id = 310;
             UPDATE {table} SET ts = '0044-03-15 12:30 BC', d = '0044-03-15 BC' WHERE id = 610"
        ));
    }
    db.sql("TRUNCATE a; INSERT INTO a SELECT * FROM a_plain");
    enable_table(&db, "a", "id > 0");
    drain(&db, "a");
    for unit in ["second", "minute", "hour", "day", "week", "month", "quarter", "year"] {
        let query = format!("SELECT date_trunc('{unit}', ts), count(*) FROM {{t}} GROUP BY 1 ORDER BY 1");
        same(&db, &query).expect("an answer");
        // Also without what is for the server.
        let query = format!(
            "SELECT date_trunc('{unit}', ts), extract(dow FROM ts), min(id) FROM {{t}} WHERE id NOT IN (310, 610)
             GROUP BY 1, 2 ORDER BY 1, 2"
        );
        same(&db, &query).expect("an answer");
    }
    for field in ["year", "quarter", "month", "day", "dow", "hour", "minute"] {
        for column in ["ts", "d"] {
            let query =
                format!("SELECT extract({field} FROM {column}), count(*), max(id) FROM {{t}} GROUP BY 1 ORDER BY 1");
            let answer = same(&db, &query);
            assert_eq!(
                answer.is_err(),
                column == "d" && ["hour", "minute"].contains(&field),
                "{query}"
            );
        }
    }
    // Only the row groups with moments that are not for us are read by rows.
    let query = "SELECT extract(month FROM ts), count(*) FROM {t} GROUP BY 1";
    assert!(is_aggregated(&db, query));
    let by_rows = counter(&db, &query.replace("{t}", "a"), "Row Groups Read by Rows");
    assert!((1..=2).contains(&by_rows), "{by_rows}");
}

#[test]
fn what_is_not_exact_is_left_to_the_rows() {
    let (_cluster, _endpoint, db) = server("aggregates-left");
    for table in ["a", "a_plain"] {
        db.sql(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, n int, big numeric(38, 0), price numeric(8, 2));
             INSERT INTO {table} SELECT g, g, 1, g / 4.0 FROM generate_series(1, 900) g;
             UPDATE {table} SET n = 2147483647 WHERE id = 400;
             UPDATE {table} SET big = 1e37 WHERE id BETWEEN 301 AND 599;
             UPDATE {table} SET price = 'NaN' WHERE id = 700"
        ));
    }
    enable_table(&db, "a", "id > 0");
    drain(&db, "a");
    assert_eq!(hot_rows(&db, "a"), 0);
    let left = |query: &str| {
        let answer = same(&db, query);
        assert!(is_aggregated(&db, query), "{query}");
        (
            answer.map(|lines| lines.len()),
            counter(&db, &query.replace("{t}", "a"), "Row Groups Read by Rows"),
        )
    };
    // A product beyond 127 bits, of one segment of three; a segment whose numerics are stored as they come.
    assert_eq!(left("SELECT sum(big * big) FROM {t}"), (Ok(1), 1));
    assert_eq!(left("SELECT max(price), sum(price), count(*) FROM {t}"), (Ok(1), 1));
    // An integer overflows in one row, which a condition may leave out.
    assert_eq!(same(&db, "SELECT sum(n + 1) FROM {t}"), Err("22003".into()));
    assert_eq!(
        left("SELECT sum(n + 1) FROM {t} WHERE n < 2147483647 AND id < 400").0,
        Ok(1)
    );
    // So it is with keys and conditions.
    assert_eq!(
        same(&db, "SELECT n + 1, count(*) FROM {t} GROUP BY 1"),
        Err("22003".into())
    );
    assert_eq!(
        same(&db, "SELECT count(*) FROM {t} WHERE n + 1 > 5"),
        Err("22003".into())
    );
    assert_eq!(
        same(&db, "SELECT count(*) FROM {t} WHERE NOT n - -1 < 5 OR id < 0"),
        Err("22003".into())
    );
    assert_eq!(
        same(&db, "SELECT id FROM {t} WHERE n * 2 = 5 ORDER BY id"),
        Err("22003".into())
    );
    assert_eq!(
        same(&db, "SELECT count(*) FROM {t} WHERE n % 0 = 1"),
        Err("22012".into())
    );
    assert_eq!(
        left("SELECT count(*) FROM {t} WHERE id < 300 AND n + 1 > 5"),
        (Ok(1), 0)
    );
    assert_eq!(
        left("SELECT CASE WHEN n < 1000 THEN n % 9 + 1 END, count(*) FROM {t} GROUP BY 1 ORDER BY 1").1,
        0
    );
    assert_eq!(
        left("SELECT CASE WHEN n < 1000 THEN n + 1 > 9 END, count(*) FROM {t} GROUP BY 1 ORDER BY 1"),
        (Ok(3), 1)
    );
    // With NULL as well.
    db.sql("SET plan_cache_mode = force_generic_plan");
    for table in ["a", "a_plain"] {
        db.sql(&format!(
            "PREPARE {table}_more(int) AS SELECT count(*) FROM {table} WHERE n + 1 > $1"
        ));
        let answer = db
            .try_rows(&format!("EXECUTE {table}_more(NULL)"))
            .map_err(|error| error.code);
        assert_eq!(answer.map(|_| ()), Err("22003".into()), "{table}");
    }
    // A value that stored ones cannot be compared with.
    let nan = "SELECT count(*) FROM {t} WHERE price < 'NaN'";
    assert_eq!(same(&db, nan), Ok(vec![format!("{:?}", vec![Some("899")])]));
}

#[test]
fn statistics_answer_without_the_endpoint() {
    let (_cluster, endpoint, db) = server("aggregates-known");
    tables(&db);
    for table in ["b", "b_plain"] {
        db.sql(&format!(
            "CREATE TABLE {table} (LIKE a_plain INCLUDING ALL);
             INSERT INTO {table} SELECT * FROM a_plain WHERE id <= 600"
        ));
    }
    enable_table(&db, "b", "id > 0");
    let cold = drain(&db, "b");
    assert_eq!(cold, db.int("SELECT count(*) FROM b_plain"));
    purge(&db, "b");
    endpoint.take_away();
    let query = "SELECT count(*), count(small), min(n), max(d), min(ts), max(tz), min(price), max(code) FROM";
    assert_eq!(db.lines(&format!("{query} b")), db.lines(&format!("{query} b_plain")));
    assert_eq!(
        counter(&db, &format!("{query} b"), "Row Groups Answered by Statistics"),
        2
    );
    assert!(
        db.try_sql("SELECT sum(n) FROM b").is_err(),
        "the values are on the endpoint alone"
    );
    // The number of rows is known without those that died, their ends are not.
    db.sql("INSERT INTO b SELECT * FROM a_plain WHERE id = 1999");
    endpoint.put_back();
    for table in ["b", "b_plain"] {
        db.sql(&format!("DELETE FROM {table} WHERE id = 5"));
    }
    db.sql("INSERT INTO b_plain SELECT * FROM a_plain WHERE id = 1999");
    endpoint.take_away();
    assert_eq!(db.int("SELECT count(*) FROM b"), db.int("SELECT count(*) FROM b_plain"));
    assert!(
        db.try_sql("SELECT min(n) FROM b").is_err(),
        "the least value may be that of the dead row"
    );
    endpoint.put_back();
    assert_eq!(db.lines(&format!("{query} b")), db.lines(&format!("{query} b_plain")));
}

#[test]
fn aggregates_run_again_see_their_own_transaction_and_show_what_they_do() {
    let (_cluster, _endpoint, db) = server("aggregates-again");
    tables(&db);
    let lateral = "SELECT v.x, found.* FROM (VALUES (1), (0), (NULL), (5), (1)) v (x),
        LATERAL (SELECT count(*), sum(n), min(code) FROM {t} WHERE small = v.x) found";
    same(&db, lateral).expect("an answer");
    for plan in ["force_generic_plan", "force_custom_plan"] {
        db.sql(&format!("SET plan_cache_mode = {plan}"));
        for table in ["a", "a_plain"] {
            db.sql(&format!(
                "PREPARE {table}_of(int, numeric) AS
                 SELECT small, count(*), sum(price) FROM {table} WHERE n > $1 AND price < $2 GROUP BY 1 ORDER BY 1"
            ));
        }
        for arguments in ["(0, 50)", "(400, 1000)", "(NULL, 3)", "(0, 'NaN')"] {
            let rows = |table: &str| db.lines(&format!("EXECUTE {table}_of{arguments}"));
            assert_eq!(rows("a"), rows("a_plain"), "{plan} {arguments}");
        }
        db.sql("DEALLOCATE ALL");
    }
    db.sql("BEGIN");
    for table in ["a", "a_plain"] {
        db.sql(&format!(
            "DELETE FROM {table} WHERE id = 20; SAVEPOINT s; DELETE FROM {table} WHERE id < 200; ROLLBACK TO s"
        ));
    }
    same(&db, "SELECT count(*), sum(n), max(id) FROM {t}").expect("an answer");
    db.sql("ROLLBACK");
    let json = db.text("EXPLAIN (ANALYZE, FORMAT JSON) SELECT count(*), sum(n) FROM a WHERE price > 3");
    for part in ["\"Aggregates\"", "PARTIAL sum(n)", "\"Row Groups Aggregated\": 5"] {
        assert!(json.contains(part), "{part} in {json}");
    }
}

#[test]
fn policies_hold_under_aggregates() {
    let (_cluster, _endpoint, db) = server("aggregates-policies");
    tables(&db);
    db.sql("CREATE ROLE reader; GRANT SELECT ON a, a_plain TO reader");
    for table in ["a", "a_plain"] {
        db.sql(&format!(
            "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
             CREATE POLICY low ON {table} USING (small < 4)"
        ));
    }
    db.sql("SET ROLE reader");
    for query in [
        "SELECT count(*), sum(n), max(id) FROM {t}",
        "SELECT small, count(*) FROM {t} WHERE n > 0 GROUP BY 1 ORDER BY 1",
        "SELECT count(*) FROM {t} WHERE 10 / (small - 5) > 0",
    ] {
        same(&db, query).expect("an answer");
    }
}

#[test]
fn who_counts_by_statistics_has_read() {
    let (cluster, _endpoint, db) = server("aggregates-serializable");
    tables(&db);
    let other = cluster.connect("postgres");
    for session in [&db, &other] {
        session.sql("BEGIN ISOLATION LEVEL SERIALIZABLE");
        assert_eq!(
            session.int("SELECT count(*) FROM a"),
            db.int("SELECT count(*) FROM a_plain")
        );
    }
    db.sql("DELETE FROM a WHERE id = 100");
    other.sql("DELETE FROM a WHERE id = 400");
    db.sql("COMMIT");
    // Each counted the row that the other deleted.
    let second = other.try_sql("COMMIT").map_err(|error| error.code);
    assert_eq!(second, Err("40001".into()));
}
