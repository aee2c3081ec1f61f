//! The segment cache: what was read answers while the endpoint is away, and nothing that happens to its files matters.

use crate::cold_reads::{counter, purge};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use testkit::setup::{drain, enable_database};
use testkit::{Client, Cluster, Endpoint, PATIENCE, Stop, wait_until};

const MIB: u64 = 1 << 20;

/// A server with a cache, and more settings.
fn server(name: &str, settings: &[(&str, &str)]) -> (Cluster, Endpoint, Client) {
    let mut builder = Cluster::builder(name)
        .conf("stretch.naptime", "100ms")
        .conf("autovacuum", "off")
        .conf("stretch.cache_size", "64MB");
    for (setting, value) in settings {
        builder = builder.conf(setting, value);
    }
    let cluster = builder.start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    (cluster, endpoint, db)
}

/// `t` with `rows` cold rows on the endpoint alone, `segment` of them in each segment, and `plain` with the same rows.
fn table(db: &Client, rows: i64, segment: i64) {
    db.sql(&format!("ALTER SYSTEM SET stretch.batch_rows = {segment}"));
    db.sql("SELECT pg_reload_conf()");
    wait_until("the setting", PATIENCE, || {
        db.int("SELECT current_setting('stretch.batch_rows')::int") == segment
    });
    for table in ["t", "plain"] {
        db.sql(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, at timestamp, x int, name text);
             INSERT INTO {table} SELECT g, timestamp '2020-01-01' + g * interval '1 hour', g * 7919 % 3001,
                CASE WHEN g % 7 > 0 THEN md5(g::text) || md5((-g)::text) END FROM generate_series(1, {rows}) g"
        ));
    }
    db.sql("SELECT stretch.enable_table('t', 'id > 0', order_by => 'id')");
    drain(db, "t");
    purge(db);
}

#[track_caller]
fn same(db: &Client, query: &str) {
    let plain = query.replace("FROM t", "FROM plain");
    assert_eq!(db.lines(query), db.lines(&plain), "{query}");
}

/// Whole row groups: an order that no index has reads no single pages.
const ALL: &str = "SELECT * FROM t ORDER BY id + 0";

/// The folders of servers below the cache's.
fn folders(cluster: &Cluster) -> Vec<PathBuf> {
    let all = fs::read_dir(cluster.state_dir().join("cache")).into_iter().flatten();
    all.map(|entry| entry.expect("an entry").path()).collect()
}

fn folder(cluster: &Cluster) -> PathBuf {
    let folders = folders(cluster);
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders[0].clone()
}

/// All files of the cache, sorted.
fn files(cluster: &Cluster) -> Vec<PathBuf> {
    let all = folders(cluster)
        .into_iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
    let mut files: Vec<PathBuf> = all.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn size(cluster: &Cluster) -> u64 {
    let len = |file: &PathBuf| fs::metadata(file).map_or(0, |file| file.len());
    files(cluster).iter().map(len).sum()
}

#[test]
fn what_was_read_answers_while_the_endpoint_is_away() {
    let (cluster, endpoint, db) = server("cache-away", &[]);
    table(&db, 3000, 1000);
    let (first, second) = (
        "SELECT * FROM t WHERE id <= 1000",
        "SELECT * FROM t WHERE id BETWEEN 1001 AND 2000",
    );
    // Nothing that a comparison or a sample reads is kept: who comes next would not need it.
    db.sql("SELECT * FROM stretch.verify('t'); ANALYZE t");
    assert_eq!(files(&cluster), Vec::<PathBuf>::new());
    same(&db, &format!("{first} ORDER BY id"));
    same(&db, "SELECT id, x FROM t WHERE id BETWEEN 1001 AND 2000 ORDER BY id");
    let mode = |path: &PathBuf| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder(&cluster)), 0o700);
    assert_eq!(mode(&cluster.state_dir().join("cache")), 0o700);
    let kept = files(&cluster);
    assert_eq!(kept.len(), 6);
    for file in &kept {
        assert_eq!(mode(file), 0o600, "{file:?}");
    }
    endpoint.take_away();
    let other = cluster.connect("postgres");
    for db in [&db, &other] {
        same(db, &format!("{first} ORDER BY id"));
        same(db, "SELECT sum(x), count(*) FROM t WHERE id <= 2000");
        // Single pages of chunks that were read as a whole.
        same(db, "SELECT * FROM t WHERE id = 123");
        same(db, "SELECT x FROM t WHERE id BETWEEN 1490 AND 1510 ORDER BY id");
        same(db, "SELECT * FROM t WHERE id < 900 ORDER BY id LIMIT 70");
        // What nobody read is on the endpoint.
        db.fails(second, "ST005");
        db.fails("SELECT sum(x) FROM t", "ST005");
    }
    for table in ["t", "plain"] {
        other.sql(&format!(
            "UPDATE {table} SET name = 'new' WHERE id = 77; DELETE FROM {table} WHERE id BETWEEN 80 AND 90"
        ));
    }
    same(&db, &format!("{first} ORDER BY id"));
    // Query modes hold for what is cached, too.
    let set = |mode: &str| db.sql(&format!("SELECT stretch.set_query_mode('{mode}')"));
    set("DISABLED");
    other.fails(first, "ST020");
    set("LOCAL_ONLY");
    assert_eq!(other.lines("SELECT id FROM t WHERE id <= 1000"), ["77"]);
    set("LOCAL_AND_REMOTE");
    // A crash of the server loses nothing of it.
    cluster.stop(Stop::Immediate);
    cluster.start();
    let db = cluster.wait_ready("postgres");
    wait_until("an answer", PATIENCE, || db.try_rows(first).is_ok());
    same(&db, &format!("{first} ORDER BY id"));
    // Without a cache its files are not looked at.
    db.sql("ALTER SYSTEM SET stretch.cache_size = 0");
    db.sql("SELECT pg_reload_conf()");
    wait_until("the setting", PATIENCE, || db.text("SHOW stretch.cache_size") == "0");
    db.fails(first, "ST005");
    endpoint.put_back();
    same(&db, ALL);
    assert_eq!(files(&cluster), kept);
}

#[test]
fn explain_counts_what_travels_and_what_does_not() {
    let (cluster, _endpoint, db) = server("cache-explain", &[]);
    table(&db, 4000, 1000);
    let count = |query: &str, label: &str| counter(&cluster.connect("postgres"), query, label);
    let query = "SELECT id, x FROM t WHERE id BETWEEN 1001 AND 2000";
    let plan = db.lines(&format!("EXPLAIN (ANALYZE, FORMAT JSON) {query}")).concat();
    assert!(plan.contains("\"Cached Bytes Read\": 0"), "{plan}");
    let plan = db.lines(&format!("EXPLAIN (ANALYZE, FORMAT JSON) {query}")).concat();
    assert!(plan.contains("\"Bytes Read\": 0"), "{plan}");
    assert!(plan.contains("\"Requests\": 0"), "{plan}");
    assert!(!plan.contains("\"Cached Bytes Read\": 0"), "{plan}");
    assert!(plan.contains("\"Cached Bytes Read\": "), "{plan}");
    let cached = count(query, "Cached Bytes Read");
    assert_eq!(cached as u64, size(&cluster));
    // A column more: it alone travels.
    let wider = "SELECT id, x, name FROM t WHERE id BETWEEN 1001 AND 2000";
    let db = cluster.connect("postgres");
    let lines = db.lines(&format!(
        "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {wider}"
    ));
    let number = |label: &str| -> i64 {
        let line = lines.iter().find_map(|line| line.trim().strip_prefix(label));
        line.expect("a counter")
            .trim_end_matches(" B")
            .parse()
            .expect("a number")
    };
    assert_eq!((number("Requests: "), number("Cached Bytes Read: ")), (1, cached));
    let more = size(&cluster) as i64 - cached;
    assert_eq!(number("Bytes Read: "), more);
    // A scan of four segments, of which one was cached, asks ahead for the three others alone.
    let all = "SELECT id, x, name FROM t";
    let lines = db.lines(&format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {all}"));
    let number = |label: &str| lines.iter().find_map(|line| line.trim().strip_prefix(label));
    assert_eq!(
        number("Cached Bytes Read: "),
        Some(&*format!("{} B", cached + more)),
        "{lines:#?}"
    );
    assert_eq!(number("Row Groups: "), Some("4"));
    same(&db, "SELECT id, x, name FROM t ORDER BY id");
    assert_eq!(count(all, "Requests"), 0);
    assert_eq!(count(all, "Bytes Read"), 0);
}

#[test]
fn the_folder_may_go_while_it_is_used() {
    let (cluster, _endpoint, db) = server("cache-gone", &[("stretch.prefetch_bytes", "64kB")]);
    table(&db, 6000, 500);
    same(&db, ALL);
    let whole = files(&cluster);
    let expected = db.lines("SELECT * FROM plain");
    for remaining in [0, 1, 2] {
        db.sql("BEGIN; DECLARE c CURSOR FOR SELECT * FROM t");
        let mut rows = db.lines("FETCH 1200 FROM c");
        // Each file, each second one, or the folder with all that is in it.
        match remaining {
            0 => fs::remove_dir_all(folder(&cluster)).expect("it can be removed"),
            1 => fs::remove_dir_all(cluster.state_dir().join("cache")).expect("it can be removed"),
            _ => {
                for file in files(&cluster).iter().step_by(2) {
                    fs::remove_file(file).expect("it can be removed");
                }
            }
        }
        rows.extend(db.lines("FETCH ALL FROM c"));
        db.sql("COMMIT");
        rows.sort();
        let mut expected = expected.clone();
        expected.sort();
        assert!(rows == expected, "{remaining}");
        same(&db, ALL);
        assert_eq!(files(&cluster), whole, "{remaining}");
    }
}

#[test]
fn wrong_files_are_fetched_anew() {
    let (cluster, endpoint, db) = server("cache-flips", &[]);
    table(&db, 2000, 2000);
    let page = "SELECT * FROM t WHERE id = 1234";
    for query in [ALL, page] {
        for file in files(&cluster) {
            fs::remove_file(file).expect("it can be removed");
        }
        let answer = db.lines(query);
        if query == page {
            // Another session's: this one may have had the pages in memory.
            same(&cluster.connect("postgres"), page);
        }
        let good: Vec<(PathBuf, Vec<u8>)> = files(&cluster)
            .into_iter()
            .map(|file| (file.clone(), fs::read(file).expect("it is there")))
            .collect();
        assert_eq!(good.len(), 4);
        let mut spoilt = 0;
        for (number, (file, bytes)) in good.iter().enumerate() {
            let other = &good[(number + 1) % good.len()].1;
            let flipped = (0..bytes.len()).step_by(bytes.len() / 12 + 1).map(|at| {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << (at % 8);
                bad
            });
            let lengths = [
                Vec::new(),
                bytes[..bytes.len() - 1].to_vec(),
                [bytes.as_slice(), b"x"].concat(),
                vec![0; bytes.len()],
                other.clone(),
            ];
            for bad in flipped.chain(lengths) {
                fs::write(file, &bad).expect("it can be written");
                let db = cluster.connect("postgres");
                assert_eq!(db.lines(query), answer, "{query}: {file:?}");
                assert!(
                    fs::read(file).is_ok_and(|now| now == *bytes),
                    "{query}: {file:?} is not replaced"
                );
                spoilt += 1;
            }
        }
        println!("{query}: {spoilt} wrong files");
        assert!(spoilt > 50, "{spoilt}");
        // With nobody else to ask, a wrong file is no answer.
        let (file, bytes) = &good[0];
        fs::write(file, vec![1; bytes.len()]).expect("it can be written");
        endpoint.take_away();
        cluster.connect("postgres").fails(query, "ST005");
        endpoint.put_back();
        assert_eq!(cluster.connect("postgres").lines(query), answer);
    }
}

#[test]
fn the_limit_holds_under_several_clients() {
    let (cluster, endpoint, db) = server("cache-limit", &[("stretch.cache_size", "1MB")]);
    table(&db, 90_000, 4000);
    let bytes = endpoint
        .segments()
        .iter()
        .map(|object| endpoint.read(object).len() as u64)
        .sum::<u64>();
    assert!(bytes > 2 * MIB, "{bytes}");
    let expected = db.text("SELECT md5(string_agg(name, ',' ORDER BY id)) FROM plain");
    let clients: Vec<Client> = (0..4).map(|_| cluster.connect("postgres")).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (expected, done, cluster) = (&expected, &done, &cluster);
        let watcher = scope.spawn(move || {
            let mut most = 0;
            while !done.load(Ordering::SeqCst) {
                most = most.max(size(cluster));
                std::thread::yield_now();
            }
            most
        });
        let readers: Vec<_> = clients
            .into_iter()
            .enumerate()
            .map(|(number, client)| {
                scope.spawn(move || {
                    for round in 0..4 {
                        let all = client.text("SELECT md5(string_agg(name, ',' ORDER BY id)) FROM t");
                        assert_eq!(&all, expected, "client {number}, round {round}");
                        let from = number * 9000;
                        client.lines(&format!("SELECT * FROM t WHERE id BETWEEN {from} AND {from} + 7000"));
                    }
                })
            })
            .collect();
        let results: Vec<_> = readers.into_iter().map(|reader| reader.join()).collect();
        done.store(true, Ordering::SeqCst);
        let most = watcher.join().expect("the watcher watches");
        for result in results {
            result.expect("a client reads");
        }
        // Files come and go while they are counted.
        assert!(most < 2 * MIB, "{most}");
    });
    let held = size(&cluster);
    assert!((MIB / 4..=MIB).contains(&held), "{held}");
    // What was read last is there, and what was used long ago went. A use is noted where the last one is seconds old.
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    for file in files(&cluster) {
        let file = fs::File::options().write(true).open(file).expect("it can be opened");
        file.set_modified(long_ago).expect("its time can be set");
    }
    let query = "SELECT * FROM t WHERE id BETWEEN 20000 AND 23999";
    db.lines(query);
    assert_eq!(counter(&cluster.connect("postgres"), query, "Bytes Read"), 0);
}

#[test]
fn verify_sees_through_the_cache() {
    let (cluster, endpoint, db) = server("cache-verify", &[]);
    table(&db, 2000, 2000);
    same(&db, ALL);
    let object = endpoint.segments().pop().expect("one object");
    let good = endpoint.read(&object);
    let mut bad = good.clone();
    bad[good.len() / 3] ^= 1;
    endpoint.overwrite(&object, &bad);
    let db = cluster.connect("postgres");
    same(&db, ALL);
    assert_eq!(counter(&db, ALL, "Bytes Read"), 0);
    let verified = "SELECT segments, missing, corrupt FROM stretch.verify('t')";
    assert_eq!(db.lines(verified), ["1|0|1"]);
    endpoint.overwrite(&object, &good);
    assert_eq!(db.lines(verified), ["1|0|0"]);
    same(&db, ALL);
    // What is wrong on the endpoint is not kept.
    for file in files(&cluster) {
        fs::remove_file(file).expect("it can be removed");
    }
    endpoint.overwrite(&object, &vec![0; good.len()]);
    db.fails(ALL, "ST004");
    assert_eq!(files(&cluster), Vec::<PathBuf>::new());
    endpoint.overwrite(&object, &good);
    same(&db, ALL);
}

#[test]
fn a_crash_leaves_nothing_that_hurts() {
    let (cluster, _endpoint, db) = server("cache-crash", &[("stretch.cache_size", "1MB")]);
    table(&db, 60_000, 4000);
    let expected = db.lines("SELECT count(*), sum(x), max(name) FROM plain");
    drop(db);
    for round in 0..3 {
        let reader = cluster.wait_ready("postgres");
        let pid = reader.pid();
        std::thread::scope(|scope| {
            let busy = scope.spawn(move || while reader.try_rows("SELECT * FROM t").is_ok() {});
            wait_until("files", PATIENCE, || size(&cluster) > MIB / 4);
            match round {
                0 | 1 => cluster.kill_process(pid),
                _ => cluster.stop(Stop::Immediate),
            }
            busy.join().expect("the reader sees the end");
        });
        if !cluster.is_running() {
            cluster.start();
        }
        let db = cluster.wait_ready("postgres");
        wait_until("an answer", PATIENCE, || {
            db.try_rows("SELECT id FROM t LIMIT 1").is_ok()
        });
        // As if a writer had died half way, and the disk had lost what it held.
        let folder = folder(&cluster);
        let left = folder.join(format!("part.{pid}.{round}.0"));
        fs::write(&left, vec![7; 700_000]).expect("it can be written");
        for file in files(&cluster).iter().step_by(3) {
            fs::File::options()
                .write(true)
                .open(file)
                .and_then(|open| open.set_len(fs::metadata(file)?.len() / 2))
                .expect("it can be cut");
        }
        for _ in 0..3 {
            assert_eq!(db.lines("SELECT count(*), sum(x), max(name) FROM t"), expected);
            db.lines("SELECT * FROM t");
        }
        assert!(size(&cluster) <= 2 * MIB, "{}", size(&cluster));
    }
    // Nobody counted the files that were put there. The next server does.
    cluster.restart();
    let db = cluster.wait_ready("postgres");
    wait_until("an answer", PATIENCE, || db.try_rows("SELECT * FROM t").is_ok());
    assert!(size(&cluster) <= MIB, "{}", size(&cluster));
    assert!(
        files(&cluster)
            .iter()
            .all(|file| !file.to_string_lossy().contains("/part."))
    );
}

#[test]
fn queries_do_without_a_folder() {
    let cluster = Cluster::builder("cache-unwritable")
        .conf("stretch.cache_size", "64MB")
        .init();
    let closed = cluster.scratch("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).expect("mode can be set");
    cluster.set_conf(&[("stretch.cache_dir", &closed.to_string_lossy())]);
    cluster.start();
    let (endpoint, db) = (Endpoint::new(), cluster.connect("postgres"));
    enable_database(&db, &endpoint.url());
    table(&db, 3000, 1000);
    db.sql("SET client_min_messages = log");
    db.notices();
    let complaints = || {
        cluster
            .log()
            .matches("the segment cache of pg_stretch cannot be written")
            .count()
    };
    assert_eq!(complaints(), 0);
    same(&db, ALL);
    same(&db, "SELECT * FROM t WHERE id = 5");
    assert_eq!(complaints(), 1);
    assert!(db.notices().iter().all(|notice| !notice.message.contains("cache")));
    assert!(!cluster.log().contains(&*closed.to_string_lossy()));
    let other = cluster.connect("postgres");
    same(&other, ALL);
    assert_eq!(complaints(), 2);
    assert!(counter(&other, ALL, "Bytes Read") > 0);
}
