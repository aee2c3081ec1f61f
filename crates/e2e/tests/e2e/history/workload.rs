//! Clients that append to lists, transfer, insert and delete in transactions, and write down what they did and saw.

use super::check::{Level, Op, Txn};
use crate::family;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use testkit::{Client, Cluster, SqlError};

/// Rows with a list and a balance each; the sum of all balances is 0 at all times.
pub const KEYS: u32 = 60;
/// Rows of bands below the filter's may be moved; bands are 0 to 59.
pub const BANDS: u32 = 60;
/// How likely a changed row may become cold again.
const COLD: f64 = 0.85;
/// Clients at the same time.
pub const CLIENTS: u64 = 8;

/// The table, filled.
pub const TABLE: &str = "CREATE TABLE work (id int PRIMARY KEY, band int NOT NULL, cold boolean NOT NULL, \
    balance bigint NOT NULL, list bigint[] NOT NULL);
     INSERT INTO work SELECT n, n, true, 0, '{}' FROM generate_series(0, 59) n";

/// What a run has done.
#[derive(Default)]
pub struct Seen {
    pub history: Mutex<Vec<Txn>>,
    /// What no transaction may see, whatever the level.
    pub wrong: Mutex<Vec<String>>,
    pub reads: AtomicU64,
    pub cold_reads: AtomicU64,
    /// Appends to a list that was read under a row lock of a cold row.
    pub cold_locks: AtomicU64,
    /// Appends by INSERT … ON CONFLICT DO UPDATE that met a cold row.
    pub cold_upserts: AtomicU64,
    pub conflicts: AtomicU64,
    /// Those at READ COMMITTED, but deadlocks: a plain table has none.
    pub needless: AtomicU64,
    /// Batches of rows that came back.
    pub homecomings: AtomicU64,
    begun: AtomicU64,
    value: AtomicU64,
}

impl Seen {
    /// Share of reads that saw a cold row.
    pub fn cold_share(&self) -> f64 {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64;
        of(&self.cold_reads) / of(&self.reads).max(1.0)
    }
}

/// What a run goes on for, up to [`PATIENCE`] times the transactions that it was asked for.
#[derive(Default)]
pub struct Demand<'a> {
    /// Transactions over all clients.
    pub transactions: u64,
    /// Share of reads that see a cold row.
    pub cold: f64,
    /// Appends under a lock of a cold row, and upserts of cold rows.
    pub cold_writes: u64,
    pub homecomings: u64,
    /// How often each way of meeting cold rows has to happen to the families.
    pub families: Option<(&'a family::Counts, u64)>,
}

/// How much longer than asked a run goes on for its demand.
const PATIENCE: u64 = 20;

impl Demand<'_> {
    fn met(&self, seen: &Seen) -> bool {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        seen.cold_share() >= self.cold
            && of(&seen.homecomings) >= self.homecomings
            && of(&seen.cold_locks).min(of(&seen.cold_upserts)) >= self.cold_writes
            && self.families.is_none_or(|(counts, each)| counts.has_met(each))
    }
}

/// Runs transactions until `demand` is met, with limited patience; ends early when `stop` is set.
pub fn run(
    cluster: &Cluster,
    database: &str,
    level: Level,
    demand: &Demand<'_>,
    seed: u64,
    seen: &Seen,
    stop: &AtomicBool,
) {
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            scope.spawn(move || {
                let mut client = Work {
                    db: cluster.connect(database),
                    rng: StdRng::seed_from_u64(seed ^ (number << 32)),
                    own: Vec::new(),
                    next_own: 1000 + (number as u32) * 1_000_000,
                    inserts: false,
                    seen,
                };
                while !stop.load(Ordering::Relaxed) {
                    let begun = seen.begun.fetch_add(1, Ordering::Relaxed);
                    if begun >= PATIENCE * demand.transactions || begun >= demand.transactions && demand.met(seen) {
                        break;
                    }
                    // Where writers are faster than the worker, they wait for it.
                    if seen.cold_share() < demand.cold {
                        migrate(&client.db, "work");
                    }
                    client.transaction(level);
                }
                client.compare_own();
            });
        }
    });
}

/// Asks for one batch. False where nothing can move just now.
pub fn migrate(db: &Client, table: &str) -> bool {
    match db.try_sql(&format!("SELECT stretch.migrate('{table}')")) {
        Ok(()) => true,
        // In the way of others: next time.
        Err(error) if ["55P03", "40001"].contains(&error.code.as_str()) => true,
        // Paused, or on its way home.
        Err(error) if ["55000", "ST010"].contains(&error.code.as_str()) => false,
        Err(error) => panic!("migrate: {error}"),
    }
}

/// The values of a list as text.
pub fn values_of(list: Option<&str>) -> Vec<u64> {
    let values = list.unwrap_or_default().split(',').filter(|text| !text.is_empty());
    values.map(|text| text.parse().expect("a number")).collect()
}

struct Work<'a> {
    db: Client,
    rng: StdRng,
    /// Rows that only this client inserts and deletes.
    own: Vec<u32>,
    next_own: u32,
    /// Inside a statement that inserts a row.
    inserts: bool,
    seen: &'a Seen,
}

impl Work<'_> {
    /// One transaction, tried again after a serialization failure as applications do.
    fn transaction(&mut self, level: Level) {
        let seed = self.rng.random();
        loop {
            let mut rng = StdRng::seed_from_u64(seed);
            let own = self.own.clone();
            let mut ops = Vec::new();
            self.inserts = false;
            let outcome = self.attempt(level, &mut rng, &mut ops);
            let committed = outcome.is_ok();
            self.seen.history.lock().expect("no panic").push(Txn { ops, committed });
            let Err(error) = outcome else { return };
            assert!(["40001", "40P01"].contains(&error.code.as_str()), "{error}");
            self.own = own;
            self.seen.conflicts.fetch_add(1, Ordering::Relaxed);
            if level == Level::ReadCommitted && family::is_needless(&error, self.inserts) {
                println!("needless: {error}");
                self.seen.needless.fetch_add(1, Ordering::Relaxed);
            }
            self.db.sql("ROLLBACK");
        }
    }

    fn attempt(&mut self, level: Level, rng: &mut StdRng, ops: &mut Vec<Op>) -> Result<(), SqlError> {
        self.db.try_sql(&format!("BEGIN ISOLATION LEVEL {}", level.sql()))?;
        if rng.random_bool(0.1) {
            self.total()?;
        }
        for _ in 0..rng.random_range(1..=4) {
            let key = rng.random_range(0..KEYS);
            match rng.random_range(0..20) {
                0..=2 => self.append(key, rng, ops)?,
                3..=4 => self.append_under_lock(key, rng, ops)?,
                5..=6 => {
                    self.inserts = true;
                    self.upsert(key, rng, ops)?;
                    self.inserts = false;
                }
                7..=14 => self.read(key, ops)?,
                15..=16 => self.transfer(key, rng)?,
                17..=18 => self.insert()?,
                _ => self.delete()?,
            }
        }
        self.db.try_sql("COMMIT")
    }

    fn wrong(&self, what: String) {
        self.seen.wrong.lock().expect("no panic").push(what);
    }

    fn append(&mut self, key: u32, rng: &mut StdRng, ops: &mut Vec<Op>) -> Result<(), SqlError> {
        let value = self.seen.value.fetch_add(1, Ordering::Relaxed);
        ops.push(Op::Append(key, value));
        let cold = rng.random_bool(COLD);
        self.one_row(&format!(
            "UPDATE work SET list = list || {value}::bigint, cold = {cold} WHERE id = {key} RETURNING 1"
        ))
        .map(drop)
    }

    /// Reads a list under a row lock, and writes it back from here: who loses a lock loses an append.
    fn append_under_lock(&mut self, key: u32, rng: &mut StdRng, ops: &mut Vec<Op>) -> Result<(), SqlError> {
        let lock = ["UPDATE", "UPDATE", "NO KEY UPDATE", "SHARE"][rng.random_range(0..4)];
        let row = self.one_row(&format!(
            "SELECT array_to_string(list, ','), ctid >= '(2147483648,0)' FROM work WHERE id = {key} FOR {lock}"
        ))?;
        let Some([list, is_cold]) = row.as_deref() else {
            return Ok(());
        };
        let value = self.seen.value.fetch_add(1, Ordering::Relaxed);
        let mut values = values_of(list.as_deref());
        ops.push(Op::Read(key, values.clone()));
        ops.push(Op::Append(key, value));
        values.push(value);
        let cold = rng.random_bool(COLD);
        self.one_row(&format!(
            "UPDATE work SET list = '{{{}}}', cold = {cold} WHERE id = {key} RETURNING 1",
            values.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
        ))?;
        let is_cold = is_cold.as_deref() == Some("t");
        self.seen.cold_locks.fetch_add(is_cold.into(), Ordering::Relaxed);
        Ok(())
    }

    /// Appends by an upsert; first in vain by one that does nothing.
    fn upsert(&mut self, key: u32, rng: &mut StdRng, ops: &mut Vec<Op>) -> Result<(), SqlError> {
        let cold = rng.random_bool(COLD);
        let value = self.seen.value.fetch_add(1, Ordering::Relaxed);
        let row = format!("({key}, {}, {cold}, 0, '{{{value}}}')", key % BANDS);
        if rng.random_bool(0.2) {
            let statement = format!("INSERT INTO work VALUES {row} ON CONFLICT DO NOTHING RETURNING id");
            if !self.db.try_rows(&statement)?.is_empty() {
                self.wrong(format!("row {key} was there, and is twice"));
            }
        }
        ops.push(Op::Append(key, value));
        let met = self.one_row(&format!(
            "WITH met AS MATERIALIZED (SELECT ctid >= '(2147483648,0)' AS cold FROM work WHERE id = {key})
             INSERT INTO work VALUES {row} ON CONFLICT (id) DO UPDATE SET list = work.list || {value}::bigint,
                cold = {cold} RETURNING (SELECT cold FROM met)"
        ))?;
        let is_cold = met.and_then(|row| row.into_iter().next().flatten()).as_deref() == Some("t");
        self.seen.cold_upserts.fetch_add(is_cold.into(), Ordering::Relaxed);
        Ok(())
    }

    fn read(&mut self, key: u32, ops: &mut Vec<Op>) -> Result<(), SqlError> {
        let row = self.one_row(&format!(
            "SELECT array_to_string(list, ','), ctid >= '(2147483648,0)' FROM work WHERE id = {key}"
        ))?;
        let Some([list, cold]) = row.as_deref() else {
            return Ok(());
        };
        ops.push(Op::Read(key, values_of(list.as_deref())));
        self.seen.reads.fetch_add(1, Ordering::Relaxed);
        let cold = cold.as_deref() == Some("t");
        self.seen.cold_reads.fetch_add(cold.into(), Ordering::Relaxed);
        Ok(())
    }

    fn transfer(&mut self, from: u32, rng: &mut StdRng) -> Result<(), SqlError> {
        let to = rng.random_range(0..KEYS);
        let amount = rng.random_range(1..100);
        for (key, change) in [(from, -amount), (to, amount)] {
            let cold = rng.random_bool(COLD);
            self.one_row(&format!(
                "UPDATE work SET balance = balance + ({change}), cold = {cold} WHERE id = {key} RETURNING 1"
            ))?;
        }
        Ok(())
    }

    /// Sees each row once, and no transfer halfway.
    fn total(&mut self) -> Result<(), SqlError> {
        let row = self.one_row(&format!("SELECT sum(balance), count(*) FROM work WHERE id < {KEYS}"))?;
        let expected = ["0".to_string(), KEYS.to_string()].map(Some);
        if row.as_deref() != Some(&expected) {
            self.wrong(format!("the total is {row:?}"));
        }
        Ok(())
    }

    fn insert(&mut self) -> Result<(), SqlError> {
        let id = self.next_own;
        self.next_own += 1;
        self.own.push(id);
        self.db.try_sql(&format!(
            "INSERT INTO work VALUES ({id}, {}, true, 0, '{{}}')",
            id % BANDS
        ))
    }

    fn delete(&mut self) -> Result<(), SqlError> {
        if self.own.is_empty() {
            return Ok(());
        }
        let id = self.own.swap_remove(0);
        self.one_row(&format!("DELETE FROM work WHERE id = {id} RETURNING 1"))
            .map(drop)
    }

    /// The only row of a statement; that there is another number of them is written down.
    fn one_row(&mut self, statement: &str) -> Result<Option<Vec<Option<String>>>, SqlError> {
        let mut rows = self.db.try_rows(statement)?;
        if rows.len() != 1 {
            self.wrong(format!("{} rows of {statement}", rows.len()));
            return Ok(None);
        }
        Ok(rows.pop())
    }

    /// In the end the rows that only this client changed are those that it left.
    fn compare_own(&mut self) {
        let first = self.next_own - self.next_own % 1_000_000;
        let there = self.db.lines(&format!(
            "SELECT id FROM work WHERE id >= 1000 AND id >= {first} AND id < {} ORDER BY id",
            first + 1_000_000
        ));
        self.own.sort_unstable();
        let own: Vec<String> = self.own.iter().map(u32::to_string).collect();
        if there != own {
            self.wrong(format!("rows {there:?} are there instead of {own:?}"));
        }
    }
}
