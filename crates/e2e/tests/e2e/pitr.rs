//! Restores to moments drawn from what really happened, beside the living original, give back what was there then.
//!
//! While no client writes, the content stays the same whatever the extension moves. In such windows this test
//! records the content, lets the extension work in tiny batches, and sets restore points all the time. The events of
//! the window are then read from the write-ahead log, and moments are drawn from them. `STRETCH_SEED` replays the
//! draw.

#[path = "pitr/moments.rs"]
mod moments;

use crate::seed;
use moments::{Kind, Window};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;
use testkit::setup::{IS_HOT, hot_rows};
use testkit::{Client, Cluster, Endpoint, PATIENCE, digest, setup, wait_until};

const WINDOWS: usize = 6;
const FILTER: &str = "state = 'done' AND day < date '2020-01-01'";

fn content(db: &Client) -> String {
    digest::multiset_digest(db, "t")
}

/// Inserts, updates and deletes of hot rows; many become eligible.
fn burst(r: &mut StdRng, db: &Client) {
    for _ in 0..r.random_range(4..8) {
        db.sql(&format!(
            "INSERT INTO t (day, state, amount, note)
             SELECT date '2019-01-01' + (random() * 500)::int, CASE WHEN random() < 0.7 THEN 'done' ELSE 'open' END,
                    random() * 1000, repeat(md5(random()::text), {}) FROM generate_series(1, {})",
            r.random_range(0..4),
            r.random_range(40..120)
        ));
        let some = r.random_range(2..7);
        db.sql(&format!(
            "UPDATE t SET state = 'done', note = note || '!' WHERE state = 'open' AND id % {some} = 0"
        ));
        db.sql(&format!("DELETE FROM t WHERE state = 'open' AND id % 11 = {some}"));
    }
}

/// One quiet time in which the extension works; `open` holds a transaction that has written and not ended.
fn window(cluster: &Cluster, db: &Client, log: &Client, open: Option<&Client>, number: usize) -> Window {
    let before = content(db);
    let from = log.text("SELECT pg_current_wal_insert_lsn()");
    let (stop, set) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let points = cluster.connect("postgres");
            while !stop.load(Ordering::Relaxed) {
                let n = set.fetch_add(1, Ordering::Relaxed);
                // The pause only keeps the server's log readable.
                points.sql(&format!(
                    "SELECT pg_create_restore_point('w{number}p{n}'), pg_sleep(0.001)"
                ));
            }
        });
        let worked = db
            .try_sql("SELECT stretch.drain('t')")
            .and_then(|()| db.try_sql("SELECT stretch.purge_staged('t')"));
        let seen = set.load(Ordering::Relaxed);
        wait_until("restore points after the purge", PATIENCE, || {
            set.load(Ordering::Relaxed) > seen + 3
        });
        stop.store(true, Ordering::Relaxed);
        worked.unwrap_or_else(|error| panic!("{error}"));
    });
    let to = log.text("SELECT pg_current_wal_insert_lsn()");
    // Records can be read once they are flushed. Restore points do not flush, the commit of a transaction that has
    // written does.
    log.sql("SELECT pg_logical_emit_message(true, 'pitr', 'the window ended')");
    assert_eq!(content(db), before, "the extension's work changed the content");
    moments::window(db, log, &from, &to, before, open.is_some())
}

#[test]
fn restores_to_drawn_moments_give_back_what_was_there() {
    let mut r = StdRng::seed_from_u64(seed::seed());
    let began = Instant::now();
    let step = |what: &str| println!("{:6.1} s  {what}", began.elapsed().as_secs_f64());
    let cluster = Cluster::builder("pitr")
        .archiving()
        .conf("stretch.batch_rows", "40")
        .conf("stretch.naptime", "50ms")
        .conf("wal_keep_size", "1GB")
        .conf("log_min_messages", "fatal")
        .start();
    let log = cluster.connect("postgres");
    log.sql("CREATE EXTENSION pg_walinspect");
    cluster.create_database("shop");
    let db = cluster.connect("shop");
    db.sql(
        "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, day date, state text, \
         amount numeric(12,3), note text)",
    );
    burst(&mut r, &db);
    let endpoint = Endpoint::new();
    setup::enable_database(&db, &endpoint.url());
    setup::enable_table(&db, "t", FILTER);
    setup::drain(&db, "t");
    db.sql("SELECT stretch.purge_staged('t')");
    let backup = cluster.basebackup();
    step("prepared");

    let mut windows = Vec::new();
    for number in 0..WINDOWS {
        burst(&mut r, &db);
        let open = (number % 2 == 1).then(|| {
            let open = cluster.connect("shop");
            open.sql(
                "BEGIN; INSERT INTO t (day, state) SELECT date '2019-05-05', 'done' FROM generate_series(1, 30);
                 UPDATE t SET amount = -1 WHERE state = 'open' AND id % 3 = 0; \
                 DELETE FROM t WHERE state = 'open' AND id % 5 = 0",
            );
            open
        });
        windows.push(window(&cluster, &db, &log, open.as_ref(), number));
        if let Some(open) = open {
            open.sql(if r.random() { "COMMIT" } else { "ROLLBACK" });
        }
    }
    burst(&mut r, &db);
    step("recorded");

    for kind in Kind::ALL {
        for by_name in [true, false] {
            let (target, window) = moments::draw(&mut r, &windows, kind, by_name);
            let expected = &windows[window].content;
            println!("{kind:?} in window {window}: {target:?}");
            let original = content(&db);
            let restored = cluster.restore_to("restored", &backup, &target);
            let there = restored.connect("shop");
            there.fails("SELECT count(*) FROM t", "ST001");
            for line in setup::reauthorize(&there) {
                println!("        {line}");
            }
            assert_eq!(&content(&there), expected, "{kind:?}, {target:?}, window {window}");
            lives_on(&there);
            assert_eq!(
                content(&db),
                original,
                "the original, after {target:?} was restored beside it"
            );
            testkit::tally("restore points compared", 1);
            step("restored and compared");
        }
    }
    lives_on(&db);
    step("done");
}

/// New rows migrate, and everything is still there.
fn lives_on(db: &Client) {
    let count = |from: &str| db.int(&format!("SELECT count(*) FROM {from}"));
    db.sql("INSERT INTO t (day, state) SELECT date '2018-01-01', 'done' FROM generate_series(1, 100)");
    let (all, hot) = (count("t"), hot_rows(db, "t"));
    setup::drain(db, "t");
    assert_eq!(
        count(&format!("ONLY t WHERE {IS_HOT} AND {FILTER}")),
        0,
        "rows of the filter stayed hot"
    );
    assert_eq!(count("t"), all);
    assert!(hot_rows(db, "t") < hot, "nothing migrated");
}
