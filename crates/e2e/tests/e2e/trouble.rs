//! Trouble with the endpoint: what goes on, what fails and how, and that all catches up afterwards.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use testkit::{
    Canceller, Client, Cluster, Endpoint, Faulty, Mode, PATIENCE, S3Server, SqlError, Stop, setup, wait_until,
};

/// The endpoint's own time limits are far above this, so that only the backend's obedience can meet it.
const PROMPT: Duration = Duration::from_secs(10);

/// How long the store answers 503: longer than any retry of one request lasts.
const UNAVAILABLE: Duration = Duration::from_secs(60);

/// Reads column `s` of every cold row.
const NEEDS_ALL: &str = "SELECT sum(length(s)) FROM t";

/// Table `t` of 1,000 rows, of which those below 900 are on the endpoint and nowhere else.
fn stretched(db: &Client) {
    db.sql("CREATE TABLE t (n int PRIMARY KEY, s text)");
    db.sql("INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 1000) g; ANALYZE t");
    setup::enable_table(db, "t", "n < 900");
    assert_eq!(setup::drain(db, "t"), 899);
    db.sql("SELECT stretch.purge_staged('t')");
    assert_eq!(
        db.int("SELECT count(*) FROM stretch.staged_chunk"),
        0,
        "all is uploaded"
    );
}

/// One trouble, from its begin to its end: rows go on to migrate, queries that need nothing from the endpoint
/// work, others fail with the code, and afterwards everything is uploaded.
fn story(db: &Client, what: &str, code: &str, begin: impl FnOnce(), end: impl FnOnce()) {
    long_story(db, what, code, Duration::ZERO, begin, end);
}

/// A story whose trouble lasts at least so long.
fn long_story(db: &Client, what: &str, code: &str, lasts: Duration, begin: impl FnOnce(), end: impl FnOnce()) {
    println!("{what}");
    let began = Instant::now();
    let hot = setup::hot_rows(db, "t");
    let cold = db.int("SELECT count(*) FROM t") - hot;
    let lowest = db.int("SELECT least(min(n), 0) FROM t");
    let sum = db.int(NEEDS_ALL);
    begin();
    let error = db.fails(NEEDS_ALL, code);
    assert!(!error.message.contains(S3Server::SECRET_KEY), "{error}");

    // Ten rows below all others: hot, then staged.
    db.sql(&format!(
        "INSERT INTO t SELECT {lowest} - g, 'more' FROM generate_series(1, 10) g"
    ));
    let moved = db.try_text("SELECT stretch.migrate('t')");
    match moved {
        Ok(moved) => assert!(moved.is_some(), "{what}"),
        Err(error) => panic!("{what}: migration stops: {error}"),
    }
    wait_until("the rows to be staged", PATIENCE, || setup::hot_rows(db, "t") == hot);
    assert!(
        db.int("SELECT count(*) FROM stretch.staged_chunk") > 0,
        "{what}: nothing is staged"
    );

    // Excluded by the filter, by statistics, and served from staging.
    let after = format!("while {what}");
    assert_eq!(db.int("SELECT count(s) FROM t WHERE n >= 900"), 101, "{after}");
    assert_eq!(db.int("SELECT count(s) FROM t WHERE n < -1000000"), 0, "{after}");
    let staged = format!("SELECT count(s) FROM t WHERE n < {lowest}");
    assert_eq!(db.int(&staged), 10, "{after}");
    db.sql("UPDATE t SET s = s WHERE n = 950");
    let mut refused = 0;
    while refused == 0 || began.elapsed() < lasts {
        db.fails(NEEDS_ALL, code);
        assert_eq!(db.int(&staged), 10, "{after}");
        refused += 1;
    }
    println!("{what}: {refused} queries refused in {:?}", began.elapsed());

    end();
    wait_until("queries to work again", PATIENCE, || db.try_rows(NEEDS_ALL).is_ok());
    wait_until("the upload to catch up", PATIENCE, || {
        db.int("SELECT count(*) FROM stretch.segment WHERE uploaded_at IS NULL") == 0
    });
    db.sql("SELECT stretch.purge_staged('t')");
    assert_eq!(db.int("SELECT count(*) FROM stretch.staged_chunk"), 0, "{what}");
    assert_eq!(db.int(NEEDS_ALL), sum + 40, "{what}");
    assert_eq!(db.int("SELECT count(*) FROM t"), hot + cold + 10, "{what}");
}

#[test]
fn trouble_with_a_folder() {
    let cluster = Cluster::builder("trouble_file").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    setup::enable_database(&db, &endpoint.url());
    stretched(&db);
    let mode = |mode| fs::set_permissions(endpoint.path(), Permissions::from_mode(mode)).expect("we may");
    story(&db, "the folder is unreadable", "ST005", || mode(0o000), || mode(0o700));
    story(
        &db,
        "the folder is gone",
        "ST005",
        || endpoint.take_away(),
        || endpoint.put_back(),
    );
    assert!(!endpoint.path().with_extension("away").exists(), "nobody made it anew");
}

#[test]
fn trouble_with_a_store() {
    let cluster = Cluster::builder("trouble_store")
        .conf("stretch.connect_timeout", "500ms")
        .conf("stretch.request_timeout", "500ms")
        .start();
    let store = S3Server::start_orderly();
    let faulty = Faulty::start(store.address());
    let db = cluster.connect("postgres");
    let url = testkit::s3::s3_url(S3Server::BUCKET, "trouble", faulty.address());
    setup::enable_database_s3(&db, &url);
    stretched(&db);

    for (what, mode) in [
        ("connections are refused", Mode::Refuse),
        ("connections hang", Mode::HangConnect),
        ("headers hang", Mode::HangHeaders),
        ("bodies hang", Mode::HangBody),
        ("bodies are reset", Mode::ResetBody),
        ("the store is not available", Mode::Unavailable(u32::MAX)),
    ] {
        let hits = faulty.hits();
        let lasts = match mode {
            Mode::Unavailable(_) => UNAVAILABLE,
            _ => Duration::ZERO,
        };
        long_story(
            &db,
            what,
            "ST005",
            lasts,
            || faulty.set(mode),
            || faulty.set(Mode::Pass),
        );
        let seen = faulty.hits() > hits;
        assert!(
            seen || matches!(mode, Mode::Refuse | Mode::HangConnect),
            "{what}: never happened"
        );
    }
    let secret = |secret: &str| {
        db.sql(&format!(
            "SELECT stretch.alter_credential('{}', '{}', '{secret}')",
            setup::CREDENTIAL,
            S3Server::ACCESS_KEY
        ));
    };
    story(
        &db,
        "the secret is wrong",
        "ST006",
        || secret("wrong"),
        || secret(S3Server::SECRET_KEY),
    );
    let bucket = store.bucket_path();
    let away = bucket.with_extension("away");
    let rename = |from, to| fs::rename(from, to).expect("it can be renamed");
    story(
        &db,
        "the bucket is missing",
        "ST005",
        || rename(&bucket, &away),
        || rename(&away, &bucket),
    );
}

/// A query that waits for a hanging endpoint, in a thread of its own.
struct Hanging {
    watcher: Client,
    pid: i32,
    thread: JoinHandle<(Client, Result<(), SqlError>)>,
    canceller: Canceller,
}

impl Hanging {
    /// Switches the fault on, starts the query and returns when it waits.
    fn start(cluster: &Cluster, faulty: &Faulty, mode: Mode, settings: &str, query: &'static str) -> Hanging {
        let client = cluster.connect("postgres");
        client.sql(settings);
        let watcher = cluster.connect("postgres");
        let (pid, canceller) = (client.pid(), client.canceller());
        faulty.set(mode);
        let hits = faulty.hits();
        let thread = std::thread::spawn(move || {
            let result = client.try_sql(query);
            (client, result)
        });
        wait_until("the query to hang", PATIENCE, || {
            let waits = watcher.bool(&format!(
                "SELECT EXISTS (SELECT FROM pg_stat_activity
                 WHERE pid = {pid} AND state = 'active' AND wait_event_type = 'Extension')"
            ));
            thread.is_finished() || waits && (mode == Mode::HangConnect || faulty.hits() > hits)
        });
        assert!(
            !thread.is_finished(),
            "it ended at once: {:?}",
            thread.join().expect("no panic").1
        );
        Hanging {
            watcher,
            pid,
            thread,
            canceller,
        }
    }

    /// Does what must end the query, and asserts that it does, soon, with one of the codes.
    fn ends(self, what: &str, codes: &[&str], act: impl FnOnce(&Hanging)) -> Client {
        let began = Instant::now();
        act(&self);
        let (client, said) = self.thread.join().expect("no panic");
        let took = began.elapsed();
        let error = said.expect_err("it cannot have succeeded");
        assert!(codes.contains(&error.code.as_str()), "{what}: {error}");
        assert!(took < PROMPT, "{what} took {took:?}");
        println!("{what}: {took:?}");
        client
    }
}

#[test]
fn trouble_ends_when_told_to() {
    let cluster = Cluster::builder("trouble_cancel")
        .conf("stretch.connect_timeout", "5min")
        .conf("stretch.request_timeout", "5min")
        .start();
    let store = S3Server::start_orderly();
    let faulty = Faulty::start(store.address());
    let url = testkit::s3::s3_url(S3Server::BUCKET, "cancel", faulty.address());
    let db = cluster.connect("postgres");
    setup::enable_database_s3(&db, &url);
    stretched(&db);
    drop(db);
    for (late, mode) in (1..).zip([Mode::HangConnect, Mode::HangHeaders, Mode::HangBody]) {
        println!("{mode:?}");
        let hanging = |settings, query| Hanging::start(&cluster, &faulty, mode, settings, query);
        let client = hanging("", NEEDS_ALL).ends("cancel", &["57014"], |it| it.canceller.cancel());
        // The session lives on, and works as soon as the endpoint does.
        faulty.set(Mode::Pass);
        assert_eq!(client.int("SELECT count(s) FROM t"), 999 + late);

        hanging("SET statement_timeout = '1s'", NEEDS_ALL).ends("statement_timeout", &["57014"], |_| ());
        hanging("", NEEDS_ALL).ends("pg_terminate_backend", &["57P01", "08000"], |it| {
            it.watcher.sql(&format!("SELECT pg_terminate_backend({})", it.pid));
        });
        // Migration needs no endpoint; whoever waits for the worker's upload hangs.
        let db = cluster.connect("postgres");
        db.sql(&format!("INSERT INTO t VALUES (-{late}, 'late')"));
        assert_eq!(setup::drain(&db, "t"), 1);
        hanging("", "SELECT stretch.purge_staged('t')").ends("cancel of purge", &["57014"], |it| it.canceller.cancel());
        hanging("", NEEDS_ALL).ends("shutdown", &["57P01", "08000"], |_| cluster.stop(Stop::Fast));
        faulty.set(Mode::Pass);
        cluster.start();
        let db = cluster.connect("postgres");
        assert_eq!(db.int("SELECT count(s) FROM t"), 1000 + late);
        wait_until("the watch after the restart to end", PATIENCE, || {
            db.text("SELECT state FROM stretch.status") == "connected"
        });
    }
}
