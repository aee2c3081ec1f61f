//! Histories of concurrent transactions on a table whose rows move all the time show nothing that a plain table would
//! not.
//!
//! Each isolation level has its run, first on a plain twin, then on a stretched table with tiny batches while another
//! role loosens the filter, pauses, brings rows back, stretches anew and resumes, and the worker compacts.
//! `STRETCH_TRANSACTIONS` says how many per level at least: the run goes on until what it is for has happened often
//! enough. `STRETCH_SEED` replays the choice of statements (not the order in which the server runs them).

#[path = "history/check.rs"]
pub mod check;
#[path = "history/workload.rs"]
mod workload;

use crate::family;
use crate::seed::seed;
use crate::twins::StopAtEnd;
use check::Level;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use testkit::setup::{enable_database, enable_table};
use testkit::{Client, Cluster, Endpoint, PATIENCE};
use workload::{BANDS, Demand, Seen};

/// Clients of families at the same time.
const MEMBERS: u32 = 3;
/// The first filter ends at this band.
const FIRST_BAND: u32 = 45;
/// Transactions per level for which the counts of a whole run are demanded.
const WHOLE_RUN: u64 = 7_000;
/// Batches in a whole run, at least.
const BATCHES: f64 = 500.0;
/// Share of reads that see a cold row, at least.
const COLD_READS: f64 = 0.2;
/// Appends under a lock of a cold row in a whole run, and upserts of cold rows, at least.
const COLD_WRITES: f64 = 300.0;
/// How often each way of meeting cold rows happens to the families of a whole run, at least.
const FAMILIES: f64 = 100.0;
/// Batches of rows that came back.
const HOMECOMINGS: &str =
    "SELECT count(*) FROM stretch.migration_batch WHERE direction = 'INBOUND' AND sqlstate IS NULL";

#[test]
fn histories_show_what_a_plain_table_shows() {
    let seed = seed();
    let transactions = std::env::var("STRETCH_TRANSACTIONS").map_or(600, |text| text.parse().expect("a number"));
    let cluster = Cluster::builder("history")
        .conf("stretch.naptime", "50ms")
        .conf("stretch.batch_rows", "20")
        .conf("stretch.max_batch_age", "0")
        .conf("stretch.compact", "on")
        .conf("deadlock_timeout", "50ms")
        .start();
    let endpoint = Endpoint::new();
    let mut total = Counts::default();
    for level in Level::ALL {
        let database = format!("{level:?}").to_lowercase();
        for stretched in [false, true] {
            let name = format!("{database}_{}", if stretched { "stretched" } else { "plain" });
            cluster.create_database(&name);
            let db = cluster.connect(&name);
            db.sql(workload::TABLE);
            let stop = AtomicBool::new(false);
            let seen = Seen::default();
            if stretched {
                enable_database(&db, &endpoint.url());
                enable_table(&db, "work", &filter(FIRST_BAND));
                family::make(&db);
                let families = family::Counts::default();
                let each = |whole: f64| (whole * share(transactions)) as u64;
                std::thread::scope(|scope| {
                    scope.spawn(|| migrator(&cluster.connect(&name), &stop));
                    scope.spawn(|| keeper(&cluster, &name, seed, &seen, &stop));
                    for number in 0..MEMBERS {
                        let (cluster, name, stop, families) = (&cluster, &name, &stop, &families);
                        scope.spawn(move || {
                            family::client(cluster, name, level.sql(), number, seed, stop, families);
                        });
                    }
                    let _stopped = StopAtEnd(&stop);
                    let demand = Demand {
                        transactions,
                        cold: COLD_READS,
                        cold_writes: each(COLD_WRITES),
                        homecomings: 2,
                        families: Some((&families, each(FAMILIES))),
                    };
                    workload::run(&cluster, &name, level, &demand, seed, &seen, &stop);
                });
                assert!(db.bool(family::IS_WELL), "{name}: families and queue");
                families.print_and_demand(&name, each(FAMILIES));
                total.add(&seen, &db);
            } else {
                let demand = Demand {
                    transactions,
                    ..Demand::default()
                };
                workload::run(&cluster, &name, level, &demand, seed, &seen, &stop);
            }
            let history = seen.history.into_inner().expect("no panic");
            let mut wrong = seen.wrong.into_inner().expect("no panic");
            wrong.extend(check::anomalies(&history, &lists(&db), level));
            let shown = wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
            assert!(wrong.is_empty(), "{name}: {} anomalies:\n{shown}", wrong.len());
            println!(
                "history: {name}: {} transactions, {} conflicts",
                history.iter().filter(|txn| txn.committed).count(),
                seen.conflicts.load(Ordering::Relaxed),
            );
            let needless = seen.needless.load(Ordering::Relaxed);
            assert_eq!(needless, 0, "{name}: READ COMMITTED got 40001");
        }
    }
    total.print_and_demand(transactions);
}

/// One batch after the other, every second one of the lists.
fn migrator(db: &Client, stop: &AtomicBool) {
    let turns = family::TABLES
        .iter()
        .flat_map(|table| ["work", *table])
        .collect::<Vec<_>>();
    for table in turns.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        if !workload::migrate(db, table) {
            // The clients need the processor more than a loop of refusals does.
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Loosens the filter step by step, pauses and brings rows back, each until the next moment only. A table that is at
/// home by then is stretched anew. Rows come back while there were enough reads of cold ones before.
fn keeper(cluster: &Cluster, database: &str, seed: u64, seen: &Seen, stop: &AtomicBool) {
    let mut rng = StdRng::seed_from_u64(seed);
    let db = cluster.connect(database);
    let mut band = FIRST_BAND;
    let mut paused = false;
    while !stop.load(Ordering::Relaxed) {
        // Moments that no event has chosen.
        std::thread::sleep(Duration::from_millis(rng.random_range(20..200)));
        let loosen = !paused && band < BANDS && rng.random_bool(0.3);
        let pause = !paused && !loosen && rng.random_bool(0.4);
        let comes_home = pause && seen.cold_share() > 1.5 * COLD_READS && rng.random_bool(0.2);
        let statement = if loosen {
            format!("SELECT stretch.set_filter('work', '{}')", filter(band + 5))
        } else {
            let state = match (pause, comes_home) {
                (false, _) => "outbound",
                (true, false) => "paused",
                (true, true) => "inbound",
            };
            format!("SELECT stretch.set_migration_state('work', '{state}')")
        };
        let before = if comes_home { db.int(HOMECOMINGS) } else { 0 };
        match db.try_sql(&statement) {
            Ok(()) => {
                band += if loosen { 5 } else { 0 };
                paused = pause;
                if comes_home {
                    await_homecoming(&db, before, seen, stop);
                }
            }
            Err(error) if ["55P03", "40001"].contains(&error.code.as_str()) => {}
            Err(error) if error.code == "ST010" => {
                let again = format!("SELECT stretch.enable_table('work', '{}')", filter(band));
                paused = false;
                match db.try_sql(&again) {
                    Err(error) if error.code == "55P03" => {}
                    made => made.expect("stretched anew"),
                }
            }
            Err(error) => panic!("{statement}: {error}"),
        }
    }
}

/// Rows come back as long as nobody says otherwise: until a batch of them has come after those before, or the run ends.
fn await_homecoming(db: &Client, before: i64, seen: &Seen, stop: &AtomicBool) {
    let came = || db.int(HOMECOMINGS);
    let began = Instant::now();
    while came() == before && began.elapsed() < PATIENCE && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(5));
    }
    seen.homecomings
        .fetch_add((came() - before).max(0) as u64, Ordering::Relaxed);
}

fn filter(band: u32) -> String {
    format!("cold AND band < {band}")
}

/// Every list as it is now.
fn lists(db: &Client) -> BTreeMap<u32, Vec<u64>> {
    let rows = db.rows(&format!(
        "SELECT id, array_to_string(list, ',') FROM work WHERE id < {}",
        workload::KEYS
    ));
    rows.into_iter()
        .map(|row| {
            let [Some(id), Some(list)] = row.as_slice() else {
                panic!("{row:?}")
            };
            (id.parse().expect("a number"), workload::values_of(Some(list)))
        })
        .collect()
}

#[derive(Default)]
struct Counts {
    committed: u64,
    conflicts: u64,
    reads: u64,
    cold_reads: u64,
    cold_locks: u64,
    cold_upserts: u64,
    batches: i64,
    homecomings: i64,
}

impl Counts {
    fn add(&mut self, seen: &Seen, db: &Client) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let history = seen.history.lock().expect("no panic");
        self.committed += history.iter().filter(|txn| txn.committed).count() as u64;
        self.conflicts += of(&seen.conflicts);
        self.reads += of(&seen.reads);
        self.cold_reads += of(&seen.cold_reads);
        self.cold_locks += of(&seen.cold_locks);
        self.cold_upserts += of(&seen.cold_upserts);
        self.batches += db.int("SELECT count(*) FROM stretch.segment");
        self.homecomings += db.int(HOMECOMINGS);
    }

    /// A run in which nothing interesting happened proves nothing.
    fn print_and_demand(&self, transactions: u64) {
        println!(
            "history: {} transactions on stretched tables, {} batches, {} segments that came home, \
             {} of {} reads cold, {} appends under locks of \
             cold rows, {} upserts of cold rows, {} conflicts ({:.1} %)",
            self.committed,
            self.batches,
            self.homecomings,
            self.cold_reads,
            self.reads,
            self.cold_locks,
            self.cold_upserts,
            self.conflicts,
            100.0 * self.conflicts as f64 / self.committed as f64,
        );
        testkit::tally("transactions in histories of stretched tables", self.committed);
        testkit::tally("tries in them that got 40001 or 40P01", self.conflicts);
        testkit::tally("batches under histories", self.batches as u64);
        testkit::tally("reads in histories", self.reads);
        testkit::tally("reads of cold rows in histories", self.cold_reads);
        testkit::tally("appends under locks of cold rows in histories", self.cold_locks);
        testkit::tally("upserts of cold rows in histories", self.cold_upserts);
        testkit::tally("histories checked, with their twins", 2 * Level::ALL.len() as u64);
        let share = share(transactions);
        assert!(self.batches as f64 >= BATCHES * share, "too few batches");
        assert!(self.homecomings > 0, "nothing came home");
        assert!(
            self.cold_reads as f64 >= COLD_READS * self.reads as f64,
            "too few cold reads"
        );
        assert!(
            self.cold_locks.min(self.cold_upserts) as f64 >= COLD_WRITES * share,
            "too few appends to cold rows"
        );
    }
}

/// How much of a whole run this is.
fn share(transactions: u64) -> f64 {
    transactions.min(WHOLE_RUN) as f64 / WHOLE_RUN as f64
}
