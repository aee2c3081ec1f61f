//! Cursors over hot and cold rows go back as those over a heap do, and WHERE CURRENT OF finds the row where they are.

use super::Twins;
use crate::seed::seed;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use testkit::Client;

const SETUP: &str = "CREATE TABLE t (gone int, id int PRIMARY KEY, grp int, s text);
    INSERT INTO t SELECT 0, g, g % 4, repeat('row ' || g, 1 + g % 3) FROM generate_series(1, 40) g;
    ALTER TABLE t DROP gone;
    CREATE TABLE p (id int, grp int, s text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
    CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (10);
    CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM (10) TO (20);
    CREATE TABLE p_3 PARTITION OF p FOR VALUES FROM (20) TO (30);
    INSERT INTO p SELECT g, g % 4, 'row ' || g FROM generate_series(1, 29) g";

/// Queries whose plans go back on a heap, by the table whose rows they show.
const QUERIES: [(&str, &str); 9] = [
    ("t", "SELECT id, s FROM t"),
    ("t", "SELECT id, grp, s FROM t WHERE grp < 2"),
    ("t", "SELECT id, s || grp AS s FROM t ORDER BY id"),
    ("t", "SELECT id FROM t WHERE id > 5 ORDER BY id DESC"),
    ("t", "SELECT id, s FROM t WHERE id = 9"),
    ("t", "SELECT id, s FROM t WHERE id = 10"),
    ("t", "SELECT id FROM t WHERE grp = 5"),
    ("t", "SELECT id FROM t LIMIT 35"),
    ("p", "SELECT id, s FROM p"),
];

fn a_move(rng: &mut impl Rng) -> String {
    match rng.random_range(0..10) {
        0..=2 => "NEXT".into(),
        3..=5 => "PRIOR".into(),
        6 => format!("ABSOLUTE {}", rng.random_range(-45..45)),
        7 => format!("RELATIVE {}", rng.random_range(-7..7)),
        8 => ["FORWARD 7", "BACKWARD 7", "FORWARD ALL", "BACKWARD ALL"][rng.random_range(0..4)].into(),
        _ => ["FIRST", "LAST"][rng.random_range(0..2)].into(),
    }
}

/// Walks over a query's rows and over those of a heap that has the same ones in the same order.
fn walk(db: &Client, (table, query): (&str, &str), scroll: &str, rng: &mut impl Rng) {
    db.sql(&format!("CREATE TEMP TABLE seen AS {query}"));
    db.sql(&format!(
        "BEGIN; DECLARE c {scroll} CURSOR FOR {query}; DECLARE r {scroll} CURSOR FOR SELECT * FROM seen"
    ));
    let mut way = Vec::new();
    for _ in 0..60 {
        let step = a_move(rng);
        way.push(step.clone());
        let rows = db.lines(&format!("FETCH {step} FROM c"));
        assert_eq!(rows, db.lines(&format!("FETCH {step} FROM r")), "{query}: {way:?}");
        // Where the end was met the cursor stands on no row.
        let Some(last) = rows.last().filter(|_| rows.len() == rows_of(&step)) else {
            continue;
        };
        db.sql("SAVEPOINT s");
        let update = format!("UPDATE {table} SET s = 'current' WHERE CURRENT OF c RETURNING id");
        assert_eq!(
            db.lines(&update),
            [last.split('|').next().expect("an id")],
            "{query}: {way:?}"
        );
        db.sql("ROLLBACK TO s");
    }
    db.sql("COMMIT; DROP TABLE seen");
}

/// How many rows a step gives that meets no end.
fn rows_of(step: &str) -> usize {
    match step.rsplit_once(' ') {
        Some(("FORWARD" | "BACKWARD", rows)) => rows.parse().unwrap_or(usize::MAX),
        _ => 1,
    }
}

#[test]
fn cursors_go_back_and_stand_on_a_row() {
    let twins = Twins::new(
        "cursors",
        SETUP,
        &[("t", "id % 3 = 0"), ("p_1", "true"), ("p_2", "id % 2 = 0")],
    );
    let mut rng = StdRng::seed_from_u64(seed());
    for settings in [
        "SET enable_bitmapscan = off",
        "SET enable_seqscan = off; SET enable_sort = off",
    ] {
        twins.cold.sql(settings);
        for query in QUERIES {
            for scroll in ["", "SCROLL"] {
                walk(&twins.cold, query, scroll, &mut rng);
            }
        }
    }
}

/// What an index-only scan shows is found by the identity that the scan knows, for its rows have none.
#[test]
fn index_only_scans_stand_on_a_row() {
    let twins = Twins::new("cursors-index-only", SETUP, &[("t", "id % 3 = 0")]);
    twins.works("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off");
    twins.works("VACUUM (ANALYZE) t");
    let query = "SELECT id FROM t WHERE id > 5 ORDER BY id";
    let plan = twins.cold.lines(&format!("EXPLAIN {query}")).join(" ");
    assert!(plan.contains("Index Only Scan"), "{plan}");
    twins.works(&format!("BEGIN; DECLARE c CURSOR FOR {query}"));
    for step in ["ABSOLUTE 2", "NEXT", "NEXT", "PRIOR", "PRIOR", "PRIOR", "LAST"] {
        let row = twins.works(&format!("FETCH {step} FROM c"));
        twins.works("SAVEPOINT s");
        assert_eq!(
            twins.works("UPDATE t SET s = 'x' WHERE CURRENT OF c RETURNING id"),
            row,
            "{step}"
        );
        twins.works("ROLLBACK TO s");
    }
}

#[test]
fn cursors_are_held_rewound_and_refused_as_those_of_a_heap() {
    let twins = Twins::new("cursors-held", SETUP, &[("t", "id % 3 = 0")]);
    for declare in ["CURSOR", "SCROLL CURSOR"] {
        // The order of both sides in one is the heap's.
        let query = "SELECT id, s FROM t WHERE id > 5 ORDER BY id";
        twins.works("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off");
        twins.works(&format!("BEGIN; DECLARE c {declare} WITH HOLD FOR {query}"));
        twins.works("FETCH 7 FROM c");
        twins.works("FETCH BACKWARD 3 FROM c");
        twins.works("COMMIT");
        for step in ["NEXT", "PRIOR", "PRIOR", "LAST", "FIRST", "BACKWARD 1", "FORWARD ALL"] {
            twins.works(&format!("FETCH {step} FROM c"));
        }
        twins.works("CLOSE c");
        // What the transaction did since is not shown, however the cursor comes by it.
        twins.works(&format!("BEGIN; DECLARE c {declare} FOR {query}; FETCH 12 FROM c"));
        twins.works("DELETE FROM t WHERE id IN (9, 10); UPDATE t SET s = 'new' WHERE id IN (11, 12)");
        twins.works("FETCH BACKWARD ALL FROM c");
        twins.works("FETCH ALL FROM c");
        twins.works("MOVE ABSOLUTE 0 FROM c; FETCH 5 FROM c");
        twins.works("ROLLBACK");
    }
    for (declare, step) in [
        ("NO SCROLL CURSOR FOR SELECT id FROM t", "PRIOR"),
        ("CURSOR FOR SELECT id FROM t FOR UPDATE", "BACKWARD ALL"),
        ("CURSOR FOR SELECT count(*) FROM t", "PRIOR"),
    ] {
        twins.works(&format!("BEGIN; DECLARE c {declare}"));
        twins.works("MOVE 3 FROM c");
        twins.fails(&format!("FETCH {step} FROM c"), "55000");
        twins.works("ROLLBACK");
    }
}
