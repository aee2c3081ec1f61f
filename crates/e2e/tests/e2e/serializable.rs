//! SERIALIZABLE transactions find each conflict over cold rows, and none with a batch that moves rows which they did
//! not read (F29).

use crate::isolation::{server, table};
use testkit::setup::{drain, enable_table};
use testkit::{Client, Cluster};

/// Rows of each segment.
const ROWS: u32 = 1000;
/// The first row of each segment.
const SEGMENTS: [u32; 4] = [0, 10_000, 20_000, 30_000];

/// Four segments of cold rows.
fn cold_table(db: &Client, name: &str) {
    db.sql(&format!(
        "CREATE TABLE {name} (id int PRIMARY KEY, cold boolean NOT NULL, here boolean NOT NULL)"
    ));
    enable_table(db, name, "cold");
    for first in SEGMENTS {
        db.sql(&format!(
            "INSERT INTO {name} SELECT n, true, true FROM generate_series({first}, {first} + {ROWS} - 1) n"
        ));
        assert_eq!(drain(db, name), i64::from(ROWS));
    }
}

/// One of two transactions: its session, and whether it was not told to give up yet.
struct Party {
    db: Client,
    goes_on: bool,
}

impl Party {
    fn begin(cluster: &Cluster) -> Self {
        let db = cluster.connect("postgres");
        // Tables are small here, and a scan of a whole heap is in conflict with all who write to it.
        db.sql("SET enable_seqscan = off; BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1");
        Self { db, goes_on: true }
    }

    fn run(&mut self, sql: &str) {
        if !self.goes_on {
            return;
        }
        if let Err(error) = self.db.try_sql(sql) {
            assert_eq!(error.code, "40001", "{sql}: {error}");
            self.goes_on = false;
        }
    }

    fn reads(&mut self, table: &str, segment: u32) {
        self.run(&format!(
            "SELECT count(*) FROM {table} WHERE id BETWEEN {segment} AND {segment} + 9 AND here"
        ));
    }

    fn kills(&mut self, table: &str, segment: u32, rows: u32) {
        self.run(&format!(
            "DELETE FROM {table} WHERE id BETWEEN {segment} AND {segment} + {rows} - 1"
        ));
    }

    fn commits(&mut self) {
        self.run("COMMIT");
    }
}

/// As of two doctors who may leave while the other stays: each reads both segments and kills rows of one. One of them
/// gives up, whoever reads or kills first, by tombstones or by bitmaps, and though a fold comes between.
#[test]
fn write_skew_over_cold_rows_is_found() {
    let (cluster, _endpoint, db) = server("serializable-skew");
    let [one, other, ..] = SEGMENTS;
    for (number, (reads_late, rows, folds)) in [
        (false, 1, false),
        (true, 1, false),
        (false, ROWS, false),
        (true, ROWS, false),
        (false, 1, true),
        (false, ROWS, true),
    ]
    .into_iter()
    .enumerate()
    {
        let what = format!("reads late: {reads_late}, rows: {rows}, folds: {folds}");
        let table = format!("skew{number}");
        cold_table(&db, &table);
        // Something to fold, outside what is read.
        db.sql(&format!("DELETE FROM {table} WHERE id % 10000 = 900"));
        let (mut a, mut b) = (Party::begin(&cluster), Party::begin(&cluster));
        for segment in [one, other] {
            a.reads(&table, segment);
        }
        if folds {
            assert!(db.int("BEGIN; SELECT fold()") > 0, "{what}");
            db.sql("COMMIT");
        }
        if reads_late {
            a.kills(&table, one, rows);
        }
        for segment in [one, other] {
            b.reads(&table, segment);
        }
        if !reads_late {
            a.kills(&table, one, rows);
        }
        b.kills(&table, other, rows);
        a.commits();
        b.commits();
        assert_ne!(a.goes_on, b.goes_on, "{what}");
    }
}

/// Who reads some segments is in no conflict with who kills rows of others.
#[test]
fn segments_apart_are_no_conflict() {
    let (cluster, _endpoint, db) = server("serializable-apart");
    cold_table(&db, "apart");
    let (mut a, mut b) = (Party::begin(&cluster), Party::begin(&cluster));
    for (party, of) in [(&mut a, [0, 1]), (&mut b, [2, 3])] {
        of.iter().for_each(|segment| party.reads("apart", SEGMENTS[*segment]));
    }
    a.kills("apart", SEGMENTS[1], 1);
    b.kills("apart", SEGMENTS[3], 1);
    a.commits();
    b.commits();
    assert!(a.goes_on && b.goes_on);
}

/// A transaction that others are in conflict with stays, though a batch of the worker moves rows meanwhile: it read
/// none of them.
#[test]
fn batches_do_not_disturb_who_reads_other_rows() {
    let (cluster, _endpoint, db) = server("serializable-readers");
    table(&db);
    let (mut a, mut b) = (Party::begin(&cluster), Party::begin(&cluster));
    a.run("SELECT note FROM t WHERE id = 5");
    b.run("SELECT note FROM t WHERE id = 6");
    assert_eq!(drain(&db, "t"), 3);
    // What `b` read is changed by `a`; were `a` in conflict with the batch, which is committed, one of them would have
    // to go.
    a.run("UPDATE t SET note = 'a' WHERE id = 6");
    a.commits();
    b.run("UPDATE t SET note = 'b' WHERE id = 4");
    b.commits();
    assert!(a.goes_on && b.goes_on);
}

/// A batch of the worker meets a row that somebody changes, and is in no conflict with him.
#[test]
fn batches_do_not_disturb_who_writes_other_rows() {
    let (cluster, _endpoint, db) = server("serializable-writers");
    table(&db);
    let (mut a, mut b) = (Party::begin(&cluster), Party::begin(&cluster));
    a.run("SELECT note FROM t WHERE id = 5");
    b.run("UPDATE t SET note = 'b' WHERE id = 5");
    b.commits();
    a.run("UPDATE t SET note = 'a' WHERE id = 6");
    assert_eq!(drain(&db, "t"), 3);
    // What `a` read was changed by `b`; were the batch in conflict with `a`, that one would have to go.
    a.commits();
    assert!(a.goes_on && b.goes_on);
}
