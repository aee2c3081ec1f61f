//! Taking up again what a table left behind: `disable_table(…, leave_remote_data => true)`, undone by
//! `enable_table(…, adopt => true)`.

use testkit::setup::{drain, enable_database, enable_table, hot_rows, purge, reauthorize, wait_uploaded};
use testkit::{Client, Cluster, Endpoint, PATIENCE, SqlError, digest, wait_until};

const LEAVE: &str = "SELECT stretch.disable_table('t', leave_remote_data => true)";
const ADOPT: &str = "SELECT stretch.enable_table('t', adopt => true, migration_state => 'paused')";

fn database(name: &str) -> (Cluster, Endpoint, Client) {
    let cluster = Cluster::builder(name)
        .conf("stretch.naptime", "50ms")
        .conf("stretch.batch_rows", "300")
        .conf("stretch_test.free_bytes", "1000000000000")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    (cluster, endpoint, db)
}

/// A table of 2,000 rows and its twin. 1,500 rows went cold, in segments of a few hundred that are on the endpoint
/// alone. Some are dead since, and some were changed.
fn server(name: &str) -> (Cluster, Endpoint, Client) {
    let (cluster, endpoint, db) = database(name);
    both(
        &db,
        "CREATE TABLE {t} (id int PRIMARY KEY, word text, amount numeric(10, 2), at timestamptz);
         INSERT INTO {t} SELECT g, 'word ' || g % 77, g % 900, timestamptz '2024-01-01' + g * interval '1 h'
            FROM generate_series(1, 2000) g",
    );
    enable_table(&db, "t", "id <= 1500");
    drain(&db, "t");
    purge(&db, "t");
    assert_eq!(hot_rows(&db, "t"), 500);
    db.sql("SELECT stretch.set_migration_state('t', 'paused')");
    both(
        &db,
        "DELETE FROM {t} WHERE id % 100 = 7; DELETE FROM {t} WHERE id BETWEEN 301 AND 700;
         UPDATE {t} SET amount = -1 WHERE id IN (5, 6)",
    );
    same(&db, "before");
    (cluster, endpoint, db)
}

/// The same for the table and its twin.
fn both(db: &Client, sql: &str) {
    for table in ["t", "twin"] {
        db.sql(&sql.replace("{t}", table));
    }
}

fn same(db: &Client, what: &str) {
    digest::assert_same(db, "t", "twin", what);
}

/// Waits until the worker has noted when the segments were retired.
fn stamped(db: &Client) {
    wait_until("the stamp of the retirement", PATIENCE, || {
        db.int("SELECT count(*) FROM stretch.segment WHERE retired AND retired_lsn IS NULL") == 0
    });
}

/// The adoption is refused, and the table is the ordinary one that it was.
fn refused(db: &Client, sql: &str, code: &str) -> SqlError {
    let catalog = "SELECT a, s.retired, s.abandoned FROM stretch.abandoned_table a
        JOIN stretch.segment s USING (table_id) ORDER BY a.table_id, s.number";
    let state = || (digest::multiset_digest(db, "t"), db.lines(catalog));
    let before = state();
    let error = db.fails(sql, code);
    assert_eq!(state(), before, "{error}");
    assert_eq!(db.int("SELECT count(*) FROM stretch.tables"), 0);
    error
}

#[test]
fn what_was_left_behind_is_taken_up_again() {
    let (cluster, _endpoint, db) = server("adopt-plain");
    let stretched = db.lines("SELECT filter, cold_rows, segments FROM stretch.tables");
    let home = db.int("SELECT count(*) FROM stretch.segment WHERE retired");
    db.notices();
    db.sql(LEAVE);
    let notice = db.notices().pop().expect("a notice");
    assert!(
        notice.message.contains("1087 cold rows left table public.t"),
        "{notice:?}"
    );
    assert!(
        notice.hint.contains("stretch.enable_table('public.t', adopt => true)"),
        "{notice:?}"
    );
    stamped(&db);
    assert_eq!(db.int("SELECT count(*) FROM t"), 497);
    // What comes meanwhile stays.
    both(
        &db,
        "INSERT INTO {t} VALUES (3000, 'hot', 1, '2025-01-01'), (400, 'again', 1, '2025-01-02')",
    );
    db.sql("BEGIN");
    db.sql(ADOPT);
    same(&db, "adopted, and not committed");
    db.sql("ROLLBACK");
    assert_eq!(db.int("SELECT count(*) FROM t"), 499);
    assert_eq!(db.int("SELECT count(*) FROM stretch.tables"), 0);
    db.notices();
    db.sql(ADOPT);
    assert!(
        db.notices()
            .iter()
            .any(|notice| notice.message.contains("1087 cold rows of table public.t"))
    );
    same(&db, "adopted");
    assert_eq!(hot_rows(&db, "t"), 499);
    assert_eq!(
        db.lines("SELECT filter, cold_rows, segments FROM stretch.tables"),
        stretched
    );
    assert_eq!(
        db.lines(
            "SELECT count(*) FILTER (WHERE retired), bool_or(abandoned),
            count(*) FILTER (WHERE NOT retired AND (retired_at IS NOT NULL OR retired_lsn IS NOT NULL))
            FROM stretch.segment"
        ),
        [format!("{home}|f|0")],
        "nothing of the retirement is left"
    );
    assert_eq!(db.int("SELECT count(*) FROM stretch.abandoned_table"), 0);
    // It is a stretched table like any.
    db.fails("INSERT INTO t VALUES (8, 'cold key', 1, now())", "23505");
    both(
        &db,
        "UPDATE {t} SET word = 'changed' WHERE id BETWEEN 100 AND 130; DELETE FROM {t} WHERE id = 1400",
    );
    db.sql("SELECT stretch.set_migration_state('t', 'outbound')");
    assert!(drain(&db, "t") > 0);
    same(&db, "migrated again");
    assert_eq!(db.text("SELECT corrupt + missing FROM stretch.verify('t')"), "0");
    // Once more, with what happened since.
    purge(&db, "t");
    db.sql(LEAVE);
    db.sql(ADOPT);
    same(&db, "adopted twice");
    db.fails(ADOPT, "42710");
    cluster.restart();
    let db = cluster.connect("postgres");
    same(&db, "after a restart");
    db.sql("SELECT stretch.disable_table('t', leave_remote_data => false)");
    same(&db, "at home");
    assert!(
        refused(&db, ADOPT, "55000")
            .message
            .contains("has left no cold rows behind")
    );
}

#[test]
fn segments_that_were_retired_before_stay_away() {
    let (_cluster, _endpoint, db) = server("adopt-retired");
    db.sql("SELECT stretch.set_migration_state('t', 'outbound')");
    assert!(db.int("SELECT stretch.compact('t')") > 0);
    same(&db, "compacted");
    drain(&db, "t");
    db.sql("SELECT stretch.set_migration_state('t', 'paused')");
    wait_uploaded(&db);
    let retired = db.lines("SELECT segment_id FROM stretch.segment WHERE retired ORDER BY 1");
    db.sql(LEAVE);
    // All that is here of what was emptied goes, and nothing else.
    db.sql("SELECT stretch.purge_staged()");
    db.sql(ADOPT);
    same(&db, "adopted");
    assert_eq!(
        db.lines("SELECT segment_id FROM stretch.segment WHERE retired ORDER BY 1"),
        retired
    );
}

#[test]
fn rows_that_are_all_dead_are_kept_as_they_were() {
    let (_cluster, _endpoint, db) = server("adopt-dead");
    // A segment whose rows are all dead by one bitmap looks like one that was emptied.
    both(&db, "DELETE FROM {t} WHERE id <= 300");
    db.sql(LEAVE);
    db.sql("SELECT stretch.purge_staged()");
    db.sql(ADOPT);
    same(&db, "adopted");
    db.sql("SELECT stretch.set_migration_state('t', 'outbound')");
    db.sql("SELECT stretch.compact('t')");
    same(&db, "compacted");
}

#[test]
fn keys_that_came_meanwhile_are_in_the_way() {
    let (_cluster, _endpoint, db) = server("adopt-keys");
    db.sql(LEAVE);
    db.sql("ALTER TABLE t ADD CONSTRAINT at_day EXCLUDE (at WITH =)");
    db.sql("INSERT INTO t VALUES (8, 'again', 1, now())");
    let error = refused(&db, ADOPT, "23505");
    assert!(
        error.message.contains("\"t_pkey\"") && error.detail.contains("(8)"),
        "{error}"
    );
    // As the hint says.
    assert!(error.hint.contains("Change or delete the hot row"), "{error}");
    db.sql("DELETE FROM t WHERE id = 8");
    db.sql("INSERT INTO t VALUES (-9, 'the time of another', 1, timestamptz '2024-01-01' + interval '9 h')");
    let error = refused(&db, ADOPT, "23P01");
    assert!(error.message.contains("\"at_day\""), "{error}");
    db.sql("DELETE FROM t WHERE id = -9");
    // A key that only the cold rows violate, each for itself a row of the table.
    db.sql("CREATE UNIQUE INDEX one_word ON t (word) WHERE id < 100");
    let error = refused(&db, ADOPT, "23505");
    assert!(error.message.contains("\"one_word\""), "{error}");
    db.sql("DROP INDEX one_word; CREATE UNIQUE INDEX unlike ON t (word varchar_ops, id)");
    let error = refused(&db, ADOPT, "0A000");
    assert!(error.message.contains("\"unlike\""), "{error}");
    // As the hint says.
    assert!(
        error.hint.contains("Drop the index, then enable the table again"),
        "{error}"
    );
    db.sql("DROP INDEX unlike; CREATE UNIQUE INDEX unlike ON t (word text_pattern_ops, id)");
    db.sql(ADOPT);
    same(&db, "adopted");
}

#[test]
fn constraints_hold_for_what_comes_back() {
    let (_cluster, _endpoint, db) = server("adopt-constraints");
    db.sql("CREATE DOMAIN dom AS int; ALTER TABLE t ADD COLUMN d dom");
    db.sql(
        "CREATE TABLE parent (amount numeric(10, 2) PRIMARY KEY); INSERT INTO parent SELECT generate_series(-1, 900)",
    );
    db.sql("CREATE TABLE child (of int REFERENCES t)");
    db.sql("INSERT INTO child VALUES (9), (1900)");
    db.sql(LEAVE);
    for (make, code, named, undo) in [
        (
            "ALTER TABLE t ADD CONSTRAINT late CHECK (id > 1500 OR id IN (5, 6))",
            "23514",
            "\"late\"",
            "ALTER TABLE t DROP CONSTRAINT late",
        ),
        (
            "UPDATE t SET d = 1; ALTER TABLE t ALTER d SET NOT NULL",
            "23502",
            "\"d\"",
            "ALTER TABLE t ALTER d DROP NOT NULL; UPDATE t SET d = NULL",
        ),
        (
            "UPDATE t SET d = 1; ALTER DOMAIN dom ADD CONSTRAINT known CHECK (value IS NOT NULL)",
            "23514",
            "known",
            "ALTER DOMAIN dom DROP CONSTRAINT known; UPDATE t SET d = NULL",
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT owned FOREIGN KEY (amount) REFERENCES parent; 
            DELETE FROM parent WHERE amount = 250",
            "23503",
            "\"owned\"",
            "INSERT INTO parent VALUES (250)",
        ),
    ] {
        db.sql(make);
        let error = refused(&db, ADOPT, code);
        assert!(error.message.contains(named), "{make}: {error}");
        db.sql(undo);
    }
    // What need not hold for old rows need not hold for these.
    db.sql("ALTER TABLE t ADD CONSTRAINT new CHECK (id > 5000) NOT VALID");
    db.sql(ADOPT);
    assert_eq!(
        db.lines(
            "SELECT conname, convalidated FROM pg_constraint WHERE conrelid = 't'::regclass AND contype IN ('c', 'f')
            ORDER BY 1"
        ),
        ["new|f", "owned|t"]
    );
    db.sql("ALTER TABLE t DROP CONSTRAINT new");
    db.fails("INSERT INTO child VALUES (7)", "23503");
    db.fails("DELETE FROM t WHERE id = 9", "23503");
    db.fails("DELETE FROM parent WHERE amount = 300", "23503");
}

#[test]
fn a_partition_takes_up_what_belongs_there() {
    let (_cluster, _endpoint, db) = database("adopt-partition");
    db.sql(
        "CREATE TABLE p (id int NOT NULL, s text) PARTITION BY RANGE (id);
         CREATE TABLE t PARTITION OF p FOR VALUES FROM (0) TO (1000);
         INSERT INTO p SELECT g, 'row ' || g FROM generate_series(0, 999) g; CREATE TABLE twin AS TABLE t",
    );
    enable_table(&db, "p", "id < 500");
    drain(&db, "t");
    purge(&db, "t");
    db.sql("SELECT stretch.disable_table('p', leave_remote_data => true)");
    let error = db.fails("SELECT stretch.enable_table('p', adopt => true)", "0A000");
    assert!(
        error.hint.contains("stretch.enable_table('public.t', adopt => true)"),
        "{error}"
    );
    db.sql("ALTER TABLE p DETACH PARTITION t; ALTER TABLE p ATTACH PARTITION t FOR VALUES FROM (100) TO (1000)");
    let error = refused(&db, ADOPT, "23514");
    assert!(error.message.contains("partition bound"), "{error}");
    db.sql("ALTER TABLE p DETACH PARTITION t; ALTER TABLE p ATTACH PARTITION t FOR VALUES FROM (0) TO (1000)");
    db.sql(ADOPT);
    same(&db, "adopted");
    assert_eq!(db.int("SELECT count(*) FROM p"), 1000);
    assert_eq!(
        db.int("SELECT count(*) FROM pg_constraint WHERE conrelid = 't'::regclass"),
        0
    );
    // As the hint says.
    db.sql("SELECT stretch.enable_table('p', 'id < 600')");
    assert_eq!(db.int("SELECT count(*) FROM stretch.tables"), 1);
}

#[test]
fn columns_that_changed_meanwhile_are_followed() {
    let (_cluster, _endpoint, db) = server("adopt-columns");
    db.sql("SELECT stretch.alter_table('t', order_by => 'word DESC, id')");
    db.sql(LEAVE);
    // A name that is used again is another column, and what rows show in a new one is its default of that time.
    let change = |sql: &str| {
        db.sql(&sql.replace("{t}", "t"));
        db.sql(&sql.replace("{t}", "twin"));
    };
    change("ALTER TABLE {t} ADD COLUMN more int DEFAULT 5, ADD COLUMN none text");
    change("ALTER TABLE {t} ALTER more SET DEFAULT 6");
    change("ALTER TABLE {t} RENAME id TO number");
    change("ALTER TABLE {t} DROP COLUMN amount, ADD COLUMN amount numeric(10, 2) DEFAULT 0.5");
    change(
        "ALTER TABLE {t} RENAME word TO said; ALTER TABLE {t} ADD COLUMN word int; ALTER TABLE {t} DROP COLUMN word",
    );
    change("ALTER TABLE {t} ALTER amount TYPE numeric(12, 2), ALTER said TYPE varchar");
    // This makes the file anew, and forgets what the server knew of the defaults.
    db.sql("VACUUM FULL t");
    db.sql(ADOPT);
    same(&db, "adopted");
    assert_eq!(
        db.lines("SELECT filter, order_by FROM stretch.tables"),
        ["(number <= 1500)|said DESC, number"]
    );
    change("INSERT INTO {t} (number, said) VALUES (4000, 'new')");
    change("ALTER TABLE {t} ADD COLUMN last int DEFAULT 3");
    same(&db, "later");
    db.sql("SELECT stretch.set_migration_state('t', 'outbound')");
    assert!(drain(&db, "t") > 0);
    same(&db, "migrated");
}

#[test]
fn columns_that_do_not_fit_are_a_refusal() {
    let (cluster, _endpoint, db) = server("adopt-unfit");
    db.sql("CREATE TYPE mood AS ENUM ('sad', 'glad'); ALTER TABLE t ADD COLUMN m mood DEFAULT 'sad'");
    db.sql(LEAVE);
    drop(db);
    for (sql, reason) in [
        ("ALTER TABLE t ALTER id TYPE bigint", "made anew"),
        (
            "ALTER TABLE t ALTER amount TYPE numeric(10, 2) USING amount * 2",
            "made anew",
        ),
        ("ALTER TABLE t ADD COLUMN r float DEFAULT random()", "made anew"),
        (
            "ALTER TABLE t ADD COLUMN g int GENERATED ALWAYS AS (id + 1) STORED",
            "made anew",
        ),
        (
            "ALTER TABLE t DROP COLUMN id",
            "Column \"id\", which their filter names",
        ),
        ("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", "mood"),
        ("ALTER TABLE t ALTER id TYPE oid", "cannot be read"),
    ] {
        let db = cluster.connect("postgres");
        db.sql(&format!("BEGIN; {sql}; SAVEPOINT before"));
        let error = db.fails(ADOPT, "ST011");
        assert!(error.message.contains("do not fit it any more"), "{sql}: {error}");
        assert!(error.detail.contains(reason), "{sql}: {error}");
        // As the hint says.
        assert!(error.hint.contains("Leave out adopt => true"), "{sql}: {error}");
        db.sql("ROLLBACK TO before; SELECT stretch.enable_table('t', migration_state => 'paused'); ROLLBACK");
    }
    let db = cluster.connect("postgres");
    db.sql(ADOPT);
    db.sql("ALTER TABLE twin ADD COLUMN m mood DEFAULT 'sad'");
    same(&db, "nothing of it is left");
}

#[test]
fn the_filter_selects_what_comes_back() {
    let (_cluster, _endpoint, db) = server("adopt-filter");
    db.sql(LEAVE);
    let with = |filter: &str| {
        format!("SELECT stretch.enable_table('t', $f${filter}$f$, adopt => true, migration_state => 'paused')")
    };
    for narrower in ["id <= 1499", "id <= 1500 AND amount > 0", "word = 'x'"] {
        let error = refused(&db, &with(narrower), "ST013");
        assert!(error.detail.contains("id <= 1500"), "{error}");
    }
    refused(&db, &with("nonsense"), "ST012");
    for wider in ["id <= 1600", "id <= 1600 OR word = 'x'", "true"] {
        db.sql(&with(wider));
        same(&db, wider);
        wait_uploaded(&db);
        db.sql(LEAVE);
        // What is known of the rows is the filter that they had last.
        db.sql(&with(wider));
        db.sql(LEAVE);
    }
    refused(&db, &with("id <= 1500"), "ST013");
    // A filter that names the present goes on from where it was.
    db.sql("DROP TABLE t");
    db.sql(
        "CREATE TABLE t (id int, at timestamptz); INSERT INTO t SELECT g, now() - g * interval '1 day'
            FROM generate_series(1, 100) g; DROP TABLE twin; CREATE TABLE twin AS TABLE t",
    );
    enable_table(&db, "t", "at < now() - interval '50 days'");
    drain(&db, "t");
    purge(&db, "t");
    let rule = db.text("SELECT filter FROM stretch.tables");
    db.sql(LEAVE);
    db.sql(ADOPT);
    same(&db, "a moving filter");
    assert_eq!(db.text("SELECT filter FROM stretch.tables WHERE cut IS NOT NULL"), rule);
}

#[test]
fn an_object_that_is_gone_is_a_refusal() {
    let (_cluster, endpoint, db) = server("adopt-object");
    db.sql(LEAVE);
    let object = endpoint.segments().remove(0);
    let bytes = endpoint.read(&object);
    endpoint.remove(&object);
    let error = refused(&db, ADOPT, "ST003");
    assert!(error.message.contains("1 of 5 segments"), "{error}");
    assert!(error.detail.contains("there is no object of this segment"), "{error}");
    endpoint.overwrite(&object, &bytes[..bytes.len() - 1]);
    let error = refused(&db, ADOPT, "ST003");
    assert!(error.detail.contains("another size"), "{error}");
    endpoint.take_away();
    refused(&db, ADOPT, "ST005");
    endpoint.put_back();
    endpoint.overwrite(&object, &bytes);
    db.sql(ADOPT);
    same(&db, "adopted");
}

#[test]
fn there_must_be_something_to_adopt() {
    let (_cluster, endpoint, db) = server("adopt-nothing");
    db.fails("SELECT stretch.enable_table('twin', adopt => true)", "55000");
    db.fails(ADOPT, "42710");
    db.sql("SELECT stretch.enable_table('t', adopt => true, if_not_exists => true)");
    // The worker sees nothing of what is not committed.
    db.sql("BEGIN");
    db.sql(LEAVE);
    let error = db.fails(ADOPT, "55000");
    assert!(error.hint.contains("Commit it, then enable the table"), "{error}");
    db.sql("ROLLBACK");
    same(&db, "rolled back");
    db.sql("SELECT stretch.set_filter('t', 'id <= 1600')");
    wait_uploaded(&db);
    // Stretched anew, and left again: what was left last comes first.
    db.sql(LEAVE);
    enable_table(&db, "t", "id > 1900");
    drain(&db, "t");
    purge(&db, "t");
    db.sql(LEAVE);
    assert_eq!(db.int("SELECT count(*) FROM stretch.abandoned_table"), 2);
    db.sql("SELECT stretch.enable_table('t', adopt => true, filter => 'id > 1800', migration_state => 'paused')");
    assert_eq!(db.int("SELECT cold_rows FROM stretch.tables"), 99);
    db.sql("SELECT stretch.disable_table('t', leave_remote_data => false)");
    db.sql(ADOPT);
    same(&db, "both");
    db.sql(LEAVE);
    // Another table of the same name is another one; the objects stay.
    let objects = endpoint.segments();
    db.sql(
        "ALTER TABLE t RENAME TO old; CREATE TABLE t (id int PRIMARY KEY, word text, amount numeric, at timestamptz)",
    );
    db.fails(ADOPT, "55000");
    db.sql("SELECT stretch.enable_table('old', adopt => true, migration_state => 'paused')");
    digest::assert_same(&db, "old", "twin", "under another name");
    wait_uploaded(&db);
    db.sql(
        "SELECT stretch.disable_table('old', leave_remote_data => true); CREATE SCHEMA s; ALTER TABLE old SET SCHEMA s",
    );
    db.sql("DROP SCHEMA s CASCADE");
    assert_eq!(db.int("SELECT count(*) FROM stretch.abandoned_table"), 0);
    assert_eq!(db.int("SELECT count(*) FROM stretch.segment WHERE abandoned"), 0);
    assert_eq!(endpoint.segments(), objects);
    // What the database forgets is forgotten.
    db.sql("DROP TABLE t; ALTER TABLE twin RENAME TO t");
    enable_table(&db, "t", "id < 100");
    drain(&db, "t");
    purge(&db, "t");
    db.sql(LEAVE);
    db.sql("SELECT stretch.disable_database()");
    assert_eq!(db.int("SELECT count(*) FROM stretch.abandoned_table"), 0);
}

#[test]
fn a_dump_carries_what_was_left_behind() {
    let (cluster, endpoint, db) = server("adopt-dump");
    db.sql(LEAVE);
    both(
        &db,
        "ALTER TABLE {t} DROP COLUMN amount, ADD COLUMN amount int DEFAULT 3",
    );
    let archive = cluster.pg_dump("postgres", &["-Fc"]);
    cluster.create_database("copy");
    cluster.pg_restore("copy", &[], &archive);
    let copy = cluster.connect("copy");
    assert_eq!(copy.int("SELECT count(*) FROM t"), 497);
    copy.fails(ADOPT, "ST001");
    reauthorize(&copy);
    copy.sql(ADOPT);
    same(&copy, "adopted");
    // The objects are another branch's, whose collector must leave them.
    let pins = |db: &Client| {
        let branch = db.text("SELECT branch_id FROM stretch.status");
        endpoint
            .objects()
            .into_iter()
            .filter(|object| object.contains("/pin/") && object.contains(&branch))
            .count()
    };
    assert!(pins(&db) > 0, "{:?}", endpoint.objects());
    // The original is as it was.
    db.sql(ADOPT);
    same(&db, "in the original");
}

#[test]
fn older_snapshots_see_what_they_saw() {
    let (cluster, _endpoint, db) = server("adopt-snapshots");
    let all = db.int("SELECT count(*) FROM t");
    let snapshot = |db: &Client| db.sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    let (before, between) = (cluster.connect("postgres"), cluster.connect("postgres"));
    snapshot(&before);
    db.sql(LEAVE);
    snapshot(&between);
    db.sql(ADOPT);
    db.sql("DELETE FROM t WHERE id < 5");
    assert_eq!(before.int("SELECT count(*) FROM t"), all);
    assert_eq!(between.int("SELECT count(*) FROM t"), 497);
    assert_eq!(db.int("SELECT count(*) FROM t"), all - 4);
}
