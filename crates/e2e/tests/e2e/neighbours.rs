//! What broke neighbouring systems: vacuum that never comes, keys that a trigger changes, dumps of a schema, objects
//! that cannot be read.

use crate::tables::stretched;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use testkit::setup::{drain, hot_rows, purge};
use testkit::{Client, Cluster, Endpoint, PATIENCE, endpoint::files, setup::enable_database, wait_until};

/// Ten rows, of which five are cold.
fn ten_rows(db: &Client) {
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, note text);
         INSERT INTO t SELECT n, 'old' FROM generate_series(1, 10) n;
         SELECT stretch.enable_table('t', 'id <= 5')",
    );
    drain(db, "t");
}

#[test]
fn autovacuum_comes_after_migration() {
    let cluster = Cluster::builder("neighbours-vacuum")
        .conf("autovacuum", "on")
        .conf("autovacuum_naptime", "1s")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, note text) WITH (autovacuum_vacuum_threshold = 100, \
         autovacuum_enabled = off);
         INSERT INTO t SELECT n, repeat('x', 100) FROM generate_series(1, 20000) n;
         SELECT stretch.enable_table('t', 'id <= 15000')",
    );
    db.sql("VACUUM ANALYZE t");
    assert_eq!(drain(&db, "t"), 15000);
    let facts = |what: &str| {
        db.int(&format!(
            "SELECT {what} FROM pg_stat_all_tables WHERE relid = 't'::regclass"
        ))
    };
    wait_until("the statistics", PATIENCE, || facts("n_tup_del") == 15000);
    let (size, vacuums) = ("SELECT pg_relation_size('t')", facts("autovacuum_count"));
    let before = db.int(size);
    db.sql("ALTER TABLE t RESET (autovacuum_enabled)");
    wait_until("autovacuum", PATIENCE, || facts("autovacuum_count") > vacuums);
    // The space of the rows that went is used again.
    db.sql("INSERT INTO t SELECT n, repeat('y', 100) FROM generate_series(100001, 110000) n");
    assert!(db.int(size) <= before, "the table grew");
}

#[test]
fn what_a_before_trigger_changes_is_not_skipped() {
    let (_cluster, _endpoint, db) = stretched("neighbours-trigger");
    ten_rows(&db);
    db.sql(
        "CREATE FUNCTION moved() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.id := new.id + 100; RETURN new; END'",
    );
    db.sql("INSERT INTO t VALUES (2, 'new') ON CONFLICT DO NOTHING");
    assert_eq!(db.int("SELECT count(*) FROM t"), 10);
    db.sql("CREATE TRIGGER moved BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION moved()");
    db.sql("INSERT INTO t VALUES (2, 'new') ON CONFLICT DO NOTHING");
    assert_eq!(db.text("SELECT note FROM t WHERE id = 102"), "new");
    for id in [-98, 2] {
        db.sql(&format!(
            "INSERT INTO t VALUES ({id}, 'new') ON CONFLICT (id) DO NOTHING"
        ));
    }
    assert_eq!(db.int("SELECT count(*) FROM t"), 11);
    // A trigger of statements changes no row.
    db.sql(
        "DROP TRIGGER moved ON t; CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; \
         END';
         CREATE TRIGGER s BEFORE INSERT ON t EXECUTE FUNCTION nothing();
         INSERT INTO t VALUES (2, 'new') ON CONFLICT DO NOTHING",
    );
}

#[test]
fn changed_cold_rows_return_system_columns() {
    let (_cluster, _endpoint, db) = stretched("neighbours-returning");
    ten_rows(&db);
    assert_eq!(
        db.lines("DELETE FROM t WHERE id = 1 RETURNING xmin, cmin, id"),
        ["4294967295|0|1"]
    );
    assert_eq!(
        db.text(
            "WITH old AS (SELECT id, ctid AS tid FROM t) DELETE FROM t USING old \
            WHERE old.id = 3 AND t.ctid = old.tid RETURNING t.id::text"
        ),
        "3"
    );
    for id in [2, 7] {
        assert!(db.bool(&format!(
            "UPDATE t SET note = 'new' WHERE id = {id} RETURNING xmin::text::bigint < 2147483648 \
             AND tableoid = 't'::regclass AND ctid < '(2147483648,0)'"
        )));
    }
    assert_eq!(db.int("SELECT count(*) FROM t"), 8);
}

#[test]
fn a_schema_alone_has_no_cold_rows_and_half_a_dump_is_loud() {
    let (cluster, _endpoint, db) = stretched("neighbours-schema");
    ten_rows(&db);
    let script = cluster.pg_dump("postgres", &["-s"]);
    let whole = cluster.pg_dump("postgres", &["-Fc"]);
    let text = cluster.pg_dump("postgres", &["--inserts"]);
    let psql = |database: &str, file: &std::path::Path| {
        testkit::os::run_ok(
            cluster
                .command("psql")
                .args(["-q", "-v", "ON_ERROR_STOP=1", "-f"])
                .arg(file)
                .arg(database),
        );
    };
    cluster.create_database("app");
    psql("app", &script);
    let app = cluster.connect("app");
    assert_eq!(app.int("SELECT count(*) FROM t"), 0);
    app.sql(
        "INSERT INTO t VALUES (1, 'a'), (7, 'b'); UPDATE t SET note = 'c' WHERE id = 7; \
        INSERT INTO t VALUES (1, 'd') ON CONFLICT (id) DO UPDATE SET note = excluded.note",
    );
    app.fails("INSERT INTO t VALUES (1, 'e')", "23505");
    assert_eq!(
        app.text("SELECT string_agg(id || note, ' ' ORDER BY id) FROM t"),
        "1d 7c"
    );
    app.sql("DELETE FROM t WHERE id = 1");
    assert_eq!(app.int("SELECT count(*) FROM t"), 1);
    // Hot rows without their catalog: by COPY, by INSERT, with and without the rest of the catalog.
    cluster.create_database("half");
    cluster.pg_restore("half", &["--section=pre-data"], &whole);
    let half = cluster.connect("half");
    assert_eq!(half.int("SELECT count(*) FROM t"), 0);
    cluster.pg_restore("half", &["-a", "-t", "t"], &whole);
    half.fails("SELECT count(*) FROM t", "ST010");
    half.fails("UPDATE t SET note = 'x'", "ST010");
    cluster.pg_restore(
        "half",
        &["-a", "-n", "stretch", "-t", "manifest", "-t", "segment"],
        &whole,
    );
    half.fails("SELECT count(*) FROM t", "ST010");
    assert_eq!(hot_rows(&half, "t"), 5);
    // Without the hot rows, a part of the catalog alone.
    cluster.create_database("quarter");
    cluster.pg_restore("quarter", &["--section=pre-data"], &whole);
    cluster.pg_restore("quarter", &["-a", "-n", "stretch", "-t", "manifest"], &whole);
    assert_eq!(
        cluster.connect("quarter").int("SELECT count(*) FROM stretch.manifest"),
        1
    );
    cluster.connect("quarter").fails("SELECT count(*) FROM t", "ST010");
    // As INSERT statements, up to the catalog.
    let all = fs::read_to_string(&text).expect("a script");
    let (begin, _) = all
        .split_once("-- Data for Name: database;")
        .expect("the catalog comes later");
    let cut = cluster.scratch("scripts").join("cut.sql");
    fs::write(&cut, begin).expect("written");
    testkit::os::give(&cut);
    cluster.create_database("inserts");
    psql("inserts", &cut);
    let inserts = cluster.connect("inserts");
    assert_eq!(hot_rows(&inserts, "t"), 5);
    inserts.fails("SELECT count(*) FROM t", "ST010");
    // And a whole dump is whole.
    cluster.create_database("complete");
    psql("complete", &text);
    assert_eq!(cluster.connect("complete").int("SELECT count(*) FROM t"), 10);
}

#[test]
fn verify_goes_on_after_what_it_cannot_read() {
    let (cluster, endpoint, db) = stretched("neighbours-verify");
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, note text);
         INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 3000) n;
         SELECT stretch.enable_table('t', 'id <= 3000', migration_state => 'paused')",
    );
    db.sql("SELECT stretch.set_migration_state('t', 'outbound')");
    for _ in 0..3 {
        db.sql("SELECT stretch.migrate('t', 1000)");
    }
    purge(&db, "t");
    let objects: Vec<_> = db
        .lines("SELECT object_key FROM stretch.segments WHERE state = 'remote' ORDER BY migrated_at")
        .into_iter()
        .map(|key| {
            files(endpoint.path())
                .into_iter()
                .find(|file| file.to_string_lossy().ends_with(&key))
                .expect("the object's file")
        })
        .collect();
    assert!(objects.len() >= 3, "{objects:?}");
    fs::set_permissions(&objects[0], fs::Permissions::from_mode(0o000)).expect("chmod");
    let found = "SELECT missing || ' ' || corrupt || ' ' || unreadable FROM stretch.verify('t')";
    assert_eq!(db.text(found), "0 0 1");
    let error = cluster
        .connect("postgres")
        .fails("SELECT sum(length(note)) FROM t", "ST005");
    assert!(
        error.message.starts_with("segment ") && error.message.contains("public.t cannot be read"),
        "{error}"
    );
    // Other bytes of the same size are corrupt, also after a comparison that looks at names and sizes.
    let mut bytes = fs::read(&objects[1]).expect("the object");
    bytes.iter_mut().for_each(|byte| *byte ^= 0x55);
    fs::write(&objects[1], bytes).expect("written");
    fs::remove_file(&objects[2]).expect("removed");
    assert_eq!(db.text(found), "1 1 1");
    fs::set_permissions(&objects[0], fs::Permissions::from_mode(0o600)).expect("chmod");
    db.sql("SELECT * FROM stretch.reconcile('t')");
    let there = cluster.connect("postgres");
    let read = |segment: &str| {
        there.fails(
            &format!("SELECT note FROM t WHERE id = {segment}"),
            if segment == "1500" { "ST004" } else { "ST003" },
        )
    };
    read("1500");
    let error = read("2500");
    assert!(error.detail.starts_with("It holds 1000 rows, id from "), "{error}");
}
