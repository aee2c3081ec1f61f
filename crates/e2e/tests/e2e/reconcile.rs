//! Restoring stretched tables to points in time and reconciling them with the endpoint (design §10).

use crate::identity::{await_state, enable, secrets};
use testkit::setup::{hot_rows, purge, wait_uploaded};
use testkit::{Client, Cluster, Endpoint, PATIENCE, Target, wait_until};

/// Rows 1 to `rows`, those with an even number cold and only on the endpoint.
fn table(db: &Client, rows: u32) {
    db.sql("CREATE TABLE orders (id int PRIMARY KEY, done boolean NOT NULL, note text)");
    insert(db, 1, rows);
    db.sql("SELECT stretch.enable_table('orders', filter => 'done')");
    migrate(db);
}

fn insert(db: &Client, from: u32, to: u32) {
    db.sql(&format!(
        "INSERT INTO orders SELECT n, n % 2 = 0, repeat(md5(n::text), 10) FROM generate_series({from}, {to}) n"
    ));
}

/// Moves everything eligible and drops it from staging.
fn migrate(db: &Client) {
    db.sql("SELECT stretch.drain('orders')");
    purge(db, "orders");
    assert_eq!(db.int("SELECT count(*) FROM stretch.staged_chunk"), 0);
}

fn digest(db: &Client) -> String {
    db.text("SELECT count(*) || ' ' || md5(string_agg(o::text, ',' ORDER BY id)) FROM orders o")
}

const COUNTS: &str = "SELECT segments, present, refilled, lost, ahead, is_reconciled FROM stretch";

#[test]
fn reconcile_brings_a_point_in_time_back() {
    let cluster = Cluster::builder("reconcile-pitr").archiving().start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable(&db, &endpoint);
    let backup = cluster.basebackup();
    table(&db, 1000);
    let before = digest(&db);
    db.sql("SELECT pg_create_restore_point('before')");
    insert(&db, 1001, 1500);
    migrate(&db);
    let after = digest(&db);
    let restored = cluster.restore_to("restored", &backup, &Target::Name("before".into()));
    let there = restored.connect("postgres");
    await_state(&there, "disconnected");
    there.fails("SELECT count(*) FROM orders", "ST001");
    assert_eq!(hot_rows(&there, "orders"), 500);
    assert_eq!(there.int("SELECT count(*) FROM orders WHERE NOT done"), 500);
    secrets(&there);
    let objects = endpoint.segments();
    assert_eq!(there.lines(&format!("{COUNTS}.reauthorize('cred')")), ["1|1|0|0|1|t"]);
    assert_eq!(endpoint.segments(), objects, "nothing is copied");
    assert_eq!(digest(&there), before);
    // Both go on, each on its own branch.
    insert(&there, 2001, 2100);
    migrate(&there);
    assert_eq!(there.int("SELECT count(*) FROM orders"), 1100);
    assert_eq!(digest(&db), after);
    assert_eq!(endpoint.segments().len(), objects.len() + 1);
    assert_eq!(there.lines(&format!("{COUNTS}.reconcile()")), ["2|2|0|0|1|t"]);
    assert_eq!(db.lines(&format!("{COUNTS}.reconcile()")), ["2|2|0|0|0|t"]);
}

#[test]
fn reconcile_names_what_is_lost_and_finds_it_again() {
    let cluster = Cluster::builder("reconcile-lost").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable(&db, &endpoint);
    table(&db, 100);
    let before = digest(&db);
    let object = endpoint.segments().remove(0);
    let bytes = endpoint.read(&object);
    endpoint.remove(&object);
    assert_eq!(
        db.lines(&format!("{COUNTS}.reconcile(dry_run => true)")),
        ["1|0|0|1|0|f"]
    );
    assert!(db.bool("SELECT is_reconciled FROM stretch.stretched_table"));
    assert_eq!(db.lines(&format!("{COUNTS}.reconcile('orders')")), ["1|0|0|1|0|f"]);
    assert!(db.notices().iter().any(|notice| notice.message.contains("is lost")));
    let error = db
        .try_rows("SELECT count(*) FROM orders")
        .expect_err("a segment is lost");
    assert!(["ST002", "ST003"].contains(&error.code.as_str()), "{error:?}");
    assert_eq!(db.int("SELECT count(*) FROM orders WHERE NOT done"), 50);
    endpoint.overwrite(&object, &bytes);
    assert_eq!(db.lines(&format!("{COUNTS}.reconcile('orders')")), ["1|1|0|0|0|t"]);
    assert_eq!(digest(&db), before);
}

#[test]
fn reconcile_refills_from_staging() {
    let cluster = Cluster::builder("reconcile-refill").start();
    let endpoint = Endpoint::new();
    cluster.create_database("one");
    let one = cluster.connect("one");
    enable(&one, &endpoint);
    one.sql("CREATE TABLE orders (id int PRIMARY KEY, done boolean NOT NULL, note text)");
    insert(&one, 1, 1000);
    one.sql("SELECT stretch.enable_table('orders', filter => 'done')");
    one.sql("SELECT stretch.drain('orders')");
    wait_uploaded(&one);
    let before = digest(&one);
    let dump = cluster.pg_dump("one", &["--format=custom"]);
    cluster.create_database("two");
    cluster.pg_restore("two", &[], &dump);
    for object in endpoint.segments() {
        endpoint.remove(&object);
    }
    let two = cluster.connect("two");
    await_state(&two, "disconnected");
    secrets(&two);
    assert_eq!(two.lines(&format!("{COUNTS}.reauthorize('cred')")), ["1|0|1|0|0|t"]);
    assert_eq!(digest(&two), before);
    wait_until("the refill", PATIENCE, || endpoint.segments().len() == 1);
    purge(&two, "orders");
    assert_eq!(digest(&two), before);
    // A restored table that lacks the key its cold rows were promised stays unreconciled.
    cluster.create_database("three");
    cluster.pg_restore("three", &["--section=pre-data", "--section=data"], &dump);
    let three = cluster.connect("three");
    await_state(&three, "disconnected");
    secrets(&three);
    assert_eq!(three.lines(&format!("{COUNTS}.reauthorize('cred')")), ["1|0|1|0|0|f"]);
    let told = three.notices();
    assert!(
        told.iter()
            .any(|n| n.message.contains("unique index on (id) is missing")),
        "{told:?}"
    );
    // Its rows are all in staging, so that queries need no remote part.
    assert_eq!(three.int("SELECT count(*) FROM orders"), 1000);
}

#[test]
fn reconcile_refuses_what_it_must() {
    let cluster = Cluster::builder("reconcile-refuse").start();
    let (endpoint, other) = (Endpoint::new(), Endpoint::new());
    let db = cluster.connect("postgres");
    db.sql("CREATE EXTENSION pg_stretch");
    db.fails("SELECT * FROM stretch.reauthorize('cred')", "ST009");
    enable(&db, &endpoint);
    db.fails("SELECT * FROM stretch.reauthorize('cred')", "ST008");
    db.sql("SELECT stretch.deauthorize()");
    assert_eq!(db.text("SELECT state FROM stretch.status"), "disconnected");
    db.fails("SELECT stretch.deauthorize()", "55000");
    db.fails("SELECT * FROM stretch.reauthorize('nobody')", "42704");
    db.fails(
        &format!("SELECT * FROM stretch.reauthorize('{}')", "n".repeat(129)),
        "42622",
    );
    db.fails("BEGIN; SELECT * FROM stretch.reauthorize('cred')", "25001");
    db.try_sql("ROLLBACK").expect("a rollback");
    db.fails(
        &format!(
            "SELECT * FROM stretch.reauthorize('cred', endpoint => '{}')",
            other.url()
        ),
        "ST007",
    );
    assert!(other.objects().is_empty());
    db.fails(
        "SELECT * FROM stretch.reauthorize('cred', endpoint => 'file:///nowhere/at/all')",
        "ST005",
    );
    db.sql("CREATE ROLE joe LOGIN");
    cluster
        .connect_as("joe", "postgres")
        .fails("SELECT * FROM stretch.reauthorize('cred')", "42501");
    db.sql("SELECT * FROM stretch.reauthorize('cred')");
    assert_eq!(db.text("SELECT state FROM stretch.status"), "connected");
}

#[test]
fn reconcile_is_taken_up_where_it_was_interrupted() {
    let cluster = Cluster::builder("reconcile-again").start();
    let endpoint = Endpoint::new();
    cluster.create_database("one");
    let one = cluster.connect("one");
    enable(&one, &endpoint);
    table(&one, 100);
    let before = digest(&one);
    let dump = cluster.pg_dump("one", &["--format=custom"]);
    cluster.create_database("two");
    cluster.pg_restore("two", &[], &dump);
    let two = cluster.connect("two");
    await_state(&two, "disconnected");
    secrets(&two);
    // The pin can be written, the new branch cannot.
    let folder = endpoint.path().join(two.text("SELECT db_id FROM stretch.status"));
    let mode = std::os::unix::fs::PermissionsExt::from_mode;
    std::fs::set_permissions(&folder, mode(0o500)).expect("chmod");
    two.fails("SELECT stretch.reauthorize('cred')", "ST005");
    std::fs::set_permissions(&folder, mode(0o700)).expect("chmod");
    assert_eq!(two.text("SELECT state FROM stretch.status"), "disconnected");
    drop((one, two));
    cluster.kill9();
    cluster.start();
    let two = cluster.connect("two");
    await_state(&two, "disconnected");
    two.sql("SELECT stretch.reauthorize('cred')");
    assert_eq!(digest(&two), before);
    let branches = endpoint
        .objects()
        .iter()
        .filter(|name| name.ends_with("/branch.json"))
        .count();
    let pins = endpoint.objects().iter().filter(|name| name.contains("/pin/")).count();
    assert_eq!((branches, pins), (2, 1));
}

#[test]
fn reconcile_is_not_needed_to_read_after_a_restart_or_on_a_standby() {
    let cluster = Cluster::builder("reconcile-read").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable(&db, &endpoint);
    table(&db, 100);
    let before = digest(&db);
    let standby = cluster.standby("standby");
    let lsn = db.text("SELECT pg_current_wal_flush_lsn()");
    let there = standby.connect("postgres");
    wait_until("replay", PATIENCE, || {
        there.bool(&format!("SELECT pg_last_wal_replay_lsn() >= '{lsn}'"))
    });
    there.fails("SELECT count(*) FROM orders", "ST001");
    assert_eq!(there.int("SELECT count(*) FROM orders WHERE NOT done"), 50);
    testkit::os::make_dir(&standby.state_dir());
    let key = cluster.state_dir().join("service_key");
    testkit::os::run_ok(
        testkit::os::as_server("cp", &standby.state_dir())
            .arg("-p")
            .arg(key)
            .arg(standby.state_dir()),
    );
    assert_eq!(digest(&there), before);
    drop(db);
    // Without any worker the local facts suffice, at once.
    cluster.set_conf(&[("stretch.enabled", "off")]);
    cluster.restart();
    let db = cluster.connect("postgres");
    assert_eq!(digest(&db), before);
    assert_eq!(db.text("SELECT state FROM stretch.status"), "undecided");
}
