//! Credentials that end and credentials that are changed while everybody works.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use testkit::{Client, Cluster, PATIENCE, S3Server, setup, wait_until};

/// Needs the cold rows.
const NEEDS_ALL: &str = "SELECT sum(length(s)) FROM t";

fn stretched(db: &Client) {
    db.sql("CREATE TABLE t (n int PRIMARY KEY, s text)");
    db.sql("INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 1000) g; ANALYZE t");
    setup::enable_table(db, "t", "n < 900");
    assert_eq!(setup::drain(db, "t"), 899);
    db.sql("SELECT stretch.purge_staged('t')");
}

fn alter(db: &Client, identity: &str, secret: &str) {
    db.sql(&format!(
        "SELECT stretch.alter_credential('{}', '{identity}', '{secret}')",
        setup::CREDENTIAL
    ));
}

/// What `aws sts get-session-token --query Credentials` prints.
fn printed(token: &str) -> String {
    format!(
        r#"{{"AccessKeyId": "{}", "SecretAccessKey": "{}", "SessionToken": "{token}",
             "Expiration": "2099-01-01T00:00:00+00:00"}}"#,
        S3Server::ACCESS_KEY,
        S3Server::SECRET_KEY
    )
}

#[test]
fn temporary_credentials_end_and_are_renewed() {
    let cluster = Cluster::builder("credentials_token")
        .conf("stretch.cache_size", "0")
        .start();
    let store = S3Server::start_orderly();
    store.set_token(Some("first-token"));
    let db = cluster.connect("postgres");
    setup::enable_database_as(&db, &store.url("token"), S3Server::ACCESS_KEY, &printed("first-token"));
    stretched(&db);
    let sum = db.int(NEEDS_ALL);

    store.set_token(Some("second-token"));
    let error = db.fails(NEEDS_ALL, "ST006");
    assert!(error.message.contains("has expired"), "{error}");
    assert!(error.hint.contains("stretch.alter_credential"), "{error}");
    assert!(!format!("{error:?}").contains("first-token"), "{error:?}");
    alter(&db, S3Server::ACCESS_KEY, &printed("second-token"));
    assert_eq!(db.int(NEEDS_ALL), sum);

    // The key alone is not enough, and half of the output is no credential.
    alter(&db, S3Server::ACCESS_KEY, S3Server::SECRET_KEY);
    db.fails(NEEDS_ALL, "ST006");
    alter(&db, S3Server::ACCESS_KEY, r#"{"SessionToken": "second-token"}"#);
    let error = db.fails(NEEDS_ALL, "ST006");
    assert!(error.message.contains("SecretAccessKey"), "{error}");
    alter(&db, "AKIAOTHER", &printed("second-token"));
    let error = db.fails(NEEDS_ALL, "ST006");
    assert!(error.message.contains("AccessKeyId"), "{error}");
    assert!(!cluster.log().contains("second-token"), "a token is in the log");
}

/// Somebody who works without a pause: rounds that ended well.
struct Busy {
    rounds: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

impl Busy {
    fn start(db: Client, stop: &Arc<AtomicBool>, work: impl Fn(&Client, u64) + Send + 'static) -> Busy {
        let rounds = Arc::new(AtomicU64::new(0));
        let (count, stop) = (Arc::clone(&rounds), Arc::clone(stop));
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                work(&db, count.load(Ordering::SeqCst));
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Busy { rounds, thread }
    }

    /// Whether so many rounds began and ended since the count was this.
    fn is_past(&self, count: u64, rounds: u64) -> bool {
        // One was under way when it was counted.
        assert!(!self.thread.is_finished(), "a statement failed");
        self.rounds.load(Ordering::SeqCst) > count + rounds
    }
}

/// Lets everybody end what is under way and do two rounds more.
fn everybody_goes_on(everybody: &[Busy]) {
    let counts: Vec<u64> = everybody
        .iter()
        .map(|busy| busy.rounds.load(Ordering::SeqCst))
        .collect();
    wait_until("everybody to go on", PATIENCE, || {
        everybody
            .iter()
            .zip(&counts)
            .all(|(busy, count)| busy.is_past(*count, 2))
    });
}

#[test]
fn keys_are_rotated_without_a_gap() {
    const SECOND: (&str, &str) = ("AKIASECOND", "another-secret-of-the-store");
    let cluster = Cluster::builder("credentials_rotation")
        .conf("stretch.cache_size", "0")
        .conf("stretch.naptime", "50ms")
        .conf("stretch.lease_ttl", "1s")
        .start();
    let store = S3Server::start_orderly();
    let db = cluster.connect("postgres");
    setup::enable_database_s3(&db, &store.url("rotation"));
    stretched(&db);

    let stop = Arc::new(AtomicBool::new(false));
    let connect = || cluster.connect("postgres");
    let reader = |db: &Client, _| {
        assert!(db.int(NEEDS_ALL) > 0);
    };
    let everybody = [
        Busy::start(connect(), &stop, reader),
        Busy::start(connect(), &stop, |db, _| {
            db.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
            let first = db.int(NEEDS_ALL);
            assert_eq!(db.int(NEEDS_ALL), first);
            db.sql("COMMIT");
        }),
        Busy::start(connect(), &stop, |db, round| {
            db.sql(&format!(
                "INSERT INTO t SELECT -g, 'more' FROM generate_series({0} + 1, {0} + 5) g",
                round * 5
            ));
            // Waits for the upload.
            assert_eq!(setup::drain(db, "t"), 5);
            db.sql("SELECT stretch.purge_staged('t')");
        }),
    ];
    everybody_goes_on(&everybody);
    for (old, new) in [
        ((S3Server::ACCESS_KEY, S3Server::SECRET_KEY), SECOND),
        (SECOND, ("AKIATHIRD", "a third one")),
    ] {
        store.register(new.0, new.1);
        alter(&db, new.0, new.1);
        everybody_goes_on(&everybody);
        // Nobody has a use for the old key any more, the worker's heartbeats included.
        let beats = store.requests_of(new.0);
        wait_until("the new key to be used", PATIENCE, || store.requests_of(new.0) > beats);
        store.revoke(old.0);
        let last = store.requests_of(old.0);
        everybody_goes_on(&everybody);
        assert_eq!(store.requests_of(old.0), last, "somebody came with a revoked key");
    }
    stop.store(true, Ordering::SeqCst);
    for busy in everybody {
        busy.thread.join().expect("no statement failed");
    }
    assert_eq!(db.text("SELECT state FROM stretch.status"), "connected");
    assert_eq!(
        db.int("SELECT count(*) FROM stretch.verify() WHERE missing + corrupt + unreadable > 0"),
        0
    );
}
