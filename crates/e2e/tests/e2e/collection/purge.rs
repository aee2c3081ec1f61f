//! `purge_remote`: rows that were erased leave the endpoint without waiting for the retention, and nobody loses what he
//! was promised without being named.

use super::{builder, cold_table, collect, compact, copy, holds_just, is_whole, marks, reasons, table};
use testkit::setup::create_secrets;
use testkit::{Client, Endpoint, PATIENCE, Target, wait_until};

/// Table `t` without its first 50 rows, and a retention of a day; `u` has all of its rows.
fn erased(db: &Client, endpoint: &Endpoint) {
    table(db, endpoint);
    cold_table(db, "u");
    db.sql("SELECT stretch.set_retention('1 day')");
    db.sql("DELETE FROM t WHERE id <= 50");
}

/// The rows that are left are there.
fn is_rest(db: &Client) {
    assert_eq!(
        db.lines("SELECT count(*), count(DISTINCT id), min(id), sum(n) = sum(id) FROM t"),
        ["470|470|51|t"]
    );
    assert_eq!(
        db.int("SELECT missing + corrupt + unreadable FROM stretch.verify('t')"),
        0
    );
}

/// What was told since the last statement, if one of the messages holds the words.
fn is_told(db: &Client, words: &str) -> bool {
    db.notices().iter().any(|notice| notice.message.contains(words))
}

/// The worker deletes what was purged, and the catalog forgets it.
fn await_end(db: &Client, endpoint: &Endpoint, objects: usize) {
    wait_until("the objects to go", PATIENCE, || endpoint.segments().len() == objects);
    wait_until("the catalog to forget them", PATIENCE, || {
        db.int("SELECT count(*) FROM stretch.segment WHERE retired AND retention_waived") == 0
    });
    wait_until("the marks to go", PATIENCE, || marks(endpoint).is_empty());
}

#[test]
fn erased_rows_leave_the_endpoint_within_the_retention() {
    // Nothing is collected by itself here; what is purged goes all the same.
    let cluster = builder("purge-remote", 300).start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    erased(&db, &endpoint);
    assert_eq!(db.int("SELECT stretch.purge_remote('t')"), 0);
    assert!(is_told(
        &db,
        "1 segments of table public.t still hold 50 deleted rows: run stretch.compact first"
    ));
    compact(&db, "t");
    compact(&db, "u");
    assert_eq!(collect(&db), 0, "restore points within the retention need them");
    assert_eq!(endpoint.segments().len(), 12);
    let bytes = "SELECT sum(byte_size) FROM stretch.segment s JOIN stretch.stretched_table t USING (table_id)
        WHERE s.retired AND t.relation = 't'::regclass";
    let bytes = db.int(bytes);
    assert_eq!(db.int("SELECT stretch.purge_remote('t')"), bytes);
    await_end(&db, &endpoint, 7);
    is_rest(&db);
    is_whole(&db, "u", 520);
    // The other table keeps what its restore points need.
    let left = "SELECT count(*) FROM stretch.collect() WHERE reason LIKE 'retired within the retention; %'";
    assert_eq!(db.int(left), 5);
    assert_eq!(db.int("SELECT stretch.purge_remote('t')"), 0);
    db.fails("BEGIN; SELECT stretch.purge_remote('t')", "25001");
    db.sql("ROLLBACK");
    db.sql("CREATE TABLE plain (id int)");
    db.fails("SELECT stretch.purge_remote('plain')", "ST010");
}

#[test]
fn a_purge_outlives_the_worker_and_waits_for_snapshots() {
    let cluster = builder("purge-remote-snapshot", 300).start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    erased(&db, &endpoint);
    let reader = cluster.connect("postgres");
    reader.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(reader.int("SELECT count(*) FROM u"), 520);
    compact(&db, "t");
    // Force breaks backups, and no reader.
    assert!(db.int("SELECT stretch.purge_remote('t', force => true)") > 0);
    assert!(is_told(&db, "5 objects of"));
    assert_eq!(collect(&db), 0);
    assert_eq!(
        reasons(&db),
        ["retired, but a snapshot, a prepared transaction or a slot is older|5"]
    );
    is_rest(&reader);
    drop((reader, db));
    cluster.restart();
    let db = cluster.wait_ready("postgres");
    await_end(&db, &endpoint, 6);
    is_rest(&db);
}

#[test]
fn a_backup_refuses_a_purge_and_is_broken_by_force() {
    let cluster = builder("purge-remote-backup", 300).archiving().start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    erased(&db, &endpoint);
    db.sql("SELECT stretch.pin_backup('monthly'), stretch.pin_backup('other')");
    let backup = cluster.basebackup();
    db.sql("SELECT pg_create_restore_point('before')");
    compact(&db, "t");
    compact(&db, "u");
    let refused = db.fails("SELECT stretch.purge_remote('t')", "55000");
    let detail = refused.detail.clone();
    assert_eq!(
        detail,
        "backup \"monthly\" needs 5 segments, backup \"other\" needs 5 segments."
    );
    assert_eq!(collect(&db), 0);
    assert_eq!(reasons(&db), ["needed by backup monthly|10"]);
    // The hint's first way is not enough while another backup needs them; its second way is.
    assert!(db.bool("SELECT stretch.unpin_backup('other')"));
    db.fails("SELECT stretch.purge_remote('t')", "55000");
    assert!(db.int("SELECT stretch.purge_remote('t', force => true)") > 0);
    assert!(is_told(
        &db,
        "backup \"monthly\" is broken: a restore of it loses 5 segments of table public.t"
    ));
    await_end(&db, &endpoint, 7);
    is_rest(&db);
    // The backup keeps what it needs of the other table.
    assert_eq!(reasons(&db), ["needed by backup monthly|5"]);
    let restored = cluster.restore_to("restored", &backup, &Target::Name("before".into()));
    let there = restored.connect("postgres");
    // Nothing is read before the loss is named, and then by name.
    there.fails("SELECT count(*) FROM t", "ST001");
    create_secrets(&there, "testkit", "unused by a folder");
    let found = "SELECT relation, segments, present, lost, is_reconciled FROM stretch.reauthorize('cred') ORDER BY 1";
    assert_eq!(there.lines(found), ["t|5|0|5|f", "u|5|5|0|t"]);
    let lost = there.fails("SELECT count(*) FROM t", "ST003");
    assert!(lost.message.contains('t'), "{}", lost.message);
    is_whole(&there, "u", 520);
    // Without backups a purge is free again.
    assert!(db.bool("SELECT stretch.unpin_backup('monthly')"));
    assert_eq!(db.int("SELECT stretch.purge_remote('t')"), 0);
}

#[test]
fn what_a_copy_needs_stays_until_the_copy_purges_it() {
    let cluster = builder("purge-remote-copy", 300).start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    erased(&db, &endpoint);
    let copy = copy(&cluster);
    copy.sql("SELECT stretch.set_retention('1 day')");
    let branch = copy.text("SELECT branch_id FROM stretch.binding");
    compact(&db, "t");
    let refused = db.fails("SELECT stretch.purge_remote('t')", "55000");
    assert_eq!(refused.detail, format!("branch {branch} needs 5 segments."));
    assert_eq!(db.int("SELECT stretch.purge_remote('t', force => true)"), 0);
    assert!(is_told(
        &db,
        &format!("branch {branch} needs 5 segments of table public.t")
    ));
    assert_eq!(collect(&db), 0);
    assert_eq!(reasons(&db), [format!("needed by child branch {branch}|5")]);
    is_rest(&copy);
    // The copy erases them too; then nothing holds them any more, without another word to the original.
    compact(&copy, "t");
    copy.sql("SELECT stretch.purge_remote('t')");
    assert!(is_told(&copy, "5 segments are objects of branch"));
    wait_until("the copy to give them up", PATIENCE, || {
        copy.int("SELECT count(*) FROM stretch.segment WHERE retired") == 0
    });
    wait_until("the objects to go", PATIENCE, || endpoint.segments().len() == 7);
    is_rest(&copy);
    is_rest(&db);
    is_whole(&copy, "u", 520);
    await_end(&db, &endpoint, 7);
    holds_just(&endpoint, &[&db, &copy]);
}
