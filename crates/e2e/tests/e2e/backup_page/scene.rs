//! The stretched server that is backed up, what happens in it, and what must hold after each restore.

use super::shell::Shell;
use crate::collection::{builder, collect};
use crate::identity::await_state;
use crate::store_story::Store;
use std::cell::Cell;
use testkit::setup::{
    IS_HOT, drain, enable_database_as, enable_table, hot_rows, purge, wait_reconciled, wait_uploaded,
};
use testkit::{Client, Cluster, Endpoint, PATIENCE, digest, wait_until};

/// The stretched database.
pub const DATABASE: &str = "app";

/// Milliseconds for which a mark must be old before the collector deletes.
const GRACE: u32 = 300;

/// A server with a stretched database, and where its cold rows go.
pub struct Scene {
    pub cluster: Cluster,
    store: Store,
    /// How often something happened.
    rounds: Cell<u32>,
}

/// What was there at a moment, and when that was.
pub struct Moment {
    pub content: String,
    pub time: String,
    pub lsn: String,
}

impl Scene {
    /// A server without the database, which a page's setup may restart.
    pub fn new(name: &str, store: Store) -> Self {
        Self {
            cluster: builder(name, GRACE).start(),
            store,
            rounds: Cell::new(0),
        }
    }

    /// The same on a folder.
    pub fn on_folder(name: &str, endpoint: &Endpoint) -> Self {
        let store = Store {
            url: endpoint.url(),
            identity: "nobody".into(),
            secret: "unused by a folder".into(),
        };
        Self::new(name, store)
    }

    /// A shell with the page's scripts for pins.
    pub fn shell(&self) -> Shell<'_> {
        let shell = Shell::new(&self.cluster);
        shell.set("IDENTITY", &self.store.identity);
        shell.set("SECRET", &self.store.secret);
        shell.step("stretch-pin");
        shell.step("stretch-unpin");
        shell
    }

    /// Makes the database: rows that are hot, eligible, staged, and on the endpoint alone. Nothing is kept for restores
    /// but what is pinned.
    pub fn stretch(&self) {
        self.cluster.create_database(DATABASE);
        let db = self.db();
        enable_database_as(&db, &self.store.url, &self.store.identity, &self.store.secret);
        db.sql(
            "SELECT stretch.set_retention('0');
             CREATE TABLE t (id int PRIMARY KEY, cold boolean NOT NULL, note text);
             CREATE TABLE plain (id int PRIMARY KEY, note text)",
        );
        enable_table(&db, "t", "cold");
        self.go_on();
    }

    /// A connection to the original.
    pub fn db(&self) -> Client {
        self.cluster.connect(DATABASE)
    }

    /// Cold rows come, change and go, their segments are written anew, and the collector deletes what nobody has
    /// pinned. Afterwards there are rows of every kind.
    pub fn go_on(&self) {
        let db = self.db();
        let round = self.rounds.get();
        self.rounds.set(round + 1);
        let from = round * 1000;
        let insert = |from: u32, count: u32, cold: bool| {
            db.sql(&format!(
                "INSERT INTO t SELECT g, {cold}, 'note ' || g FROM generate_series({from}, {from} + {count} - 1) g"
            ));
        };
        insert(from, 200, true);
        drain(&db, "t");
        db.sql(&format!(
            "UPDATE t SET note = note || '!' WHERE id % 7 = {0}; DELETE FROM t WHERE id % 11 = {0};
             INSERT INTO plain VALUES ({round}, 'round')",
            round % 7
        ));
        drain(&db, "t");
        wait_uploaded(&db);
        db.sql("SELECT stretch.compact('t')");
        purge(&db, "t");
        insert(from + 300, 50, true);
        drain(&db, "t");
        insert(from + 400, 20, false);
        // No batch takes them: the worker waits for more of them or for a day, and nobody drains.
        insert(from + 500, 10, true);
        assert!(
            db.int("SELECT count(*) FROM stretch.staged_chunk") > 0,
            "no staged rows"
        );
        let eligible = db.int(&format!("SELECT count(*) FROM ONLY t WHERE cold AND {IS_HOT}"));
        assert!(
            0 < eligible && eligible < hot_rows(&db, "t"),
            "no eligible rows, or no others"
        );
        collect(&db);
    }

    /// What is there now.
    pub fn moment(&self) -> Moment {
        let db = self.db();
        Moment {
            content: content(&db),
            time: db.text("SELECT clock_timestamp()"),
            lsn: db.text("SELECT pg_current_wal_insert_lsn()"),
        }
    }

    /// Objects stay on the endpoint for backups alone.
    pub fn pins_hold(&self) {
        let held = "SELECT count(*) FROM stretch.collect() WHERE reason LIKE 'needed by backup %'";
        assert!(self.db().int(held) > 0, "no pin holds anything");
    }

    /// Brings the log up to now into the archive.
    pub fn archive_now(&self) {
        let db = self.db();
        let file = db.text("SELECT pg_walfile_name(pg_switch_wal())");
        wait_until("the archiver", PATIENCE, || {
            db.bool(&format!(
                "SELECT coalesce(last_archived_wal >= '{file}', false) FROM pg_stat_archiver"
            ))
        });
    }

    /// The original is connected and whole, and holds what it held.
    pub fn is_unhurt(&self, expected: &Moment) {
        let db = self.db();
        assert_eq!(content(&db), expected.content, "the original");
        assert_eq!(db.text("SELECT state FROM stretch.status"), "connected");
        is_whole(&db);
    }

    /// A server whose restart was a part of a backup owns its branch again.
    pub fn await_connected(&self) {
        await_state(&self.db(), "connected");
    }
}

/// Everything that is in the tables.
pub fn content(db: &Client) -> String {
    let both = "(SELECT id, cold, note FROM t UNION ALL SELECT id, NULL, note FROM plain)";
    digest::multiset_digest(db, both)
}

/// Each segment reads and is what the catalog says.
pub fn is_whole(db: &Client) {
    assert_eq!(
        db.int("SELECT sum(missing + corrupt + unreadable) FROM stretch.verify()"),
        0
    );
    assert_eq!(db.int("SELECT sum(lost) FROM stretch.reconcile(dry_run => true)"), 0);
}

/// What the page says of every restored database: it is disconnected, and after the steps it holds what was there at
/// the moment, and goes on.
pub fn comes_back(shell: &Shell<'_>, expected: &Moment) -> Client {
    let there = shell.connect();
    wait_until("the end of recovery", PATIENCE, || {
        there.bool("SELECT NOT pg_is_in_recovery()")
    });
    await_state(&there, "disconnected");
    there.fails("SELECT count(note) FROM t", "ST001");
    shell.step("reconnect");
    wait_reconciled(&there);
    assert_eq!(content(&there), expected.content, "the restored database");
    shell.step("look");
    is_whole(&there);
    // It goes on, on a branch of its own.
    let count = |what: &str| there.int(&format!("SELECT count(*) FROM t WHERE {what}"));
    let (all, later) = (count("true"), count("note = 'later'"));
    there
        .sql("INSERT INTO t SELECT m + g, true, 'later' FROM (SELECT max(id) AS m FROM t) n, generate_series(1, 40) g");
    drain(&there, "t");
    purge(&there, "t");
    assert_eq!((count("true"), count("note = 'later'")), (all + 40, later + 40));
    there
}
