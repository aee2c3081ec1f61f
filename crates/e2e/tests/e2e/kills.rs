//! kill -9 at every durable step, and at random: content equals the model afterwards, and the next pass succeeds (I-2,
//! I-3).

#[path = "kills/random.rs"]
mod random;

use crate::identity::await_state;
use crate::seed::seed;
use crate::twins;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::fs;
use stretch_core::steps::Step;
use testkit::setup::{CREDENTIAL, drain, enable_table, wait_uploaded};
use testkit::{Client, Cluster, Endpoint, PATIENCE, digest, wait_until};

/// Who dies at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    /// The process that reached it.
    Itself,
    /// The postmaster, with it.
    Postmaster,
}

/// A server with the tables `t` (stretched: rows below 5000 are cold) and `plain`, which every transaction changes
/// alike.
struct Bench {
    cluster: Cluster,
    endpoint: Endpoint,
    next_id: u32,
}

impl Bench {
    /// `max_batch_age`: after how long the worker moves a few rows without being asked.
    fn new(name: &str, max_batch_age: &str) -> Self {
        let cluster = Cluster::builder(name)
            .conf("stretch.naptime", "100ms")
            .conf("stretch.max_batch_age", max_batch_age)
            .conf("autovacuum", "off")
            .conf("stretch.collect", "off")
            .conf("stretch_test.collect_grace", "1000")
            .start();
        let endpoint = Endpoint::new();
        let db = cluster.connect("postgres");
        twins::make(&db, &endpoint.url());
        Self {
            cluster,
            endpoint,
            next_id: 6001,
        }
    }

    /// Fifty new rows, all to be moved.
    fn insert(&mut self, db: &Client) {
        for table in ["t", "plain"] {
            db.sql(&format!(
                "INSERT INTO {table} SELECT g, true, g FROM generate_series({0}, {0} + 49) g",
                self.next_id
            ));
        }
        self.next_id += 50;
    }

    /// Brings the server to the place just before a step; the statement returned, or what the worker does after it,
    /// reaches it.
    fn prepare(&mut self, step: Step, db: &Client, rng: &mut StdRng) -> String {
        use Step::*;
        match step {
            BatchClaimed | BatchDeleted | BatchRecorded | BatchCommitted | UploadBegun | UploadReadBack
            | UploadRecorded | UploadCommitted => {
                wait_uploaded(db);
                self.insert(db);
                "SELECT stretch.drain('t')".into()
            }
            PurgeListed | PurgeRecorded | PurgeCommitted => {
                self.insert(db);
                drain(db, "t");
                wait_uploaded(db);
                "SELECT stretch.purge_staged('t')".into()
            }
            FoldDeleted | FoldRecorded | FoldCommitted => {
                let delete = |table: &str| {
                    format!(
                        "DO $$ DECLARE i int; BEGIN
                             FOR i IN SELECT id FROM plain_cold ORDER BY id LIMIT 300 LOOP DELETE FROM {table} \
                             WHERE id = i; END LOOP;
                         END $$"
                    )
                };
                db.sql(
                    "DROP TABLE IF EXISTS plain_cold; CREATE TABLE plain_cold AS SELECT id FROM plain \
                    WHERE cold AND id < 5000",
                );
                format!("BEGIN; {}; {}; COMMIT", delete("t"), delete("plain"))
            }
            HomeInserted | HomeRecorded | HomeCommitted | UnstretchRecorded | UnstretchCommitted => {
                self.insert(db);
                drain(db, "t");
                "SELECT stretch.disable_table('t', leave_remote_data => false)".into()
            }
            CompactMade | CompactWritten | CompactRecorded | CompactCommitted => {
                for _ in 0..3 {
                    self.insert(db);
                    drain(db, "t");
                }
                "SELECT stretch.compact('t')".into()
            }
            ReauthorizeChosen | ReauthorizePinned | ReauthorizeClaimed | ReauthorizeRecorded | ReauthorizeCommitted => {
                db.sql("SELECT stretch.deauthorize()");
                await_state(db, "disconnected");
                format!("SELECT * FROM stretch.reauthorize('{CREDENTIAL}')")
            }
            RefillRecorded | RefillCommitted => {
                self.insert(db);
                drain(db, "t");
                wait_uploaded(db);
                // A verification under way would find the loss before reconcile does.
                wait_until("the verifications", PATIENCE, || {
                    db.int(
                        "SELECT count(*) FROM stretch.segment WHERE staged AND NOT retired
                             AND verified_generation IS DISTINCT FROM (SELECT generation FROM stretch.binding)",
                    ) == 0
                });
                // A kill during an upload leaves a second object with the same bytes, which reconcile would take.
                let ids = db.lines("SELECT segment_id FROM stretch.segment WHERE staged AND NOT retired");
                let objects = self.endpoint.segments();
                let of = |id: &String| {
                    objects
                        .iter()
                        .filter(|path| path.contains(id.as_str()))
                        .collect::<Vec<_>>()
                };
                let object = ids.iter().map(of).find(|paths| paths.len() == 1);
                let object = object.expect("a segment with one object")[0].clone();
                self.endpoint.remove(&object);
                "SELECT * FROM stretch.reconcile()".into()
            }
            CollectNoted | CollectMarked | CollectDeleted | CollectForgotten => {
                db.sql("SELECT stretch.set_retention('0')");
                for _ in 0..3 {
                    self.insert(db);
                    drain(db, "t");
                }
                wait_uploaded(db);
                db.sql("SELECT stretch.compact('t')");
                wait_uploaded(db);
                // One round marks, a later one deletes, the next finds nothing and forgets.
                let until = |what: &str, sql: &str| wait_until(what, PATIENCE, || db.int(sql) > 0);
                let lines = "SELECT count(*) FROM stretch.collect";
                match step {
                    CollectDeleted => {
                        until(
                            "a mark",
                            &format!("{lines}(dry_run => false) WHERE reason LIKE '%not marked yet'"),
                        );
                        until(
                            "the grace",
                            &format!("{lines}() WHERE reason LIKE '%may be deleted now'"),
                        );
                    }
                    CollectForgotten => until("a deletion", &format!("{lines}(dry_run => false) WHERE deleted")),
                    _ => {}
                }
                "SELECT stretch.collect(dry_run => false)".into()
            }
            TombstoneWritten => {
                let id = rng.random_range(2000..5000);
                format!(
                    "BEGIN; UPDATE plain SET n = n + 1 WHERE id = {id}; UPDATE t SET n = n + 1 WHERE id = {id}; COMMIT"
                )
            }
        }
    }

    /// Arms the step, goes there, and has the server back.
    fn kill_at(&mut self, step: Step, victim: Victim, rng: &mut StdRng) {
        let db = self.cluster.connect("postgres");
        let statement = self.prepare(step, &db, rng);
        let order = self.cluster.data().join("pg_stretch.kill");
        let pids = self.cluster.processes();
        let whom = match victim {
            Victim::Itself => "self",
            Victim::Postmaster => "postmaster",
        };
        let witness = self.cluster.connect("postgres");
        fs::write(&order, format!("{} {whom}", step.name())).expect("writable");
        let told = db.try_sql(&statement);
        wait_until(&format!("a kill at {step:?} ({told:?})"), PATIENCE, || !order.exists());
        match victim {
            Victim::Itself => {
                // The death of any process makes the postmaster restart all others; before it sees it, it lets others
                // in.
                wait_until("the end of the sessions", PATIENCE, || {
                    witness.try_sql("SELECT 1").is_err()
                });
            }
            Victim::Postmaster => {
                self.cluster.bury(&pids);
                self.cluster.start();
            }
        }
    }

    /// A table on its way home arrives there, and is stretched anew.
    fn stretch_again(&self, db: &Client) {
        let state =
            "SELECT coalesce((SELECT migration_state FROM stretch.tables WHERE relation = 't'::regclass), 'gone')";
        if db.text(state) == "outbound" {
            return;
        }
        wait_until("the rows to come home", PATIENCE, || db.text(state) == "gone");
        assert_eq!(
            digest::table_digest(db, "t", "id"),
            digest::table_digest(db, "plain", "id")
        );
        enable_table(db, "t", "cold");
    }

    /// The content is the model's, now and when everything has settled; what was cut short is done again.
    fn check(&self, what: &str) {
        let db = self.cluster.wait_ready("postgres");
        let same = |when: &str| {
            assert_eq!(
                digest::table_digest(&db, "t", "id"),
                digest::table_digest(&db, "plain", "id"),
                "{what}, {when}"
            );
        };
        let known = ["connected", "disconnected"];
        wait_until("a verdict", PATIENCE, || {
            known.contains(&db.text("SELECT state FROM stretch.status").as_str())
        });
        if db.text("SELECT state FROM stretch.status") == "disconnected" {
            db.sql(&format!("SELECT * FROM stretch.reauthorize('{CREDENTIAL}')"));
        }
        same("at once");
        self.stretch_again(&db);
        drain(&db, "t");
        wait_uploaded(&db);
        same("after the next pass");
        assert_eq!(
            db.int("SELECT count(*) FROM ONLY t WHERE ctid < '(2147483648,0)' AND cold"),
            0,
            "{what}: all is moved"
        );
        assert_eq!(
            db.int(
                "SELECT count(*) FROM stretch.staged_chunk c
                 WHERE NOT EXISTS (SELECT FROM stretch.segment s WHERE s.segment_id = c.segment_id AND s.staged)"
            ),
            0,
            "{what}: nothing is left in staging"
        );
        assert_eq!(
            db.lines("SELECT missing, corrupt FROM stretch.verify('t')"),
            ["0|0"],
            "{what}"
        );
    }
}

#[test]
fn kills_at_every_step_lose_nothing() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut bench = Bench::new("kills-steps", "1d");
    let mut kills = BTreeMap::new();
    let first = rng.random_range(0..2);
    for (number, step) in Step::ALL.into_iter().enumerate() {
        let victim = [Victim::Itself, Victim::Postmaster][(number + first) % 2];
        bench.kill_at(step, victim, &mut rng);
        bench.check(&format!("{step:?} {victim:?}"));
        testkit::tally(&format!("kills at {step:?}"), 1);
        *kills.entry(format!("{victim:?}")).or_insert(0) += 1;
    }
    println!("kills: {} steps, {kills:?}", Step::ALL.len());
    assert!(kills.values().sum::<u32>() >= 20);
}
