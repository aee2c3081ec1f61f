//! The testkit itself, without the extension: what every other test stands on.

use testkit::{Cluster, Stop, Target, data, digest};

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
    assert_eq!(db.extended("SELECT 1/$1::int", &[&0]).unwrap_err().code, "22012");
    db.sql("DO $$ BEGIN RAISE NOTICE 'heard'; END $$");
    assert_eq!(db.notices()[0].message, "heard");
    db.sql("CREATE TABLE t (n int, s text)");
    assert_eq!(db.copy_in("COPY t FROM STDIN", &b"1\ta\n2\t\\N\n"[..]), 2);
    assert_eq!(db.copy_out("COPY t TO STDOUT"), b"1\ta\n2\t\\N\n");
    assert_eq!(db.lines("SELECT * FROM t ORDER BY n"), ["1|a", "2|"]);
    assert_eq!(db.md5_of("TABLE t"), db.md5_of("SELECT * FROM t ORDER BY n"));

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

#[test]
fn data_and_digests_are_stable() {
    let cluster = plain("data").start();
    let db = cluster.connect("postgres");
    let mut bytes = 0;
    assert_eq!(data::load_flights(&db, |n| bytes += n), data::FLIGHTS);
    assert!(bytes > 30_000_000);
    let cold = db.int(&format!("SELECT count(*) FROM flights WHERE {}", data::FLIGHTS_FILTER));
    assert_eq!(cold, 303_386);
    let key = "time_hour, carrier, flight";
    let digest = digest::table_digest(&db, "flights", key);
    db.sql("CREATE TABLE copy AS SELECT * FROM flights ORDER BY distance");
    assert_eq!(digest::table_digest(&db, "copy", key), digest);
    let multiset = digest::multiset_digest(&db, "flights");
    assert_eq!(digest::multiset_digest(&db, "copy"), multiset);
    db.sql("UPDATE copy SET dest = 'XXX' WHERE flight = 1545 AND time_hour = '2013-01-01 10:00+00'");
    assert_ne!(digest::table_digest(&db, "copy", key), digest);
    assert_ne!(digest::multiset_digest(&db, "copy"), multiset);

    assert_eq!(data::load_orders(&db, 0.001), 1_500);
    assert_eq!(data::load_lineitem(&db, 0.001), 6_005);
    // -0 and 0 print differently, NaN and NULL too; 1.0 and 1.00 only as numeric.
    db.sql("CREATE TABLE a AS SELECT n::numeric FROM (VALUES ('1.0'), ('1.00'), (NULL)) v(n)");
    db.sql("CREATE TABLE b AS SELECT n FROM a ORDER BY n::text");
    assert_eq!(digest::binary_multiset(&db, "a"), digest::binary_multiset(&db, "b"));
    db.sql("UPDATE b SET n = 1.000 WHERE n::text = '1.0'");
    assert_ne!(digest::binary_multiset(&db, "a"), digest::binary_multiset(&db, "b"));
}
