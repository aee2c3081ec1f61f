//! `reauthorize(…, with_copy => false)`: a restored database goes on in the branch of its original, which is fenced.
//! What the original made since is in quarantine, and nobody loses it.

use super::{builder, collect, compact, is_whole, reasons, table};
use crate::identity::await_state;
use std::fs;
use stretch_core::steps::Step;
use testkit::setup::{create_secrets, drain, purge, reauthorize};
use testkit::{Client, Endpoint, PATIENCE, Stop, Target, wait_until};

const TAKE_OVER: &str = "SELECT segments, present, lost, ahead, is_reconciled
    FROM stretch.reauthorize('cred', with_copy => false)";

/// Twenty more cold rows, in a segment of their own, on the endpoint alone.
fn more(db: &Client) {
    db.sql("SELECT stretch.set_filter('t', 'id <= 520')");
    assert_eq!(drain(db, "t"), 20);
    purge(db, "t");
}

fn branch(db: &Client) -> String {
    db.text("SELECT branch_id FROM stretch.binding")
}

fn quarantines(endpoint: &Endpoint) -> usize {
    let all = endpoint.objects();
    all.iter().filter(|name| name.contains("/quarantine/")).count()
}

#[test]
fn a_restored_database_takes_the_branch_over() {
    let cluster = builder("take-over", 300)
        .conf("stretch.lease_ttl", "2s")
        .archiving()
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    let backup = cluster.basebackup();
    db.sql("SELECT pg_create_restore_point('then')");
    more(&db);
    db.sql("SELECT pg_switch_wal()");
    let restored = cluster.restore_to("restored", &backup, &Target::Name("then".into()));
    let there = restored.connect("postgres");
    await_state(&there, "disconnected");
    create_secrets(&there, "testkit", "unused by a folder");
    assert_eq!(there.lines(TAKE_OVER), ["5|5|0|1|t"]);
    let told = there.notices();
    assert!(
        told.iter().any(|notice| notice
            .message
            .contains("1 objects that were made after the restored moment")),
        "{told:?}"
    );
    assert_eq!(branch(&there), branch(&db), "the branch is the same");
    assert!(there.int("SELECT generation FROM stretch.binding") > db.int("SELECT generation FROM stretch.binding"));
    is_whole(&there, "t", 520);
    // The original still lives: it is fenced, and what it has here is there.
    await_state(&db, "disconnected");
    db.fails("SELECT count(*) FROM t", "ST001");
    db.fails("SELECT stretch.collect(false)", "ST001");
    // What it made is kept, however long it takes.
    assert_eq!(collect(&there), 0);
    assert_eq!(reasons(&there), ["in quarantine 1|1"]);
    assert_eq!((endpoint.segments().len(), quarantines(&endpoint)), (6, 1));
    // The original may not have said before that it does not promise a week any more.
    there.sql("SELECT stretch.set_retention('0')");
    compact(&there, "t");
    assert_eq!(collect(&there), 5);
    is_whole(&there, "t", 520);
    // Only the list that was in the way goes with `purge_quarantine`; the object is an orphan then.
    assert_eq!(there.int("SELECT stretch.purge_quarantine()"), 1);
    assert_eq!(there.int("SELECT stretch.purge_quarantine()"), 0);
    assert_eq!(quarantines(&endpoint), 0);
    assert_eq!(collect(&there), 1);
    assert_eq!(endpoint.segments().len(), 1);
    is_whole(&there, "t", 520);
}

#[test]
fn an_original_that_was_fenced_comes_back_with_all_it_had() {
    let cluster = builder("take-over-back", 300)
        .conf("stretch.lease_ttl", "2s")
        .archiving()
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    let backup = cluster.basebackup();
    db.sql("SELECT pg_create_restore_point('then')");
    // Five are compacted away and marked for deletion since: they are in doubt, and needed again.
    compact(&db, "t");
    purge(&db, "t");
    super::wait_grace(&db);
    db.sql("SELECT stretch.collect(false)");
    super::wait_grace(&db);
    db.sql("SELECT stretch.collect(false)");
    assert_eq!(super::marks(&endpoint).len(), 5);
    db.sql("SELECT pg_switch_wal()");
    let restored = cluster.restore_to("restored", &backup, &Target::Name("then".into()));
    let there = restored.connect("postgres");
    await_state(&there, "disconnected");
    create_secrets(&there, "testkit", "unused by a folder");
    assert_eq!(there.lines(TAKE_OVER), ["5|5|0|1|t"]);
    is_whole(&there, "t", 520);
    // The marked ones were copied, so that the fenced collector can take nothing from it.
    let copied = "SELECT count(*) FROM stretch.segment WHERE NOT retired AND object_key NOT LIKE '%-1-0.parquet'";
    assert_eq!(there.int(copied), 5);
    await_state(&db, "disconnected");
    // The original gets a branch of its own, and has all of its rows.
    reauthorize(&db);
    assert_ne!(branch(&db), branch(&there));
    is_whole(&db, "t", 520);
    assert!(there.int("SELECT stretch.purge_quarantine()") > 0);
    collect(&there);
    is_whole(&db, "t", 520);
    is_whole(&there, "t", 520);
}

#[test]
fn a_take_over_that_was_interrupted_goes_on() {
    let cluster = builder("take-over-resumed", 300)
        .conf("stretch.lease_ttl", "2s")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    db.fails(TAKE_OVER, "ST008");
    let before = db.int("SELECT generation FROM stretch.binding");
    let own = branch(&db);
    // A server that has lost its marker cannot prove that it was the last to write.
    drop(db);
    cluster.stop(Stop::Fast);
    for file in testkit::endpoint::files(&cluster.state_dir()) {
        if file.extension().is_some_and(|kind| kind == "json") {
            fs::remove_file(file).expect("the marker can be removed");
        }
    }
    cluster.start();
    let db = cluster.wait_ready("postgres");
    await_state(&db, "disconnected");
    // It dies between the claim and the commit.
    let order = cluster.data().join("pg_stretch.kill");
    fs::write(&order, format!("{} self", Step::ReauthorizeClaimed.name())).expect("writable");
    let told = db.try_sql(TAKE_OVER);
    wait_until(&format!("a kill ({told:?})"), PATIENCE, || !order.exists());
    wait_until("the end of the sessions", PATIENCE, || db.try_sql("SELECT 1").is_err());
    drop(db);
    let db = cluster.wait_ready("postgres");
    // A claim that nobody has bound connects nobody.
    await_state(&db, "disconnected");
    assert_eq!(db.int("SELECT generation FROM stretch.binding"), before);
    assert_eq!(db.lines(TAKE_OVER), ["5|5|0|0|t"]);
    assert_eq!(branch(&db), own);
    assert_eq!(db.int("SELECT generation FROM stretch.binding"), before + 1);
    is_whole(&db, "t", 520);
}

#[test]
fn a_branch_without_claims_cannot_be_taken_over() {
    let cluster = builder("take-over-nothing", 300).start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    db.sql("SELECT stretch.deauthorize()");
    let all = endpoint.objects();
    for claim in all.iter().filter(|name| name.contains("/claim/")) {
        endpoint.remove(claim);
    }
    let refused = db.fails(TAKE_OVER, "55000");
    assert!(refused.message.contains("has no claim"), "{}", refused.message);
    assert_eq!(refused.hint, "Use with_copy => true, which makes a branch.");
    assert_eq!(
        db.lines("SELECT lost, is_reconciled FROM stretch.reauthorize('cred', with_copy => true)"),
        ["0|t"]
    );
    is_whole(&db, "t", 520);
}
