//! Who holds an object that its table needs no more: the retention, snapshots, slots, prepared transactions, backups.

use super::{builder, cold_table, collect, compact, holds_just, is_promised, is_whole, reasons, table, wait_grace};
use testkit::setup::{enable_database_as, reauthorize};
use testkit::{Client, Endpoint, PATIENCE, S3Server, Target, wait_until};

/// Five objects stay for a reason, however often one looks.
fn stay(db: &Client, reason: &str) {
    assert_eq!(collect(db), 0);
    assert_eq!(reasons(db), [format!("{reason}|5")]);
    assert_eq!(collect(db), 0);
}

#[test]
fn the_retention_holds() {
    let cluster = builder("collect-retention", 300).start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    db.sql("SELECT stretch.set_retention('1 day')");
    compact(&db, "t");
    assert_eq!(collect(&db), 0);
    let left = "SELECT count(*) FROM stretch.collect() WHERE reason LIKE 'retired within the retention; % s are left'";
    assert_eq!(db.int(left), 5);
    assert_eq!(collect(&db), 0);
    // It counts by the time during which the database was connected, too.
    db.sql("UPDATE stretch.segment SET retired_store_time = retired_store_time - interval '30 days' WHERE retired");
    assert_eq!(collect(&db), 0);
    db.sql("UPDATE stretch.collection SET connected = connected + interval '30 days'");
    assert_eq!(collect(&db), 5);
    holds_just(&endpoint, &[&db]);
}

#[test]
fn snapshots_and_prepared_transactions_hold() {
    let cluster = builder("collect-snapshots", 300)
        .conf("max_prepared_transactions", "2")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    let reader = cluster.connect("postgres");
    reader.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(reader.int("SELECT 1"), 1);
    compact(&db, "t");
    let reason = "retired, but a snapshot, a prepared transaction or a slot is older";
    stay(&db, reason);
    is_whole(&reader, "t", 520);
    reader.sql("COMMIT");
    let preparer = cluster.connect("postgres");
    preparer.sql("CREATE TABLE other (n int)");
    db.sql("SELECT stretch.migrate('t', 1)");
    assert_eq!(collect(&db), 5);
    // Those of a snapshot have gone; a prepared transaction holds the next ones.
    preparer.sql("BEGIN; INSERT INTO other VALUES (1); PREPARE TRANSACTION 'held'");
    db.sql("DROP TABLE t");
    assert_eq!(collect(&db), 0);
    assert_eq!(reasons(&db), [format!("{reason}|1")]);
    preparer.sql("COMMIT PREPARED 'held'");
    assert_eq!(collect(&db), 1);
    assert_eq!(endpoint.segments(), Vec::<String>::new());
}

#[test]
fn a_standby_that_is_behind_holds() {
    let cluster = builder("collect-standby", 300).start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    db.sql("SELECT pg_create_physical_replication_slot('standby', true)");
    compact(&db, "t");
    stay(&db, "retired, but a standby has not replayed it");
    db.sql("SELECT pg_drop_replication_slot('standby')");
    let standby = cluster.standby("standby");
    let there = standby.wait_ready("postgres");
    there.sql("SELECT pg_wal_replay_pause()");
    db.sql("DROP TABLE t");
    assert_eq!(collect(&db), 5, "the standby knows of those");
    assert_eq!(reasons(&db), ["retired, but a standby has not replayed it|1"]);
    there.sql("SELECT pg_wal_replay_resume()");
    wait_until("the replay", PATIENCE, || {
        db.bool(
            "SELECT bool_and(replay_lsn >= (SELECT max(retired_lsn) FROM stretch.segment)) FROM pg_stat_replication",
        )
    });
    assert_eq!(collect(&db), 1);
}

#[test]
fn backups_hold_from_where_they_began() {
    let cluster = builder("collect-backups", 300).archiving().start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    let lsn = db.text("SELECT stretch.pin_backup('monthly')");
    assert_eq!(
        db.lines("SELECT label, lsn, expires_at, segments FROM stretch.backup_pins"),
        [format!("monthly|{lsn}||5")]
    );
    let taken = db.fails("SELECT stretch.pin_backup('monthly')", "42710");
    assert!(taken.hint.contains("stretch.unpin_backup"));
    let backup = cluster.basebackup();
    compact(&db, "t");
    stay(&db, "needed by backup monthly");
    // What was made later and left later is held by the position: the backup can be restored to a moment between.
    db.sql("SELECT pg_create_restore_point('between')");
    db.sql("DROP TABLE t");
    assert_eq!(collect(&db), 0);
    assert_eq!(reasons(&db), ["needed by backup monthly|6"]);
    let restored = cluster.restore_to("restored", &backup, &Target::Name("between".into()));
    let there = restored.connect("postgres");
    reauthorize(&there);
    is_whole(&there, "t", 520);
    // The copy has pins of its own for what it needs.
    assert!(db.bool("SELECT stretch.unpin_backup('monthly')"));
    assert!(!db.bool("SELECT stretch.unpin_backup('monthly')"));
    assert_eq!(db.lines("SELECT label FROM stretch.backup_pins"), Vec::<String>::new());
    assert_eq!(collect(&db), 5);
    holds_just(&endpoint, &[&there]);
    is_whole(&there, "t", 520);
}

#[test]
fn pins_of_backups_end_and_are_found_again() {
    let cluster = builder("collect-expiry", 300).start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    let past = db.fails("SELECT stretch.pin_backup('old', now() - interval '1 s')", "22023");
    assert!(past.message.contains("future"), "{}", past.message);
    db.fails("SELECT stretch.pin_backup('no/label')", "22023");
    db.fails("SELECT stretch.pin_backup(NULL)", "22023");
    db.sql("SELECT stretch.pin_backup('short', now() + interval '5 s'), stretch.pin_backup('ever', 'infinity')");
    compact(&db, "t");
    assert_eq!(collect(&db), 0);
    // The pins are on the endpoint; what the catalog has is a copy.
    db.sql("DELETE FROM stretch.backup_pin");
    assert_eq!(collect(&db), 0);
    assert_eq!(
        db.lines("SELECT label, segments FROM stretch.backup_pins ORDER BY 1"),
        ["ever|5", "short|5"]
    );
    assert!(db.bool("SELECT stretch.unpin_backup('ever')"));
    let is_over = "SELECT bool_and(expires_at < clock_timestamp()) FROM stretch.backup_pins";
    wait_until("the end of the pin", PATIENCE, || db.bool(is_over));
    assert_eq!(collect(&db), 5);
    assert!(!endpoint.objects().iter().any(|name| name.contains("/pin/")));
    holds_just(&endpoint, &[&db]);
    is_whole(&db, "t", 520);
}

/// After a restore in place a backup from before it is pinned on a branch that nobody but the collector of the restored
/// database looks after.
#[test]
fn backups_on_a_branch_that_was_given_up_are_unpinned() {
    let cluster = builder("collect-old-pins", 300).start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    is_promised(&endpoint, 0);
    db.sql("SELECT stretch.pin_backup('old')");
    compact(&db, "t");
    stay(&db, "needed by backup old");
    let branch = db.text("SELECT branch_id FROM stretch.binding");
    db.sql("SELECT stretch.deauthorize()");
    reauthorize(&db);
    let pins = || db.lines("SELECT label, segments, branch_id FROM stretch.backup_pins");
    assert_eq!(pins(), Vec::<String>::new());
    assert!(
        !db.bool("SELECT stretch.unpin_backup('old')"),
        "nobody has given the branch up"
    );
    db.sql(&format!("SELECT stretch.drop_branch('{branch}', dry_run => false)"));
    assert_eq!(pins(), [format!("old|5|{branch}")]);
    // A backup of the same name on the branch of its own is another one.
    db.sql("SELECT stretch.pin_backup('old')");
    assert_eq!(pins().len(), 2);
    assert_eq!(collect(&db), 0);
    assert_eq!(endpoint.segments().len(), 6);
    assert!(db.bool("SELECT stretch.unpin_backup('old')"));
    assert_eq!(pins(), Vec::<String>::new());
    for _ in 0..3 {
        collect(&db);
        wait_grace(&db);
    }
    holds_just(&endpoint, &[&db]);
    is_whole(&db, "t", 520);
}

#[test]
fn what_a_policy_of_the_store_protects_stays_alone() {
    let cluster = builder("collect-protected", 1000).start();
    let store = S3Server::start_orderly();
    let db = cluster.connect("postgres");
    let (identity, secret) = (S3Server::ACCESS_KEY, S3Server::SECRET_KEY);
    enable_database_as(&db, &store.url("protected"), identity, secret);
    db.sql("SELECT stretch.set_retention('0')");
    cold_table(&db, "t");
    compact(&db, "t");
    let first = db.text("SELECT object_key FROM stretch.segment WHERE retired ORDER BY object_key LIMIT 1");
    store.protect(Some(&first));
    assert_eq!(collect(&db), 4);
    let protected = "not needed any more, but a policy of the store forbids its deletion";
    let stays = "SELECT object_key, reason, deleted FROM stretch.collect(dry_run => false)
        WHERE object_key LIKE '%/segment/%'";
    assert_eq!(db.lines(stays), [format!("{first}|{protected}|f")]);
    is_whole(&db, "t", 520);
    store.protect(None);
    assert_eq!(collect(&db), 1);
    assert_eq!(db.int("SELECT count(*) FROM stretch.segment"), 1);
    is_whole(&db, "t", 520);
}

#[test]
fn a_role_for_backups_may_pin() {
    let cluster = builder("collect-role", 300).start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    db.sql("CREATE ROLE backups LOGIN; GRANT EXECUTE ON FUNCTION stretch.unpin_backup(text) TO backups");
    let backups = cluster.connect_as("backups", "postgres");
    backups.fails("SELECT stretch.pin_backup('nightly')", "42501");
    db.sql("GRANT EXECUTE ON FUNCTION stretch.pin_backup(text, timestamptz) TO backups");
    backups.sql("SELECT stretch.pin_backup('nightly')");
    assert!(backups.bool("SELECT stretch.unpin_backup('nightly')"));
    backups.fails("SELECT stretch.collect()", "42501");
}
