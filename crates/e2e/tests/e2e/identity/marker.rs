//! What marker and key prove, and what they do not: held by another server, older than the last heartbeat (F6), beside
//! a data directory that came out of a backup.

use super::{await_state, caught_up, enable, reason, state};
use std::fs::{self, File};
use std::path::PathBuf;
use testkit::setup::{drain, enable_table, purge};
use testkit::{Client, Cluster, Endpoint, PATIENCE, Stop, os, wait_until};

/// The marker (`json`) of the only stretched database, or its lock (`lock`).
fn marker(cluster: &Cluster, kind: &str) -> PathBuf {
    let is_marker = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("marker-") && name.ends_with(&format!(".{kind}"))
    };
    let mut files = testkit::endpoint::files(&cluster.state_dir()).into_iter();
    files.find(is_marker).expect("the database has a marker")
}

/// As when two containers share a state directory and have one path.
#[test]
fn a_marker_that_another_server_holds_disconnects() {
    let cluster = Cluster::builder("ident-locked").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable(&db, &endpoint);
    drop(db);
    cluster.stop(Stop::Fast);
    let held = File::options()
        .write(true)
        .open(marker(&cluster, "lock"))
        .expect("the lock file can be opened");
    held.lock().expect("nobody holds it");
    cluster.start();
    let db = cluster.connect("postgres");
    await_state(&db, "disconnected");
    assert_eq!(reason(&db), "another running server holds the marker of this database");
    db.fails("SELECT * FROM stretch.reconcile()", "ST001");
    drop(db);
    // The other one ends, and this one is the owner that it was.
    drop(held);
    cluster.restart();
    let db = cluster.connect("postgres");
    await_state(&db, "connected");
    assert_eq!(reason(&db), "the same server was restarted");
}

/// As when storage is rolled back to a snapshot that holds the state directory, too.
#[test]
fn a_marker_older_than_the_last_heartbeat_proves_nothing() {
    let cluster = Cluster::builder("ident-older").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable(&db, &endpoint);
    let newest = || {
        let mut objects = endpoint.objects().into_iter();
        objects.rfind(|name| name.contains("/lease/"))
    };
    wait_until("a heartbeat", PATIENCE, || newest().is_some());
    let file = marker(&cluster, "json");
    let old = fs::read(&file).expect("the marker can be read");
    // The first may be the one that the marker announces.
    for _ in 0..2 {
        let then = newest();
        wait_until("another heartbeat", PATIENCE, || newest() > then);
    }
    drop(db);
    cluster.stop(Stop::Fast);
    fs::write(&file, old).expect("the marker can be written");
    cluster.start();
    let db = cluster.connect("postgres");
    await_state(&db, "disconnected");
    assert!(reason(&db).starts_with("nothing proves"), "{}", reason(&db));
    let branch = db.text("SELECT branch_id FROM stretch.status");
    db.sql("SELECT stretch.reauthorize('cred', with_copy => false)");
    assert_eq!(state(&db), "connected");
    assert_eq!(db.text("SELECT branch_id FROM stretch.status"), branch);
    assert_eq!(db.int("SELECT generation FROM stretch.status"), 2);
}

/// Position of the log that the marker names.
fn noted(cluster: &Cluster) -> u64 {
    let text = fs::read_to_string(marker(cluster, "json")).expect("the marker can be read");
    let digits = text.split("\"lsn\":").nth(1).expect("a position");
    let end = digits.find(|digit: char| !digit.is_ascii_digit());
    digits[..end.unwrap_or(digits.len())].parse().expect("a number")
}

fn flushed(db: &Client) -> u64 {
    db.int("SELECT (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint") as u64
}

/// As when a base backup is put in place without `recovery.signal`, and key and marker are still there. The log grows
/// past what the marker says; the files that tell of the backup are gone after the first start.
#[test]
fn a_backup_put_in_place_stays_disconnected_over_restarts() {
    let cluster = Cluster::builder("ident-in-place").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable(&db, &endpoint);
    db.sql("CREATE TABLE filler (content text)");
    let backup = cluster.basebackup();
    db.sql("INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 1000)");
    let before = noted(&cluster);
    wait_until("a heartbeat", PATIENCE, || noted(&cluster) > before);
    drop(db);
    cluster.stop(Stop::Fast);
    fs::remove_dir_all(cluster.data()).expect("the data directory can be removed");
    let here = cluster.data().parent().expect("a folder").to_owned();
    os::run_ok(
        os::as_server("cp", &here)
            .arg("-a")
            .arg(&backup.path)
            .arg(cluster.data()),
    );
    cluster.start();
    let db = cluster.connect("postgres");
    await_state(&db, "disconnected");
    assert_eq!(reason(&db), "the server was restored from a backup");
    // An attempt that fails proves nothing either.
    db.fails("SELECT * FROM stretch.reauthorize('nothing')", "42704");
    while flushed(&db) <= noted(&cluster) {
        db.sql("INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 1000)");
    }
    drop(db);
    for _ in 0..2 {
        cluster.restart();
        let db = cluster.connect("postgres");
        await_state(&db, "disconnected");
        assert_eq!(reason(&db), "the server was restored from a backup");
    }
    let db = cluster.connect("postgres");
    db.sql("SELECT stretch.reauthorize('cred')");
    drop(db);
    cluster.restart();
    let db = cluster.connect("postgres");
    await_state(&db, "connected");
    assert_eq!(reason(&db), "the same server was restarted");
}

#[test]
fn a_standby_needs_the_key_of_its_primary() {
    let primary = Cluster::builder("ident-keyless").start();
    let endpoint = Endpoint::new();
    let db = primary.connect("postgres");
    enable(&db, &endpoint);
    db.sql("CREATE TABLE t AS SELECT 1 AS n");
    enable_table(&db, "t", "n > 0");
    drain(&db, "t");
    purge(&db, "t");
    let standby = primary.standby("standby");
    let there = caught_up(&db, &standby);
    let hint = "Copy the service key file of the primary to this server.";
    assert_eq!(there.fails("SELECT * FROM t", "ST001").hint, hint);
    // A key that is made here would be in the way of the right one.
    for function in ["create_master_key", "open_master_key"] {
        let refused = there.fails(&format!("SELECT stretch.{function}('testkit password')"), "55000");
        assert_eq!(refused.hint, hint);
    }
    primary.share_service_key(&standby);
    assert_eq!(there.int("SELECT n FROM t"), 1);
}
