//! Collection: objects go when nobody needs them, and not before (design §11). The grace of these servers is short.

#[path = "collection/drill.rs"]
mod drill;
#[path = "collection/holds.rs"]
mod holds;

use crate::identity::await_state;
use testkit::setup::{drain, enable_database, enable_table, purge, reauthorize, wait_uploaded};
use testkit::{Builder, Client, Cluster, Endpoint, PATIENCE, wait_until};

/// A server whose workers collect when they are asked, with a grace of so many milliseconds.
pub fn builder(name: &str, grace: u32) -> Builder {
    Cluster::builder(name)
        .conf("stretch.collect", "off")
        .conf("stretch.compact", "off")
        .conf("stretch.naptime", "100ms")
        .conf("stretch.max_batch_age", "1d")
        .conf("stretch.batch_rows", "100")
        .conf("stretch_test.collect_grace", &grace.to_string())
}

/// Table `t` with 500 cold rows in five segments and some hot ones, all of it on the endpoint alone.
pub fn table(db: &Client, endpoint: &Endpoint) {
    enable_database(db, &endpoint.url());
    db.sql("SELECT stretch.set_retention('0')");
    cold_table(db, "t");
}

fn cold_table(db: &Client, table: &str) {
    db.sql(&format!(
        "CREATE TABLE {table} (id int PRIMARY KEY, n int NOT NULL);
         INSERT INTO {table} SELECT g, g FROM generate_series(1, 520) g"
    ));
    enable_table(db, table, "id <= 500");
    drain(db, table);
    purge(db, table);
}

/// Makes one segment of the five of a table: five retire.
pub fn compact(db: &Client, table: &str) {
    assert_eq!(db.int(&format!("SELECT stretch.compact('{table}')")), 5);
    wait_uploaded(db);
}

/// Two rounds of the worker, the second of which finds old what the first has marked. How many objects went.
pub fn collect(db: &Client) -> i64 {
    let round = || db.int("SELECT count(*) FROM stretch.collect(dry_run => false) WHERE deleted");
    let mut gone = round();
    let grace = db.int("SELECT current_setting('stretch_test.collect_grace')::int");
    let since = std::time::Instant::now();
    wait_until("the grace", PATIENCE, || since.elapsed().as_millis() as i64 > grace);
    gone += round();
    gone
}

/// Reasons for which segments' objects stay, each with how many.
pub fn reasons(db: &Client) -> Vec<String> {
    db.lines("SELECT reason, count(*) FROM stretch.collect() WHERE object_key LIKE '%/segment/%' GROUP BY 1 ORDER BY 1")
}

/// The endpoint holds the objects that the catalogs name, and no other, nor a mark.
pub fn holds_just(endpoint: &Endpoint, databases: &[&Client]) {
    let mut needed: Vec<String> = databases
        .iter()
        .flat_map(|db| db.lines("SELECT object_key FROM stretch.segment WHERE object_key IS NOT NULL"))
        .collect();
    needed.sort();
    needed.dedup();
    assert_eq!(endpoint.segments(), needed);
    assert_eq!(marks(endpoint), Vec::<String>::new());
}

pub fn marks(endpoint: &Endpoint) -> Vec<String> {
    let mut names = endpoint.objects();
    names.retain(|name| name.contains("/trash/"));
    names
}

/// Every row is there, each segment reads and is what the catalog says.
pub fn is_whole(db: &Client, table: &str, rows: i64) {
    assert_eq!(
        db.lines(&format!(
            "SELECT count(*), count(DISTINCT id), sum(n) = sum(id) FROM {table}"
        )),
        [format!("{rows}|{rows}|t")]
    );
    let bad = "SELECT missing + corrupt + unreadable FROM stretch.verify";
    assert_eq!(db.int(&format!("{bad}('{table}')")), 0);
}

#[test]
fn what_nobody_needs_goes() {
    let cluster = builder("collect", 300).start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    assert_eq!(collect(&db), 0);
    compact(&db, "t");
    assert_eq!(endpoint.segments().len(), 6);
    // A dry run says what would happen, and changes nothing.
    let dry = reasons(&db);
    assert_eq!(
        dry.iter().map(String::as_str).collect::<Vec<_>>(),
        ["retired, but not stamped yet|5"]
    );
    assert_eq!((endpoint.segments().len(), marks(&endpoint).len()), (6, 0));
    let marked = db.int("SELECT count(*) FROM stretch.collect(false) WHERE reason LIKE '%; not marked yet'");
    assert_eq!(marked, 5);
    assert_eq!((endpoint.segments().len(), marks(&endpoint).len()), (6, 5));
    assert_eq!(collect(&db), 5);
    holds_just(&endpoint, &[&db]);
    is_whole(&db, "t", 520);
    // The next look finds nothing of them, and the catalog forgets them.
    assert_eq!(collect(&db), 0);
    assert_eq!(db.int("SELECT count(*) FROM stretch.segment"), 1);
    assert_eq!(db.int("SELECT count(*) FROM stretch.tombstone"), 0);
    assert_eq!(db.lines("SELECT * FROM stretch.collect()"), Vec::<String>::new());
}

#[test]
fn the_worker_collects_by_itself() {
    let cluster = builder("collect-itself", 200).conf("stretch.collect", "on").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    compact(&db, "t");
    wait_until("the objects to go", PATIENCE, || endpoint.segments().len() == 1);
    wait_until("the catalog to forget them", PATIENCE, || {
        db.int("SELECT count(*) FROM stretch.segment") == 1
    });
    wait_until("the log to say so", PATIENCE, || {
        cluster.log().contains("pg_stretch collection: 5 objects")
    });
    is_whole(&db, "t", 520);
}

#[test]
fn a_report_deletes_nothing() {
    let cluster = builder("collect-report", 200).conf("stretch.collect", "report").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    compact(&db, "t");
    wait_until("the log to say so", PATIENCE, || {
        cluster
            .log()
            .contains("pg_stretch collection: the tables do not need 5 objects")
    });
    assert_eq!((endpoint.segments().len(), marks(&endpoint).len()), (6, 0));
}

#[test]
fn tables_that_left_are_collected() {
    let cluster = builder("collect-tables", 300).start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    for table in ["dropped", "truncated", "disabled", "home"] {
        cold_table(&db, table);
    }
    assert_eq!(endpoint.segments().len(), 25);
    db.sql("DROP TABLE dropped; TRUNCATE truncated");
    db.sql("SELECT stretch.disable_table('disabled', leave_remote_data => true)");
    db.sql("SELECT stretch.disable_table('home', leave_remote_data => false)");
    assert_eq!(collect(&db), 20);
    holds_just(&endpoint, &[&db]);
    is_whole(&db, "t", 520);
    assert_eq!(db.int("SELECT count(*) FROM home"), 520);
}

#[test]
fn orphans_go_after_they_were_seen() {
    let cluster = builder("collect-orphans", 300).start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    // An upload whose transaction was lost: of a table that is there, and of one that nobody knows.
    let object = endpoint.segments().remove(0);
    let bytes = endpoint.read(&object);
    let other = |place: usize| {
        let mut parts: Vec<String> = object.split('/').map(str::to_owned).collect();
        let part = &mut parts[place];
        let last = part.find("-1-").unwrap_or(part.len()) - 1;
        let digit = if part.as_bytes()[last] == b'0' { "1" } else { "0" };
        part.replace_range(last..=last, digit);
        parts.join("/")
    };
    let orphans = [other(3), other(4)];
    for orphan in &orphans {
        std::fs::create_dir_all(endpoint.path().join(orphan).parent().expect("a folder")).expect("a folder");
        endpoint.overwrite(orphan, &bytes);
    }
    db.sql("SELECT stretch.set_retention('1 hour')");
    assert_eq!(collect(&db), 0);
    let young = "SELECT count(*) FROM stretch.collect() WHERE reason LIKE 'too young to judge; % s are left'";
    assert_eq!(db.int(young), 2);
    assert_eq!(db.int("SELECT count(*) FROM stretch.sighting"), 2);
    db.sql("SELECT stretch.set_retention('0')");
    let expected = [
        "orphan of a table that the catalog does not know; not marked yet|1",
        "orphan of an upload that the catalog lost; not marked yet|1",
    ];
    assert_eq!(reasons(&db), expected);
    assert_eq!(collect(&db), 2);
    holds_just(&endpoint, &[&db]);
    assert_eq!(collect(&db), 0);
    assert_eq!(db.int("SELECT count(*) FROM stretch.sighting"), 0);
}

#[test]
fn a_copy_and_its_original_collect_apart() {
    let cluster = builder("collect-copy", 300).start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    let dump = cluster.pg_dump("postgres", &["--format=custom"]);
    cluster.create_database("copy");
    cluster.pg_restore("copy", &[], &dump);
    let copy = cluster.connect("copy");
    await_state(&copy, "disconnected");
    reauthorize(&copy);
    // The original needs the five no more, the copy does.
    compact(&db, "t");
    assert_eq!(collect(&db), 0);
    let branch = copy.text("SELECT branch_id FROM stretch.binding");
    assert_eq!(reasons(&db), [format!("needed by child branch {branch}|5")]);
    is_whole(&copy, "t", 520);
    // The copy gives them up, and the original may delete them.
    compact(&copy, "t");
    assert_eq!(collect(&copy), 0);
    assert_eq!(copy.int("SELECT count(*) FROM stretch.segment"), 1);
    assert_eq!(collect(&db), 5);
    holds_just(&endpoint, &[&db, &copy]);
    is_whole(&db, "t", 520);
    is_whole(&copy, "t", 520);
}

#[test]
fn a_server_that_was_overtaken_deletes_nothing() {
    let cluster = builder("collect-fenced", 300).conf("stretch.lease_ttl", "1h").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    compact(&db, "t");
    db.sql("SELECT stretch.collect(false)");
    // Another server claims the next generation.
    let claims = |name: &String| name.contains("/claim/");
    let claim = endpoint.objects().into_iter().rfind(claims).expect("a claim");
    let next = claim.replace("00000000000000000001", "00000000000000000002");
    assert_ne!(claim, next);
    let body = String::from_utf8(endpoint.read(&claim)).expect("JSON");
    endpoint.overwrite(&next, body.replace("\"generation\":1", "\"generation\":2").as_bytes());
    let before = endpoint.segments();
    assert_eq!(before.len(), 6);
    let refused = db.fails("SELECT stretch.collect(false)", "ST001");
    assert!(
        refused.message.contains("another server has claimed"),
        "{}",
        refused.message
    );
    assert_eq!(endpoint.segments(), before);
}

#[test]
fn a_listing_that_lacks_what_is_needed_stops_everything() {
    let cluster = builder("collect-lacks", 300).start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    compact(&db, "t");
    db.sql("SELECT stretch.collect(false)");
    let live = db.text("SELECT object_key FROM stretch.segment WHERE NOT retired");
    let bytes = endpoint.read(&live);
    endpoint.remove(&live);
    let refused = db.fails("SELECT stretch.collect(false)", "55000");
    assert!(
        refused
            .message
            .contains("1 segments that the catalog needs are not listed")
    );
    assert_eq!(endpoint.segments().len(), 5);
    // The hint names it.
    assert_eq!(
        refused.hint.as_deref(),
        Some("Run stretch.reconcile(), which names them.")
    );
    assert_eq!(db.lines("SELECT lost FROM stretch.reconcile()"), ["1"]);
    endpoint.overwrite(&live, &bytes);
    db.sql("SELECT stretch.reconcile()");
    assert_eq!(collect(&db), 5);
    is_whole(&db, "t", 520);
}
