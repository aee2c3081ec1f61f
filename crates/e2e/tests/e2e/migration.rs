//! Migration beside writers: a row is in exactly one place, whoever holds it.

use crate::twins::StopAtEnd;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use stretch_core::manifest::{LiveSegment, Totals};
use testkit::setup::{drain, enable_database, enable_table, hot_rows, purge, reauthorize};
use testkit::{Client, Cluster, Endpoint, PATIENCE, wait_until};

/// Pauses of `after_a_pause_no_batch_commits`.
const ROUNDS: u32 = 12;

#[test]
fn a_row_that_somebody_holds_stays_hot_and_counts_once() {
    let cluster = Cluster::builder("migration-held").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql("CREATE TABLE t (id int PRIMARY KEY, b bigint); INSERT INTO t SELECT g, g FROM generate_series(1, 100) g");
    // So few rows wait for max_batch_age: nothing moves before it is asked to.
    enable_table(&db, "t", "id <= 90");
    let writer = cluster.connect("postgres");
    writer.sql("BEGIN; UPDATE t SET b = -b WHERE id = 5; SELECT FROM t WHERE id = 6 FOR UPDATE");
    assert_eq!(drain(&db, "t"), 88, "two rows are held");
    assert_eq!(hot_rows(&db, "t"), 12);
    assert_eq!(db.lines("SELECT count(*), sum(b) FROM t"), ["100|5050"]);
    assert_eq!(writer.lines("SELECT count(*), sum(b) FROM t"), ["100|5040"]);
    writer.sql("COMMIT");
    assert_eq!(db.lines("SELECT count(*), sum(b) FROM t"), ["100|5040"]);
    wait_until("the rows to go cold", PATIENCE, || {
        drain(&db, "t");
        hot_rows(&db, "t") == 10
    });
    assert_eq!(
        db.lines("SELECT count(*), count(DISTINCT id), sum(b) FROM t"),
        ["100|100|5040"]
    );
    assert_eq!(db.int("SELECT sum(live_rows) FROM stretch.segments"), 90);
}

#[test]
fn a_plan_in_use_never_loses_the_rows_that_go_cold() {
    let cluster = Cluster::builder("migration-plans").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 1000)");
    let reader = cluster.connect("postgres");
    reader.sql(
        "SET plan_cache_mode = force_generic_plan; PREPARE p AS SELECT count(*) FROM t; BEGIN; SELECT count(*) FROM t",
    );
    assert_eq!(reader.int("EXECUTE p"), 1000);
    // The reader holds its lock: enabling gives up instead of pulling the plan from under it (F1).
    let error = db.fails("SELECT stretch.enable_table('t', 'id <= 600')", "55P03");
    assert!(!error.message.is_empty());
    assert_eq!(reader.int("EXECUTE p"), 1000);
    reader.sql("COMMIT");
    enable_table(&db, "t", "id <= 600");
    assert_eq!(drain(&db, "t"), 600);
    assert_eq!(reader.int("EXECUTE p"), 1000);
}

/// A batch that began before the pause, and was still looking for rows, does not end after it.
#[test]
fn after_a_pause_no_batch_commits() {
    let cluster = Cluster::builder("migration-pause")
        .conf("stretch.naptime", "10ms")
        .conf("stretch.max_batch_age", "0")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    // Most of a batch's time is its look at rows that stay hot.
    db.sql(
        "CREATE TABLE t (id serial, cold boolean NOT NULL);
         INSERT INTO t (cold) SELECT false FROM generate_series(1, 100000)",
    );
    enable_table(&db, "t", "cold");
    let manifest = || db.text("SELECT manifest_id FROM stretch.manifest");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stopped = StopAtEnd(&stop);
        scope.spawn(|| {
            let feeder = cluster.connect("postgres");
            while !stop.load(Ordering::Relaxed) {
                feeder.sql("INSERT INTO t (cold) VALUES (true); SELECT pg_stat_force_next_flush()");
            }
        });
        for _ in 0..ROUNDS {
            let before = manifest();
            db.sql("SELECT stretch.set_migration_state('t', 'outbound')");
            wait_until("a batch", PATIENCE, || manifest() != before);
            db.sql("SELECT stretch.set_migration_state('t', 'paused')");
            let paused = manifest();
            // The worker does one thing after the other: what it was at is done when it answers.
            db.fails("SELECT stretch.migrate('t')", "55000");
            assert_eq!(manifest(), paused);
        }
    });
}

#[test]
fn a_filter_that_fails_on_some_rows_moves_the_others() {
    let cluster = Cluster::builder("migration-filter")
        .conf("stretch.batch_rows", "700")
        .conf("stretch.max_batch_age", "0")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, q int, note text);
         INSERT INTO t SELECT n, n % 100, repeat('x', 20) FROM generate_series(1, 5000) n",
    );
    // What fails in every statement is refused.
    for constant in ["id BETWEEN 1 AND 1/0", "id < 'x'::int"] {
        let error = db.fails(&format!("SELECT stretch.enable_table('t', $${constant}$$)"), "ST012");
        assert!(error.message.contains("the filter is not usable"), "{error}");
        db.fails(
            &format!("SELECT * FROM stretch.check_table('t', $${constant}$$)")
                .replace("SELECT * ", "SELECT 1/count(*) FILTER (WHERE item <> 'filter') "),
            "22012",
        );
    }
    db.sql("SELECT stretch.enable_table('t', '100/(q-10) > 5')");
    let wanted = "q BETWEEN 11 AND 26";
    // The worker may have moved some before it was asked.
    db.sql("SELECT stretch.drain('t')");
    let notices: Vec<_> = db.notices();
    let warning = notices
        .iter()
        .find(|notice| notice.severity == "WARNING")
        .expect("a warning");
    assert!(
        warning.message.contains(
            "50 rows of public.t stay hot, because the filter ((100 / (q - 10)) > 5) fails on them: division by zero"
        ),
        "{warning:?}"
    );
    assert_eq!(
        db.int(&format!(
            "SELECT count(*) FROM ONLY t WHERE ctid < '(2147483648,0)' AND {wanted}"
        )),
        0
    );
    assert_eq!(db.int("SELECT count(*) FROM t WHERE q = 10"), 50);
    assert_eq!(db.int("SELECT count(*) FROM t"), 5000);
    // The worker's own passes go on as well.
    db.sql("INSERT INTO t SELECT n, n % 100, 'new' FROM generate_series(5001, 7000) n");
    wait_until("the worker", PATIENCE, || {
        db.int(&format!(
            "SELECT count(*) FROM ONLY t WHERE ctid < '(2147483648,0)' AND {wanted}"
        )) == 0
    });
    assert_eq!(
        db.int("SELECT count(*) FROM ONLY t WHERE ctid < '(2147483648,0)' AND q = 10"),
        70
    );
    db.sql("UPDATE t SET q = 11 WHERE q = 10");
    db.sql("SELECT stretch.drain('t')");
    assert!(db.notices().iter().all(|notice| notice.severity != "WARNING"));
    assert_eq!(
        db.int(&format!(
            "SELECT count(*) FROM ONLY t WHERE ctid < '(2147483648,0)' AND {wanted}"
        )),
        0
    );
}

/// Segments that one table can have in its life.
const SEGMENT_NUMBERS: i64 = 8_319_999;

/// Lines of segment, row and identity: the living cold rows of `t`.
fn identities(db: &Client) -> BTreeSet<String> {
    db.lines("SELECT unnest(identities('t'))").into_iter().collect()
}

/// Numbers of the segments of `t` in the order in which they came.
fn numbers(db: &Client) -> Vec<String> {
    db.lines("SELECT number FROM stretch.segment ORDER BY migrated_at")
}

/// One more segment, of the rows `from` to `to`.
fn segment(db: &Client, from: i64, to: i64) {
    db.sql(&format!("INSERT INTO t SELECT generate_series({from}, {to})"));
    assert_eq!(drain(db, "t"), to - from + 1);
}

/// Takes a segment out of the table, as only a table that leaves does today.
fn retire(db: &Client, number: i64) {
    let hex = |text: &str| -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
        (0..text.len()).step_by(2).map(digit).collect()
    };
    let of = &db.rows(&format!(
        "SELECT segment_id, row_count, encode(sha256, 'hex'), segments, row_total, encode(digest, 'hex')
         FROM stretch.segment JOIN stretch.manifest USING (table_id) WHERE number = {number} AND NOT retired"
    ))[0];
    let text = |at: usize| of[at].clone().expect("not NULL");
    let gone = LiveSegment {
        segment_id: text(0).parse().expect("an id"),
        row_count: text(1).parse().expect("a number"),
        sha256: hex(&text(2)).try_into().expect("32 bytes"),
    };
    let (segments, rows) = (text(3).parse().expect("a number"), text(4).parse().expect("a number"));
    let totals = Totals::stored(segments, rows, &hex(&text(5))).expect("a manifest");
    let left = totals.remove(&gone).expect("it was in the manifest");
    let digest: String = left.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    db.sql(&format!(
        "BEGIN;
         UPDATE stretch.segment SET retired = true WHERE number = {number};
         UPDATE stretch.manifest SET manifest_id = gen_random_uuid(), segments = {}, row_total = {},
             digest = decode('{digest}', 'hex');
         COMMIT",
        left.segments, left.rows
    ));
}

/// What stands for a cold row in a plan does not depend on which segments there are beside its own.
#[test]
fn a_cold_row_keeps_its_identity() {
    let cluster = Cluster::builder("migration-identity")
        .conf("stretch.naptime", "100ms")
        .conf("stretch_test.moves_when_asked_only", "on")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE FUNCTION identities(regclass) RETURNS text[] LANGUAGE c STRICT AS '$libdir/pg_stretch', \
         'stretch_test_identities_wrapper';
         CREATE TABLE t (id bigint PRIMARY KEY)",
    );
    enable_table(&db, "t", "id <= 1000");
    segment(&db, 1, 30);
    let mut all = identities(&db);
    assert_eq!(all.len(), 30);
    let old = cluster.connect("postgres");
    old.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(identities(&old), all);

    // Segments that come change no row that is there, under no snapshot.
    for (from, to) in [(31, 50), (51, 55), (56, 95)] {
        segment(&db, from, to);
        let now = identities(&db);
        assert_eq!(now.difference(&all).count() as i64, to - from + 1);
        assert!(now.is_superset(&all), "{all:?}\n{now:?}");
        all = now;
    }
    assert_eq!(numbers(&db), ["0", "1", "2", "3"]);
    assert_eq!(identities(&old).len(), 30);
    assert!(identities(&old).is_subset(&all));
    let places: BTreeSet<_> = all.iter().filter_map(|line| line.rsplit(' ').next()).collect();
    assert_eq!(places.len(), all.len(), "no two rows have one identity");

    // Nor do those that go, and the number of one that is gone is not given again.
    for number in [0, 3] {
        let id = db.text(&format!(
            "SELECT segment_id FROM stretch.segment WHERE number = {number}"
        ));
        retire(&db, number);
        all.retain(|line| !line.starts_with(&id));
        assert_eq!(identities(&db), all);
    }
    assert_eq!(identities(&old).len(), 30, "the old snapshot has them yet");
    old.sql("COMMIT");
    segment(&db, 101, 110);
    assert_eq!(numbers(&db), ["0", "1", "2", "3", "4"]);
    assert!(identities(&db).is_superset(&all));

    // Statements find the rows that they mean.
    let before = identities(&db);
    db.sql("DELETE FROM t WHERE id IN (33, 52); UPDATE t SET id = 2000 WHERE id = 105");
    let left = identities(&db);
    assert_eq!((before.len(), left.len()), (35, 32));
    assert!(left.is_subset(&before));
    assert_eq!(db.lines("SELECT count(*), sum(id) FROM t"), ["33|3940"]);

    // A dump takes numbers and counter along.
    purge(&db, "t");
    let dump = cluster.pg_dump("postgres", &["--format=custom"]);
    cluster.create_database("there");
    cluster.pg_restore("there", &[], &dump);
    let there = cluster.connect("there");
    reauthorize(&there);
    assert_eq!(identities(&there), left);
    segment(&there, 201, 210);
    assert_eq!(numbers(&there), ["0", "1", "2", "3", "4", "5"]);
    assert!(identities(&there).is_superset(&left));

    // The last number of all, and none after it.
    db.sql(&format!(
        "UPDATE stretch.manifest SET next_segment_number = {}",
        SEGMENT_NUMBERS - 1
    ));
    segment(&db, 301, 310);
    assert_eq!(identities(&db).difference(&left).count(), 10);
    db.sql("DELETE FROM t WHERE id = 305; INSERT INTO t VALUES (311)");
    let error = db.fails("SELECT stretch.migrate('t')", "55000");
    assert!(error.message.contains("8319999 numbers"), "{error}");
    assert_eq!(db.lines("SELECT count(*) FROM t WHERE id BETWEEN 301 AND 311"), ["10"]);
    assert_eq!(
        db.lines("SELECT id FROM ONLY t WHERE ctid < '(2147483648,0)' AND id BETWEEN 301 AND 311"),
        ["311"]
    );
}
