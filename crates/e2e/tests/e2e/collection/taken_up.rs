//! A table takes its rows up again while their objects are collected.

use super::drill::Stopped;
use super::{builder, collect, holds_just, is_whole, marks, needed, table, wait_grace};
use std::fs;
use stretch_core::steps::Step;
use testkit::setup::drain;
use testkit::{Client, Endpoint, PATIENCE, wait_until};

const LEAVE: &str = "SELECT stretch.disable_table('t', leave_remote_data => true)";
const ADOPT: &str = "SELECT stretch.enable_table('t', adopt => true, migration_state => 'paused')";

/// Rounds until these objects are marked; they must be as old as the grace before.
fn mark(db: &Client, endpoint: &Endpoint, objects: &[String]) {
    wait_grace(db);
    wait_until("the marks", PATIENCE, || {
        db.sql("SELECT stretch.collect(false)");
        let marks = marks(endpoint).concat();
        objects.iter().all(|key| {
            let (_, name) = key.rsplit_once('/').expect("a folder");
            marks.contains(name.trim_end_matches(".parquet"))
        })
    });
}

#[test]
fn what_is_marked_is_copied_when_its_table_takes_it_up() {
    let cluster = builder("collect-adopt", 1000).start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    let mut before = Vec::new();
    // The second time some names are taken by copies.
    for _ in 0..2 {
        let live = needed(&[&db]);
        db.sql(LEAVE);
        mark(&db, &endpoint, &live);
        before.extend(live);
        db.sql(ADOPT);
        is_whole(&db, "t", 520);
        // Nobody counts on an object that was marked: each segment has one under a name of its own.
        let live = needed(&[&db]);
        assert_eq!(live.len(), 5);
        assert!(live.iter().all(|key| !before.contains(key)), "{live:?}");
        collect(&db);
        is_whole(&db, "t", 520);
    }
    db.sql("DROP TABLE t");
    assert!(collect(&db) >= 5);
    holds_just(&endpoint, &[&db]);
}

#[test]
fn a_table_whose_objects_are_being_deleted_is_told_so() {
    let cluster = builder("collect-adopt-late", 1000)
        .conf("stretch.collect", "on")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    let order = cluster.data().join("pg_stretch.kill");
    fs::write(&order, format!("{} stop", Step::CollectDeleted.name())).expect("writable");
    let worker = db.text("SELECT worker_pid FROM stretch.status");
    db.sql(LEAVE);
    let refused = std::thread::scope(|scope| {
        let stopped = Stopped(worker);
        wait_until("the worker to stand still", PATIENCE, || !order.exists());
        let caller = cluster.connect("postgres");
        let adopting = scope.spawn(move || caller.try_sql(ADOPT));
        wait_until("the call", PATIENCE, || {
            db.int("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 't'::regclass") == 1
        });
        drop(stopped);
        adopting.join().expect("no panic").expect_err("an object is gone")
    });
    assert_eq!(refused.code, "ST003", "{refused}");
    assert_eq!(db.lines("SELECT count(*), min(id) FROM t"), ["20|501"]);
    assert_eq!(db.int("SELECT count(*) FROM stretch.tables"), 0);
    // The catalog forgets the segments in a later round, and says so.
    let is_known = "SELECT count(*) FROM stretch.abandoned_table WHERE unfit IS NOT NULL";
    wait_until("the end of the segments", PATIENCE, || {
        db.int(is_known) == 1 && endpoint.segments().is_empty()
    });
    db.fails(ADOPT, "ST011");
    db.sql("SELECT stretch.enable_table('t', filter => 'id <= 510')");
    assert_eq!(drain(&db, "t"), 10);
    assert_eq!(db.int("SELECT count(*) FROM t"), 20);
}
