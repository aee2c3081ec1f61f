//! Compaction: small and half dead segments become few full ones, and nobody notices but by the clock.

use crate::seed::seed;
use crate::twins::{self, Counts, StopAtEnd, alike, client};
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use testkit::setup::{drain, enable_database, enable_table, purge, wait_uploaded};
use testkit::{Client, Cluster, Endpoint, PATIENCE, Target, digest, setup, wait_until};

const LIVE: &str = "SELECT count(*) FROM stretch.segment WHERE NOT retired";

/// A stretched table of 4,000 rows, all but 100 of them cold, in segments of a hundred, on the endpoint alone.
fn server(name: &str) -> (Cluster, Endpoint, Client) {
    let cluster = Cluster::builder(name)
        .conf("stretch.naptime", "50ms")
        .conf("stretch.batch_rows", "100")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, word text COLLATE \"C\", amount numeric(10, 2), free numeric,
            at timestamptz, day date, tags text[], code uuid, raw bytea, f float8);
         INSERT INTO t SELECT g, nullif('word ' || g % 77, 'word 5'), g % 900, 'NaN'::numeric,
            timestamptz '2024-01-01' + g * interval '1 h', date '2024-01-01' + g, ARRAY[g::text, NULL],
            md5(g::text)::uuid, decode(md5(g::text), 'hex'), 1.0 / g FROM generate_series(1, 4000) g;
         CREATE TABLE twin AS TABLE t",
    );
    db.sql("SELECT stretch.enable_table('t', 'id <= 3900', order_by => 'word')");
    drain(&db, "t");
    purge(&db, "t");
    assert_eq!(db.int(LIVE), 39);
    (cluster, endpoint, db)
}

fn full_of(cluster: &Cluster, rows: &str) -> Client {
    cluster.set_conf(&[("stretch.batch_rows", rows)]);
    cluster.reload();
    wait_until("the setting", PATIENCE, || {
        cluster.connect("postgres").text("SHOW stretch.batch_rows") == rows
    });
    cluster.connect("postgres")
}

fn same(db: &Client, what: &str) {
    digest::assert_same(db, "t", "twin", what);
}

#[test]
fn small_segments_become_full_ones_and_dead_rows_leave() {
    let (cluster, endpoint, db) = server("compact-plain");
    for table in ["t", "twin"] {
        db.sql(&format!(
            "DELETE FROM {table} WHERE id % 10 = 7; DELETE FROM {table} WHERE id BETWEEN 1000 AND 1400;
             UPDATE {table} SET amount = 1 WHERE id = 5"
        ));
    }
    // Who reads cold rows meanwhile sees them as they were.
    let old = cluster.connect("postgres");
    let content = digest::multiset_digest(&old, "t");
    old.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
    old.sql("SELECT 1");
    let objects = endpoint.segments();
    let db = full_of(&cluster, "1000");
    let replaced = db.int("SELECT stretch.compact('t')");
    assert!(replaced >= 39, "{replaced}");
    let live = db.int(LIVE);
    assert!((4..=8).contains(&live), "{live} segments");
    same(&db, "compacted");
    assert_eq!(digest::multiset_digest(&old, "t"), content, "under the older snapshot");
    old.sql("COMMIT");
    assert_eq!(
        db.int(
            "SELECT count(*) FROM stretch.tombstone d JOIN stretch.segment s USING (segment_id) WHERE NOT s.retired"
        ),
        0,
        "no row is dead"
    );
    // New objects come, and none of the old is deleted.
    purge(&db, "t");
    let now = endpoint.segments();
    assert!(objects.iter().all(|object| now.contains(object)));
    assert_eq!(now.len() as i64, objects.len() as i64 + live);
    same(&db, "from the endpoint");
    assert_eq!(db.lines("SELECT missing, corrupt FROM stretch.verify('t')"), ["0|0"]);
    // Keys, conditions and single rows are found in the new segments.
    db.fails("INSERT INTO t (id) VALUES (3000)", "23505");
    db.sql("INSERT INTO t (id) VALUES (1007); INSERT INTO twin (id) VALUES (1007)");
    for sql in [
        "SELECT count(*), sum(amount) FROM {t} WHERE word = 'word 12'",
        "SELECT count(*) FROM {t} WHERE at < '2024-02-01'",
        "SELECT * FROM {t} WHERE id = 777",
        "SELECT word, count(*) FROM {t} GROUP BY word ORDER BY word",
        "SELECT id FROM {t} ORDER BY id DESC LIMIT 5 OFFSET 200",
    ] {
        let of = |table: &str| db.lines(&sql.replace("{t}", table));
        assert_eq!(of("t"), of("twin"), "{sql}");
    }
    for table in ["t", "twin"] {
        db.sql(&format!(
            "UPDATE {table} SET amount = 2 WHERE id = 2001; DELETE FROM {table} WHERE id = 2002"
        ));
    }
    same(&db, "changed");
    assert_eq!(
        db.int("SELECT stretch.compact('t')"),
        1,
        "the segment with two dead rows"
    );
    assert_eq!(db.int("SELECT stretch.compact('t')"), 0);
    same(&db, "at the end");
}

#[test]
fn the_worker_keeps_segments_few_by_itself() {
    let cluster = Cluster::builder("compact-trickle")
        .conf("stretch.naptime", "20ms")
        .conf("stretch.max_batch_age", "0")
        .conf("stretch.batch_rows", "4000")
        .conf("stretch.compact", "on")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql("CREATE TABLE t (id int PRIMARY KEY, n int); CREATE TABLE twin (id int, n int)");
    enable_table(&db, "t", "true");
    for batch in 0..200 {
        for table in ["t", "twin"] {
            db.sql(&format!(
                "INSERT INTO {table} SELECT g, g FROM generate_series({0}, {0} + 19) g",
                batch * 20
            ));
        }
        drain(&db, "t");
    }
    let total = db.int("SELECT count(*) FROM stretch.segment");
    wait_until("few segments", PATIENCE, || db.int(LIVE) <= 30);
    println!(
        "trickle: {total} segments were made, {} are live; rows written by compaction {}",
        db.int(LIVE),
        db.int("SELECT coalesce(sum(row_count), 0) - 4000 FROM stretch.segment"),
    );
    same(&db, "few segments");
    // What is all dead leaves at once, and what is half dead is written anew.
    db.sql("DELETE FROM t WHERE id % 3 > 0; DELETE FROM twin WHERE id % 3 > 0");
    wait_until("dead rows to leave", PATIENCE, || {
        db.int("SELECT sum(row_count) FROM stretch.segment WHERE NOT retired") < 2700
    });
    same(&db, "half dead");
    db.sql("DELETE FROM t; DELETE FROM twin");
    wait_until("no segment", PATIENCE, || db.int(LIVE) == 0);
    same(&db, "empty");
}

#[test]
fn writers_and_readers_meet_compaction_and_lose_nothing() {
    let seed = seed();
    let cluster = Cluster::builder("compact-load")
        .archiving()
        .conf("stretch.naptime", "20ms")
        .conf("stretch.batch_rows", "2000")
        .conf("stretch.max_batch_age", "0")
        .conf("stretch.compact", "on")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    twins::make(&db, &endpoint.url());
    let backup = cluster.basebackup();
    let (stop, new_id, counts) = (AtomicBool::new(false), AtomicU64::new(10_000), Counts::default());
    let compacted = "SELECT count(*) FROM stretch.segment WHERE retired";
    std::thread::scope(|scope| {
        for number in 0..3 {
            let (cluster, stop, new_id, counts) = (&cluster, &stop, &new_id, &counts);
            scope.spawn(move || client(cluster, seed.wrapping_add(number), stop, new_id, counts));
        }
        let _stopped = StopAtEnd(&stop);
        let old = cluster.connect("postgres");
        wait_until("many segments to be replaced", PATIENCE, || {
            // A snapshot that lives through some of it.
            old.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
            assert!(alike(&old), "at first");
            let _ = db.try_sql("SELECT stretch.compact('t')");
            assert!(alike(&db), "meanwhile");
            assert!(alike(&old), "under an older snapshot");
            old.sql("COMMIT");
            db.int(compacted) > 60 && counts.committed.load(Ordering::Relaxed) > 300
        });
        db.sql("SELECT pg_create_restore_point('meanwhile')");
    });
    assert!(alike(&db), "at the end");
    println!(
        "compaction under load: {} segments replaced, {} transactions, {} retried",
        db.int(compacted),
        counts.committed.load(Ordering::Relaxed),
        counts.retried.load(Ordering::Relaxed),
    );
    wait_uploaded(&db);
    let restored = cluster.restore_to("restored", &backup, &Target::Name("meanwhile".into()));
    let there = restored.connect("postgres");
    setup::reauthorize(&there);
    assert!(alike(&there), "restored");
}

#[test]
fn a_writer_that_waits_goes_on_in_the_new_segment() {
    let (cluster, _endpoint, _db) = server("compact-writers");
    let db = full_of(&cluster, "1000");
    let writer = cluster.connect("postgres");
    writer.sql("BEGIN; DECLARE c CURSOR FOR SELECT id FROM t WHERE id <= 3900 FOR UPDATE");
    assert!(db.int("SELECT stretch.compact('t')") >= 39);
    let locked = writer.lines("FETCH 500 FROM c");
    assert_eq!(locked.len(), 500);
    writer.sql("UPDATE t SET amount = 3 WHERE CURRENT OF c; COMMIT");
    db.sql(&format!("UPDATE twin SET amount = 3 WHERE id = {}", locked[499]));
    same(&db, "changed");
    // At REPEATABLE READ it is told, and may run again.
    writer.sql("DELETE FROM t WHERE id = 3");
    writer.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
    writer.sql("SELECT 1");
    db.sql("DELETE FROM twin WHERE id = 3");
    assert!(db.int("SELECT stretch.compact('t')") > 0);
    writer.fails("UPDATE t SET amount = 4 WHERE id = 4", "40001");
    writer.sql("ROLLBACK");
    writer.sql("UPDATE t SET amount = 4 WHERE id = 4");
    db.sql("UPDATE twin SET amount = 4 WHERE id = 4");
    same(&db, "at the end");
}

/// What is to be erased: the greatest of its column, so that statistics name it.
const MARKER: &str = "zz-erase-me";

fn find(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn cached_files(cluster: &Cluster) -> Vec<String> {
    let folders = fs::read_dir(cluster.state_dir().join("cache")).into_iter().flatten();
    let files = folders.flat_map(|folder| fs::read_dir(folder.expect("an entry").path()).into_iter().flatten());
    files
        .map(|file| file.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn an_erased_person_is_nowhere_but_in_old_objects() {
    let cluster = Cluster::builder("compact-erase")
        .conf("stretch.naptime", "50ms")
        .conf("stretch.batch_rows", "300")
        .conf("stretch.cache_size", "64MB")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, person text COLLATE \"C\");
         INSERT INTO t SELECT g, CASE WHEN g % 100 = 7 THEN '{MARKER}' ELSE 'somebody ' || g % 17 END
            FROM generate_series(1, 1000) g"
    ));
    enable_table(&db, "t", "true");
    drain(&db, "t");
    purge(&db, "t");
    // Read, so that it is in the segment cache too; and some of it is not uploaded yet.
    assert_eq!(
        db.int(&format!("SELECT count(id) FROM t WHERE person = '{MARKER}'")),
        10
    );
    endpoint.take_away();
    db.sql(&format!(
        "INSERT INTO t SELECT g, '{MARKER}' FROM generate_series(2001, 2100) g"
    ));
    drain(&db, "t");
    endpoint.put_back();
    // Files of the cache are named after their segments.
    let cached = || {
        let retired = db.lines("SELECT segment_id FROM stretch.segment WHERE retired");
        let is_of_one = |file: &&String| retired.iter().any(|id| file.contains(id.as_str()));
        cached_files(&cluster).iter().filter(is_of_one).count()
    };
    assert!(!cached_files(&cluster).is_empty());
    let old = endpoint.segments();
    db.sql(&format!("DELETE FROM t WHERE person = '{MARKER}'"));
    assert!(db.int("SELECT stretch.compact('t')") > 0);
    wait_uploaded(&db);
    db.sql("SELECT stretch.purge_staged('t')");
    for (what, sql) in [
        (
            "staged bytes",
            "SELECT count(*) FROM stretch.staged_chunk WHERE position('{m}'::bytea IN bytes) > 0",
        ),
        (
            "statistics",
            "SELECT count(*) FROM stretch.segment_detail WHERE position('{m}'::bytea IN detail) > 0",
        ),
        ("rows", "SELECT count(*) FROM t WHERE person = '{m}'"),
    ] {
        assert_eq!(db.int(&sql.replace("{m}", MARKER)), 0, "{what}");
    }
    assert_eq!(cached(), 0, "files of the segment cache");
    let holds = |object: &String| find(&endpoint.read(object), MARKER.as_bytes());
    assert!(old.iter().any(holds), "the statistics of an old object say it");
    let live = db.lines("SELECT object_key FROM stretch.segments WHERE state <> 'retired'");
    for object in endpoint.segments() {
        let is_live = live.iter().any(|key| object.ends_with(key.as_str()));
        assert!(!(is_live && holds(&object)), "{object} holds it");
    }
    // The report: what is retired and still on the endpoint.
    assert!(db.int("SELECT count(*) FROM stretch.segments WHERE state = 'retired' AND object_key IS NOT NULL") >= 4);
    assert_eq!(db.int("SELECT count(*) FROM t"), 990);
}
