//! Who a database is on its endpoint: enabling, restarts, copies and restores (design §9, Appendix 2).

#[path = "identity/copies.rs"]
mod copies;
#[path = "identity/failover.rs"]
mod failover;
#[path = "identity/marker.rs"]
mod marker;

use testkit::{Client, Cluster, Endpoint, PATIENCE, Stop, Target, wait_until};

/// Master key and credential, as steps 2 and 3 of the runbook make them.
pub fn secrets(db: &Client) {
    db.sql("SELECT stretch.create_master_key('correct horse')");
    db.sql("SELECT stretch.create_credential('cred', identity => 'nobody', secret => 'nothing')");
}

/// A stretched database.
pub fn enable(db: &Client, endpoint: &Endpoint) {
    db.sql("CREATE EXTENSION IF NOT EXISTS pg_stretch");
    secrets(db);
    db.sql(&format!("SELECT stretch.enable_database('{}', 'cred')", endpoint.url()));
}

fn state(db: &Client) -> String {
    db.text("SELECT state FROM stretch.status")
}

fn reason(db: &Client) -> String {
    db.text("SELECT reason FROM stretch.status")
}

pub fn await_state(db: &Client, state_wanted: &str) {
    wait_until(&format!("state {state_wanted}"), PATIENCE, || state(db) == state_wanted);
}

/// A connection to a standby that has replayed what its primary has written so far.
fn caught_up(primary: &Client, standby: &Cluster) -> Client {
    let lsn = primary.text("SELECT pg_current_wal_flush_lsn()");
    let there = standby.wait_ready("postgres");
    wait_until("replay", PATIENCE, || {
        there.bool(&format!("SELECT pg_last_wal_replay_lsn() >= '{lsn}'"))
    });
    there
}

/// A disconnected database refuses with ST001 and shows the way; the three statements lead back.
fn runbook(db: &Client, missing: &[&str]) {
    await_state(db, "disconnected");
    let error = db.fails("SELECT * FROM stretch.reconcile()", "ST001");
    let hint = error.hint.clone();
    for statement in ["create_master_key", "create_credential", "reauthorize"] {
        let expected = missing.contains(&statement) || statement == "reauthorize";
        assert_eq!(hint.contains(statement), expected, "{statement} in: {hint}");
    }
    assert!(hint.contains("'cred'"), "{hint}");
    secrets(db);
    db.sql("SELECT stretch.reauthorize('cred')");
    assert_eq!(state(db), "connected");
    db.fails("SELECT * FROM stretch.reauthorize('cred')", "ST008");
}

#[test]
fn identity_survives_restarts_and_crashes() {
    let cluster = Cluster::builder("ident-restart").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable(&db, &endpoint);
    assert_eq!(state(&db), "connected");
    db.fails(
        &format!("SELECT stretch.enable_database('{}', 'cred')", endpoint.url()),
        "42710",
    );
    wait_until("a heartbeat", PATIENCE, || {
        endpoint.objects().iter().any(|o| o.contains("/lease/"))
    });
    drop(db);
    cluster.restart();
    let db = cluster.connect("postgres");
    await_state(&db, "connected");
    assert_eq!(db.int("SELECT generation FROM stretch.status"), 2);
    assert_eq!(
        db.text("SELECT reason FROM stretch.status"),
        "the same server was restarted"
    );
    drop(db);
    cluster.kill9();
    cluster.start();
    let db = cluster.connect("postgres");
    await_state(&db, "connected");
    assert_eq!(db.int("SELECT generation FROM stretch.status"), 3);
    let worker = db.int("SELECT worker_pid FROM stretch.status");
    // A worker that ends by itself is started again and keeps its claim.
    db.sql(&format!("SELECT pg_terminate_backend({worker})"));
    wait_until("another worker", PATIENCE, || {
        db.lines("SELECT worker_pid FROM stretch.status")
            .iter()
            .any(|pid| !pid.is_empty() && *pid != worker.to_string())
    });
    assert_eq!(state(&db), "connected");
    assert_eq!(db.int("SELECT generation FROM stretch.status"), 3);
    assert_eq!(
        db.lines("SELECT item FROM stretch.check() WHERE NOT ok"),
        ["wal archiving"]
    );
    assert_eq!(
        db.lines("SELECT link_state, link_state_desc FROM stretch.test_connection()"),
        ["0|LINK_HEALTHY"]
    );
}

#[test]
fn identity_of_a_dump_needs_the_runbook() {
    let cluster = Cluster::builder("ident-dump").start();
    let endpoint = Endpoint::new();
    cluster.create_database("one");
    let one = cluster.connect("one");
    enable(&one, &endpoint);
    one.sql("SELECT stretch.set_rpo('1 hour'); SELECT stretch.set_retention('30 days')");
    let dump = cluster.pg_dump("one", &["--format=custom"]);
    cluster.create_database("two");
    cluster.pg_restore("two", &[], &dump);
    let two = cluster.connect("two");
    runbook(&two, &["create_master_key", "create_credential"]);
    assert_eq!(two.text("SELECT stretch.rpo()"), "01:00:00");
    assert_eq!(two.text("SELECT stretch.retention()"), "30 days");
    // Another branch of the same database; the original lives on.
    let branch = "SELECT branch_id FROM stretch.status";
    assert_ne!(one.text(branch), two.text(branch));
    assert_eq!(
        one.text("SELECT db_id FROM stretch.status"),
        two.text("SELECT db_id FROM stretch.status")
    );
    assert_eq!(state(&one), "connected");
    drop((one, two));
    cluster.restart();
    for name in ["one", "two"] {
        await_state(&cluster.connect(name), "connected");
    }
}

#[test]
fn identity_of_a_template_copy_is_disconnected() {
    let cluster = Cluster::builder("ident-template").start();
    let endpoint = Endpoint::new();
    cluster.create_database("one");
    let one = cluster.connect("one");
    enable(&one, &endpoint);
    drop(one);
    let db = cluster.connect("postgres");
    wait_until("the copy", PATIENCE, || {
        db.try_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'one'")
            .is_ok()
            && db.try_sql("CREATE DATABASE two TEMPLATE one").is_ok()
    });
    let two = cluster.connect("two");
    runbook(&two, &[]);
    await_state(&cluster.connect("one"), "connected");
}

#[test]
fn identity_of_a_restored_server_needs_the_runbook() {
    let cluster = Cluster::builder("ident-pitr").archiving().start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable(&db, &endpoint);
    let backup = cluster.basebackup();
    db.sql("SELECT pg_create_restore_point('here')");
    for target in [Target::Name("here".into()), Target::End] {
        let restored = cluster.restore_to("restored", &backup, &target);
        let there = restored.connect("postgres");
        await_state(&there, "disconnected");
        runbook(&there, &["create_master_key", "create_credential"]);
        // The claim is on a branch of its own. (Counts of objects say nothing: the original's heartbeats come and go.)
        let branch = there.text("SELECT branch_id FROM stretch.status");
        assert_ne!(branch, db.text("SELECT branch_id FROM stretch.status"));
        assert!(endpoint.objects().iter().any(|name| name.contains(&branch)), "{branch}");
        // A crash of a backend resets shared memory; what was authorized stays so.
        restored.kill_process(there.pid());
        let there = restored.wait_ready("postgres");
        await_state(&there, "connected");
        drop(there);
        restored.restart();
        await_state(&restored.connect("postgres"), "connected");
    }
    assert_eq!(state(&db), "connected");
}

#[test]
fn identity_of_a_twin_is_disconnected() {
    let cluster = Cluster::builder("ident-twin").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable(&db, &endpoint);
    drop(db);
    cluster.stop(Stop::Fast);
    let twin = cluster.copy_stopped("twin");
    twin.start();
    cluster.start();
    let there = twin.connect("postgres");
    await_state(&there, "disconnected");
    await_state(&cluster.connect("postgres"), "connected");
    runbook(&there, &["create_master_key", "create_credential"]);
}

#[test]
fn identity_of_a_promoted_standby_goes_on() {
    let cluster = Cluster::builder("ident-failover").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable(&db, &endpoint);
    let standby = cluster.standby("standby");
    let lsn = db.text("SELECT pg_current_wal_flush_lsn()");
    let there = standby.connect("postgres");
    wait_until("replay", PATIENCE, || {
        there.bool(&format!("SELECT pg_last_wal_replay_lsn() >= '{lsn}'"))
    });
    cluster.share_service_key(&standby);
    drop(db);
    cluster.kill9();
    standby.promote();
    standby.wait_primary();
    await_state(&there, "connected");
    assert_eq!(
        there.text("SELECT reason FROM stretch.status"),
        "a standby was promoted"
    );
    // The old primary comes back: its branch is taken.
    cluster.start();
    await_state(&cluster.connect("postgres"), "disconnected");
}

#[test]
fn identity_is_held_by_key_and_marker() {
    let cluster = Cluster::builder("ident-key").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable(&db, &endpoint);
    drop(db);
    cluster.stop(Stop::Fast);
    let key = cluster.state_dir().join("service_key");
    std::fs::rename(&key, key.with_extension("away")).expect("the key is there");
    cluster.start();
    let db = cluster.connect("postgres");
    await_state(&db, "disconnected");
    assert_eq!(
        db.text("SELECT reason FROM stretch.status"),
        "the service key is not on this server"
    );
    db.fails("SELECT stretch.create_credential('more', 'i', 's')", "ST016");
    db.fails("SELECT stretch.open_master_key('wrong')", "28P01");
    assert!(!key.exists());
    db.sql("SELECT stretch.open_master_key('correct horse')");
    await_state(&db, "connected");
    drop(db);
    // The marker alone is lost: nothing proves who we are.
    cluster.stop(Stop::Fast);
    for file in testkit::endpoint::files(&cluster.state_dir()) {
        if file.extension().is_some_and(|kind| kind == "json") {
            std::fs::remove_file(file).expect("the marker can be removed");
        }
    }
    cluster.start();
    runbook(&cluster.connect("postgres"), &[]);
}

#[test]
fn identity_is_undecided_while_the_endpoint_is_away() {
    let cluster = Cluster::builder("ident-away").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable(&db, &endpoint);
    drop(db);
    cluster.stop(Stop::Fast);
    endpoint.take_away();
    cluster.start();
    let db = cluster.connect("postgres");
    wait_until("the verdict", PATIENCE, || {
        db.text("SELECT reason FROM stretch.status") == "the endpoint does not answer"
    });
    assert_eq!(state(&db), "undecided");
    assert!(!db.text("SELECT last_error FROM stretch.status").is_empty());
    assert_eq!(db.int("SELECT link_state FROM stretch.test_connection()"), 1);
    endpoint.put_back();
    await_state(&db, "connected");
    // Another claim appears, as a twin's would: we never write again.
    let claims: Vec<String> = endpoint
        .objects()
        .into_iter()
        .filter(|o| o.contains("/claim/"))
        .collect();
    let (folder, last) = claims.last().and_then(|name| name.rsplit_once('/')).expect("a claim");
    let next = format!("{folder}/{:020}", last.parse::<u64>().expect("a number") + 1);
    endpoint.overwrite(&next, b"{}");
    await_state(&db, "disconnected");
    assert_eq!(
        db.text("SELECT reason FROM stretch.status"),
        "another incarnation of the database took the branch over"
    );
    assert_eq!(db.int("SELECT jsonb_array_length(verdicts) FROM stretch.binding"), 2);
}
