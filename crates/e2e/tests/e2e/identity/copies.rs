//! Copies that have the service key, a key that others can read, a claim that nobody used, and an upgrade (Appendix 2).

use super::{await_state, enable, reason, state};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use testkit::digest::multiset_digest;
use testkit::setup::{drain, enable_table, purge};
use testkit::tree::Tree;
use testkit::{Cluster, Endpoint, Stop, Target, os};

#[test]
fn restored_copies_with_the_key_stay_disconnected() {
    let original = Cluster::builder("ident-copies").archiving().start();
    let endpoint = Endpoint::new();
    let db = original.connect("postgres");
    enable(&db, &endpoint);
    let backup = original.basebackup();
    db.sql("SELECT pg_create_restore_point('here')");
    let to_target = original.prepare_restore("target", &backup, &Target::Name("here".into()));
    let to_end = original.prepare_restore("end", &backup, &Target::End);
    // Only `backup_label` tells what this is, and only at its first start.
    let label_alone = original.prepare_restore("label", &backup, &Target::End);
    fs::remove_file(label_alone.data().join("recovery.signal")).expect("just made");
    drop(db);
    // Nobody else writes heartbeats: the silence of the original proves nothing.
    original.stop(Stop::Fast);
    let not_proven = "nothing proves that this server was the last writer (marker lost, moved, or storage rolled back)";
    for (copy, later) in [
        (&to_target, "the server was restored to a recovery target"),
        (&to_end, not_proven),
        (&label_alone, not_proven),
    ] {
        original.share_service_key(copy);
        copy.start();
        copy.wait_primary();
        let there = copy.connect("postgres");
        await_state(&there, "disconnected");
        assert_eq!(reason(&there), "the server was restored from a backup");
        drop(there);
        copy.restart();
        let there = copy.connect("postgres");
        await_state(&there, "disconnected");
        assert_eq!(reason(&there), later);
        drop(there);
        copy.stop(Stop::Fast);
    }
    original.start();
    await_state(&original.connect("postgres"), "connected");
    // A clone that knows only the claim of before.
    drop(to_target);
    let clone = original.prepare_restore("clone", &backup, &Target::End);
    fs::remove_file(clone.data().join("recovery.signal")).expect("just made");
    fs::remove_file(clone.data().join("backup_label")).expect("part of a base backup");
    original.share_service_key(&clone);
    clone.start();
    let there = clone.connect("postgres");
    await_state(&there, "disconnected");
    assert_eq!(reason(&there), "another incarnation of the database owns the branch");
}

/// As when a volume's files are made readable for a group.
#[test]
fn a_key_that_others_can_read_is_none() {
    let cluster = Cluster::builder("ident-open-key").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable(&db, &endpoint);
    drop(db);
    cluster.stop(Stop::Fast);
    let key = cluster.state_dir().join("service_key");
    let allow = |mode| fs::set_permissions(&key, Permissions::from_mode(mode)).expect("the key is there");
    allow(0o640);
    cluster.start();
    let db = cluster.connect("postgres");
    await_state(&db, "disconnected");
    assert_eq!(reason(&db), "the service key is not on this server");
    let refused = db.fails("SELECT stretch.open_master_key('correct horse')", "58030");
    assert!(refused.message.contains("is not private"), "{}", refused.message);
    allow(0o600);
    db.sql("SELECT stretch.open_master_key('correct horse')");
    await_state(&db, "connected");
}

/// A server that died between its claim and the commit, and whose disk is lost, has claimed for nobody (F20).
#[test]
fn a_claim_that_nobody_used_fences_nobody() {
    let cluster = Cluster::builder("ident-unused").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable(&db, &endpoint);
    drop(db);
    cluster.stop(Stop::Fast);
    let mut claims = endpoint.objects();
    claims.retain(|name| name.contains("/claim/"));
    let last = claims.last().expect("a claim");
    let body = String::from_utf8(endpoint.read(last)).expect("text");
    let nonce = body.split("\"nonce\":\"").nth(1).expect("a nonce");
    let nonce = &nonce[..36];
    let stranger = body
        .replace(nonce, "6a0d3c1e-57b2-4c3f-9d51-0123456789ab")
        .replace("\"generation\":1", "\"generation\":2");
    assert_ne!(stranger, body);
    let next = format!("{}/{:020}", last.rsplit_once('/').expect("a folder").0, 2);
    endpoint.overwrite(&next, stranger.as_bytes());
    cluster.start();
    let db = cluster.connect("postgres");
    await_state(&db, "connected");
    assert_eq!(db.int("SELECT generation FROM stretch.status"), 3);
}

#[test]
fn a_cluster_that_was_upgraded_is_reauthorized() {
    for link in [false, true] {
        let old = Cluster::builder("ident-upgrade").start();
        let endpoint = Endpoint::new();
        let db = old.connect("postgres");
        enable(&db, &endpoint);
        db.sql("CREATE TABLE t (id int PRIMARY KEY, word text)");
        db.sql("INSERT INTO t SELECT n, 'word ' || n FROM generate_series(1, 1000) n");
        enable_table(&db, "t", "id <= 700");
        assert_eq!(drain(&db, "t"), 700);
        purge(&db, "t");
        db.sql("DELETE FROM t WHERE id % 10 = 0");
        let before = multiset_digest(&db, "t");
        drop(db);
        old.stop(Stop::Fast);
        let new = Cluster::builder("ident-upgraded").init();
        let bin = Tree::get().bin("postgres");
        let bin = bin.parent().expect("a folder");
        let mut upgrade = new.command("pg_upgrade");
        upgrade.arg("-b").arg(bin).arg("-B").arg(bin);
        upgrade.arg("-d").arg(old.data()).arg("-D").arg(new.data());
        upgrade.arg("-s").arg(new.socket_dir());
        if link {
            upgrade.arg("--link");
        }
        if let Err(error) = os::run(&mut upgrade) {
            let is_log = |file: &PathBuf| file.extension().is_some_and(|kind| kind == "log");
            let logs = testkit::endpoint::files(&new.data().join("pg_upgrade_output.d"));
            for file in logs.iter().filter(|file| is_log(file)) {
                println!("{}:\n{}", file.display(), fs::read_to_string(file).expect("a log"));
            }
            panic!("{error}");
        }
        old.share_service_key(&new);
        new.start();
        let db = new.connect("postgres");
        await_state(&db, "disconnected");
        assert_eq!(
            reason(&db),
            "the database was authorized in another cluster (copied, upgraded or made a subscriber)"
        );
        db.sql("SELECT stretch.reauthorize('cred', with_copy => false)");
        assert_eq!(state(&db), "connected");
        assert_eq!(multiset_digest(&db, "t"), before, "link: {link}");
        db.sql("INSERT INTO t VALUES (5, 'cold'), (5001, 'hot') ON CONFLICT (id) DO NOTHING");
        assert_eq!(db.int("SELECT count(*) FROM t WHERE id IN (5, 5001)"), 2);
        if !link {
            // The old one comes back: its branch has gone on.
            drop(db);
            old.start();
            let db = old.connect("postgres");
            await_state(&db, "disconnected");
            assert_eq!(reason(&db), "another incarnation of the database owns the branch");
        }
    }
}
