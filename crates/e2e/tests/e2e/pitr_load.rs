//! Restores to points of every kind while clients write, beside the living original, from a restored server, and across
//! two timeline switches: in each, the stretched table and its plain twin are alike. `STRETCH_POINTS` says how many.

use crate::seed::seed;
use crate::twins::{self, Counts, StopAtEnd, alike, client};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use testkit::{Client, Cluster, Endpoint, PATIENCE, Target, setup, wait_until};

/// Lets clients write to a server as long as `meanwhile` runs; ids of new rows come from `new_id`.
fn under_load<R>(cluster: &Cluster, seed: u64, new_id: &AtomicU64, meanwhile: impl FnOnce(&Counts) -> R) -> R {
    let (stop, counts) = (AtomicBool::new(false), Counts::default());
    std::thread::scope(|scope| {
        for number in 0..2 {
            let (stop, counts) = (&stop, &counts);
            scope.spawn(move || client(cluster, seed.wrapping_add(number), stop, new_id, counts));
        }
        let _stopped = StopAtEnd(&stop);
        meanwhile(&counts)
    })
}

/// Waits until so many more transactions have committed.
fn work(counts: &Counts, transactions: u64) {
    let before = counts.committed.load(Ordering::Relaxed);
    wait_until("the clients to work", PATIENCE, || {
        counts.committed.load(Ordering::Relaxed) >= before + transactions
    });
}

/// The present moment, named in one of the ways that recovery knows.
fn point(db: &Client, kind: usize, name: &str) -> Target {
    match kind {
        0 => {
            db.sql(&format!("SELECT pg_create_restore_point('{name}')"));
            Target::Name(name.into())
        }
        1 => Target::Lsn(db.text("SELECT pg_current_wal_insert_lsn()")),
        2 => Target::Time(db.text("SELECT clock_timestamp()")),
        3 => Target::Xid(db.text("SELECT pg_current_xact_id()")),
        _ => Target::Immediate,
    }
}

/// What follows every restore: nothing is read before the four steps, and then everything is there.
fn reconnect(restored: &Cluster, what: &Target) -> Client {
    let db = restored.connect("postgres");
    db.fails("SELECT count(*) FROM t", "ST001");
    setup::reauthorize(&db);
    assert!(alike(&db), "{what:?}");
    assert_eq!(
        db.lines("SELECT missing, corrupt FROM stretch.verify('t')"),
        ["0|0"],
        "{what:?}"
    );
    testkit::tally("restore points under load compared", 1);
    db
}

#[test]
fn restores_under_load_give_back_both_twins() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let points: usize = std::env::var("STRETCH_POINTS").map_or(3, |text| text.parse().expect("a number"));
    let original = Cluster::builder("pitr-load")
        .archiving()
        .conf("stretch.naptime", "100ms")
        .conf("stretch.batch_rows", "100")
        .conf("stretch.max_batch_age", "0")
        .start();
    let endpoint = Endpoint::new();
    let db = original.connect("postgres");
    twins::make(&db, &endpoint.url());
    // From here on every restore needs the endpoint.
    setup::purge(&db, "t");
    let new_id = AtomicU64::new(10_000);
    let (backup, first) = under_load(&original, seed, &new_id, |counts| {
        work(counts, 100);
        let backup = original.basebackup();
        let mut kinds = [0, 1, 2, 3, 4];
        kinds.shuffle(&mut rng);
        let targets: Vec<Target> = (0..points)
            .map(|number| {
                work(counts, 100);
                std::thread::sleep(Duration::from_millis(rng.random_range(0..100)));
                point(&db, kinds[number % kinds.len()], &format!("point {number}"))
            })
            .collect();
        work(counts, 50);
        let mut last = None;
        for (number, target) in targets.iter().enumerate() {
            println!("{number}: {target:?}");
            let there = original.restore_to("restored", &backup, target);
            reconnect(&there, target);
            work(counts, 20);
            last = Some(there);
        }
        (backup, last.expect("a point"))
    });
    assert!(alike(&db), "the original");
    assert!(db.int("SELECT count(*) FROM stretch.segment") > 10, "too few batches");

    // From the restored one, and from the first backup along both new timelines.
    let target = Target::Name("in the second".into());
    let second = under_load(&first, seed, &new_id, |counts| {
        work(counts, 50);
        let backup = first.basebackup();
        work(counts, 100);
        let target = point(&first.connect("postgres"), 0, "in the first");
        work(counts, 20);
        let second = first.restore_to("second", &backup, &target);
        reconnect(&second, &target);
        second
    });
    under_load(&second, seed, &new_id, |counts| {
        work(counts, 50);
        point(&second.connect("postgres"), 0, "in the second");
        work(counts, 20);
    });
    first.archive_now();
    second.archive_now();
    let archives = [&original, &first, &second];
    let across = original.prepare_restore_through("across", &backup, &target, &archives);
    across.start();
    across.wait_primary();
    let there = reconnect(&across, &target);
    assert!(
        there.int("SELECT timeline_id FROM pg_control_checkpoint()") >= 3,
        "two switches"
    );
    assert!(alike(&db), "the original");
}
