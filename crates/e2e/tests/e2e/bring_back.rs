//! Bringing rows back: a table whose cold rows come home is an ordinary one afterwards, with every row, whatever goes
//! on meanwhile.

use crate::seed::seed;
use crate::twins::{self, Counts, StopAtEnd, alike, client};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use testkit::setup::{IS_HOT, drain, enable_database, enable_table, hot_rows, purge, wait_uploaded};
use testkit::{Client, Cluster, Endpoint, PATIENCE, Target, digest, setup, wait_until};

const HOME: &str = "SELECT stretch.disable_table('t', leave_remote_data => false)";
const IS_HEAP: &str = "SELECT count(*) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
    WHERE c.oid = 't'::regclass AND a.amname = 'heap'";

/// A table of 3,000 rows, 2,500 of them cold, on the endpoint alone, in segments of a few hundred.
fn server(name: &str) -> (Cluster, Endpoint, Client) {
    let cluster = Cluster::builder(name)
        .conf("stretch.naptime", "50ms")
        .conf("stretch.batch_rows", "300")
        .conf("stretch_test.free_bytes", "1000000000000")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, word text COLLATE \"C\", amount numeric(10, 2), at timestamptz,
            tags text[], twice int GENERATED ALWAYS AS (id * 2) STORED);
         CREATE INDEX t_word ON t (word) WHERE amount > 10;
         CREATE INDEX t_upper ON t (upper(word));
         INSERT INTO t SELECT g, nullif('word ' || g % 77, 'word 5'), g % 900,
            timestamptz '2024-01-01' + g * interval '1 h', ARRAY[g::text, NULL] FROM generate_series(1, 3000) g;
         CREATE TABLE twin AS TABLE t",
    );
    enable_table(&db, "t", "id <= 2500");
    drain(&db, "t");
    purge(&db, "t");
    assert_eq!(hot_rows(&db, "t"), 500);
    (cluster, endpoint, db)
}

fn same(db: &Client, what: &str) {
    digest::assert_same(db, "t", "twin", what);
}

#[test]
fn rows_come_back_and_the_table_is_an_ordinary_one() {
    let (cluster, endpoint, db) = server("home-plain");
    let objects = endpoint.segments();
    for table in ["t", "twin"] {
        db.sql(&format!(
            "DELETE FROM {table} WHERE id % 100 = 7; DELETE FROM {table} WHERE id BETWEEN 301 AND 900;
             UPDATE {table} SET amount = 1 WHERE id = 5"
        ));
    }
    db.sql(
        "CREATE TABLE fired (n int); CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO fired VALUES (1); RETURN NEW; END';
         CREATE TRIGGER r AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION fire();
         CREATE TRIGGER b BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fire()",
    );
    db.sql(HOME);
    assert_eq!(db.int(IS_HEAP), 1);
    assert_eq!(db.int("SELECT count(*) FROM stretch.tables"), 0);
    assert_eq!(db.int("SELECT count(*) FROM fired"), 0, "no trigger fires");
    same(&db, "at home");
    // Each index has each row.
    for (setting, sql) in [
        ("t_pkey", "SELECT count(*) FROM {t} WHERE id > 0"),
        (
            "t_word",
            "SELECT count(*) FROM {t} WHERE word >= 'word 3' AND amount > 10",
        ),
        ("t_upper", "SELECT count(*) FROM {t} WHERE upper(word) >= 'WORD 3'"),
    ] {
        db.sql("SET enable_seqscan = off; SET enable_bitmapscan = off");
        let of = |table: &str| sql.replace("{t}", table);
        let plan = db.lines(&format!("EXPLAIN {}", of("t"))).join("\n");
        assert!(plan.contains(setting), "{setting}: {plan}");
        assert_eq!(db.int(&of("t")), db.int(&of("twin")), "{setting}");
        db.sql("RESET enable_seqscan; RESET enable_bitmapscan");
    }
    db.fails("INSERT INTO t (id) VALUES (4)", "23505");
    // The history says it, and nothing is deleted from the endpoint.
    assert_eq!(
        db.int("SELECT sum(row_count) FROM stretch.migration_batch WHERE direction = 'INBOUND' AND sqlstate IS NULL"),
        db.int("SELECT count(*) FROM twin WHERE id <= 2500 AND id <> 5"),
    );
    assert_eq!(endpoint.segments(), objects);
    assert_eq!(
        db.int("SELECT count(*) FROM stretch.segments WHERE state <> 'retired'"),
        0
    );
    db.fails(HOME, "ST010");
    db.sql("SELECT stretch.disable_table('t', false, if_exists => true)");
    // What follows is that of an ordinary table; a restart changes nothing, and it may be stretched again.
    db.sql("ALTER TABLE t ALTER word TYPE varchar(40), ADD UNIQUE (at); ALTER TABLE t DROP CONSTRAINT t_at_key");
    cluster.restart();
    let db = cluster.connect("postgres");
    same(&db, "after a restart");
    enable_table(&db, "t", "id <= 100");
    drain(&db, "t");
    same(&db, "stretched again");
}

#[test]
fn it_is_paused_and_goes_on() {
    let (_cluster, endpoint, db) = server("home-paused");
    // While the endpoint is away nothing comes, and nothing is lost.
    endpoint.take_away();
    db.fails(HOME, "ST005");
    assert_eq!(db.text("SELECT migration_state FROM stretch.tables"), "inbound");
    assert_eq!(hot_rows(&db, "t"), 500);
    db.sql("SELECT stretch.set_migration_state('t', 'paused')");
    endpoint.put_back();
    assert_eq!(db.text("SELECT migration_state FROM stretch.tables"), "paused");
    same(&db, "paused");
    // Some come, and some go again.
    db.sql("SELECT stretch.set_migration_state('t', 'INBOUND')");
    wait_until("some rows", PATIENCE, || hot_rows(&db, "t") > 500);
    db.sql("SELECT stretch.set_migration_state('t', 'outbound')");
    same(&db, "on the way");
    drain(&db, "t");
    assert_eq!(hot_rows(&db, "t"), 500);
    same(&db, "cold again");
    // Nobody has to wait for it.
    db.sql("SELECT stretch.disable_table('t', false, wait => false)");
    wait_until("the end", PATIENCE, || db.int(IS_HEAP) == 1);
    same(&db, "at home");
    assert_eq!(hot_rows(&db, "t"), 3000);
    assert_eq!(db.int("SELECT count(*) FROM stretch.progress"), 0);
}

#[test]
fn whoever_waits_is_told_when_it_stops() {
    let (cluster, endpoint, db) = server("home-told");
    let waiting = cluster.connect("postgres");
    endpoint.take_away();
    db.sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| waiting.try_sql(HOME));
        let error = waits.join().expect("no panic").expect_err("the endpoint is away");
        assert_eq!(error.code, "ST005", "{error}");
        endpoint.put_back();
        // An older snapshot holds the end up, and a pause gives it up.
        let again = scope.spawn(|| waiting.try_sql(HOME));
        let watcher = cluster.connect("postgres");
        wait_until("the rows", PATIENCE, || hot_rows(&watcher, "t") == 3000);
        assert_eq!(db.int("SELECT count(*) FROM t"), 3000, "the older snapshot");
        assert_eq!(watcher.int("SELECT count(*) FROM stretch.tables"), 1);
        watcher.sql("SELECT stretch.set_migration_state('t', 'paused')");
        let error = again.join().expect("no panic").expect_err("paused");
        assert!(error.message.contains("paused"), "{error}");
    });
    db.sql("COMMIT");
    // The way of the hint.
    db.sql(HOME);
    assert_eq!(db.int(IS_HEAP), 1);
    same(&db, "at home");
}

#[test]
fn a_snapshot_sees_the_same_rows_until_it_ends() {
    let (cluster, _endpoint, db) = server("home-snapshots");
    let old = cluster.connect("postgres");
    let content = digest::multiset_digest(&db, "t");
    old.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
    old.int("SELECT 1");
    db.sql("SELECT stretch.set_migration_state('t', 'inbound')");
    wait_until("the rows", PATIENCE, || hot_rows(&db, "t") == 3000);
    assert_eq!(digest::multiset_digest(&old, "t"), content, "rows that are home by now");
    assert_eq!(old.int("SELECT count(*) FROM t WHERE id <= 2500"), 2500);
    // What it changes, others changed first.
    old.sql("SAVEPOINT s");
    old.fails("UPDATE t SET amount = 0 WHERE id = 17", "40001");
    old.sql("ROLLBACK TO s");
    assert_eq!(db.int(IS_HEAP), 0, "the access method stays as long");
    old.sql("COMMIT");
    wait_until("the end", PATIENCE, || db.int(IS_HEAP) == 1);
    same(&db, "at home");
}

#[test]
fn writers_at_read_committed_go_on_with_rows_that_came_home() {
    let (cluster, _endpoint, db) = server("home-writers");
    // A cursor has read cold rows that come home before it changes them.
    let writer = cluster.connect("postgres");
    writer.sql("BEGIN; DECLARE c CURSOR FOR SELECT id FROM t WHERE id <= 2500 FOR UPDATE");
    writer.sql("DECLARE d CURSOR FOR SELECT id, ctid FROM t WHERE id BETWEEN 600 AND 2500");
    writer.sql("FETCH 100 FROM d");
    db.sql("SELECT stretch.set_migration_state('t', 'inbound')");
    wait_until("the rows", PATIENCE, || hot_rows(&db, "t") == 3000);
    // Its scan began before, and gives the cold rows.
    let locked: Vec<String> = writer.lines("FETCH 1000 FROM c");
    assert_eq!(locked.len(), 1000, "rows that were cold are locked at home");
    writer.sql("UPDATE t SET amount = 3 WHERE CURRENT OF c");
    writer.sql("COMMIT");
    let last = locked.last().expect("rows").clone();
    db.sql(&format!("UPDATE twin SET amount = 3 WHERE id = {last}"));
    wait_until("the end", PATIENCE, || db.int(IS_HEAP) == 1);
    same(&db, "at home");
}

#[test]
fn a_row_that_cannot_come_back_stops_it_and_is_named() {
    let (_cluster, _endpoint, db) = server("home-stuck");
    db.sql(
        "CREATE FUNCTION picky(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN n; END';
         CREATE INDEX t_picky ON t (picky(id));
         CREATE OR REPLACE FUNCTION picky(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
            $$ BEGIN IF n = 1234 THEN RAISE EXCEPTION 'secret %', n; END IF; RETURN n; END $$",
    );
    let error = db.fails(HOME, "P0001");
    assert!(
        error.message.contains("row ") && error.message.contains("cannot come back"),
        "{error}"
    );
    assert!(
        !error.message.contains("1234") && !error.detail.contains("secret"),
        "no value is shown: {error}"
    );
    same(&db, "stopped");
    assert_eq!(
        db.int("SELECT count(*) FROM stretch.migration_status WHERE direction = 'INBOUND' AND sqlstate = 'P0001'"),
        1
    );
    db.sql("CREATE OR REPLACE FUNCTION picky(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN n; END'");
    db.sql(HOME);
    same(&db, "at home");
}

#[test]
fn rows_that_do_not_fit_on_the_disk_stay_cold() {
    let (cluster, _endpoint, db) = server("home-room");
    cluster.set_conf(&[("stretch_test.free_bytes", "1000")]);
    cluster.reload();
    let said = |bytes: &str| {
        wait_until("the setting", PATIENCE, || {
            cluster.connect("postgres").text("SHOW stretch_test.free_bytes") == bytes
        });
    };
    said("1000");
    let error = cluster.connect("postgres").fails(HOME, "53100");
    assert!(error.detail.contains("MB"), "{error}");
    cluster
        .connect("postgres")
        .fails("SELECT stretch.set_migration_state('t', 'inbound')", "53100");
    assert_eq!(db.text("SELECT migration_state FROM stretch.tables"), "outbound");
    cluster.set_conf(&[("stretch_test.free_bytes", "1000000000000")]);
    cluster.reload();
    said("1000000000000");
    cluster.connect("postgres").sql(HOME);
    same(&db, "at home");
}

#[test]
fn partitions_come_back_together() {
    let (_cluster, _endpoint, db) = server("home-partitions");
    db.sql(
        "CREATE TABLE p (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
         CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (1000);
         CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM (1000) TO (2000);
         INSERT INTO p SELECT g, g FROM generate_series(1, 1999) g",
    );
    enable_table(&db, "p", "id % 2 = 0");
    drain(&db, "p");
    assert_eq!(db.int(&format!("SELECT count(*) FROM p WHERE {IS_HOT}")), 1000);
    db.sql("SELECT stretch.disable_table('p', leave_remote_data => false)");
    assert_eq!(db.lines("SELECT relation FROM stretch.tables"), ["t"]);
    assert_eq!(db.int("SELECT count(*) FROM stretch.partitioned_table"), 0);
    assert_eq!(db.lines("SELECT count(*), sum(n) FROM p"), ["1999|1999000"]);
    // The other way to say it.
    enable_table(&db, "p", "id % 2 = 0");
    drain(&db, "p");
    db.sql("SELECT stretch.set_migration_state('p', 'inbound')");
    wait_until("the end", PATIENCE, || {
        db.lines("SELECT relation FROM stretch.tables") == ["t"]
    });
    assert_eq!(db.lines("SELECT count(*), sum(n) FROM p"), ["1999|1999000"]);
    db.sql("CREATE TABLE p_3 PARTITION OF p FOR VALUES FROM (2000) TO (3000)");
    assert_eq!(db.lines("SELECT relation FROM stretch.tables"), ["t"]);
}

/// Whoever is too late to keep a table stretched is told so.
#[test]
fn a_table_on_its_last_step_does_not_turn_round_in_silence() {
    let (cluster, _endpoint, db) = server("home-late");
    // Who comes before the last step counts: nobody waits for him, and his state stays.
    let (old, early) = (cluster.connect("postgres"), cluster.connect("postgres"));
    old.sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t");
    db.sql("SELECT stretch.set_migration_state('t', 'inbound')");
    wait_until("all rows at home", PATIENCE, || {
        db.int("SELECT segments FROM stretch.tables") == 0
    });
    early.sql("BEGIN; SELECT stretch.set_migration_state('t', 'outbound')");
    old.sql("COMMIT");
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    let told =
        "SELECT count(*) FROM stretch.migration_batch WHERE direction = 'INBOUND' AND message LIKE '%stretched_table%'";
    wait_until("the worker at the last step", PATIENCE, || {
        db.int(waiting) + db.int(told) > 0
    });
    assert_eq!(
        db.int(waiting),
        0,
        "the worker would take what comes next for the last word"
    );
    early.sql("COMMIT");
    assert_eq!(db.text("SELECT migration_state FROM stretch.tables"), "outbound");
    drain(&db, "t");
    same(&db, "turned round");
    drop((db, old, early));
    cluster.set_conf(&[("stretch_test.pause_at", "UnstretchRecorded")]);
    cluster.restart();
    let (db, pause) = (cluster.connect("postgres"), cluster.connect("postgres"));
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = '{kind}'";
    pause.sql("SELECT pg_advisory_lock(4711)");
    db.sql("SELECT stretch.set_migration_state('t', 'inbound')");
    wait_until("the last step", PATIENCE, || {
        pause.int(&waits.replace("{kind}", "advisory")) > 0
    });
    std::thread::scope(|scope| {
        let late = scope.spawn(|| db.try_sql("SELECT stretch.set_migration_state('t', 'outbound')"));
        wait_until("him who is late", PATIENCE, || {
            pause.int(&waits.replace("{kind}", "transactionid")) > 0
        });
        pause.sql("SELECT pg_advisory_unlock(4711)");
        let error = late
            .join()
            .expect("no panic")
            .expect_err("it is an ordinary table by then");
        assert_eq!(error.code, "ST010", "{error}");
    });
    assert_eq!(db.int(IS_HEAP), 1);
    same(&db, "at home");
}

#[test]
fn rows_come_back_under_load() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let cluster = Cluster::builder("home-load")
        .archiving()
        .conf("stretch.naptime", "50ms")
        .conf("stretch.batch_rows", "100")
        .conf("stretch.max_batch_age", "0")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    twins::make(&db, &endpoint.url());
    let backup = cluster.basebackup();
    let (stop, new_id, counts) = (AtomicBool::new(false), AtomicU64::new(10_000), Counts::default());
    let mut points = Vec::new();
    let (mut homecomings, mut midst) = (0, 0);
    std::thread::scope(|scope| {
        for number in 0..3 {
            let (cluster, stop, new_id, counts) = (&cluster, &stop, &new_id, &counts);
            scope.spawn(move || client(cluster, seed.wrapping_add(number), stop, new_id, counts));
        }
        let _stopped = StopAtEnd(&stop);
        while homecomings < 4 || points.is_empty() {
            let before = counts.committed.load(Ordering::Relaxed);
            wait_until("the clients to work", PATIENCE, || {
                counts.committed.load(Ordering::Relaxed) >= before + 30
            });
            // It may have come home after all since it was to go out again.
            if db.int("SELECT count(*) FROM stretch.tables") == 0 {
                homecomings += 1;
                assert!(alike(&db), "at home");
                enable_table(&db, "t", "cold");
            }
            db.sql("SELECT stretch.set_migration_state('t', 'inbound')");
            // A moment that no event has chosen; then it may be on its way, and goes back or on.
            std::thread::sleep(Duration::from_millis(rng.random_range(0..400)));
            let retired = db.int("SELECT count(*) FROM stretch.segment WHERE retired");
            if retired > 0 && db.int("SELECT count(*) FROM stretch.tables") == 1 {
                midst += 1;
                db.sql(&format!("SELECT pg_create_restore_point('midst {midst}')"));
                points.push(format!("midst {midst}"));
            }
            assert!(alike(&db), "on the way");
            if rng.random_bool(0.5) {
                match db.try_sql("SELECT stretch.set_migration_state('t', 'outbound')") {
                    // It has ended just now.
                    Err(error) if error.code == "ST010" => {}
                    set => set.expect("the state is set"),
                }
            } else {
                wait_until("the end", PATIENCE, || {
                    db.int("SELECT count(*) FROM stretch.tables") == 0
                });
                homecomings += 1;
                assert!(alike(&db), "at home");
                enable_table(&db, "t", "cold");
            }
        }
    });
    assert!(alike(&db), "at the end");
    println!(
        "under load: {homecomings} homecomings, {} restore points in their midst, {} transactions, {} retried",
        points.len(),
        counts.committed.load(Ordering::Relaxed),
        counts.retried.load(Ordering::Relaxed),
    );
    // A restore to the midst of one is whole, and goes on.
    let point = points.pop().expect("a restore point in the midst");
    let restored = cluster.restore_to("restored", &backup, &Target::Name(point));
    let there = restored.connect("postgres");
    setup::reauthorize(&there);
    assert!(alike(&there), "restored");
    wait_until("the end", PATIENCE, || {
        there.int("SELECT count(*) FROM stretch.tables") == 0
    });
    assert!(alike(&there), "restored, and at home");
}

#[test]
fn standbys_show_all_rows_at_each_moment() {
    let (primary, _endpoint, db) = server("home-standby");
    let standby = primary.standby("standby");
    primary.share_service_key(&standby);
    let there = standby.wait_ready("postgres");
    let count = "SELECT count(*) FROM t";
    // Its snapshot is older than the end: the end comes, and the query of the standby goes.
    standby.set_conf(&[("max_standby_streaming_delay", "100ms")]);
    standby.reload();
    let old = standby.connect("postgres");
    old.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(old.int("SELECT 1"), 1);
    db.sql(HOME);
    let lsn = db.text("SELECT pg_current_wal_flush_lsn()");
    wait_until("replay", PATIENCE, || {
        let all = there.try_text(count);
        assert!(
            !matches!(&all, Ok(Some(all)) if all != "3000"),
            "the standby shows {all:?} rows"
        );
        there.bool(&format!("SELECT pg_last_wal_replay_lsn() >= '{lsn}'"))
    });
    let error = old.try_sql(count).expect_err("its snapshot saw cold rows");
    assert!(
        ["40001", "57P01", "57014", "08000"].contains(&error.code.as_str()),
        "{error}"
    );
    assert_eq!(there.int(count), 3000);
    wait_uploaded(&db);
}
