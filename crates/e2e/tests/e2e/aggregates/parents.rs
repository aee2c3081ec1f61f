//! Aggregates over partitioned tables, and over parents of other children, of which some leaves are stretched.

use super::{COLUMNS, ROWS, nodes, plan, random, same_on, server};
use crate::cold_reads::counter;
use testkit::Client;
use testkit::setup::{drain, enable_table, hot_rows};

/// Partitioned tables `p` and `p_plain`. Of the leaves of `p` some are stretched, one is a plain table, one a foreign
/// one; one has its columns at other places, with some that are gone between them.
fn partitioned(db: &Client) {
    db.sql(
        "CREATE EXTENSION postgres_fdw;
         DO $$BEGIN EXECUTE format('CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, dbname %L)',
            current_setting('unix_socket_directories'), current_database()); END$$;
         CREATE USER MAPPING FOR CURRENT_USER SERVER here",
    );
    for table in ["p", "p_plain"] {
        db.sql(&format!(
            "CREATE TABLE {table} ({COLUMNS}) PARTITION BY RANGE (id);
             CREATE TABLE {table}_first PARTITION OF {table} FOR VALUES FROM (1) TO (500);
             CREATE TABLE {table}_other (gone int, u uuid, flag boolean, code varchar(12) COLLATE \"C\", ch char(3),
                 name text, f float8, tz timestamptz, ts timestamp, lost text, d date, wide numeric,
                 rate numeric(6, 4), price numeric(12, 2), b bigint, n int, small smallint, id int);
             ALTER TABLE {table}_other DROP COLUMN gone, DROP COLUMN lost;
             ALTER TABLE {table} ATTACH PARTITION {table}_other FOR VALUES FROM (500) TO (1000);
             CREATE TABLE {table}_below PARTITION OF {table} FOR VALUES FROM (1000) TO (1500) PARTITION BY LIST (small);
             CREATE TABLE {table}_even PARTITION OF {table}_below FOR VALUES IN (0, 2, 4, 6);
             CREATE TABLE {table}_odd PARTITION OF {table}_below FOR VALUES IN (1, 3, 5, NULL);
             CREATE TABLE {table}_heap PARTITION OF {table} DEFAULT;
             CREATE TABLE {table}_far ({COLUMNS});
             CREATE FOREIGN TABLE {table}_foreign PARTITION OF {table} FOR VALUES FROM (1800) TO (1900)
                 SERVER here OPTIONS (table_name '{table}_far')"
        ));
        // The foreign table is filled by another session.
        db.sql(&format!("INSERT INTO {table} {ROWS}"));
    }
    for (leaf, filter) in [("p_first", "id < 450"), ("p_other", "true"), ("p_even", "n < 400")] {
        enable_table(db, leaf, filter);
        assert!(drain(db, leaf) > 0);
    }
    assert_eq!(hot_rows(db, "p_other"), 0);
    for table in ["p", "p_plain"] {
        db.sql(&format!(
            "DELETE FROM {table} WHERE id % 50 = 7 OR id BETWEEN 900 AND 940;
             UPDATE {table} SET n = n + 1 WHERE id % 60 = 11;
             ANALYZE {table}"
        ));
    }
}

#[test]
fn random_aggregates_are_those_of_a_plain_partitioned_table() {
    let (_cluster, _endpoint, db) = server("aggregates-partitions");
    partitioned(&db);
    random(&db, "p");
}

#[test]
fn each_leaf_is_aggregated_by_itself_and_pruned_as_ever() {
    let (_cluster, _endpoint, db) = server("aggregates-leaves");
    partitioned(&db);
    for (query, leaves) in [
        ("SELECT count(*), sum(n), avg(price), max(code) FROM {t}", 3),
        (
            "SELECT small % 2 = 0, count(*), sum(b) FROM {t} GROUP BY 1 ORDER BY 1",
            3,
        ),
        (
            "SELECT flag, sum(price * rate) FROM {t} WHERE n > 0 GROUP BY 1 HAVING count(*) > 2 ORDER BY 1",
            3,
        ),
        // Partitions that the planner leaves out, and hot rows alone.
        ("SELECT count(*), min(d) FROM {t} WHERE id BETWEEN 600 AND 1200", 2),
        ("SELECT count(*) FROM {t} WHERE id BETWEEN 600 AND 700", 1),
        ("SELECT count(*), sum(n) FROM {t} WHERE id BETWEEN 460 AND 700", 1),
        ("SELECT count(*), sum(n) FROM {t} WHERE id < 500 AND small = 1", 1),
        ("SELECT sum(n) FROM {t} WHERE id > 1600", 0),
        ("SELECT sum(n) FROM {t} WHERE id < 0", 0),
        // Whole rows are for the server.
        ("SELECT count({t}) FROM {t}", 0),
        ("SELECT count(*) FROM ONLY {t}", 0),
    ] {
        let found = same_on(&db, query, "p").expect("an answer");
        assert_eq!(nodes(&plan(&db, query, "p")), leaves, "{query} gives {found:?}");
    }
    // Partition by partition, where the key of the partitions is one of the groups.
    let query = "SELECT id, count(*), sum(n) FROM {t} WHERE id % 3 = 0 OR id < 3000 GROUP BY id ORDER BY id";
    for setting in ["on", "off"] {
        db.sql(&format!("SET enable_partitionwise_aggregate = {setting}"));
        same_on(&db, query, "p").expect("an answer");
        same_on(
            &db,
            "SELECT id, small, max(n) FROM {t} GROUP BY id, small ORDER BY 1",
            "p",
        )
        .expect("an answer");
    }
    // A parameter leaves out partitions when the plan runs, also of a join that runs it again.
    db.sql("SET plan_cache_mode = force_generic_plan");
    for table in ["p", "p_plain"] {
        db.sql(&format!(
            "PREPARE {table}_of(int, int) AS SELECT count(*), sum(n) FROM {table} WHERE id BETWEEN $1 AND $2"
        ));
    }
    for arguments in [
        "(520, 530)",
        "(1, 2000)",
        "(NULL, 3)",
        "(1820, 1830)",
        "(1100, 1000)",
        "(1100, 1110)",
    ] {
        let rows = |table: &str| db.lines(&format!("EXECUTE {table}_of{arguments}"));
        assert_eq!(rows("p"), rows("p_plain"), "{arguments}");
    }
    let plan = db.lines("EXPLAIN (COSTS OFF) EXECUTE p_of(520, 530)").join("\n");
    assert!(plan.contains("Subplans Removed: 5"), "{plan}");
    assert_eq!(plan.matches("Stretch Aggregate").count(), 1, "{plan}");
    let lateral = "SELECT v.x, found.* FROM (VALUES (1), (700), (NULL), (1300), (5)) v (x),
        LATERAL (SELECT count(*), sum(n), min(code) FROM {t} WHERE id BETWEEN v.x AND v.x + 90) found";
    same_on(&db, lateral, "p").expect("an answer");
}

#[test]
fn children_that_inherit_are_leaves_too() {
    let (_cluster, _endpoint, db) = server("aggregates-children");
    for table in ["i", "i_plain"] {
        db.sql(&format!(
            "CREATE TABLE {table} (id int, n int, day date);
             CREATE TABLE {table}_more (code text) INHERITS ({table});
             CREATE TABLE {table}_two (day date, n int, extra text, id int);
             ALTER TABLE {table}_two INHERIT {table};
             INSERT INTO {table} SELECT g, g % 10, date '2024-01-01' + g % 90 FROM generate_series(1, 300) g;
             INSERT INTO {table}_more SELECT g, g % 10, date '2024-03-01' + g % 90, 'c'
                FROM generate_series(301, 700) g;
             INSERT INTO {table}_two SELECT date '2024-06-01' + g % 90, g % 10, 'x', g
                FROM generate_series(701, 999) g"
        ));
    }
    enable_table(&db, "i_more", "id < 600");
    enable_table(&db, "i_two", "true");
    assert!(drain(&db, "i_more") > 0 && drain(&db, "i_two") > 0);
    db.sql("ANALYZE");
    for query in [
        "SELECT count(*), sum(n), min(day) FROM {t}",
        "SELECT n, count(*), max(id) FROM {t} GROUP BY n ORDER BY n",
        "SELECT extract(month FROM day), sum(n * 2) FROM {t} WHERE id > 100 GROUP BY 1 ORDER BY 1",
    ] {
        same_on(&db, query, "i").expect("an answer");
        assert_eq!(nodes(&plan(&db, query, "i")), 2, "{query}");
    }
    // What a sum overflows over is said as ever.
    for table in ["i", "i_plain"] {
        db.sql(&format!("UPDATE {table} SET n = 2147483647 WHERE id = 650"));
    }
    assert_eq!(same_on(&db, "SELECT sum(n + 1) FROM {t}", "i"), Err("22003".into()));
    assert_eq!(counter(&db, "SELECT sum(n) FROM i", "Row Groups Read by Rows"), 0);
}
