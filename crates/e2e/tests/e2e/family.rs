//! Clients for what row locks, upserts and foreign keys promise: parents with children, both stretched, and a queue of
//! jobs. Parents and children have plain twins that every transaction changes alike, so that one query says whether all
//! is well; a job that is taken is written down beside the queue in the same transaction.
//!
//! Every transaction changes the plain twin first. What it locks there keeps all others off the same parent, so that
//! the twins are alike at READ COMMITTED, too.

use crate::twins::StopAtEnd;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use testkit::setup::{drain, enable_table, hot_rows};
use testkit::{Client, Cluster, SqlError};

/// Parents that come and go; each client has one of its own beyond them.
const PARENTS: u32 = 40;
const JOBS: u32 = 400;
/// How likely a changed row may become cold again.
const COLD: f64 = 0.85;
/// The stretched tables.
pub const TABLES: [&str; 3] = ["parent", "child", "jobs"];

/// Makes and fills the tables of a stretched database; all rows are cold.
pub fn make(db: &Client) {
    for twin in ["", "plain_"] {
        db.sql(&format!(
            "CREATE TABLE {twin}parent (id int PRIMARY KEY, cold boolean NOT NULL, n bigint NOT NULL);
             CREATE TABLE {twin}child (id int PRIMARY KEY, of int NOT NULL REFERENCES {twin}parent ON DELETE CASCADE,
                cold boolean NOT NULL, n bigint NOT NULL);
             CREATE INDEX ON {twin}child (of);
             INSERT INTO {twin}parent SELECT g, true, 0 FROM generate_series(0, {PARENTS} - 1) g;
             INSERT INTO {twin}child SELECT g, g % {PARENTS}, true, 0 FROM generate_series(1, 3 * {PARENTS}) g"
        ));
    }
    db.sql(&format!(
        "CREATE TABLE jobs (id int PRIMARY KEY, cold boolean NOT NULL, taken int);
         INSERT INTO jobs SELECT g, true FROM generate_series(1, {JOBS}) g;
         CREATE TABLE took (job int NOT NULL, who int NOT NULL)"
    ));
    for table in TABLES {
        enable_table(db, table, "cold");
        // Some the worker has moved by then.
        drain(db, table);
        assert_eq!(hot_rows(db, table), 0, "{table}");
    }
}

/// In one snapshot: the twins are alike, no child is without a parent, and each job that is taken was taken once.
pub const IS_WELL: &str = "SELECT coalesce(
    (SELECT string_agg(q::text, ',' ORDER BY id) FROM parent q)
        = (SELECT string_agg(q::text, ',' ORDER BY id) FROM plain_parent q)
    AND (SELECT string_agg(q::text, ',' ORDER BY id) FROM child q)
        = (SELECT string_agg(q::text, ',' ORDER BY id) FROM plain_child q)
    AND NOT EXISTS (SELECT FROM child WHERE of NOT IN (SELECT id FROM parent))
    AND (SELECT array_agg((id, taken) ORDER BY id) FROM jobs WHERE taken IS NOT NULL)
        IS NOT DISTINCT FROM (SELECT array_agg((job, who) ORDER BY job) FROM took), false)";

/// What is not well, a line each.
pub fn ailments(db: &Client) -> Vec<String> {
    db.lines(
        "WITH parents AS (SELECT * FROM parent), children AS (SELECT * FROM child)
         (SELECT 'only stretched: parent', q::text FROM (TABLE parents EXCEPT ALL TABLE plain_parent) q)
         UNION ALL (SELECT 'only plain: parent', q::text FROM (TABLE plain_parent EXCEPT ALL TABLE parents) q)
         UNION ALL (SELECT 'only stretched: child', q::text FROM (TABLE children EXCEPT ALL TABLE plain_child) q)
         UNION ALL (SELECT 'only plain: child', q::text FROM (TABLE plain_child EXCEPT ALL TABLE children) q)
         UNION ALL (SELECT 'orphan', q::text FROM children q WHERE of NOT IN (SELECT id FROM parents))
         UNION ALL (SELECT 'taken', (id, taken, who)::text FROM
            (SELECT * FROM jobs WHERE taken IS NOT NULL) j FULL JOIN took ON job = id AND who = taken
            WHERE id IS NULL OR who IS NULL)",
    )
}

/// Whether an error is a 40001 that READ COMMITTED never gets. A statement that inserts may get one, for a new row that
/// waited for a moving row with its key (docs/consistency.md).
pub fn is_needless(error: &SqlError, inserts: bool) -> bool {
    let waited = inserts && error.message.ends_with("became cold meanwhile");
    error.code == "40001" && !waited
}

/// What the clients have done.
#[derive(Default)]
pub struct Counts {
    pub committed: AtomicU64,
    /// Tries that got 40001 or 40P01.
    pub retried: AtomicU64,
    /// 40001 at READ COMMITTED.
    pub needless: AtomicU64,
    /// Children whose parent was gone, on the plain table already.
    pub refused: AtomicU64,
    lost_connections: AtomicU64,
    /// Committed transactions that met cold rows so, by [`Met`].
    met: [AtomicU64; 5],
    /// What no transaction may see.
    pub wrong: Mutex<Vec<String>>,
}

/// How a transaction meets a cold row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Met {
    /// Locks it, reads it and writes what it read.
    Locked,
    /// Upserts it.
    Upserted,
    /// Inserts a child of it.
    Parent,
    /// Deletes it by a cascade.
    Cascaded,
    /// Takes it from the queue.
    Taken,
}

impl Met {
    const ALL: [Self; 5] = [Self::Locked, Self::Upserted, Self::Parent, Self::Cascaded, Self::Taken];
}

impl Counts {
    /// Whether each way of meeting cold rows has happened so often.
    pub fn has_met(&self, each: u64) -> bool {
        self.met.iter().all(|count| count.load(Ordering::Relaxed) >= each)
    }

    /// Prints the counts, and demands that each way of meeting cold rows has happened so often and nothing was wrong.
    pub fn print_and_demand(&self, what: &str, each: u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let met: Vec<String> = Met::ALL
            .iter()
            .map(|met| format!("{met:?} {}", of(&self.met[*met as usize])))
            .collect();
        println!(
            "family: {what}: {} transactions, {} retried, {} refused, {} connections lost; cold: {}",
            of(&self.committed),
            of(&self.retried),
            of(&self.refused),
            of(&self.lost_connections),
            met.join(", "),
        );
        testkit::tally("transactions on families and queues", of(&self.committed));
        for met in Met::ALL {
            testkit::tally(&format!("cold rows of families: {met:?}"), of(&self.met[met as usize]));
        }
        let wrong = self.wrong.lock().expect("no panic");
        assert!(wrong.is_empty(), "{what}: {}:\n{}", wrong.len(), wrong.join("\n"));
        assert_eq!(of(&self.needless), 0, "{what}: READ COMMITTED got 40001");
        assert!(self.has_met(each), "{what}: too few cold rows: {}", met.join(", "));
    }
}

/// One client.
struct Member<'a> {
    number: u32,
    level: &'a str,
    rng: StdRng,
    next_id: u32,
    /// The last statement inserted a row.
    inserts: Cell<bool>,
    counts: &'a Counts,
}

/// Works until told to stop, through crashes of the server; in the end its own parent must have counted what it did.
pub fn client(
    cluster: &Cluster,
    database: &str,
    level: &str,
    number: u32,
    seed: u64,
    stop: &AtomicBool,
    counts: &Counts,
) {
    // A client that fails ends the test.
    let _stopped = StopAtEnd(stop);
    let mut member = Member {
        number,
        level,
        rng: StdRng::seed_from_u64(seed ^ u64::from(number) << 40),
        next_id: (number + 1) * 1_000_000,
        inserts: Cell::new(false),
        counts,
    };
    let mut db: Option<Client> = None;
    // Upserts of the own parent: those that were acknowledged, and those of which nobody can say.
    let (mut counted, mut doubtful) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let Some(there) = &db else {
            db = cluster.try_connect_as("postgres", database).ok();
            continue;
        };
        let own = member.rng.random_bool(0.1);
        let outcome = match own {
            true => member.count(there),
            false => member.transaction(there),
        };
        match outcome {
            Ok(()) => {
                counts.committed.fetch_add(1, Ordering::Relaxed);
                counted += u64::from(own);
            }
            Err(error) if ["40001", "40P01", "23503"].contains(&error.code.as_str()) => {
                let count = if error.code == "23503" {
                    &counts.refused
                } else {
                    &counts.retried
                };
                count.fetch_add(1, Ordering::Relaxed);
                if level == "READ COMMITTED" && is_needless(&error, member.inserts.get()) {
                    counts.needless.fetch_add(1, Ordering::Relaxed);
                    member.wrong(error.to_string());
                }
                let _ = there.try_sql("ROLLBACK");
            }
            // The server goes down or comes up, or the connection is gone.
            Err(error) if error.code.starts_with("57P") || error.code.starts_with("08") => {
                counts.lost_connections.fetch_add(1, Ordering::Relaxed);
                doubtful += u64::from(own);
                db = None;
            }
            Err(error) => panic!("{error}"),
        }
    }
    let db = cluster.wait_ready(database);
    let id = PARENTS + number;
    let n = db.int(&format!("SELECT coalesce(max(n), 0) FROM parent WHERE id = {id}")) as u64;
    if !(counted..=counted + doubtful).contains(&n) {
        member.wrong(format!(
            "parent {id} has {n}, after {counted} upserts and {doubtful} of which nobody knows"
        ));
    }
}

impl Member<'_> {
    fn wrong(&self, what: String) {
        self.counts.wrong.lock().expect("no panic").push(what);
    }

    fn new_id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    /// An upsert of the parent that nobody else changes.
    fn count(&mut self, db: &Client) -> Result<(), SqlError> {
        let statement = self.upsert(PARENTS + self.number);
        self.begin(db)?;
        self.both(db, &statement)?;
        db.try_sql("COMMIT")
    }

    fn begin(&self, db: &Client) -> Result<(), SqlError> {
        db.try_sql(&format!("BEGIN ISOLATION LEVEL {}", self.level))
    }

    fn upsert(&mut self, id: u32) -> String {
        let cold = self.rng.random_bool(COLD);
        format!(
            "INSERT INTO {{t}}parent VALUES ({id}, {cold}, 1) \
             ON CONFLICT (id) DO UPDATE SET n = {{t}}parent.n + 1, cold = {cold} RETURNING n"
        )
    }

    /// Runs a statement on the plain twin and on the stretched tables: both give the same rows. An error of the first
    /// ends it; an error of the second alone is wrong, but for those that any table may give.
    fn both(&self, db: &Client, statement: &str) -> Result<Vec<Vec<Option<String>>>, SqlError> {
        let plain = db.try_rows(&statement.replace("{t}", "plain_"))?;
        self.second(db, statement, plain)
    }

    /// The same for a statement that locks or deletes a row. Where the plain table has none, nothing is locked there,
    /// and others may make one before the second statement: then there is none.
    fn both_if_there(&self, db: &Client, statement: &str) -> Result<Vec<Vec<Option<String>>>, SqlError> {
        let plain = db.try_rows(&statement.replace("{t}", "plain_"))?;
        match plain.is_empty() {
            true => Ok(plain),
            false => self.second(db, statement, plain),
        }
    }

    /// Runs the statement on the stretched tables, after it gave these rows on the plain twin.
    fn second(
        &self,
        db: &Client,
        statement: &str,
        plain: Vec<Vec<Option<String>>>,
    ) -> Result<Vec<Vec<Option<String>>>, SqlError> {
        self.inserts.set(statement.starts_with("INSERT"));
        let cold = db.try_rows(&statement.replace("{t}", "")).inspect_err(|error| {
            if error.code.starts_with("23") {
                self.wrong(format!("{statement}: {error}"));
            }
        })?;
        if plain != cold {
            self.wrong(format!(
                "{statement}: {plain:?} on the plain table, {cold:?} on the stretched one"
            ));
        }
        Ok(cold)
    }

    /// Whether this transaction has killed cold rows of a table.
    fn killed(db: &Client, table: &str) -> Result<bool, SqlError> {
        let killed = db.try_text(&format!(
            "SELECT count(*) FROM stretch.tombstone d JOIN stretch.segment USING (segment_id)
                JOIN stretch.stretched_table t USING (table_id)
             WHERE d.xmin = pg_current_xact_id()::xid AND t.relation = '{table}'::regclass"
        ))?;
        Ok(killed.as_deref() != Some("0"))
    }

    fn keep_deleters_off(db: &Client, parent: u32) -> Result<(), SqlError> {
        db.try_sql(&format!("SELECT pg_advisory_xact_lock({parent})"))
    }

    fn is_cold(db: &Client, table: &str, id: u32) -> Result<bool, SqlError> {
        let is_cold = db.try_text(&format!("SELECT ctid >= '(2147483648,0)' FROM {table} WHERE id = {id}"))?;
        Ok(is_cold.as_deref() == Some("t"))
    }

    fn transaction(&mut self, db: &Client) -> Result<(), SqlError> {
        let parent = self.rng.random_range(0..PARENTS);
        let cold = self.rng.random_bool(COLD);
        self.begin(db)?;
        let met = match self.rng.random_range(0..20) {
            0..=3 => {
                let statement = self.upsert(parent);
                self.both(db, &statement)?;
                Self::killed(db, "parent")?.then_some(Met::Upserted)
            }
            4..=5 => {
                // A row that is there is not locked, and must be there for the second twin, too.
                Self::keep_deleters_off(db, parent)?;
                self.both(
                    db,
                    &format!(
                        "INSERT INTO {{t}}parent VALUES ({parent}, {cold}, 1) ON CONFLICT DO NOTHING RETURNING id"
                    ),
                )?;
                None
            }
            6..=9 => self.lock_then_write(db, parent, cold)?,
            10..=12 => {
                let id = self.new_id();
                self.both(
                    db,
                    &format!("INSERT INTO {{t}}child VALUES ({id}, {parent}, {cold}, 0)"),
                )?;
                // Whoever has its lock keeps it where it is.
                Self::is_cold(db, "parent", parent)?.then_some(Met::Parent)
            }
            13 => {
                Self::keep_deleters_off(db, parent)?;
                self.both_if_there(db, &format!("DELETE FROM {{t}}parent WHERE id = {parent} RETURNING n"))?;
                Self::killed(db, "child")?.then_some(Met::Cascaded)
            }
            14 => {
                // Nobody inserts a child meanwhile.
                let lock = format!("SELECT n FROM {{t}}parent WHERE id = {parent} FOR UPDATE");
                let locked = self.both_if_there(db, &lock)?;
                if !locked.is_empty() {
                    let statement = format!("UPDATE {{t}}child SET n = n + 1, cold = {cold} WHERE of = {parent}");
                    self.both(db, &statement)?;
                }
                None
            }
            15..=16 => self.take(db, cold)?,
            17..=18 => {
                let id = self.new_id();
                db.try_sql(&format!("INSERT INTO jobs VALUES ({id}, true)"))?;
                None
            }
            _ => {
                if db.try_text(IS_WELL)?.as_deref() != Some("t") {
                    self.wrong("a snapshot shows what cannot be".into());
                }
                None
            }
        };
        db.try_sql("COMMIT")?;
        if let Some(met) = met {
            self.counts.met[met as usize].fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// What is written was computed here, from what the lock showed.
    fn lock_then_write(&mut self, db: &Client, parent: u32, cold: bool) -> Result<Option<Met>, SqlError> {
        let lock = ["UPDATE", "NO KEY UPDATE", "SHARE"][self.rng.random_range(0..3)];
        let found = self.both_if_there(db, &format!("SELECT n FROM {{t}}parent WHERE id = {parent} FOR {lock}"))?;
        let Some(Some(n)) = found.first().and_then(|row| row.first()) else {
            return Ok(None);
        };
        let n: u64 = n.parse().expect("a number");
        let was_cold = Self::is_cold(db, "parent", parent)?;
        let written = self.both(
            db,
            &format!("UPDATE {{t}}parent SET n = {n} + 1, cold = {cold} WHERE id = {parent} RETURNING n"),
        )?;
        if written.len() != 1 {
            self.wrong(format!("parent {parent} was locked FOR {lock}, and is gone"));
        }
        Ok(was_cold.then_some(Met::Locked))
    }

    /// Takes the first job that nobody has.
    fn take(&mut self, db: &Client, cold: bool) -> Result<Option<Met>, SqlError> {
        let who = self.new_id();
        let job = db.try_rows(
            "SELECT id, ctid >= '(2147483648,0)' FROM jobs WHERE taken IS NULL ORDER BY id LIMIT 1 \
             FOR UPDATE SKIP LOCKED",
        )?;
        let Some([Some(id), Some(is_cold)]) = job.first().map(Vec::as_slice) else {
            return Ok(None);
        };
        let taken = db.try_rows(&format!(
            "UPDATE jobs SET taken = {who}, cold = {cold} WHERE id = {id} AND taken IS NULL RETURNING id"
        ))?;
        if taken.len() != 1 {
            self.wrong(format!("job {id} was locked, and {} were taken", taken.len()));
        }
        db.try_sql(&format!("INSERT INTO took VALUES ({id}, {who})"))?;
        Ok((is_cold == "t").then_some(Met::Taken))
    }
}
