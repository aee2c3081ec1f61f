//! Columns that come, go and are renamed.

use super::twin::Twin;
use testkit::setup::{drain, purge};

#[test]
fn a_renamed_column_takes_filter_order_and_keys_along() {
    let twin = Twin::new("ddl-rename");
    twin.usual();
    let db = &twin.db;
    twin.works("ALTER TABLE {t} RENAME id TO \"Number\"");
    twin.works("ALTER TABLE {t} RENAME d TO \"the \"\"day\"");
    let row = "SELECT filter || ' / ' || order_by || ' / ' || unique_keys FROM stretch.stretched_table";
    assert_eq!(
        db.text(row),
        r#"("Number" <= 12) / "the ""day", "Number" / [{"columns": ["Number"], "nulls_not_distinct": false}]"#
    );
    twin.compare("renamed");
    // Names are exchanged: each column is still read from its own field.
    twin.works("ALTER TABLE {t} RENAME n TO x; ALTER TABLE {t} RENAME e TO n; ALTER TABLE {t} RENAME x TO e");
    twin.compare("exchanged");
    twin.same("SELECT count(*), sum(n), sum(e) FROM {t} WHERE n > 3", "exchanged");
    twin.both("INSERT INTO {t} VALUES (5)").expect_err("a key that is cold");
    twin.works("INSERT INTO {t} (\"Number\", n) VALUES (11 - 20, 1)");
    drain(db, "t");
    twin.compare("a new row moved");
    assert_eq!(twin.cold_rows(), 13);
    // Rolled back, all is as it was.
    db.sql("BEGIN; ALTER TABLE t RENAME \"Number\" TO id");
    assert_eq!(db.int("SELECT count(*) FROM t WHERE id <= 12"), 13);
    db.sql("ROLLBACK");
    twin.compare("rolled back");
    // A table or schema that is renamed is the same table.
    db.sql("CREATE SCHEMA there; ALTER TABLE t RENAME TO u; ALTER TABLE u SET SCHEMA there");
    db.sql("ALTER SCHEMA there RENAME TO here");
    assert_eq!(db.int("SELECT count(*) FROM here.u"), 21);
    db.sql("ALTER TABLE here.u SET SCHEMA public; ALTER TABLE u RENAME TO t");
    twin.compare("back");
}

#[test]
fn a_snapshot_of_before_sees_the_columns_of_now() {
    let twin = Twin::new("ddl-snapshots");
    twin.usual();
    let old = twin.cluster.connect("postgres");
    old.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(old.int("SELECT count(*) FROM pg_class WHERE relname = 't'"), 1);
    twin.works("ALTER TABLE {t} RENAME n TO x; ALTER TABLE {t} RENAME e TO n; ALTER TABLE {t} RENAME x TO e");
    twin.works("ALTER TABLE {t} ADD COLUMN f int DEFAULT 5; ALTER TABLE {t} DROP COLUMN s");
    let content = "SELECT md5(string_agg(q::text, ',' ORDER BY id)) FROM";
    assert_eq!(
        old.text(&format!("{content} t q")),
        old.text(&format!("{content} plain q"))
    );
    old.sql("COMMIT");
    // It would see the cold rows without the hot ones, which are new ones of a command after it.
    old.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(old.int("SELECT count(*) FROM pg_class WHERE relname = 't'"), 1);
    twin.db.sql("SET stretch.rewrite = on");
    twin.works("ALTER TABLE {t} ALTER n TYPE bigint");
    old.fails("SELECT count(*) FROM t", "40001");
    old.sql("ROLLBACK");
    twin.compare("rewritten");
}

#[test]
fn a_column_that_went_does_not_come_again() {
    let twin = Twin::new("ddl-drop");
    twin.usual();
    let db = &twin.db;
    let fields = "SELECT string_agg((c->>'name') || (c->>'field_id'), ' ' ORDER BY c->>'name')
        FROM stretch.stretched_table, jsonb_array_elements(columns) c";
    assert_eq!(db.text(fields), "d6 e7 id1 m5 n2 s3 v4");
    twin.works("ALTER TABLE {t} DROP COLUMN n");
    twin.compare("dropped");
    // The new column of the same name shows nothing of the old one; also where both are one command, which looks at all
    // rows itself.
    twin.works("ALTER TABLE {t} ADD COLUMN n int");
    twin.compare("made again");
    twin.works("ALTER TABLE {t} DROP COLUMN e, ADD COLUMN e int CHECK (e IS NULL)");
    twin.works("ALTER TABLE {t} DROP COLUMN m, ADD COLUMN m numeric DEFAULT 3 CHECK (m = 3)");
    twin.both("ALTER TABLE {t} DROP COLUMN v, ADD COLUMN v text NOT NULL")
        .expect_err("NULL");
    twin.compare("in one command");
    assert_eq!(db.text(fields), "d6 e9 id1 m10 n8 s3 v4");
    db.sql("BEGIN; ALTER TABLE t DROP COLUMN s; ALTER TABLE t ADD COLUMN s text");
    assert_eq!(db.int("SELECT count(s) FROM t"), 0);
    db.sql("ROLLBACK");
    twin.compare("rolled back");
    twin.live_on("columns dropped");
    // By whatever route.
    for table in ["t", "plain"] {
        db.sql(&format!(
            "CREATE DOMAIN of_{table} AS int; ALTER TABLE {table} ADD COLUMN o of_{table} DEFAULT 4"
        ));
    }
    twin.works("DROP DOMAIN of_{t} CASCADE; ALTER TABLE {t} ADD COLUMN o int");
    twin.compare("dropped with its type");
    let error = db.fails("ALTER TABLE t DROP COLUMN id", "0A000");
    assert!(error.detail.contains("The filter names the column"), "{error}");
    let error = db.fails("ALTER TABLE t DROP COLUMN d", "0A000");
    assert!(error.hint.contains("order_by => ''"), "{error}");
    twin.compare("refused");
    db.sql("SELECT stretch.alter_table('t', order_by => '')");
    twin.works("ALTER TABLE {t} DROP COLUMN d");
    twin.live_on("the order gone");
}

/// Columns with defaults of every kind of value: as segments store them, and as functions of their types write them.
const DEFAULTS: [&str; 26] = [
    "boolean DEFAULT true",
    "smallint DEFAULT -3",
    "int DEFAULT 2147483647",
    "bigint NOT NULL DEFAULT -9223372036854775808",
    "real DEFAULT 'NaN'",
    "double precision DEFAULT -0.0",
    "numeric DEFAULT 1.500",
    "numeric(8,2) DEFAULT 1.5",
    "numeric(8,2) DEFAULT 'NaN'",
    "text DEFAULT 'a, \"b\" ''c'' ä'",
    "text DEFAULT ''",
    "text COLLATE \"C\" DEFAULT repeat('long ', 20000)",
    "varchar(3) DEFAULT 'abc'",
    "char(5) DEFAULT 'ab'",
    "bytea DEFAULT '\\x00ff'",
    "date DEFAULT 'infinity'",
    "timestamp DEFAULT '-infinity'",
    "timestamptz NOT NULL DEFAULT now()",
    "timestamptz DEFAULT '2024-02-29 12:00:00.123456+03'",
    "uuid DEFAULT '00112233-4455-6677-8899-aabbccddeeff'",
    "int[] DEFAULT '{1,NULL,{2}}'::text::int[]",
    "text[] DEFAULT ARRAY['a', NULL, 'NULL']",
    "jsonb DEFAULT '{\"a\": [1, null]}'",
    "interval DEFAULT '1 mon -2 days'",
    "int4range DEFAULT '[1,5)'",
    "lowercase DEFAULT 'abc'",
];

#[test]
fn rows_of_yesterday_show_the_default_of_yesterday() {
    let twin = Twin::new("ddl-defaults");
    twin.usual();
    let db = &twin.db;
    db.sql("CREATE DOMAIN lowercase AS text");
    for (number, column) in DEFAULTS.iter().enumerate() {
        let column = column.replace("'{1,NULL,{2}}'::text::int[]", "'{1,NULL}'");
        let add = format!("ALTER TABLE {{t}} ADD COLUMN c{number} {column}");
        match column.contains("now()") {
            // Both tables get one value.
            true => {
                db.sql("BEGIN");
                for table in ["t", "plain"] {
                    db.sql(&add.replace("{t}", table));
                }
                db.sql("COMMIT");
            }
            false => twin.works(&add),
        }
        // Each later default is another one, and rows that come after have it.
        if number % 3 == 0 {
            twin.works(&format!("ALTER TABLE {{t}} ALTER c{number} DROP DEFAULT"));
        }
        for query in [
            format!("SELECT count(*), count(c{number}), min(c{number}::text), max(c{number}::text) FROM {{t}}"),
            format!("SELECT id FROM {{t}} WHERE c{number} IS NULL ORDER BY id"),
            format!("SELECT id FROM {{t}} WHERE c{number} IS NOT NULL AND id < 6 ORDER BY id"),
            format!("SELECT c{number}::text, count(*) FROM {{t}} GROUP BY c{number} ORDER BY 1"),
            format!("SELECT id FROM {{t}} WHERE c{number} = (SELECT c{number} FROM plain WHERE id = 1) ORDER BY id"),
            format!("SELECT id FROM {{t}} ORDER BY c{number}, id LIMIT 3"),
            format!("SELECT max(c{number}), min(c{number}), count(c{number}) FROM {{t}} WHERE id < 9"),
        ] {
            twin.same(&query, &column);
        }
    }
    twin.compare("added");
    assert_eq!(twin.cold_rows(), 12);
    for query in [
        "SELECT sum(c2::bigint), min(c3), max(c1), avg(c7) FROM {t}",
        "SELECT id FROM {t} WHERE c2 = 2147483647 ORDER BY id",
        "SELECT id FROM {t} WHERE c2 < 5 OR c1 > -4 ORDER BY id",
        "SELECT id FROM {t} WHERE c9 LIKE 'a, %' AND c2 IN (1, 2147483647) ORDER BY id",
        "SELECT id, c2 FROM {t} WHERE NOT c0 ORDER BY id",
        "SELECT c16, count(*) FROM {t} WHERE c15 > '2024-01-01' GROUP BY c16",
        "SELECT id FROM {t} ORDER BY c2 DESC, id DESC LIMIT 4",
        "SELECT length(c11) FROM {t} WHERE id IN (1, 20)",
    ] {
        twin.same(query, "all");
    }
    twin.works("UPDATE {t} SET c2 = 5 WHERE id IN (1, 15)");
    twin.live_on("defaults");
    assert!(twin.cold_rows() > 0);
    // The server has forgotten the defaults of its own old rows, which have them in the heap now.
    twin.works("ALTER TABLE {t} ADD COLUMN last int");
    twin.compare("after VACUUM FULL");
    // The endpoint alone has the segments now, and the session knows nothing of before.
    purge(db, "t");
    db.sql("DISCARD ALL");
    twin.compare("from the endpoint");
    for query in [
        "SELECT count(*) FROM {t} WHERE c2 = 5",
        "SELECT id FROM {t} WHERE c2 > 5 ORDER BY c2, id",
    ] {
        twin.same(query, "mixed segments");
    }
}

#[test]
fn a_dump_takes_the_defaults_of_yesterday_along() {
    let twin = Twin::new("ddl-dump");
    twin.usual();
    twin.works("ALTER TABLE {t} ADD COLUMN f text NOT NULL DEFAULT 'old'; ALTER TABLE {t} ALTER f SET DEFAULT 'new'");
    twin.works("ALTER TABLE {t} DROP COLUMN s; ALTER TABLE {t} RENAME v TO w");
    twin.works("INSERT INTO {t} (id) VALUES (0)");
    drain(&twin.db, "t");
    twin.compare("before");
    let dump = twin.cluster.pg_dump("postgres", &["-Fc"]);
    twin.cluster.create_database("copy");
    twin.cluster.pg_restore("copy", &["-j", "2"], &dump);
    let there = twin.cluster.connect("copy");
    testkit::setup::reauthorize(&there);
    let content = "SELECT md5(string_agg(q::text, ',' ORDER BY id)) FROM";
    assert_eq!(
        there.text(&format!("{content} t q")),
        twin.db.text(&format!("{content} plain q"))
    );
    assert_eq!(there.int("SELECT count(*) FROM t WHERE f = 'old'"), 20);
}

#[test]
fn partitions_follow_their_parent() {
    let twin = Twin::new("ddl-partitions");
    let db = &twin.db;
    for table in ["t", "plain"] {
        db.sql(&format!(
            "CREATE TABLE {table} (id int, n int, s text) PARTITION BY RANGE (id);
             CREATE TABLE {table}_1 PARTITION OF {table} FOR VALUES FROM (0) TO (10);
             CREATE TABLE {table}_2 (s text, gone int, id int, n int);
             ALTER TABLE {table}_2 DROP COLUMN gone;
             ALTER TABLE {table} ATTACH PARTITION {table}_2 FOR VALUES FROM (10) TO (30);
             INSERT INTO {table} SELECT g, g, 'row ' || g FROM generate_series(1, 20) g"
        ));
    }
    db.sql("SELECT stretch.enable_table('t', 'id % 3 = 0')");
    drain(db, "t");
    twin.compare("made");
    for command in [
        "ALTER TABLE {t} ADD COLUMN f int NOT NULL DEFAULT 9",
        "ALTER TABLE {t} RENAME id TO key",
        "ALTER TABLE {t} DROP COLUMN n",
        "ALTER TABLE {t} ADD COLUMN n date DEFAULT '2024-01-01'",
        "ALTER TABLE {t} ADD UNIQUE (key)",
    ] {
        twin.works(command);
        twin.compare(command);
    }
    assert_eq!(
        db.text("SELECT filter FROM stretch.partitioned_table"),
        "((key % 3) = 0)"
    );
    twin.both("INSERT INTO {t} (key) VALUES (9)").expect_err("a cold key");
    twin.works("INSERT INTO {t} (key, f) VALUES (0, 1), (24, 2)");
    drain(db, "t");
    twin.compare("moved");
    twin.both("ALTER TABLE {t} ADD CHECK (f < 9)")
        .expect_err("a cold row violates it");
}
