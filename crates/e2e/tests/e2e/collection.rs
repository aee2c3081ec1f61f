//! Collection: objects go when nobody needs them, and not before (design §11). The grace of these servers is short.

#[path = "collection/branches.rs"]
mod branches;
#[path = "collection/drill.rs"]
mod drill;
#[path = "collection/holds.rs"]
mod holds;
#[path = "collection/purge.rs"]
mod purge_remote;
#[path = "collection/take_over.rs"]
mod take_over;
#[path = "collection/taken_up.rs"]
mod taken_up;

use crate::identity::await_state;
use std::os::unix::fs::MetadataExt;
use testkit::setup::{enable_database, enable_table, purge, reauthorize, wait_uploaded};
use testkit::{Builder, Client, Cluster, Endpoint, PATIENCE, wait_until};

/// A server whose workers collect when they are asked, with a grace of so many milliseconds.
pub fn builder(name: &str, grace: u32) -> Builder {
    Cluster::builder(name)
        .conf("stretch.collect", "off")
        .conf("stretch.compact", "off")
        .conf("stretch.naptime", "100ms")
        .conf("stretch.max_batch_age", "1d")
        .conf("stretch_test.collect_grace", &grace.to_string())
}

/// Table `t` with 500 cold rows in five segments and some hot ones, all of it on the endpoint alone.
pub fn table(db: &Client, endpoint: &Endpoint) {
    enable_database(db, &endpoint.url());
    db.sql("SELECT stretch.set_retention('0')");
    cold_table(db, "t");
}

pub fn cold_table(db: &Client, table: &str) {
    db.sql(&format!(
        "CREATE TABLE {table} (id int PRIMARY KEY, n int NOT NULL);
         INSERT INTO {table} SELECT g, g FROM generate_series(1, 520) g"
    ));
    enable_table(db, table, "id <= 500");
    for _ in 0..5 {
        assert_eq!(db.int(&format!("SELECT stretch.migrate('{table}', 100)")), 100);
    }
    purge(db, table);
}

/// A copy of the database by a dump, connected on a branch of its own.
pub fn copy(cluster: &Cluster) -> Client {
    let dump = cluster.pg_dump("postgres", &["--format=custom"]);
    cluster.create_database("copy");
    cluster.pg_restore("copy", &[], &dump);
    let copy = cluster.connect("copy");
    await_state(&copy, "disconnected");
    reauthorize(&copy);
    copy
}

/// Makes one segment of the five of a table: five retire.
pub fn compact(db: &Client, table: &str) {
    assert_eq!(db.int(&format!("SELECT stretch.compact('{table}')")), 5);
    wait_uploaded(db);
}

/// Waits until what was written or marked before is as old as the grace.
pub fn wait_grace(db: &Client) {
    let grace = db.int("SELECT current_setting('stretch_test.collect_grace')::int");
    let since = std::time::Instant::now();
    wait_until("the grace", PATIENCE, || since.elapsed().as_millis() as i64 > grace);
}

/// Rounds of the worker, one grace apart, until there is nothing on its way: objects get old enough to be marked, then
/// old enough to be deleted, and then the catalog forgets them. How many of segments' objects went.
pub fn collect(db: &Client) -> i64 {
    let mut gone = 0;
    // A round deletes as long as what it has read is fresh, so that a slow machine needs more of them. The first may
    // find that a snapshot holds everything: its caller's, who began before the worker stamped the retirements.
    for round in 0..100 {
        let counts = db.lines(
            "SELECT count(*) FILTER (WHERE deleted AND object_key LIKE '%/segment/%'),
                    count(*) FILTER (WHERE deleted OR reason LIKE '%; not marked yet' OR reason LIKE '%the grace'
                        OR reason LIKE '%may be deleted now' OR reason LIKE '%a moment ago'
                        OR reason LIKE '%not stamped yet' OR reason LIKE '%for the first time')
               FROM stretch.collect(dry_run => false)",
        );
        let (went, on_their_way) = counts[0].split_once('|').expect("two columns");
        gone += went.parse::<i64>().expect("a number");
        if on_their_way == "0" && round >= 3 {
            return gone;
        }
        wait_grace(db);
    }
    panic!("collection does not come to an end");
}

/// The newest heartbeat says for how long moments can be restored.
fn is_promised(endpoint: &Endpoint, seconds: u64) {
    let said = format!("\"retention_seconds\":{seconds}}}");
    wait_until("a heartbeat", PATIENCE, || {
        let newest = endpoint.objects().into_iter().rfind(|name| name.contains("/lease/"));
        // It may be replaced in this moment.
        let read = |name: String| std::fs::read(endpoint.path().join(name)).ok();
        let bytes = newest.and_then(read).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains(&said)
    });
}

/// Reasons for which segments' objects stay, each with how many.
pub fn reasons(db: &Client) -> Vec<String> {
    db.lines("SELECT reason, count(*) FROM stretch.collect() WHERE object_key LIKE '%/segment/%' GROUP BY 1 ORDER BY 1")
}

/// The objects that the catalogs of these databases need.
pub fn needed(databases: &[&Client]) -> Vec<String> {
    let live = "SELECT object_key FROM stretch.segment WHERE NOT retired AND object_key IS NOT NULL";
    let mut keys: Vec<String> = databases.iter().flat_map(|db| db.lines(live)).collect();
    keys.sort();
    keys.dedup();
    keys
}

/// The endpoint holds the objects that the catalogs need, and no other, nor a mark.
pub fn holds_just(endpoint: &Endpoint, databases: &[&Client]) {
    assert_eq!(endpoint.segments(), needed(databases));
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
    wait_grace(&db);
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
        let folder = endpoint.path().join(orphan);
        let folder = folder.parent().expect("a folder");
        if !folder.is_dir() {
            std::fs::create_dir(folder).expect("a folder");
            let owner = std::fs::metadata(endpoint.path()).expect("the endpoint is there");
            std::os::unix::fs::chown(folder, Some(owner.uid()), Some(owner.gid())).expect("it can be given");
        }
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
    let copy = copy(&cluster);
    // The original may not have said before the copy was made that it does not promise a week any more.
    copy.sql("SELECT stretch.set_retention('0')");
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
    purge(&db, "t");
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
    assert_eq!(refused.hint, "Run stretch.reconcile(), which names them.");
    assert_eq!(db.lines("SELECT lost FROM stretch.reconcile()"), ["1"]);
    endpoint.overwrite(&live, &bytes);
    db.sql("SELECT stretch.reconcile()");
    assert_eq!(collect(&db), 5);
    is_whole(&db, "t", 520);
}

#[test]
fn branches_that_were_given_up_are_collected() {
    let cluster = builder("collect-branches", 300).conf("stretch.lease_ttl", "2s").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    is_promised(&endpoint, 0);
    drop(db);
    cluster.restart();
    let db = cluster.wait_ready("postgres");
    await_state(&db, "connected");
    assert_eq!(db.text("SELECT extract(epoch FROM stretch.retention())::int"), "0");
    let copy = copy(&cluster);
    copy.sql("SELECT stretch.set_retention('0')");
    compact(&copy, "t");
    compact(&db, "t");
    let branch = copy.text("SELECT branch_id FROM stretch.binding");
    let own = db.text("SELECT branch_id FROM stretch.binding");
    db.fails(&format!("SELECT stretch.drop_branch('{own}')"), "22023");
    db.fails(
        "SELECT stretch.drop_branch('00000000-0000-4000-8000-000000000000')",
        "42704",
    );
    let dry = format!("SELECT count(*) FROM stretch.drop_branch('{branch}')");
    assert_eq!(db.int(&dry), 1);
    // Somebody lives there.
    let alive = db.fails(
        &format!("SELECT stretch.drop_branch('{branch}', dry_run => false)"),
        "55000",
    );
    assert!(alive.message.contains("writes heartbeats"), "{}", alive.message);
    assert_eq!(collect(&db), 0);
    drop(copy);
    db.sql("DROP DATABASE copy WITH (FORCE)");
    assert_eq!(collect(&db), 0, "nobody has said that the branch is dead");
    db.sql(&format!("SELECT stretch.drop_branch('{branch}', dry_run => false)"));
    db.sql(&format!("SELECT stretch.drop_branch('{branch}', dry_run => false)"));
    // Its object goes first, then the pins that it had, then what those have held.
    for _ in 0..4 {
        collect(&db);
        wait_grace(&db);
    }
    assert_eq!(db.int("SELECT count(*) FROM stretch.adopted_branch"), 0);
    holds_just(&endpoint, &[&db]);
    is_whole(&db, "t", 520);
    assert!(!endpoint.objects().iter().any(|name| name.contains("/pin/")));
}

#[test]
fn a_database_whose_branch_was_taken_is_disconnected() {
    let cluster = builder("collect-force", 300).conf("stretch.lease_ttl", "2s").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    table(&db, &endpoint);
    db.sql("SELECT stretch.set_retention('7 days')");
    let copy = copy(&cluster);
    compact(&copy, "t");
    let branch = copy.text("SELECT branch_id FROM stretch.binding");
    db.sql(&format!(
        "SELECT stretch.drop_branch('{branch}', force => true, dry_run => false)"
    ));
    await_state(&copy, "disconnected");
    // Its retention, which its claim says, is 7 days: until then its objects and pins stay.
    assert_eq!(collect(&db), 0);
    assert_eq!(endpoint.segments().len(), 6);
}
