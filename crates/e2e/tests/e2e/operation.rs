//! Operation: workers that take turns, limits of staging, rights of monitors, what status and log say, hung folders.

use crate::identity::await_state;
use crate::tables::stretched;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use testkit::setup::{create_secrets, drain, enable_database, enable_table, hot_rows, purge};
use testkit::{Client, Cluster, Endpoint, PATIENCE, S3Server, os, wait_until};

const WORKERS: &str = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_stretch worker'";

#[test]
fn databases_beyond_the_limit_take_turns() {
    let cluster = Cluster::builder("operation-turns")
        .conf("stretch.max_workers", "2")
        .conf("stretch.naptime", "200ms")
        .conf("stretch.max_batch_age", "0")
        .conf("stretch.lease_ttl", "2s")
        .start();
    let endpoint = Endpoint::new();
    let names = ["one", "two", "three", "four", "five"];
    let databases: Vec<Client> = names
        .iter()
        .map(|name| {
            cluster.create_database(name);
            let db = cluster.connect(name);
            enable_database(&db, &endpoint.url());
            db.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)");
            enable_table(&db, "t", "id <= 1000");
            // The worker may have moved them before it was asked.
            drain(&db, "t");
            assert_eq!(hot_rows(&db, "t"), 0, "{name}");
            db
        })
        .collect();
    let watcher = cluster.connect("postgres");
    let all_move = |databases: &[Client]| {
        for (number, db) in databases.iter().enumerate() {
            db.sql(&format!(
                "INSERT INTO t SELECT generate_series({0}, {0} + 9)",
                101 + 10 * number
            ));
        }
        let mut waited = false;
        wait_until("rows of every database to move", PATIENCE, || {
            assert!(watcher.int(WORKERS) <= 2);
            waited |= databases.iter().any(|db| {
                db.bool("SELECT reason LIKE '%waits for one of 2 workers (stretch.max_workers)' FROM stretch.status")
            });
            databases.iter().all(|db| hot_rows(db, "t") == 0)
        });
        wait_until("a database that waits to say so", PATIENCE, || {
            waited |= databases
                .iter()
                .any(|db| db.bool("SELECT reason LIKE '%waits for one of 2 workers%' FROM stretch.status"));
            waited
        });
    };
    all_move(&databases);
    let told = |name: &str| {
        cluster
            .log()
            .matches(&format!("database \"{name}\" waits for a worker"))
            .count()
    };
    assert!(
        names.iter().filter(|name| told(name) > 0).count() >= 3,
        "{}",
        cluster.log()
    );
    assert!(names.iter().all(|name| told(name) <= 1), "each is told once");
    // The limit holds after a restart too, when the launcher looks into every database.
    drop((databases, watcher));
    cluster.restart();
    let databases: Vec<Client> = names.iter().map(|name| cluster.connect(name)).collect();
    let watcher = cluster.connect("postgres");
    for db in &databases {
        wait_until("the database to be judged", PATIENCE, || {
            assert!(watcher.int(WORKERS) <= 2);
            db.text("SELECT state FROM stretch.status") == "connected"
        });
        db.sql("DELETE FROM t WHERE id > 100");
    }
    for db in &databases {
        db.sql("INSERT INTO t VALUES (999)");
        drain(db, "t");
        assert_eq!(hot_rows(db, "t"), 0);
        assert!(watcher.int(WORKERS) <= 2);
    }
}

#[test]
fn uploaded_bytes_have_a_limit_of_their_own() {
    let cluster = Cluster::builder("operation-kept")
        .conf("stretch.max_staged_bytes", "2MB")
        .conf("stretch.max_kept_bytes", "6MB")
        .conf("stretch.batch_bytes", "1MB")
        .conf("stretch.naptime", "100ms")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE TABLE t (id int NOT NULL, note text);
         INSERT INTO t SELECT g, md5(g::text) || md5('a' || g) || md5('b' || g) FROM generate_series(1, 200000) g",
    );
    enable_table(&db, "t", "id > 0");
    // More than the first limit moves, since it is uploaded meanwhile; the second limit does not keep anybody waiting.
    let began = std::time::Instant::now();
    let error = db.fails("SELECT stretch.drain('t', timeout => '10 minutes')", "ST019");
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert!(
        error.message.contains("kept in staging until the RPO is over"),
        "{error}"
    );
    assert!(
        error.hint.contains("stretch.purge_staged") && error.hint.contains("stretch.set_rpo"),
        "{error}"
    );
    let kept = db.int("SELECT sum(byte_size) FROM stretch.segment WHERE staged");
    assert!((5 << 20..=9 << 20).contains(&kept), "{kept}");
    // As the hint says, each way.
    let left = hot_rows(&db, "t");
    db.sql("SELECT stretch.purge_staged('t')");
    let _ = db.try_sql("SELECT stretch.drain('t')");
    assert!(hot_rows(&db, "t") < left);
    db.sql("SELECT stretch.set_rpo('0 s')");
    wait_until("all rows to be cold", PATIENCE, || {
        let _ = db.try_sql("SELECT stretch.drain('t')");
        hot_rows(&db, "t") == 0
    });
    assert_eq!(db.int("SELECT count(DISTINCT note) FROM t"), 200_000);
}

#[test]
fn monitors_and_backup_roles_need_no_ownership() {
    let (cluster, _endpoint, db) = stretched("operation-monitor");
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 10);
         SELECT stretch.enable_table('t', 'id <= 5');
         CREATE ROLE monitor LOGIN IN ROLE pg_monitor; CREATE ROLE backup LOGIN; CREATE ROLE nobody LOGIN",
    );
    drain(&db, "t");
    let monitor = cluster.connect_as("monitor", "postgres");
    for view in ["status", "tables", "segments", "migration_status", "space_used"] {
        assert!(
            monitor.int(&format!("SELECT count(*) FROM stretch.{view}")) >= 1,
            "{view}"
        );
    }
    let nobody = cluster.connect_as("nobody", "postgres");
    for call in [
        "* FROM stretch.status",
        "* FROM stretch.status_facts()",
        "* FROM stretch.check()",
        "* FROM stretch.verify()",
        "* FROM stretch.verify('t')",
    ] {
        nobody.fails(&format!("SELECT {call}"), "42501");
        if !call.contains("status") {
            monitor.fails(&format!("SELECT {call}"), "42501");
        }
    }
    db.sql(
        "GRANT SELECT ON stretch.status TO backup; GRANT EXECUTE ON FUNCTION stretch.check(), \
        stretch.verify(regclass) TO backup",
    );
    let backup = cluster.connect_as("backup", "postgres");
    assert_eq!(backup.text("SELECT state FROM stretch.status"), "connected");
    assert!(backup.int("SELECT count(*) FROM stretch.check()") > 3);
    for arguments in ["", "'t'"] {
        assert_eq!(
            backup.lines(&format!(
                "SELECT relation, missing, corrupt FROM stretch.verify({arguments})"
            )),
            ["t|0|0"]
        );
    }
    nobody.fails("SELECT * FROM stretch.verify()", "42501");
    backup.fails("SELECT * FROM t", "42501");
}

#[test]
fn status_and_log_say_what_is_so() {
    let cluster = Cluster::builder("operation-status")
        .conf("stretch.naptime", "200ms")
        .conf("stretch.lease_ttl", "2s")
        .conf("stretch.max_batch_age", "0")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 10); \
        CREATE TABLE gone (id int); INSERT INTO gone SELECT generate_series(1, 10)",
    );
    enable_table(&db, "gone", "id <= 5");
    drain(&db, "gone");
    purge(&db, "gone");
    db.sql("DROP TABLE gone CASCADE");
    wait_until("the stamp", PATIENCE, || {
        db.bool("SELECT retired_at IS NOT NULL FROM stretch.segments")
    });
    assert_eq!(
        db.lines("SELECT state, relation IS NULL, rows FROM stretch.segments"),
        ["retired|t|5"]
    );
    // Heartbeats are not collected for ever. (One whose deletion meets trouble stays, so this comes before the
    // trouble.)
    let leases = || {
        endpoint
            .objects()
            .iter()
            .filter(|name| name.contains("/lease/"))
            .count()
    };
    let beats = || {
        endpoint
            .objects()
            .iter()
            .filter_map(|name| name.rsplit_once("/lease/").map(|(_, beat)| beat.to_owned()))
            .max()
    };
    let first = beats();
    wait_until("more heartbeats", PATIENCE, || beats() != first);
    wait_until("two of them", PATIENCE, || leases() == 2);
    assert!(!endpoint.objects().iter().any(|name| name.contains("probe/")));
    // Trouble shows while it lasts.
    fs::set_permissions(endpoint.path(), fs::Permissions::from_mode(0o000)).expect("chmod");
    enable_table(&db, "t", "id <= 5");
    let error = "SELECT coalesce(last_error, '') FROM stretch.status";
    wait_until("an error", PATIENCE, || !db.text(error).is_empty());
    wait_until("a warning", PATIENCE, || {
        cluster.log().contains("WARNING:  pg_stretch upload:")
    });
    fs::set_permissions(endpoint.path(), fs::Permissions::from_mode(0o777)).expect("chmod");
    wait_until("the error to go away", PATIENCE, || db.text(error).is_empty());
    assert_eq!(db.text("SELECT state FROM stretch.status"), "connected");
    // An endpoint that is empty, as a mount point without its file system, was not taken over by anybody.
    let aside = endpoint.path().with_extension("aside");
    fs::rename(endpoint.path(), &aside).expect("renamed");
    fs::create_dir(endpoint.path()).expect("an empty folder");
    fs::set_permissions(endpoint.path(), fs::Permissions::from_mode(0o777)).expect("chmod");
    os::give(endpoint.path());
    wait_until("an error", PATIENCE, || !db.text(error).is_empty());
    assert_eq!(db.text("SELECT state FROM stretch.status"), "connected");
    fs::remove_dir_all(endpoint.path()).expect("removed");
    fs::rename(&aside, endpoint.path()).expect("renamed");
    wait_until("the error to go away", PATIENCE, || db.text(error).is_empty());
    drain(&db, "t");
    // By hand.
    db.sql("SELECT stretch.deauthorize()");
    assert!(
        cluster
            .log()
            .contains("WARNING:  pg_stretch: this database is disconnected from its endpoint: ")
    );
    let reason = "SELECT state || ': ' || reason FROM stretch.status";
    let before = db.text(reason);
    assert!(
        before.starts_with("disconnected: ") && before.contains("deauthorize"),
        "{before}"
    );
    drop(db);
    cluster.restart();
    let db = cluster.connect("postgres");
    assert_eq!(db.text(reason), before);
    await_state(&db, "disconnected");
    assert_eq!(db.text(reason), before);
}

#[test]
fn test_connection_is_the_probe_of_enable_database() {
    let cluster = Cluster::builder("operation-link").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    db.sql("CREATE EXTENSION pg_stretch");
    create_secrets(&db, S3Server::ACCESS_KEY, S3Server::SECRET_KEY);
    let state = |url: &str| {
        db.int(&format!(
            "SELECT link_state FROM stretch.test_connection('{url}', 'cred')"
        ))
    };
    assert_eq!(state(&endpoint.url()), 0);
    assert!(endpoint.objects().is_empty(), "{:?}", endpoint.objects());
    assert_ne!(state("file:///etc"), 0);
    // A server that answers 404 to everything is no store.
    let server = S3Server::start_orderly();
    assert_eq!(state(&testkit::s3::s3_url("bucket", "x", server.address())), 0);
    assert_ne!(state(&testkit::s3::s3_url("bucket", "x", nothing_found())), 0);
    db.sql(&format!("SELECT stretch.enable_database('{}', 'cred')", endpoint.url()));
    let own = "SELECT link_state FROM stretch.test_connection()";
    assert_eq!(db.int(own), 0);
    endpoint.remove_all();
    assert_ne!(db.int(own), 0);
}

/// A web server that finds nothing, until the test ends.
fn nothing_found() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { break };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    address
}

#[test]
fn hung_folders_hold_up_nobody_for_good() {
    let (cluster, endpoint, db) = stretched("operation-hung");
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, note text); INSERT INTO t SELECT g, 'note' FROM generate_series(1, 100) g",
    );
    enable_table(&db, "t", "id <= 50");
    drain(&db, "t");
    purge(&db, "t");
    let object = testkit::endpoint::files(endpoint.path())
        .into_iter()
        .find(|file| {
            endpoint
                .segments()
                .iter()
                .any(|name| file.to_string_lossy().ends_with(name.as_str()))
        })
        .expect("the segment");
    let aside = object.with_extension("aside");
    fs::rename(&object, &aside).expect("renamed");
    os::run_ok(std::process::Command::new("mkfifo").arg("-m").arg("666").arg(&object));
    // What is no regular file is not opened.
    let reader = cluster.connect("postgres");
    reader.sql("SET stretch.request_timeout = '2s'");
    for _ in 0..12 {
        reader.fails("SELECT max(length(note)) FROM t", "ST005");
    }
    fs::remove_file(&object).expect("removed");
    fs::rename(&aside, &object).expect("renamed");
    assert_eq!(reader.int("SELECT count(note) FROM t"), 100);
}
