//! The testkit itself, without the extension: what every other test stands on.

use testkit::{Cluster, Stop, Target};

fn plain(name: &str) -> testkit::Builder {
    Cluster::builder(name).conf("shared_preload_libraries", "")
}

#[test]
fn restore_stops_at_each_kind_of_target() {
    let cluster = plain("pitr").archiving().start();
    let db = cluster.connect("postgres");
    db.sql("CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
    let backup = cluster.basebackup();
    db.sql("INSERT INTO t VALUES (2)");
    let lsn = db.text("SELECT pg_current_wal_lsn()");
    db.sql("INSERT INTO t VALUES (3)");
    db.sql("SELECT pg_create_restore_point('here')");
    db.sql("INSERT INTO t VALUES (4)");
    for (target, count) in [
        (Target::Lsn(lsn), 2),
        (Target::Name("here".into()), 3),
        (Target::End, 4),
        (Target::Immediate, 1),
    ] {
        let restored = cluster.restore_to("restored", &backup, &target);
        let there = restored.connect("postgres");
        assert_eq!(there.int("SELECT count(*) FROM t"), count, "{target:?}");
        there.sql("INSERT INTO t VALUES (5)");
    }
    db.sql("INSERT INTO t VALUES (6)");
}

#[test]
fn a_killed_server_recovers_and_a_standby_is_promoted() {
    let cluster = plain("crash").start();
    cluster.connect("postgres").sql("CREATE TABLE t (n int)");
    let standby = cluster.standby("standby");
    let db = cluster.connect("postgres");
    db.sql("INSERT INTO t VALUES (1)");
    let lsn = db.text("SELECT pg_current_wal_flush_lsn()");
    let there = standby.connect("postgres");
    testkit::wait_until("replay", testkit::PATIENCE, || {
        there.bool(&format!("SELECT pg_last_wal_replay_lsn() >= '{lsn}'"))
    });
    cluster.kill9();
    assert!(!cluster.is_running());
    standby.promote();
    there.sql("INSERT INTO t VALUES (2)");
    cluster.start();
    assert_eq!(cluster.connect("postgres").int("SELECT count(*) FROM t"), 1);
    cluster.stop(Stop::Immediate);
    let twin = cluster.copy_stopped("twin");
    twin.start();
    assert_eq!(twin.connect("postgres").int("SELECT sum(n) FROM t"), 1);
}

#[test]
fn clients_see_errors_notices_copies_and_cancels() {
    let cluster = plain("client").start();
    let db = cluster.connect("postgres");
    let error = db.fails("SELECT 1/0", "22012");
    assert_eq!(error.message, "division by zero");
    assert_eq!(
        db.extended("SELECT 1/$1::int", &[&0]).unwrap_err().code,
        "22012"
    );
    db.sql("DO $$ BEGIN RAISE NOTICE 'heard'; END $$");
    assert_eq!(db.notices()[0].message, "heard");
    db.sql("CREATE TABLE t (n int, s text)");
    assert_eq!(db.copy_in("COPY t FROM STDIN", &b"1\ta\n2\t\\N\n"[..]), 2);
    assert_eq!(db.copy_out("COPY t TO STDOUT"), b"1\ta\n2\t\\N\n");
    assert_eq!(db.lines("SELECT * FROM t ORDER BY n"), ["1|a", "2|"]);
    assert_eq!(
        db.md5_of("TABLE t"),
        db.md5_of("SELECT * FROM t ORDER BY n")
    );

    let canceller = db.canceller();
    let watcher = cluster.connect("postgres");
    let pid = db.pid();
    let slow = std::thread::spawn(move || db.try_sql("SELECT pg_sleep(600)"));
    testkit::wait_until("the statement to run", testkit::PATIENCE, || {
        watcher.bool(&format!(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'PgSleep')"
        ))
    });
    canceller.cancel();
    assert_eq!(slow.join().expect("no panic").unwrap_err().code, "57014");

    let dump = cluster.pg_dump("postgres", &["-Fc"]);
    cluster.create_database("copy");
    cluster.pg_restore("copy", &["-j", "2"], &dump);
    let plain_dump = cluster.pg_dump("postgres", &[]);
    cluster.create_database("copy2");
    cluster.psql_file("copy2", &plain_dump);
    let md5 = watcher.md5_of("TABLE t");
    assert_eq!(cluster.connect("copy").md5_of("TABLE t"), md5);
    assert_eq!(cluster.connect("copy2").md5_of("TABLE t"), md5);
}
