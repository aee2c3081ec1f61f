//! The main story of a database on a store: enable, migrate, purge, read back, restart, dump and restore. Tests of each
//! kind of store tell it.

use testkit::{Client, Cluster, PATIENCE, digest, setup, wait_until};

/// Rows of table `t`, and how many of them the filter selects.
pub const ROWS: i64 = 20_000;
pub const COLD: i64 = 18_000;

/// A server whose database owners may name any plain port of this machine.
pub fn cluster(name: &str) -> Cluster {
    Cluster::builder(name)
        .conf("stretch.allowed_endpoints", "http://127.0.0.1:*")
        .start()
}

/// A database of role `dbo` with the extension; the connection is `dbo`'s.
pub fn database(cluster: &Cluster, name: &str) -> Client {
    let admin = cluster.connect("postgres");
    if !admin.bool("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dbo')") {
        admin.sql("CREATE ROLE dbo LOGIN");
    }
    admin.sql(&format!("CREATE DATABASE {name} OWNER dbo"));
    cluster.connect(name).sql("CREATE EXTENSION pg_stretch");
    cluster.connect_as("dbo", name)
}

pub fn fill(db: &Client, what: &str) {
    db.sql("CREATE TABLE t (n int PRIMARY KEY, at timestamptz NOT NULL, s text, v numeric(12,2))");
    db.sql(&format!(
        "INSERT INTO t SELECT g, timestamptz '2020-01-01 00:00+00' + g * interval '1 hour', '{what} ' || g, g * 1.01
         FROM generate_series(0, {ROWS} - 1) g; ANALYZE t"
    ));
}

/// Stretches `t`, and leaves nothing of its cold rows here.
pub fn stretch(db: &Client) {
    setup::enable_table(db, "t", &format!("n < {COLD}"));
    assert_eq!(setup::drain(db, "t"), COLD);
    assert_eq!(setup::hot_rows(db, "t"), ROWS - COLD);
    assert!(db.int("SELECT stretch.purge_staged('t')") > 0);
    assert_eq!(db.int("SELECT count(*) FROM stretch.staged_chunk"), 0);
}

/// A place for a database, and who may use it.
pub struct Store {
    pub url: String,
    pub identity: String,
    pub secret: String,
}

impl Store {
    /// Extension, master key, credential and database.
    pub fn enable(&self, db: &Client) {
        setup::enable_database_as(db, &self.url, &self.identity, &self.secret);
    }
}

/// Enable, migrate, purge, read back, restart, dump and restore beside the original.
pub fn main_story(name: &str, store: &Store) {
    let cluster = cluster(name);
    let db = database(&cluster, "app");
    fill(&db, "row");
    let before = digest::table_digest(&db, "t", "n");
    store.enable(&db);
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
    setup::create_secrets(&copy, &store.identity, &store.secret);
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
