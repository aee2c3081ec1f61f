//! Standbys: reads of hot, staged and remote rows while the primary works, a recovery that pauses, a failover under
//! load (F49).

use crate::identity::await_state;
use crate::seed::seed;
use crate::twins::{self, Counts, StopAtEnd, alike, client};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use testkit::setup::{drain, purge};
use testkit::{Client, Cluster, Endpoint, PATIENCE, Target, wait_until};

#[test]
fn a_standby_reads_under_load_and_takes_over() {
    let seed = seed();
    let primary = Cluster::builder("standby-load")
        .conf("stretch.naptime", "100ms")
        .conf("stretch.batch_rows", "100")
        .conf("stretch.max_batch_age", "0")
        .conf("wal_keep_size", "1GB")
        .conf("hot_standby_feedback", "on")
        .start();
    let endpoint = Endpoint::new();
    let db = primary.connect("postgres");
    twins::make(&db, &endpoint.url());
    purge(&db, "t");
    let standby = primary.standby("standby");
    primary.share_service_key(&standby);
    let there = standby.wait_ready("postgres");
    views_work(&there);
    let (stop, new_id, counts) = (AtomicBool::new(false), AtomicU64::new(10_000), Counts::default());
    std::thread::scope(|scope| {
        for number in 0..2 {
            let (primary, stop, new_id, counts) = (&primary, &stop, &new_id, &counts);
            scope.spawn(move || client(primary, seed.wrapping_add(number), stop, new_id, counts));
        }
        let _stopped = StopAtEnd(&stop);
        let (mut versions, mut last) = (0, String::new());
        wait_until("reads of many versions", PATIENCE, || {
            there.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
            assert!(alike(&there), "on the standby");
            let version = there.text("SELECT manifest_id FROM stretch.manifest");
            let staged = there.int("SELECT count(*) FROM stretch.segment WHERE staged AND NOT retired");
            assert_eq!(there.lines("SELECT pg_current_xact_id_if_assigned() IS NULL"), ["t"]);
            there.sql("COMMIT");
            if version != last && staged > 0 {
                versions += 1;
                last = version;
            }
            versions >= 10 && counts.committed.load(Ordering::Relaxed) > 300
        });
        drop(db);
        primary.kill9();
        standby.promote();
        standby.wait_primary();
    });
    // Until it has watched the branch for one lease, it reads nothing remote: the old primary might still live.
    await_state(&there, "connected");
    assert!(alike(&there), "after the failover");
    there.sql("INSERT INTO t SELECT n, true, n FROM generate_series(900001, 900100) n");
    there.sql("INSERT INTO plain SELECT n, true, n FROM generate_series(900001, 900100) n");
    drain(&there, "t");
    purge(&there, "t");
    assert!(alike(&there), "after the next pass");
    // The old primary finds its branch taken, and reads nothing that is only on the endpoint.
    primary.start();
    let old = primary.connect("postgres");
    await_state(&old, "disconnected");
    old.fails("SELECT count(*) FROM t", "ST001");
}

/// It is no standby: it has the key and may be read, but nothing remote is, until it ended and was reauthorized.
/// Every view and the checks work during recovery, and say so.
fn views_work(there: &Client) {
    assert_eq!(there.text("SELECT state FROM stretch.status"), "standby");
    for view in ["status", "tables", "segments", "migration_status", "space_used"] {
        assert!(
            there.int(&format!("SELECT count(*) FROM stretch.{view}")) >= 1,
            "{view}"
        );
    }
    assert!(there.int("SELECT eligible_rows_estimate FROM stretch.tables") >= 0);
    assert!(there.int("SELECT count(*) FROM stretch.check()") > 3);
}

#[test]
fn a_recovery_that_pauses_reads_nothing_remote() {
    let original = Cluster::builder("standby-pause").archiving().start();
    let endpoint = Endpoint::new();
    let db = original.connect("postgres");
    twins::make(&db, &endpoint.url());
    purge(&db, "t");
    let backup = original.basebackup();
    db.sql("INSERT INTO t SELECT n, true, n FROM generate_series(7001, 7100) n");
    drain(&db, "t");
    db.sql("SELECT pg_create_restore_point('here')");
    let paused = original.prepare_restore("paused", &backup, &Target::Name("here".into()));
    paused.set_conf(&[("recovery_target_action", "pause")]);
    original.share_service_key(&paused);
    paused.start();
    let there = paused.wait_ready("postgres");
    wait_until("the pause", PATIENCE, || {
        there.text("SELECT pg_get_wal_replay_pause_state()") == "paused"
    });
    let error = there.fails("SELECT count(*) FROM t", "ST001");
    assert!(error.hint.starts_with("Wait until the recovery has ended"), "{error:?}");
    assert_eq!(there.int("SELECT count(*) FROM t WHERE NOT cold"), 1001);
    assert_eq!(
        there.int("SELECT count(*) FROM stretch.segment WHERE staged"),
        1,
        "the rows of the last batch are here"
    );
    views_work(&there);
    there.sql("SELECT pg_wal_replay_resume()");
    paused.wait_primary();
    await_state(&there, "disconnected");
    there.fails("SELECT count(*) FROM t", "ST001");
}
