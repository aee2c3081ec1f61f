//! How many SERIALIZABLE transactions on hot rows have to be run again while batches move other rows of their table.

use crate::measure::{BATCH_ROWS, median};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use testkit::setup::enable_table;
use testkit::{Client, Cluster};

const CLIENTS: u64 = 8;
/// Hot rows that the clients read and change.
const ROWS: u32 = 200;
/// How long each round goes on.
const LENGTH: Duration = Duration::from_secs(3);
const ROUNDS: u64 = 5;

/// The same clients on a plain table and on a stretched one; to both the same rows are added, which batches move in the
/// second.
pub fn run(cluster: &Cluster, db: &Client) {
    db.sql(&format!("CREATE SEQUENCE new_ids START {}", ROWS + 1));
    for table in ["plain", "stretched"] {
        db.sql(&format!(
            "CREATE TABLE busy_{table} (id bigint PRIMARY KEY, cold boolean NOT NULL, \
             n int NOT NULL) WITH (fillfactor = 50);
             INSERT INTO busy_{table} SELECT g, false, 0 FROM generate_series(1, {ROWS}) g; ANALYZE busy_{table}"
        ));
    }
    enable_table(db, "busy_stretched", "cold");
    let mut shares = [Vec::new(), Vec::new()];
    let batches = AtomicU64::new(0);
    for round in 0..ROUNDS {
        for (side, table) in ["busy_plain", "busy_stretched"].into_iter().enumerate() {
            let moves = (side == 1).then_some(&batches);
            shares[side].push(100.0 * again(cluster, table, round, moves));
        }
    }
    let [plain, stretched] = shares.map(median);
    println!(
        "SERIALIZABLE on {ROWS} hot rows, {CLIENTS} clients, beside {:.0} batches of other rows a second: \
         {plain:.1} % of the commits run again plain, {stretched:.1} % stretched",
        batches.load(Ordering::Relaxed) as f64 / (ROUNDS as f64 * LENGTH.as_secs_f64())
    );
}

/// Tries that failed, as a share of the commits.
fn again(cluster: &Cluster, table: &str, round: u64, moves: Option<&AtomicU64>) -> f64 {
    let (commits, failures, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (commits, failures, stop) = (&commits, &failures, &stop);
            scope.spawn(move || {
                let db = cluster.connect("postgres");
                db.sql("SET enable_seqscan = off");
                let mut rng = StdRng::seed_from_u64(round << 8 | client);
                while !stop.load(Ordering::Relaxed) {
                    match transaction(&db, table, &mut rng) {
                        true => commits.fetch_add(1, Ordering::Relaxed),
                        false => failures.fetch_add(1, Ordering::Relaxed),
                    };
                }
            });
        }
        feed(&cluster.connect("postgres"), table, moves);
        stop.store(true, Ordering::Relaxed);
    });
    failures.into_inner() as f64 / commits.into_inner() as f64
}

/// Reads two rows and changes a third; false for 40001.
fn transaction(db: &Client, table: &str, rng: &mut StdRng) -> bool {
    let mut row = || rng.random_range(1..=ROWS);
    let statements = [
        "BEGIN ISOLATION LEVEL SERIALIZABLE".to_owned(),
        format!("SELECT n FROM {table} WHERE id = {}", row()),
        format!("SELECT n FROM {table} WHERE id = {}", row()),
        format!("UPDATE {table} SET n = n + 1 WHERE id = {}", row()),
        "COMMIT".to_owned(),
    ];
    for statement in &statements {
        if let Err(error) = db.try_sql(statement) {
            assert_eq!(error.code, "40001", "{statement}: {error}");
            db.sql("ROLLBACK");
            return false;
        }
    }
    true
}

/// Adds rows that are to be moved, and moves them where the table is stretched.
fn feed(db: &Client, table: &str, moves: Option<&AtomicU64>) {
    let began = Instant::now();
    while began.elapsed() < LENGTH {
        db.sql(&format!(
            "INSERT INTO {table} SELECT nextval('new_ids'), true, 0 FROM generate_series(1, {BATCH_ROWS})"
        ));
        if let Some(batches) = moves {
            db.sql(&format!("SELECT stretch.migrate('{table}')"));
            batches.fetch_add(1, Ordering::Relaxed);
        }
    }
}
