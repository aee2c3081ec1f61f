//! What the marker proves, and what it does not: held by another server, or older than the last heartbeat (F6).

use super::{await_state, enable, reason, state};
use std::fs::{self, File};
use std::path::PathBuf;
use testkit::{Cluster, Endpoint, PATIENCE, Stop, wait_until};

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
