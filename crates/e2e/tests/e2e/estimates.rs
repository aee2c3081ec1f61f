//! The planner's estimates for a stretched table are those for its plain twin.

use crate::cold_reads::server;
use testkit::Client;
use testkit::setup::{drain, enable_table, hot_rows, purge};

/// Predicates over one table, and joins; `{t}` is the table.
const QUERIES: [&str; 30] = [
    "SELECT * FROM {t}",
    "SELECT * FROM {t} WHERE id = 500",
    "SELECT * FROM {t} WHERE id = 99999",
    "SELECT * FROM {t} WHERE id < 2000",
    "SELECT * FROM {t} WHERE id BETWEEN 4000 AND 6000",
    "SELECT * FROM {t} WHERE id IN (1, 7000, 19999)",
    "SELECT * FROM {t} WHERE at < '2020-03-01'",
    "SELECT * FROM {t} WHERE at >= '2021-06-01'",
    "SELECT * FROM {t} WHERE at BETWEEN '2020-06-01' AND '2020-07-01'",
    "SELECT * FROM {t} WHERE kind = 'rare'",
    "SELECT * FROM {t} WHERE kind = 'often'",
    "SELECT * FROM {t} WHERE kind <> 'often'",
    "SELECT * FROM {t} WHERE kind LIKE 'r%'",
    "SELECT * FROM {t} WHERE kind IS NULL",
    "SELECT * FROM {t} WHERE price > 900",
    "SELECT * FROM {t} WHERE price = 12.50",
    "SELECT * FROM {t} WHERE price < 100 AND kind = 'often'",
    "SELECT * FROM {t} WHERE kind = 'rare' OR id < 100",
    "SELECT * FROM {t} WHERE NOT done",
    "SELECT * FROM {t} WHERE tags @> ARRAY[3]",
    "SELECT * FROM {t} WHERE town = 7 AND region = 1",
    "SELECT * FROM {t} WHERE town = 7",
    "SELECT * FROM {t} WHERE lower(kind) = 'rare'",
    "SELECT DISTINCT town FROM {t}",
    "SELECT kind, count(*) FROM {t} GROUP BY kind",
    "SELECT at, count(*) FROM {t} GROUP BY at",
    "SELECT * FROM {t} t JOIN small s ON t.town = s.id",
    "SELECT * FROM {t} t JOIN small s ON t.id = s.id",
    "SELECT * FROM {t} a JOIN {t} b ON a.id = b.town WHERE a.kind = 'often'",
    "SELECT * FROM small s WHERE EXISTS (SELECT FROM {t} t WHERE t.town = s.id AND t.id < 9000)",
];

fn tables(db: &Client) {
    db.sql("CREATE TABLE small AS SELECT g AS id FROM generate_series(1, 200) g; ANALYZE small");
    for table in ["t", "plain"] {
        db.sql(&format!(
            "CREATE TABLE {table} (
                id int PRIMARY KEY, at date, kind text, price numeric(8, 2), done boolean, tags int[], town int,
                region int
             );
             INSERT INTO {table} SELECT g, date '2020-01-01' + g / 30,
                CASE WHEN g % 50 = 0 THEN NULL WHEN g % 40 = 1 THEN 'rare' ELSE 'often' END, g * 7919 % 100000 / 100.0,
                g < 18000, ARRAY[g % 10, g % 7], g % 100, g % 100 / 5
             FROM generate_series(1, 20000) g;
             CREATE STATISTICS {table}_towns (dependencies) ON town, region FROM {table}"
        ));
    }
}

/// What the planner takes the rows of a query for.
fn rows(db: &Client, query: &str) -> f64 {
    let plan = db.text(&format!("EXPLAIN (FORMAT JSON) {query}"));
    let (_, rest) = plan.split_once("\"Plan Rows\": ").expect("a plan has rows");
    let number = rest.split(',').next().expect("a number");
    number.trim().parse().expect("a number")
}

#[test]
fn estimates_are_those_of_a_plain_table() {
    let (_cluster, _endpoint, db) = server("estimates");
    tables(&db);
    enable_table(&db, "t", "done");
    drain(&db, "t");
    assert_eq!(hot_rows(&db, "t"), 2001);
    purge(&db, "t");
    // Before any ANALYZE a key is one row, as of a plain table; of others nothing is known of either.
    assert_eq!(rows(&db, "SELECT * FROM t WHERE id = 500"), 1.0);
    db.sql("ANALYZE t; ANALYZE plain");
    let mut wrong = Vec::new();
    for query in QUERIES {
        let (ours, plain) = (
            rows(&db, &query.replace("{t}", "t")),
            rows(&db, &query.replace("{t}", "plain")),
        );
        println!("{ours:>9} {plain:>9}  {query}");
        if ours > plain * 3.0 || plain > ours * 3.0 {
            wrong.push(format!("{ours} instead of {plain}: {query}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
