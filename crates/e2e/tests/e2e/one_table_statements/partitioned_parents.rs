//! Partitioned tables that are stretched as a whole: their partitions with them, at every level, and those that come
//! later.

use super::Twins;
use crate::tables::stretched;
use testkit::Client;
use testkit::setup::{drain, hot_rows, reauthorize, wait_uploaded};

/// Three partitions, of which one has its columns in another order, and a fourth with two of its own.
const EVENTS: &str = "
    CREATE TABLE events (id int, day date NOT NULL, kind text, n int, PRIMARY KEY (id, day, kind))
        PARTITION BY RANGE (day);
    CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
    CREATE TABLE events_2 (n int, gone int, kind text NOT NULL, day date NOT NULL, id int NOT NULL);
    ALTER TABLE events_2 DROP gone;
    ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM ('2024-07-01') TO ('2025-01-01');
    CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    CREATE TABLE events_4 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (kind);
    CREATE TABLE events_4a PARTITION OF events_4 FOR VALUES IN ('a');
    CREATE TABLE events_4b PARTITION OF events_4 DEFAULT;
    INSERT INTO events SELECT g, date '2024-01-01' + g % 1000, CASE g % 3 WHEN 0 THEN 'a' ELSE 'b' END, g
        FROM generate_series(1, 2000) g;
    CREATE INDEX ON events (n)";

fn names(db: &Client) -> String {
    db.lines("SELECT relation FROM stretch.tables ORDER BY relation::text")
        .join(" ")
}

#[test]
fn a_stretched_parent_is_a_partitioned_table() {
    let twins = Twins::new("parents-statements", EVENTS, &[("events", "n % 2 = 0")]);
    assert_eq!(
        names(&twins.cold),
        "events_1 events_2 events_3 events_4a events_4b",
        "each partition is stretched"
    );
    for leaf in ["events_1", "events_2", "events_3", "events_4a", "events_4b"] {
        let (hot, all) = (
            hot_rows(&twins.cold, leaf),
            twins.cold.int(&format!("SELECT count(*) FROM {leaf}")),
        );
        assert!(hot > 0 && hot < all, "{leaf}: {hot} of {all} rows are hot");
    }
    let queries = [
        "SELECT count(*), sum(n) FROM events",
        "SELECT * FROM events WHERE day = '2024-08-01'",
        "SELECT * FROM events WHERE day >= '2026-01-01' AND kind = 'a' AND n < 900",
        "SELECT tableoid::regclass::text, count(*), min(n) FROM events GROUP BY 1",
        "SELECT day, count(*) FROM events GROUP BY day",
        "SELECT a.id FROM events a JOIN events b USING (id, day, kind) WHERE a.n BETWEEN 100 AND 300",
        "SELECT id, n FROM events ORDER BY n DESC LIMIT 30",
        "SELECT id FROM events WHERE n = ANY ('{4, 5, 750, 1999}')",
    ];
    for settings in [
        "SET enable_partitionwise_join = on; SET enable_partitionwise_aggregate = on",
        "SET enable_hashjoin = off; SET enable_seqscan = off",
        "RESET enable_hashjoin; RESET enable_seqscan; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
         SET min_parallel_table_scan_size = 0",
    ] {
        twins.works(settings);
        for query in queries {
            twins.works(query);
        }
    }
    // Rows move between partitions, hot and cold, also of another level.
    twins.works("UPDATE events SET day = day + 366 WHERE id IN (4, 5, 200, 201, 400, 401) RETURNING *");
    twins.works("UPDATE events SET day = '2026-05-05', kind = 'a' WHERE id BETWEEN 300 AND 310 RETURNING *");
    twins.works("UPDATE events SET kind = 'b' WHERE id BETWEEN 300 AND 305 RETURNING n, tableoid::regclass::text");
    twins.fails("UPDATE events_1 SET day = '2026-05-05' WHERE id = 2", "23514");
    twins.works("DELETE FROM events WHERE id BETWEEN 20 AND 30 RETURNING *");
    twins.fails("INSERT INTO events VALUES (2, '2024-01-03', 'b', 1)", "23505");
    twins.works("SELECT * FROM events");
    twins.works("TRUNCATE events_2");
    twins.works("SELECT tableoid::regclass::text, count(*) FROM events GROUP BY 1");
    twins.works("TRUNCATE events");
    twins.works("SELECT * FROM events");
}

#[test]
fn partitions_without_the_rows_are_not_read() {
    let twins = Twins::new("parents-pruning", EVENTS, &[("events", "n % 2 = 0")]);
    let db = &twins.cold;
    let plan = |query: &str| db.lines(&format!("EXPLAIN (COSTS OFF) {query}")).join("\n");
    let at_plan_time = plan("SELECT * FROM events WHERE day = '2024-03-01'");
    assert!(
        at_plan_time.contains("events_1") && !at_plan_time.contains("events_2"),
        "{at_plan_time}"
    );
    db.sql("SET plan_cache_mode = force_generic_plan; PREPARE day (date) AS SELECT * FROM events WHERE day = $1");
    let at_start = plan("EXECUTE day ('2026-03-01')");
    assert!(at_start.contains("Subplans Removed: 3"), "{at_start}");
    let run = db
        .lines(
            "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)
             SELECT * FROM events WHERE day = (SELECT date '2024-03-01' + random()::int / 2)",
        )
        .join("\n");
    assert!(run.contains("never executed"), "{run}");
    db.sql("SET enable_partitionwise_join = on; SET enable_partitionwise_aggregate = on");
    let joined = plan("SELECT count(*) FROM events a JOIN events b USING (day, id, kind)");
    assert!(joined.matches("Join").count() >= 3, "{joined}");
    let grouped = plan("SELECT day, count(*) FROM events GROUP BY day");
    assert!(grouped.matches("Aggregate").count() >= 4, "{grouped}");
}

#[test]
fn new_partitions_are_stretched_as_their_parent_is() {
    let (_cluster, _endpoint, db) = stretched("parents-new");
    db.sql(EVENTS);
    db.sql("SELECT stretch.enable_table('events', 'events.n % 2 = 0', order_by => 'day, n DESC', strict => true)");
    db.sql("CREATE TABLE events_5 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')");
    db.sql(
        "CREATE TABLE events_6 (kind text NOT NULL, n int, id int NOT NULL, day date NOT NULL);
         INSERT INTO events_6 SELECT 'c', g, g, '2028-02-02' FROM generate_series(1, 10) g;
         ALTER TABLE events ATTACH PARTITION events_6 FOR VALUES FROM ('2028-01-01') TO ('2029-01-01');
         CREATE TABLE events_4c PARTITION OF events_4 FOR VALUES IN ('c');
         CREATE TABLE events_7 (id int NOT NULL, day date NOT NULL, kind text NOT NULL, n int) PARTITION BY LIST (kind);
         CREATE TABLE events_7a PARTITION OF events_7 FOR VALUES IN ('a')",
    );
    assert_eq!(db.int("SELECT count(*) FROM stretch.tables"), 8);
    db.sql("ALTER TABLE events ATTACH PARTITION events_7 FOR VALUES FROM ('2029-01-01') TO ('2030-01-01')");
    let all = "events_1 events_2 events_3 events_4a events_4b events_4c events_5 events_6 events_7a";
    assert_eq!(names(&db), all);
    let settings = "SELECT DISTINCT filter, order_by, strict, migration_state FROM stretch.tables";
    assert_eq!(db.lines(settings), ["((n % 2) = 0)|day, n DESC|t|outbound"]);
    assert!(db.notices().is_empty(), "{:?}", db.notices());
    db.sql("INSERT INTO events SELECT g, '2027-01-01', 'x', g FROM generate_series(1, 10) g");
    assert_eq!(drain(&db, "events"), 1000 + 10);
    assert_eq!((hot_rows(&db, "events_5"), hot_rows(&db, "events_6")), (5, 5));

    // What is asked of the parent is asked of all, and of those that come.
    db.sql("SELECT stretch.set_filter('events', 'n % 2 = 0 OR n > 1900')");
    db.sql("SELECT stretch.set_migration_state('events', 'paused')");
    db.sql("SELECT stretch.alter_table('events', strict => false, order_by => '')");
    db.sql("CREATE TABLE events_8 PARTITION OF events FOR VALUES FROM ('2030-01-01') TO ('2031-01-01')");
    assert_eq!(db.lines(settings), ["(((n % 2) = 0) OR (n > 1900))||f|paused"]);
    db.fails("SELECT stretch.set_filter('events', 'n % 2 = 0')", "ST013");
    db.fails("SELECT stretch.drain('events')", "55000");
    db.sql("SELECT stretch.set_migration_state('events', 'outbound')");
    assert_eq!(db.int("SELECT stretch.migrate('events', 30)"), 30);
    assert_eq!(drain(&db, "events"), 20);
    assert_eq!(db.int("SELECT stretch.migrate('events')"), 0);
    assert_eq!(db.int("SELECT count(*) FROM stretch.verify('events')"), 10);
    wait_uploaded(&db);
    assert!(db.int("SELECT stretch.purge_staged('events')") > 0);
    assert_eq!(db.int("SELECT count(*) FROM events"), 2020);

    // A partition that leaves stays stretched, and one that was taken out alone stays out.
    db.sql("ALTER TABLE events DETACH PARTITION events_6");
    assert_eq!(db.int("SELECT count(*) FROM events_6"), 10);
    db.sql("UPDATE events_6 SET n = n + 100");
    db.sql("ALTER TABLE events ATTACH PARTITION events_6 FOR VALUES FROM ('2028-01-01') TO ('2029-01-01')");
    assert_eq!(
        db.int("SELECT sum(n)::bigint FROM events WHERE day = '2028-02-02'"),
        1055
    );
    db.sql("ALTER TABLE events DETACH PARTITION events_5 CONCURRENTLY");
    db.sql("SELECT stretch.disable_table('events_8', false)");
    db.sql("CREATE TABLE events_9 PARTITION OF events FOR VALUES FROM ('2031-01-01') TO ('2032-01-01')");
    assert!(names(&db).contains("events_5") && !names(&db).contains("events_8"));
    db.fails("SELECT stretch.enable_table('events')", "42710");
    db.sql("SELECT stretch.enable_table('events', if_not_exists => true)");

    // The end of it, by way of either statement.
    db.sql("SELECT stretch.disable_table('events', true)");
    assert_eq!(names(&db), "events_5");
    db.fails("SELECT stretch.disable_table('events', true)", "ST010");
    db.sql("SELECT stretch.disable_table('events', true, if_exists => true)");
    db.sql("CREATE TABLE events_10 PARTITION OF events FOR VALUES FROM ('2032-01-01') TO ('2033-01-01')");
    assert_eq!(names(&db), "events_5");
    db.sql("SELECT stretch.enable_table('events')");
    assert_eq!(db.int("SELECT count(*) FROM stretch.partitioned_table"), 1);
    db.sql("BEGIN; DROP TABLE events; ROLLBACK");
    assert_eq!(db.int("SELECT count(*) FROM stretch.partitioned_table"), 1);
    db.sql("DROP TABLE events");
    assert_eq!(db.int("SELECT count(*) FROM stretch.partitioned_table"), 0);
    assert_eq!(names(&db), "events_5");
}

#[test]
fn what_stands_in_the_way_of_a_partition_is_said() {
    let (cluster, _endpoint, db) = stretched("parents-refusals");
    db.sql(EVENTS);
    db.sql(
        "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         ALTER TABLE events_1 SET UNLOGGED;
         CREATE TRIGGER copies AFTER UPDATE ON events_4a FOR EACH ROW EXECUTE FUNCTION nothing();
         ALTER TABLE events_4a ENABLE ALWAYS TRIGGER copies;
         CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
         CREATE TABLE far (id int) PARTITION BY LIST (id);
         CREATE FOREIGN TABLE far_1 PARTITION OF far FOR VALUES IN (1) SERVER files OPTIONS (filename '/dev/null');
         CREATE TABLE far_2 PARTITION OF far FOR VALUES IN (2)",
    );
    let error = db.fails("SELECT stretch.enable_table('events', 'nosuch = 1')", "ST011");
    for part in [
        "partition public.events_1: it is an unlogged table",
        "partition public.events_4a: the row trigger copies",
        "nosuch",
    ] {
        assert!(error.detail.contains(part), "{part} is not in\n{}", error.detail);
    }
    let checked = db.lines("SELECT reason FROM stretch.check_table('events', 'nosuch = 1') WHERE severity = 'error'");
    assert_eq!(checked.len(), error.detail.lines().count(), "{checked:#?}");
    db.fails("SELECT stretch.set_filter('events', NULL)", "ST010");
    db.fails("SELECT stretch.drain('events')", "ST010");
    assert_eq!(db.int("SELECT count(*) FROM stretch.stretched_table"), 0);
    db.sql("ALTER TABLE events_1 SET LOGGED; DROP TRIGGER copies ON events_4a");
    db.sql("ANALYZE events");
    let found = db.lines("SELECT severity, reason, eligible_rows > 500 FROM stretch.check_table('events', 'n > 1000')");
    assert_eq!(found, ["info|the table can be stretched|t"]);

    // Foreign tables are left out.
    db.notices();
    db.sql("SELECT stretch.enable_table('far')");
    assert!(
        db.notices()
            .iter()
            .any(|notice| notice.message.contains("far_1 is a foreign table"))
    );
    assert_eq!(names(&db), "far_2");
    let found = db.lines("SELECT severity, reason FROM stretch.check_table('far')");
    assert_eq!(
        found,
        [
            "error|it is stretched already",
            "info|partition public.far_1 is a foreign table, skipping",
            "info|the table cannot be stretched as it is"
        ]
    );

    // A new partition that cannot be stretched is made nevertheless.
    db.notices();
    db.sql("CREATE UNLOGGED TABLE far_3 PARTITION OF far FOR VALUES IN (3)");
    let warnings = db.notices();
    let text = format!("{warnings:?}");
    assert!(
        text.contains("WARNING")
            && text.contains("partition public.far_3 is not stretched")
            && text.contains("unlogged"),
        "{text}"
    );
    db.sql("CREATE ROLE app LOGIN; GRANT ALL ON SCHEMA public TO app; ALTER TABLE far OWNER TO app");
    let app = cluster.connect_as("app", "postgres");
    app.sql("CREATE TABLE far_4 PARTITION OF far FOR VALUES IN (4)");
    let text = format!("{:?}", app.notices());
    assert!(text.contains("needs the owner of the database"), "{text}");
    app.sql("INSERT INTO far VALUES (2), (3), (4)");
    app.fails("SELECT stretch.disable_table('far', true)", "42501");
    assert_eq!(names(&db), "far_2");
    db.fails("SELECT stretch.disable_database()", "55000");
    db.sql("SELECT stretch.enable_table('far_4')");
    assert_eq!(names(&db), "far_2 far_4");
}

#[test]
fn a_dump_keeps_how_new_partitions_are_stretched() {
    let (cluster, _endpoint, db) = stretched("parents-dump");
    db.sql(EVENTS);
    db.sql("SELECT stretch.enable_table('events', 'n % 2 = 0')");
    drain(&db, "events");
    wait_uploaded(&db);
    let content = "SELECT md5(string_agg(e::text, ',' ORDER BY id)) FROM events e";
    let before = db.text(content);
    for (number, options) in [["-Fc"], ["-Fd"]].into_iter().enumerate() {
        let dump = cluster.pg_dump("postgres", &options);
        let name = format!("copy{number}");
        cluster.create_database(&name);
        cluster.pg_restore(&name, &[], &dump);
        let there = cluster.connect(&name);
        assert_eq!(names(&there), names(&db));
        reauthorize(&there);
        assert_eq!(there.text(content), before);
        let setting = "SELECT relation, filter FROM stretch.partitioned_table";
        assert_eq!(there.lines(setting), db.lines(setting));
        there.sql("CREATE TABLE events_5 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')");
        assert!(names(&there).contains("events_5"));
        there.sql("INSERT INTO events VALUES (1, '2027-02-02', 'x', 2)");
        assert_eq!(drain(&there, "events"), 1);
    }
}
