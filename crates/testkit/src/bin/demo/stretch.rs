//! The original's story: loaded, stretched, migrated, backed up, and living on.

use crate::answers::{Answers, Comparisons, whole};
use crate::show::{Show, bytes};
use crate::sizes::Sizes;
use crate::tongue::Tongue;
use indicatif::ProgressBar;
use std::fs;
use std::time::Duration;
use testkit::{BaseBackup, Client, Cluster, Endpoint, data, setup, wait_until};

/// Enough for a slow machine; the demo takes seconds.
const LIMIT: Duration = Duration::from_secs(600);
/// Bytes of the flights as text, for the progress bar.
const CSV_BYTES: u64 = 31_053_850;

/// The moment to which the database is restored.
pub struct Moment {
    pub name: &'static str,
    pub backup: BaseBackup,
    /// What the whole table was then.
    pub content: String,
    pub answers: Answers,
    pub hot: i64,
}

/// The original server and what we know of it.
pub struct Story {
    pub cluster: Cluster,
    pub endpoint: Endpoint,
    pub db: Client,
    pub sizes: Sizes,
    pub tongue: Tongue,
    before: Answers,
    empty: u64,
}

impl Story {
    /// Starts a server, loads the data, measures.
    pub fn begin(show: &Show, tongue: Tongue) -> Story {
        let cluster = show.step("start a private PostgreSQL 15 that archives its WAL", || {
            Cluster::builder("demo")
                .archiving()
                .conf("stretch.page_rows", "4096")
                .start()
        });
        let empty = cluster.basebackup().size();
        let db = cluster.connect("postgres");
        let rows = show.bar("load all flights from New York City in 2013", CSV_BYTES, |bar| {
            data::load_flights(&db, |length| bar.inc(length))
        });
        show.note(&format!("{rows} rows, {} with its index", table_size(&db)));
        let before = show.step("ask for counts, sums and the md5 of all rows", || Answers::ask(&db));
        let mut sizes = Sizes::default();
        show.step("dump and base backup, to compare later", || {
            sizes.dump_before = dump_size(&cluster);
            sizes.base_before = cluster.basebackup().size().saturating_sub(empty);
        });
        Story {
            cluster,
            endpoint: Endpoint::new(),
            db,
            sizes,
            tongue,
            before,
            empty,
        }
    }

    /// From an ordinary table to a stretched one.
    pub fn stretch(&self, show: &Show) {
        show.step("create the extension, a master key and a credential", || {
            self.tongue.install(&self.db);
            self.tongue.secrets(&self.db);
        });
        show.step("enable the database and the table", || {
            self.tongue.enable(&self.db, &self.endpoint.url());
        });
        show.note(&format!("cold is: {}", data::FLIGHTS_FILTER));
    }

    /// Waits for the migration, and gives the space back.
    pub fn migrate(&mut self, show: &Show) {
        let eligible = self
            .db
            .int(&format!("SELECT count(*) FROM flights WHERE {}", data::FLIGHTS_FILTER));
        show.bar("migrate the cold rows and upload them", eligible as u64, |bar| {
            drain(&self.cluster, bar);
        });
        let segments = self.db.text("SELECT sum(segments) FROM stretch.tables");
        show.note(&format!(
            "{} rows in {segments} segments, {} on the endpoint",
            cold_rows(&self.db),
            bytes(self.endpoint.size())
        ));
        show.step("purge the staged copies, VACUUM FULL", || {
            self.db.sql("SELECT stretch.purge_staged()");
            self.db.sql("VACUUM (FULL, ANALYZE)");
        });
        show.note(&format!("the table is {} now", table_size(&self.db)));
    }

    /// Everything that was asked before gives the same answer.
    pub fn same_answers(&self, show: &Show, compared: &mut Comparisons) {
        let after = show.step("ask the same questions again", || Answers::ask(&self.db));
        compared.add_answers("after migration", &self.before, &after);
    }

    /// Sizes of what people back up.
    pub fn shallow_backups(&mut self, show: &Show) {
        show.step("dump and base backup again", || {
            self.sizes.dump_after = dump_size(&self.cluster);
            self.sizes.base_after = self.cluster.basebackup().size().saturating_sub(self.empty);
            self.sizes.remote = self.endpoint.size();
        });
        show.note(&format!(
            "dump {} → {}, base backup {} → {}",
            bytes(self.sizes.dump_before),
            bytes(self.sizes.dump_after),
            bytes(self.sizes.base_before),
            bytes(self.sizes.base_after)
        ));
    }

    /// A base backup, some work, and a named point.
    pub fn moment_t(&self, show: &Show) -> Moment {
        let backup = show.step("take the base backup of the night", || self.cluster.basebackup());
        show.step("some more work, some of it migrated, then the moment T", || {
            self.db.sql(&more_flights("1 year"));
            drain(&self.cluster, &ProgressBar::hidden());
            self.db
                .sql("UPDATE flights SET dep_delay = 0 WHERE time_hour >= '2013-12-24 00:00+00' AND dep_delay IS NULL");
        });
        let moment = Moment {
            name: "T",
            content: whole(&self.db),
            answers: Answers::ask(&self.db),
            hot: setup::hot_rows(&self.db, "flights"),
            backup,
        };
        self.db.sql("SELECT pg_create_restore_point('T')");
        show.note(&format!("at T: {}", moment.content));
        moment
    }

    /// What must not be there in a database restored to T.
    pub fn life_goes_on(&self, show: &Show) {
        show.step("after T: rows come, rows go, more is migrated and purged", || {
            self.db.sql(&more_flights("2 years"));
            self.db
                .sql("DELETE FROM flights WHERE time_hour >= '2013-12-01 00:00+00' AND dest = 'LAX'");
            drain(&self.cluster, &ProgressBar::hidden());
            self.db.sql("SELECT stretch.purge_staged()");
        });
        show.note(&format!("now: {}", whole(&self.db)));
    }

    /// The original has not noticed that it was copied.
    pub fn still_alive(&self, show: &Show, compared: &mut Comparisons) {
        let before = cold_rows(&self.db);
        let expected = self.db.int("SELECT count(*) FROM flights") + 10_000;
        show.step("the original still migrates", || {
            self.db.sql(&more_flights("3 years"));
            drain(&self.cluster, &ProgressBar::hidden());
        });
        compared.add(
            "cold rows of the original, 10000 more",
            &(before + 10_000).to_string(),
            &cold_rows(&self.db).to_string(),
        );
        compared.add(
            "rows of the original, 10000 more",
            &expected.to_string(),
            &self.db.text("SELECT count(*) FROM flights"),
        );
        compared.add(
            "state of the original",
            "connected",
            &self.db.text("SELECT lower(state) FROM stretch.status"),
        );
    }
}

/// Cold rows of all tables.
pub fn cold_rows(db: &Client) -> i64 {
    db.int("SELECT coalesce(sum(cold_rows), 0)::bigint FROM stretch.tables")
}

/// Migrates and uploads everything eligible, moving the bar by the rows that have become cold.
pub fn drain(cluster: &Cluster, bar: &ProgressBar) {
    let watcher = cluster.connect("postgres");
    let worker = cluster.connect("postgres");
    let before = cold_rows(&watcher);
    let draining = std::thread::spawn(move || worker.try_sql("SELECT stretch.drain('flights')"));
    wait_until("the migration", LIMIT, || {
        let moved = cold_rows(&watcher) - before;
        bar.set_position(moved.try_into().unwrap_or(0));
        draining.is_finished()
    });
    if let Err(error) = draining.join().expect("the thread does not panic") {
        panic!("drain: {error}");
    }
}

/// Ten thousand flights of an earlier year, cold as soon as the worker sees them.
fn more_flights(earlier: &str) -> String {
    format!(
        "INSERT INTO flights SELECT year - 1, month, day, dep_time, sched_dep_time, dep_delay, arr_time, sched_arr_time,
            arr_delay, carrier, flight, tailnum, origin, dest, air_time, distance, hour, minute,
            time_hour - interval '{earlier}'
         FROM (SELECT * FROM flights WHERE time_hour >= '2013-03-01 00:00+00' AND time_hour < '2013-06-01 00:00+00'
               ORDER BY time_hour, carrier, flight LIMIT 10000) q"
    )
}

fn dump_size(cluster: &Cluster) -> u64 {
    let dump = cluster.pg_dump("postgres", &["-Fc"]);
    let size = fs::metadata(&dump).expect("pg_dump wrote it").len();
    fs::remove_file(&dump).ok();
    size
}

fn table_size(db: &Client) -> String {
    bytes(db.int("SELECT pg_total_relation_size('flights')") as u64)
}
