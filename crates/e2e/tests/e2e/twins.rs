//! Two tables that every transaction changes alike: `t`, stretched, and `plain`, which says what must be in it.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use testkit::setup::{drain, enable_database, enable_table, hot_rows};
use testkit::{Client, Cluster};

/// Stretches the database and makes the tables of 6000 rows; those that are `cold`, 4999 at first, are moved.
pub fn make(db: &Client, url: &str) {
    enable_database(db, url);
    for table in ["t", "plain"] {
        db.sql(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, cold boolean NOT NULL, n int NOT NULL);
             INSERT INTO {table} SELECT g, g < 5000, g FROM generate_series(1, 6000) g"
        ));
    }
    enable_table(db, "t", "cold");
    // The worker may move some before it is asked.
    drain(db, "t");
    assert_eq!(hot_rows(db, "t"), 1001);
}

/// What the clients have done.
#[derive(Default)]
pub struct Counts {
    pub committed: AtomicU64,
    pub retried: AtomicU64,
    pub cold_writes: AtomicU64,
    pub lost_connections: AtomicU64,
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

/// Works until told to stop, through crashes of the server.
pub fn client(cluster: &Cluster, seed: u64, stop: &AtomicBool, new_id: &AtomicU64, counts: &Counts) {
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
pub fn alike(db: &Client) -> bool {
    db.bool(
        "SELECT (SELECT md5(string_agg(q::text, ',' ORDER BY id)) FROM t q)
              = (SELECT md5(string_agg(q::text, ',' ORDER BY id)) FROM plain q)",
    )
}

/// Also when a check fails: the clients must not go on for ever.
pub struct StopAtEnd<'a>(pub &'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
