//! Failovers in which somebody still writes, comes back, or never streamed (rules 6 to 9 of Appendix 2, F19).

use super::{await_state, caught_up, enable, reason, state};
use std::fs;
use testkit::{Cluster, Endpoint, Stop, Target, os};

#[test]
fn a_promoted_standby_waits_until_its_primary_is_silent() {
    let primary = Cluster::builder("ident-wait").start();
    let endpoint = Endpoint::new();
    let db = primary.connect("postgres");
    enable(&db, &endpoint);
    let standby = primary.standby("standby");
    primary.share_service_key(&standby);
    let there = caught_up(&db, &standby);
    standby.promote();
    standby.wait_primary();
    await_state(&there, "waiting");
    assert_eq!(
        reason(&there),
        "another incarnation of the database still writes heartbeats; waiting for it to end"
    );
    there.fails("SELECT * FROM stretch.reconcile()", "ST001");
    // Nobody claims meanwhile.
    assert_eq!(state(&db), "connected");
    drop(db);
    primary.stop(Stop::Fast);
    await_state(&there, "connected");
    assert_eq!(reason(&there), "a standby was promoted");
    assert_eq!(there.int("SELECT generation FROM stretch.status"), 2);
    primary.start();
    let db = primary.connect("postgres");
    await_state(&db, "disconnected");
    assert_eq!(reason(&db), "another incarnation of the database owns the branch");
}

/// So does Patroni start the leader that it finds stopped.
#[test]
fn a_standby_of_nobody_goes_on_by_its_own_marker() {
    let cluster = Cluster::builder("ident-sole").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable(&db, &endpoint);
    drop(db);
    cluster.stop(Stop::Fast);
    cluster.touch("standby.signal");
    cluster.start();
    assert_eq!(state(&cluster.wait_ready("postgres")), "standby");
    cluster.promote();
    cluster.wait_primary();
    let db = cluster.connect("postgres");
    await_state(&db, "connected");
    assert_eq!(reason(&db), "the same server was restarted");
    assert_eq!(db.int("SELECT generation FROM stretch.status"), 2);
    // On the new timeline a start is one like any other.
    drop(db);
    cluster.restart();
    let db = cluster.connect("postgres");
    await_state(&db, "connected");
    assert_eq!(db.int("SELECT generation FROM stretch.status"), 3);
}

#[test]
fn an_old_primary_that_was_rewound_takes_over_again() {
    let first = Cluster::builder("ident-rewind")
        .conf("wal_log_hints", "on")
        .conf("wal_keep_size", "256MB")
        .start();
    let endpoint = Endpoint::new();
    let db = first.connect("postgres");
    enable(&db, &endpoint);
    let second = first.standby("second");
    first.share_service_key(&second);
    let there = caught_up(&db, &second);
    drop(db);
    first.kill9();
    second.promote();
    second.wait_primary();
    await_state(&there, "connected");
    // pg_rewind reads the timeline from the control file, which a checkpoint brings up to date.
    second.checkpoint();
    let source = format!("host={} user=postgres dbname=postgres", second.socket_dir().display());
    os::run_ok(
        first
            .command("pg_rewind")
            .arg("--target-pgdata")
            .arg(first.data())
            .arg(format!("--source-server={source}"))
            .arg("--write-recovery-conf"),
    );
    // The settings are those of the other server now, its socket too.
    first.set_conf(&[("unix_socket_directories", &first.socket_dir().to_string_lossy())]);
    first.start();
    let db = caught_up(&there, &first);
    assert_eq!(state(&db), "standby");
    drop(there);
    second.kill9();
    first.promote();
    first.wait_primary();
    // Key and marker are outside of what was rewound; the marker speaks of a claim of long ago.
    await_state(&db, "connected");
    assert_eq!(reason(&db), "a standby was promoted");
    assert_eq!(db.int("SELECT generation FROM stretch.status"), 3);
}

/// It restores archived log and has no primary to stream from: nothing tells it from a clone.
#[test]
fn a_standby_that_never_streamed_is_disconnected() {
    let primary = Cluster::builder("ident-archive").archiving().start();
    let endpoint = Endpoint::new();
    let db = primary.connect("postgres");
    enable(&db, &endpoint);
    let backup = primary.basebackup();
    let standby = primary.prepare_restore("standby", &backup, &Target::End);
    fs::remove_file(standby.data().join("recovery.signal")).expect("just made");
    standby.touch("standby.signal");
    primary.share_service_key(&standby);
    standby.start();
    standby.promote();
    standby.wait_primary();
    let there = standby.connect("postgres");
    await_state(&there, "disconnected");
    assert_eq!(reason(&there), "another incarnation of the database writes heartbeats");
    assert_eq!(state(&db), "connected");
    drop((db, there));
    // Nor does the silence of its primary prove anything.
    primary.stop(Stop::Fast);
    standby.restart();
    let there = standby.connect("postgres");
    await_state(&there, "disconnected");
    assert!(reason(&there).starts_with("nothing proves"), "{}", reason(&there));
    there.sql("SELECT stretch.reauthorize('cred', with_copy => false)");
    assert_eq!(state(&there), "connected");
}
