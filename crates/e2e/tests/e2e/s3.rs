//! The main story over S3: enable, migrate, purge, read back, restart, dump and restore, and what a store must not do.

use testkit::{Client, Cluster, Moto, PATIENCE, S3Server, digest, setup, wait_until};

/// Rows of table `t`, and how many of them the filter selects.
const ROWS: i64 = 20_000;
const COLD: i64 = 18_000;

/// A server whose database owners may name any plain port of this machine.
fn cluster(name: &str) -> Cluster {
    Cluster::builder(name)
        .conf("stretch.allowed_endpoints", "http://127.0.0.1:*")
        .start()
}

/// A database of role `dbo` with the extension; the connection is `dbo`'s.
fn database(cluster: &Cluster, name: &str) -> Client {
    let admin = cluster.connect("postgres");
    if !admin.bool("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dbo')") {
        admin.sql("CREATE ROLE dbo LOGIN");
    }
    admin.sql(&format!("CREATE DATABASE {name} OWNER dbo"));
    cluster.connect(name).sql("CREATE EXTENSION pg_stretch");
    cluster.connect_as("dbo", name)
}

fn fill(db: &Client, what: &str) {
    db.sql("CREATE TABLE t (n int PRIMARY KEY, at timestamptz NOT NULL, s text, v numeric(12,2))");
    db.sql(&format!(
        "INSERT INTO t SELECT g, timestamptz '2020-01-01 00:00+00' + g * interval '1 hour', '{what} ' || g, g * 1.01
         FROM generate_series(0, {ROWS} - 1) g; ANALYZE t"
    ));
}

/// Stretches `t`, and leaves nothing of its cold rows here.
fn stretch(db: &Client) {
    setup::enable_table(db, "t", &format!("n < {COLD}"));
    assert_eq!(setup::drain(db, "t"), COLD);
    assert_eq!(setup::hot_rows(db, "t"), ROWS - COLD);
    assert!(db.int("SELECT stretch.purge_staged('t')") > 0);
    assert_eq!(db.int("SELECT count(*) FROM stretch.staged_chunk"), 0);
}

#[test]
fn the_main_story_over_s3() {
    let cluster = cluster("s3");
    let moto = Moto::start();
    let db = database(&cluster, "app");
    fill(&db, "row");
    let before = digest::table_digest(&db, "t", "n");
    setup::enable_database_s3(&db, &moto.url("some/prefix"));
    stretch(&db);
    assert_eq!(digest::table_digest(&db, "t", "n"), before);
    assert_eq!(db.int("SELECT n FROM t WHERE s = 'row 123'"), 123);
    drop(db);
    cluster.restart();
    let db = cluster.connect_as("dbo", "app");
    assert_eq!(digest::table_digest(&db, "t", "n"), before);

    // A shallow dump by the owner of the database, restored beside the original.
    let dump = cluster.pg_dump("app", &["-Fc", "--username=dbo"]);
    cluster.connect("postgres").sql("CREATE DATABASE copy OWNER dbo");
    cluster.pg_restore("copy", &["-j", "2"], &dump);
    let copy = cluster.connect_as("dbo", "copy");
    copy.fails("SELECT * FROM t", "ST001");
    setup::create_secrets(&copy, S3Server::ACCESS_KEY, S3Server::SECRET_KEY);
    let lines = copy.lines(&format!("SELECT * FROM stretch.reauthorize('{}')", setup::CREDENTIAL));
    assert_eq!(lines.len(), 1, "{lines:?}");
    setup::wait_reconciled(&copy);
    assert_eq!(digest::table_digest(&copy, "t", "n"), before);

    // Both go on, each for itself, the original once it has seen that nobody else writes its heartbeats.
    wait_until("the watch after the restart to end", PATIENCE, || {
        db.text("SELECT state FROM stretch.status") == "connected"
    });
    db.sql("INSERT INTO t VALUES (-1, now(), 'original', 1)");
    copy.sql("INSERT INTO t VALUES (-1, now(), 'copy', 2), (-2, now(), 'copy', 3)");
    assert_eq!(setup::drain(&db, "t"), 1);
    assert_eq!(setup::drain(&copy, "t"), 2);
    db.sql("SELECT stretch.purge_staged('t')");
    copy.sql("SELECT stretch.purge_staged('t')");
    assert_eq!(db.lines("SELECT n, s FROM t WHERE n < 0"), ["-1|original"]);
    assert_eq!(
        copy.lines("SELECT n, s FROM t WHERE n < 0 ORDER BY n"),
        ["-2|copy", "-1|copy"]
    );
    let rest = "(SELECT * FROM t WHERE n >= 0)";
    assert_eq!(digest::table_digest(&db, rest, "n"), before);
    assert_eq!(digest::table_digest(&copy, rest, "n"), before);
}

#[test]
fn two_databases_under_one_prefix_do_not_meet() {
    let cluster = cluster("s3_two");
    let moto = Moto::start();
    let mut before = Vec::new();
    for name in ["one", "two"] {
        let db = database(&cluster, name);
        fill(&db, name);
        before.push(digest::table_digest(&db, "t", "n"));
        setup::enable_database_s3(&db, &moto.url("shared"));
        stretch(&db);
    }
    assert_ne!(before[0], before[1]);
    for (name, before) in ["one", "two"].iter().zip(&before) {
        let db = cluster.connect_as("dbo", name);
        assert_eq!(&digest::table_digest(&db, "t", "n"), before, "{name}");
    }
    // Dropping one leaves the other alone.
    wait_until("the worker to leave", PATIENCE, || {
        cluster.connect("postgres").try_sql("DROP DATABASE one").is_ok()
    });
    let two = cluster.connect_as("dbo", "two");
    assert_eq!(digest::table_digest(&two, "t", "n"), before[1]);
}

#[test]
fn an_endpoint_of_another_database_is_refused() {
    let cluster = cluster("s3_foreign");
    let moto = Moto::start();
    let db = database(&cluster, "app");
    fill(&db, "row");
    setup::enable_database_s3(&db, &moto.url("mine"));
    stretch(&db);
    let other = database(&cluster, "other");
    setup::enable_database_s3(&other, &moto.url("theirs"));

    let dump = cluster.pg_dump("app", &["-Fc"]);
    cluster.connect("postgres").sql("CREATE DATABASE copy OWNER dbo");
    cluster.pg_restore("copy", &[], &dump);
    let copy = cluster.connect_as("dbo", "copy");
    setup::create_secrets(&copy, S3Server::ACCESS_KEY, S3Server::SECRET_KEY);
    let reauthorize = |url: &str| format!("SELECT * FROM stretch.reauthorize('cred', endpoint => '{url}')");
    copy.fails(&reauthorize(&moto.url("theirs")), "ST007");
    copy.fails("SELECT * FROM t", "ST001");
    copy.sql(&reauthorize(&moto.url("mine")));
    assert_eq!(copy.int("SELECT count(*) FROM t"), ROWS);
}

#[test]
fn a_store_that_lies_is_refused() {
    let cluster = cluster("s3_lies");
    let store = S3Server::start();
    let db = database(&cluster, "app");
    setup::create_secrets(&db, S3Server::ACCESS_KEY, S3Server::SECRET_KEY);
    let enable = |url: &str| format!("SELECT stretch.enable_database('{url}', '{}')", setup::CREDENTIAL);
    let error = db.fails(&enable(&store.url("lies")), "ST017");
    println!("{error}");
    assert_eq!(db.int("SELECT count(*) FROM stretch.database"), 0);
    // The same store is accepted when it takes one writer at a time.
    let orderly = S3Server::start_orderly();
    db.sql(&enable(&orderly.url("true")));
}
