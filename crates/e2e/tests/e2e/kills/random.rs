//! Kills at random moments under a workload that changes a stretched table and its plain twin in the same transactions.

use super::Bench;
use crate::seed::seed;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use testkit::{Client, Cluster, PATIENCE, wait_until};

/// What the clients have done.
#[derive(Default)]
struct Counts {
    committed: AtomicU64,
    retried: AtomicU64,
    cold_writes: AtomicU64,
    lost_connections: AtomicU64,
}

/// One transaction: the same statement for both tables.
fn statement(rng: &mut StdRng, new_id: &AtomicU64) -> String {
    let id = rng.random_range(1..=6000);
    match rng.random_range(0..10) {
        0 => format!("DELETE FROM {{t}} WHERE id = {id}"),
        1..=3 => {
            let id = new_id.fetch_add(1, Ordering::Relaxed);
            format!("INSERT INTO {{t}} VALUES ({id}, {}, {id})", rng.random_bool(0.6))
        }
        4 => format!("UPDATE {{t}} SET cold = true WHERE id BETWEEN {id} AND {id} + 9"),
        5..=6 => format!(
            "UPDATE {{t}} SET n = n + 1, cold = false WHERE id BETWEEN {id} AND {} AND cold",
            id + 2
        ),
        _ => format!("UPDATE {{t}} SET n = n + 1 WHERE id = {id}"),
    }
}

fn client(cluster: &Cluster, seed: u64, stop: &AtomicBool, new_id: &AtomicU64, counts: &Counts) {
    // A client that fails ends the test.
    let _stopped = StopAtEnd(stop);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut db: Option<Client> = None;
    while !stop.load(Ordering::Relaxed) {
        let Some(there) = &db else {
            db = cluster.try_connect_as("postgres", "postgres").ok();
            continue;
        };
        let text = statement(&mut rng, new_id);
        let cold = "SELECT count(*) FROM stretch.tombstone WHERE xmin = pg_current_xact_id()::xid";
        let run = || {
            there.try_sql("BEGIN ISOLATION LEVEL REPEATABLE READ")?;
            there.try_sql(&text.replace("{t}", "plain"))?;
            there.try_sql(&text.replace("{t}", "t"))?;
            let dead = there.try_text(cold)?;
            there.try_sql("COMMIT")?;
            Ok::<_, testkit::SqlError>(dead.as_deref() != Some("0"))
        };
        match run() {
            Ok(cold) => {
                counts.committed.fetch_add(1, Ordering::Relaxed);
                counts.cold_writes.fetch_add(cold.into(), Ordering::Relaxed);
            }
            Err(error) if ["40001", "40P01"].contains(&error.code.as_str()) => {
                counts.retried.fetch_add(1, Ordering::Relaxed);
                let _ = there.try_sql("ROLLBACK");
            }
            // The server goes down or comes up, or the connection is gone.
            Err(error) if error.code.starts_with("57P") || error.code.starts_with("08") => {
                counts.lost_connections.fetch_add(1, Ordering::Relaxed);
                db = None;
            }
            Err(error) => panic!("{text}: {error}"),
        }
    }
}

/// Both tables hold the same rows in one snapshot.
fn alike(db: &Client) -> bool {
    db.bool(
        "SELECT (SELECT md5(string_agg(q::text, ',' ORDER BY id)) FROM t q)
              = (SELECT md5(string_agg(q::text, ',' ORDER BY id)) FROM plain q)",
    )
}

/// `STRETCH_KILLS` says how many.
#[test]
fn kills_at_random_lose_nothing() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let kills: u32 = std::env::var("STRETCH_KILLS").map_or(6, |text| text.parse().expect("a number"));
    let bench = Bench::new("kills-random", "0");
    let cluster = &bench.cluster;
    let (stop, new_id, counts) = (AtomicBool::new(false), AtomicU64::new(10_000), Counts::default());
    let migrations = "SELECT count(*) FROM stretch.segment";
    let before = cluster.connect("postgres").int(migrations);
    std::thread::scope(|scope| {
        for number in 0..3 {
            let (stop, new_id, counts) = (&stop, &new_id, &counts);
            scope.spawn(move || client(cluster, seed.wrapping_add(number), stop, new_id, counts));
        }
        let stopped = StopAtEnd(&stop);
        for number in 0..kills {
            let committed = counts.committed.load(Ordering::Relaxed);
            wait_until("the clients to work", PATIENCE, || {
                assert!(!stop.load(Ordering::Relaxed), "a client failed");
                counts.committed.load(Ordering::Relaxed) > committed + 300
            });
            // A moment that no step has chosen.
            std::thread::sleep(Duration::from_millis(rng.random_range(0..400)));
            kill(cluster, &mut rng, number);
            let db = cluster.wait_ready("postgres");
            assert!(alike(&db), "after kill {number}");
        }
        drop(stopped);
    });
    bench.check("after all kills");
    let db = cluster.connect("postgres");
    let migrated = db.int(migrations) - before;
    testkit::tally("kills at random", kills.into());
    testkit::tally(
        "transactions under random kills",
        counts.committed.load(Ordering::Relaxed),
    );
    println!(
        "kills: {kills} at random, {} transactions, {} retried, {} wrote cold rows, {} connections lost, {migrated} batches",
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

/// Also when a check fails: the clients must not go on for ever.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
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
    cluster.signal_process("KILL", pid.parse().expect("a process id"));
    wait_until("the end of the sessions", PATIENCE, || db.try_sql("SELECT 1").is_err());
}
