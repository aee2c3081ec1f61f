//! Kills at random moments under a workload that changes stretched tables and their plain twins in the same
//! transactions: single rows, and rows that are locked, upserted, referred to, cascaded to and taken from a queue.

use super::Bench;
use crate::family;
use crate::seed::seed;
use crate::twins::{Counts, StopAtEnd, alike, client};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use testkit::{Cluster, PATIENCE, wait_until};

/// How often each way of meeting cold rows happens to the families, at least.
const FAMILIES: u64 = 10;

/// `STRETCH_KILLS` says how many.
#[test]
fn kills_at_random_lose_nothing() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let kills: u32 = std::env::var("STRETCH_KILLS").map_or(6, |text| text.parse().expect("a number"));
    let bench = Bench::new("kills-random", "0");
    let cluster = &bench.cluster;
    let (stop, new_id, counts) = (AtomicBool::new(false), AtomicU64::new(10_000), Counts::default());
    family::make(&cluster.connect("postgres"));
    let families = family::Counts::default();
    let migrations = "SELECT count(*) FROM stretch.segment";
    let before = cluster.connect("postgres").int(migrations);
    std::thread::scope(|scope| {
        for number in 0..3 {
            let (stop, new_id, counts) = (&stop, &new_id, &counts);
            scope.spawn(move || client(cluster, seed.wrapping_add(number), stop, new_id, counts));
        }
        for (number, level) in (0..).zip(["READ COMMITTED", "READ COMMITTED", "REPEATABLE READ"]) {
            let (stop, families) = (&stop, &families);
            scope.spawn(move || family::client(cluster, "postgres", level, number, seed, stop, families));
        }
        let stopped = StopAtEnd(&stop);
        for number in 0..kills {
            let committed = counts.committed.load(Ordering::Relaxed);
            wait_until("the clients to work", PATIENCE, || {
                assert!(!stop.load(Ordering::Relaxed), "a client failed");
                counts.committed.load(Ordering::Relaxed) > committed + 300
                    && families.has_met(FAMILIES * u64::from(number + 1) / u64::from(kills))
            });
            // A moment that no step has chosen.
            std::thread::sleep(Duration::from_millis(rng.random_range(0..400)));
            kill(cluster, &mut rng, number);
            let db = cluster.wait_ready("postgres");
            assert!(alike(&db), "after kill {number}");
            assert!(
                db.bool(family::IS_WELL),
                "families and queue after kill {number}: {:#?}",
                family::ailments(&db)
            );
        }
        drop(stopped);
    });
    bench.check("after all kills");
    let db = cluster.connect("postgres");
    let migrated = db.int(migrations) - before;
    assert!(
        db.bool(family::IS_WELL),
        "families and queue after all kills: {:#?}",
        family::ailments(&db)
    );
    families.print_and_demand("kills at random", FAMILIES);
    testkit::tally("kills at random", kills.into());
    testkit::tally(
        "transactions under random kills",
        counts.committed.load(Ordering::Relaxed),
    );
    println!(
        "kills: {kills} at random, {} transactions, {} retried, {} wrote cold rows, {} connections lost, \
         {migrated} batches",
        counts.committed.load(Ordering::Relaxed),
        counts.retried.load(Ordering::Relaxed),
        counts.cold_writes.load(Ordering::Relaxed),
        counts.lost_connections.load(Ordering::Relaxed),
    );
    assert!(migrated > 5, "too few batches");
    assert!(counts.cold_writes.load(Ordering::Relaxed) > 5, "too few cold writes");
    assert!(
        counts.lost_connections.load(Ordering::Relaxed) >= u64::from(kills),
        "the kills met nobody"
    );
}

/// In turn a worker, a session of a client and the postmaster.
fn kill(cluster: &Cluster, rng: &mut StdRng, number: u32) {
    let kind = match number % 3 {
        0 => "pg_stretch worker",
        1 => "client backend",
        _ => {
            cluster.kill9();
            cluster.start();
            return;
        }
    };
    let db = cluster.wait_ready("postgres");
    let mut pids = Vec::new();
    wait_until(kind, PATIENCE, || {
        pids = db.lines(&format!(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = '{kind}' AND pid <> pg_backend_pid()"
        ));
        !pids.is_empty()
    });
    let pid = &pids[rng.random_range(0..pids.len())];
    cluster.kill_process(pid.parse().expect("a process id"));
}
