//! Pages of column chunks that are read alone: as few as statistics leave, each of them checked.

use crate::cold_reads::{counter, expect_damage, purge, server};
use crate::seed::seed;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use testkit::Client;
use testkit::setup::{drain, enable_table, hot_rows};

/// Columns of `p`.
const COLUMNS: i64 = 4;

/// `p`, of whose 3,000 rows 2,700 are cold in one row group, 50 to a page, in the order of `id` and of `at`; and
/// `plain` with the same rows.
fn tables(db: &Client) {
    for table in ["p", "plain"] {
        db.sql(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, at timestamp, x int, name text);
             INSERT INTO {table} SELECT g, timestamp '2020-01-01' + g * interval '1 hour', g * 7919 % 3001,
                CASE WHEN g % 7 > 0 THEN 'name ' || md5(g::text) END FROM generate_series(1, 3000) g"
        ));
    }
    db.sql("SELECT stretch.enable_table('p', 'id <= 2700', order_by => 'id')");
    drain(db, "p");
    assert_eq!(hot_rows(db, "p"), 300);
}

fn same(db: &Client, query: &str) {
    assert_eq!(
        db.lines(query),
        db.lines(&query.replace("FROM p", "FROM plain")),
        "{query}"
    );
}

#[test]
fn as_few_pages_are_read_as_statistics_leave() {
    let (cluster, _endpoint, db) = server("pages-few");
    tables(&db);
    db.sql("DELETE FROM p WHERE id IN (1010, 1011); DELETE FROM plain WHERE id IN (1010, 1011)");
    let whole = db.int("SELECT sum(byte_size) FROM stretch.segment");
    for is_staged in [true, false] {
        for (condition, pages) in [
            // One page of each column.
            ("id = 1234", 1),
            ("at = timestamp '2020-02-01 05:00'", 1),
            ("id BETWEEN 1000 AND 1020", 2),
            ("id IN (7, 1999, 2000)", 2),
            ("id = 1010", 1),
            ("id BETWEEN 1001 AND 1100 AND at > timestamp '2020-02-14 00:00'", 1),
        ] {
            let query = format!("SELECT * FROM p WHERE {condition} ORDER BY id");
            same(&db, &query);
            assert_eq!(counter(&db, &query, "Pages"), pages * COLUMNS, "{condition}");
        }
        // A column that is in no order tells nothing of its pages.
        same(&db, "SELECT * FROM p WHERE x BETWEEN 5 AND 6 ORDER BY id");
        assert_eq!(counter(&db, "SELECT * FROM p WHERE x = 5", "Pages"), 54 * COLUMNS);
        // Conditions that no page can satisfy, though the row group could: nothing is read.
        same(&db, "SELECT * FROM p WHERE id = 60 AND at = timestamp '2020-01-20'");
        if is_staged {
            purge(&db);
        }
    }
    let other = cluster.connect("postgres");
    let query = "SELECT * FROM p WHERE id = 1234";
    let read = counter(&other, query, "Bytes Read");
    assert!(read > 0 && read * 5 < whole, "{read} of {whole} bytes");
    // Who has read a page does not ask for it again.
    assert_eq!(counter(&other, query, "Bytes Read"), 0);
    assert_eq!(counter(&other, query, "Pages"), COLUMNS);
}

#[test]
fn rows_of_single_pages_are_changed_and_joined() {
    let (_cluster, _endpoint, db) = server("pages-rows");
    tables(&db);
    purge(&db);
    for table in ["p", "plain"] {
        db.sql(&format!(
            "UPDATE {table} SET name = 'changed ' || x WHERE id IN (51, 100, 101, 2650);
             DELETE FROM {table} WHERE id BETWEEN 140 AND 160;
             INSERT INTO {table} VALUES (200, now(), 1, 'met') ON CONFLICT (id) DO UPDATE SET name = excluded.name"
        ));
        db.sql("CREATE TABLE IF NOT EXISTS few AS SELECT g * 97 AS key FROM generate_series(0, 30) g");
    }
    same(&db, "SELECT * FROM p ORDER BY id");
    // Each time round the loop asks for other pages of the one row group.
    db.sql(
        "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SET enable_memoize = off",
    );
    same(&db, "SELECT r.* FROM p r JOIN few ON id = key ORDER BY id");
    same(
        &db,
        "SELECT key, (SELECT name FROM p WHERE id = key) FROM few ORDER BY key",
    );
    db.sql("BEGIN; DECLARE c CURSOR FOR SELECT id FROM p WHERE id BETWEEN 395 AND 405 FOR UPDATE");
    assert_eq!(db.lines("FETCH 3 FROM c"), ["395", "396", "397"]);
    db.sql("UPDATE p SET name = 'current' WHERE CURRENT OF c; COMMIT");
    assert_eq!(db.lines("SELECT id FROM p WHERE name = 'current'"), ["397"]);
}

#[test]
fn a_flipped_byte_of_a_page_is_named_or_not_read() {
    let (cluster, endpoint, db) = server("pages-flips");
    tables(&db);
    purge(&db);
    let query = "SELECT * FROM p WHERE id = 1234";
    same(&db, query);
    let object = endpoint.segments().pop().expect("one object");
    let good = endpoint.read(&object);
    let id = db.text("SELECT segment_id FROM stretch.segment");
    let (mut named, mut survived) = (0, 0);
    for at in (0..good.len()).step_by(151) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        endpoint.overwrite(&object, &bad);
        // Who has read the page before needs no other bytes.
        let db = cluster.connect("postgres");
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
        "{} bytes: {named} named, {survived} in pages that are not read",
        good.len()
    );
    assert!(named > 3 && survived > 300, "{named} {survived}");
    // What was not right is not kept.
    let db = cluster.connect("postgres");
    endpoint.overwrite(&object, &vec![0; good.len()]);
    let of_one_column = "SELECT id FROM p WHERE id = 1234";
    db.fails(query, "ST004");
    db.fails(of_one_column, "ST004");
    endpoint.overwrite(&object, &good);
    same(&db, of_one_column);
    same(&db, query);
    same(&db, "SELECT * FROM p ORDER BY id");
}

/// Values that go over the borders of pages, row groups and segments, NULLs among them, and hot rows between them.
#[test]
fn rows_come_in_order_over_pages_and_segments() {
    let (_cluster, _endpoint, db) = server("pages-order");
    let mut dice = StdRng::seed_from_u64(seed());
    db.sql("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off");
    for round in 0..6 {
        // How often a value comes, how far rows are from their order, and how many are NULL.
        let (often, apart, nulls) = (
            dice.random_range(1..90),
            dice.random_range(0..300),
            dice.random_range(0..9),
        );
        for table in ["p", "plain"] {
            db.sql(&format!(
                "DROP TABLE IF EXISTS {table};
                 CREATE TABLE {table} (id int PRIMARY KEY, k int, w text COLLATE \"C\", x int);
                 INSERT INTO {table} SELECT g,
                    CASE WHEN g * 7 % 100 >= {nulls} THEN (g + g * 31 % {apart}) / {often} END,
                    'w' || lpad((g / {often})::text, 5, '0'), g * 7919 % 3001
                 FROM generate_series(1, 3000) g;
                 CREATE INDEX ON {table} (k, x); CREATE INDEX ON {table} (w DESC, k, id)",
                apart = apart + 1,
            ));
        }
        enable_table(&db, "p", "id % 10 < 8");
        drain(&db, "p");
        if round % 2 == 0 {
            purge(&db);
        }
        for table in ["p", "plain"] {
            db.sql(&format!(
                "DELETE FROM {table} WHERE id % 13 = 5 OR id / 200 = 7; ANALYZE {table}"
            ));
        }
        for _ in 0..12 {
            let order = [
                "k, x, id",
                "k DESC, x DESC, id",
                "w DESC, k, id",
                "w, k DESC, id DESC",
                "id",
                "id DESC",
            ][dice.random_range(0..6)];
            let limit = ["", "LIMIT 7", "LIMIT 400 OFFSET 120"][dice.random_range(0..3)];
            let low = dice.random_range(0..3000);
            let conditions = ["true".into(), format!("id > {low}"), format!("k >= {}", low / often)];
            let condition = &conditions[dice.random_range(0..3)];
            same(
                &db,
                &format!("SELECT * FROM p WHERE {condition} ORDER BY {order} {limit}"),
            );
        }
        let groups = "SELECT k, array_agg(id ORDER BY id) FROM p GROUP BY k ORDER BY k";
        same(&db, groups);
    }
}

#[test]
fn a_limit_reads_the_first_pages_alone() {
    let (_cluster, _endpoint, db) = server("pages-limit");
    tables(&db);
    purge(&db);
    db.sql("DELETE FROM p WHERE id > 2700; ANALYZE p; SET enable_seqscan = off; SET enable_sort = off");
    for (query, pages) in [
        ("SELECT id FROM p ORDER BY id DESC LIMIT 10", 1),
        ("SELECT id FROM p ORDER BY id LIMIT 10", 1),
        // One page, then two.
        ("SELECT id FROM p ORDER BY id LIMIT 60", 3),
    ] {
        assert_eq!(counter(&db, query, "Pages"), pages, "{query}");
    }
}
