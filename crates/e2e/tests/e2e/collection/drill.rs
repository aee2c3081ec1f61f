//! An original, copies and a copy of a copy live side by side on one endpoint, and all of them collect.

use super::{builder, compact, holds_just, is_whole, needed, table, wait_grace};
use crate::identity::await_state;
use crate::seed::seed;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::fs;
use stretch_core::steps::Step;
use testkit::setup::{drain, enable_database, enable_table, purge, reauthorize, wait_uploaded};
use testkit::{Client, Cluster, Endpoint, PATIENCE, Target, wait_until};

/// How many databases there are in the end.
const MEMBERS: usize = 4;

/// A database with the tables `t` and `plain`, which every statement changes alike.
struct Member {
    cluster: usize,
    database: String,
    db: Client,
    next_id: u32,
}

/// Both tables hold the same rows.
fn alike(db: &Client) -> bool {
    db.bool(
        "SELECT (SELECT md5(coalesce(string_agg(q::text, ',' ORDER BY id), '')) FROM t q)
              = (SELECT md5(coalesce(string_agg(q::text, ',' ORDER BY id), '')) FROM plain q)",
    )
}

struct Drill {
    clusters: Vec<Cluster>,
    members: Vec<Member>,
    endpoint: Endpoint,
    rng: StdRng,
}

impl Drill {
    fn new(seed: u64) -> Self {
        let cluster = builder("collect-drill", 400)
            .conf("stretch.collect", "on")
            .archiving()
            .start();
        let endpoint = Endpoint::new();
        let db = cluster.connect("postgres");
        enable_database(&db, &endpoint.url());
        db.sql("SELECT stretch.set_retention('0')");
        for table in ["t", "plain"] {
            db.sql(&format!(
                "CREATE TABLE {table} (id int PRIMARY KEY, cold boolean NOT NULL, n int NOT NULL);
                 INSERT INTO {table} SELECT g, g <= 500, g FROM generate_series(1, 600) g"
            ));
        }
        enable_table(&db, "t", "cold");
        drain(&db, "t");
        let original = Member {
            cluster: 0,
            database: "postgres".into(),
            db,
            next_id: 1000,
        };
        Self {
            clusters: vec![cluster],
            members: vec![original],
            endpoint,
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// Something happens to one of them.
    fn step(&mut self) -> &'static str {
        let at = self.rng.random_range(0..self.members.len());
        let what = self.rng.random_range(0..100);
        if what < 12 && self.members.len() < MEMBERS {
            return match self.members.len() {
                2 => self.copy_server(at),
                _ => self.copy_database(at),
            };
        }
        let id = self.rng.random_range(1..1400);
        let member = &mut self.members[at];
        let db = &member.db;
        let both = |sql: &str| {
            db.sql(&format!(
                "BEGIN; {}; {}; COMMIT",
                sql.replace("{t}", "t"),
                sql.replace("{t}", "plain")
            ));
        };
        match what {
            0..40 => {
                let first = member.next_id;
                member.next_id += 60;
                both(&format!(
                    "INSERT INTO {{t}} SELECT g, g % 3 > 0, g FROM generate_series({first}, {first} + 59) g"
                ));
                drain(db, "t");
                "moves rows"
            }
            40..55 => {
                both(&format!("DELETE FROM {{t}} WHERE id BETWEEN {id} AND {id} + 40"));
                "deletes"
            }
            55..65 => {
                both(&format!(
                    "UPDATE {{t}} SET n = n + 1, cold = false WHERE id BETWEEN {id} AND {id} + 5"
                ));
                "updates"
            }
            65..80 => {
                wait_uploaded(db);
                db.sql("SELECT stretch.compact('t')");
                "compacts"
            }
            80..90 => {
                purge(db, "t");
                "purges"
            }
            90..93 => {
                both("TRUNCATE {t}");
                "truncates"
            }
            _ => {
                db.sql("SELECT stretch.reconcile()");
                "reconciles"
            }
        }
    }

    /// A dump is restored beside the original. Whoever makes a backup pins it while it may be restored.
    fn copy_database(&mut self, of: usize) -> &'static str {
        let number = self.members.len();
        let name = format!("copy{number}");
        let member = &self.members[of];
        let cluster = &self.clusters[member.cluster];
        wait_uploaded(&member.db);
        member.db.sql(&format!("SELECT stretch.pin_backup('{name}')"));
        let dump = cluster.pg_dump(&member.database, &["--format=custom"]);
        member.db.sql("SELECT stretch.compact('t')");
        cluster.create_database(&name);
        cluster.pg_restore(&name, &[], &dump);
        let db = cluster.connect(&name);
        await_state(&db, "disconnected");
        reauthorize(&db);
        // Its original's claim promised a week.
        db.sql("SELECT stretch.set_retention('0')");
        assert!(member.db.bool(&format!("SELECT stretch.unpin_backup('{name}')")));
        let copy = Member {
            cluster: member.cluster,
            database: name,
            db,
            next_id: member.next_id + 10_000 * number as u32,
        };
        self.members.push(copy);
        "becomes two by a dump"
    }

    /// A base backup of a whole server is restored beside it; one of its databases goes on there.
    fn copy_server(&mut self, of: usize) -> &'static str {
        let number = self.members.len();
        let name = format!("server{number}");
        let member = &self.members[of];
        let cluster = &self.clusters[member.cluster];
        wait_uploaded(&member.db);
        member.db.sql(&format!("SELECT stretch.pin_backup('{name}')"));
        let backup = cluster.basebackup();
        member.db.sql("SELECT pg_create_restore_point('here')");
        member.db.sql("SELECT stretch.compact('t')");
        let restored = cluster.restore_to(&name, &backup, &Target::Name("here".into()));
        let db = restored.connect(&member.database);
        await_state(&db, "disconnected");
        reauthorize(&db);
        // Its original's claim promised a week.
        db.sql("SELECT stretch.set_retention('0')");
        assert!(member.db.bool(&format!("SELECT stretch.unpin_backup('{name}')")));
        let copy = Member {
            cluster: self.clusters.len(),
            database: member.database.clone(),
            db,
            next_id: member.next_id + 10_000 * number as u32,
        };
        self.clusters.push(restored);
        self.members.push(copy);
        "becomes two by a base backup"
    }

    /// All of them have what they should, and can read it.
    fn check(&self, what: &str) {
        for member in &self.members {
            let name = format!("{} of server {} after one {what}", member.database, member.cluster);
            assert!(alike(&member.db), "{name}");
            let bad = "SELECT missing + corrupt + unreadable FROM stretch.verify('t')";
            assert_eq!(member.db.int(bad), 0, "{name}");
        }
    }

    /// In the end the endpoint holds what the catalogs name.
    fn settle(&self) {
        let databases: Vec<&Client> = self.members.iter().map(|member| &member.db).collect();
        for db in &databases {
            wait_uploaded(db);
        }
        wait_until("the last object to go", PATIENCE, || {
            self.endpoint.segments() == needed(&databases)
        });
        wait_until("the last mark to go", PATIENCE, || {
            super::marks(&self.endpoint).is_empty()
        });
        holds_just(&self.endpoint, &databases);
    }
}

#[test]
fn copies_and_originals_collect_side_by_side() {
    let seed = seed();
    let steps = std::env::var("STRETCH_STEPS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(60);
    let mut drill = Drill::new(seed);
    for number in 0..steps {
        let what = drill.step();
        println!("step {number}: {what}");
        if number % 5 == 4 {
            drill.check(what);
        }
    }
    while drill.members.len() < MEMBERS {
        match drill.members.len() {
            2 => drill.copy_server(1),
            last => drill.copy_database(last - 1),
        };
    }
    drill.check("last step");
    drill.settle();
    drill.check("end");
    let deleted: usize = drill
        .clusters
        .iter()
        .map(|cluster| cluster.log().matches("pg_stretch collection:").count())
        .sum();
    println!(
        "{} servers, {} databases, {deleted} rounds deleted something",
        drill.clusters.len(),
        MEMBERS
    );
    assert!(deleted > 0, "nothing was collected");
}

/// A process that stands still, and goes on when this goes: also when a check fails, since others wait for it.
pub struct Stopped(pub String);

impl Drop for Stopped {
    fn drop(&mut self) {
        let told = std::process::Command::new("kill").args(["-CONT", &self.0]).status();
        told.expect("kill runs");
    }
}

#[test]
fn a_collector_that_stands_still_hurts_no_copy() {
    for step in [
        Step::CollectNoted,
        Step::CollectMarked,
        Step::CollectDeleted,
        Step::CollectForgotten,
    ] {
        let cluster = builder("collect-stop", 1000).start();
        let endpoint = Endpoint::new();
        let db = cluster.connect("postgres");
        table(&db, &endpoint);
        let dump = cluster.pg_dump("postgres", &["--format=custom"]);
        compact(&db, "t");
        let round = || db.sql("SELECT stretch.collect(false)");
        let old = || wait_grace(&db);
        old();
        // The round that passes the step.
        let before = match step {
            Step::CollectDeleted => 1,
            Step::CollectForgotten => 2,
            _ => 0,
        };
        for _ in 0..before {
            round();
            old();
        }
        let order = cluster.data().join("pg_stretch.kill");
        fs::write(&order, format!("{} stop", step.name())).expect("writable");
        let worker = db.text("SELECT worker_pid FROM stretch.status");
        let copy = std::thread::scope(|scope| {
            let caller = cluster.connect("postgres");
            let collecting = scope.spawn(move || caller.try_sql("SELECT stretch.collect(false)"));
            let stopped = Stopped(worker);
            wait_until("the worker to stand still", PATIENCE, || !order.exists());
            // A copy is made of what the original has given up a moment ago.
            cluster.create_database("copy");
            cluster.pg_restore("copy", &[], &dump);
            let copy = cluster.connect("copy");
            await_state(&copy, "disconnected");
            testkit::setup::create_secrets(&copy, "testkit", "unused by a folder");
            let found = copy.lines("SELECT present, lost, is_reconciled FROM stretch.reauthorize('cred')");
            // What is gone is named; what is marked was copied, what is not is pinned.
            let expected = match step {
                Step::CollectDeleted => "4|1|f",
                Step::CollectForgotten => "0|5|f",
                _ => "5|0|t",
            };
            assert_eq!(found, [expected], "{step:?}");
            old();
            drop(stopped);
            // A request that stood still with the worker took too long.
            if let Err(error) = collecting.join().expect("no panic") {
                assert_eq!(error.code, "ST005", "{error}");
            }
            copy
        });
        for _ in 0..2 {
            round();
            old();
        }
        let missing = copy.int("SELECT missing FROM stretch.verify('t')");
        match step {
            Step::CollectDeleted => assert_eq!(missing, 1, "{step:?}"),
            Step::CollectForgotten => assert_eq!(missing, 5, "{step:?}"),
            _ => is_whole(&copy, "t", 520),
        }
        is_whole(&db, "t", 520);
    }
}
