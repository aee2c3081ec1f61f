//! Isolation specs under PostgreSQL's isolationtester: a batch is a step of a session (C-1), every outcome is in an
//! expected file.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use testkit::setup::{drain, enable_database};
use testkit::{Client, Cluster, Endpoint, tree::Tree};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/isolation")
}

/// Names of the files of a folder without their ending, sorted.
fn names(of: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder().join(of))
        .expect("the folder is there")
        .flatten()
        .map(|entry| entry.path().file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A server whose worker moves rows only when it is asked, with a batch and a fold as functions.
pub fn server(name: &str) -> (Cluster, Endpoint, Client) {
    let cluster = Cluster::builder(name)
        .conf("autovacuum", "off")
        .conf("stretch.naptime", "1h")
        .conf("stretch_test.moves_when_asked_only", "on")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    movers(&db);
    (cluster, endpoint, db)
}

/// A batch, a fold and the wait for an upload, as functions.
pub fn movers(db: &Client) {
    db.sql(
        "CREATE FUNCTION batch(regclass) RETURNS bigint LANGUAGE c STRICT AS '$libdir/pg_stretch', \
         'stretch_test_batch_wrapper';
         CREATE FUNCTION fold_now() RETURNS bigint LANGUAGE c AS '$libdir/pg_stretch', 'stretch_test_fold_wrapper';
         -- What a process of the server's own, or isolationtester's, does not see yet stays single: those have
         -- snapshots for a moment only.
         CREATE FUNCTION fold() RETURNS bigint LANGUAGE plpgsql AS $$BEGIN
             WHILE EXISTS (
                 SELECT FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
                     AND (backend_type <> 'client backend' OR application_name LIKE '%control connection')
             ) LOOP
                 PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
             END LOOP;
             RETURN fold_now();
         END$$;
         CREATE FUNCTION wait_for_upload() RETURNS void LANGUAGE plpgsql AS $$BEGIN
             WHILE EXISTS (SELECT FROM stretch.segment WHERE NOT retired AND object_key IS NULL) LOOP
                 PERFORM pg_sleep(0.01);
             END LOOP;
         END$$",
    );
}

/// Six rows, three of which are to be moved.
pub fn table(db: &Client) {
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, done boolean NOT NULL, note text);
         INSERT INTO t SELECT n, n <= 3, 'row' FROM generate_series(1, 6) n",
    );
    db.sql("SELECT stretch.enable_table('t', 'done')");
}

/// `STRETCH_WRITE_EXPECTED=1` writes the expected files instead of comparing them; `STRETCH_SPEC` picks one.
#[test]
fn isolation_specs_give_what_is_expected() {
    let write = std::env::var_os("STRETCH_WRITE_EXPECTED").is_some();
    let only = std::env::var("STRETCH_SPEC").ok();
    let (cluster, _endpoint, _db) = server("isolation");
    let mut differ = Vec::new();
    let mut permutations = 0;
    for name in names("specs") {
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        let spec = fs::read_to_string(folder().join("specs").join(&name).with_extension("spec")).expect("readable");
        let got = run(&cluster, "postgres", &spec);
        let ran = got.matches("\nstarting permutation:").count();
        assert!(ran > 0, "{name} ran nothing:\n{got}");
        permutations += ran;
        let expected = folder().join("expected").join(&name).with_extension("out");
        if write {
            fs::write(&expected, &got).expect("writable");
        } else if fs::read_to_string(&expected).unwrap_or_default() != got {
            differ.push(format!("{name}:\n{got}"));
        }
    }
    println!("isolation: {permutations} permutations");
    assert!(differ.is_empty(), "not as expected: {}", differ.join("\n"));
    if !write && only.is_none() {
        assert_eq!(names("specs"), names("expected"));
    }
}

/// What isolationtester prints for a spec.
pub fn run(cluster: &Cluster, database: &str, spec: &str) -> String {
    let tester = Tree::get().lib.join("pgxs/src/test/isolation/isolationtester");
    let mut child = cluster
        .command_at(&tester)
        .env("PGISOLATIONTIMEOUT", "120")
        .arg(format!("dbname={database}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("isolationtester comes with postgresql-server-dev");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(spec.as_bytes()).expect("it reads its spec");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{text}");
    text
}

/// isolationtester cannot carry a snapshot's name from one session to another.
#[test]
fn exported_snapshots_see_each_row_once() {
    let (cluster, _endpoint, db) = server("isolation-export");
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, done boolean NOT NULL); INSERT INTO t SELECT n, n <= 300 \
        FROM generate_series(1, 600) n",
    );
    db.sql("SELECT stretch.enable_table('t', 'done')");
    let (exporter, importer) = (cluster.connect("postgres"), cluster.connect("postgres"));
    exporter.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
    let snapshot = exporter.text("SELECT pg_export_snapshot()");
    assert_eq!(drain(&db, "t"), 300);
    db.sql("DELETE FROM t WHERE id BETWEEN 201 AND 400");
    importer.sql(&format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '{snapshot}'"
    ));
    let counts =
        "SELECT count(*), count(DISTINCT id), (SELECT count(*) FROM ONLY t WHERE ctid < '(2147483648,0)') FROM t";
    assert_eq!(importer.lines(counts), ["600|600|600"]);
    assert_eq!(exporter.lines(counts), ["600|600|600"]);
    importer.fails("DELETE FROM t WHERE id = 1", "40001");
    assert_eq!(db.lines(counts), ["400|400|200"]);
}

/// As in the spec `doctors`, each of two may go while the other stays; here a batch of the worker comes between (F29).
#[test]
fn serializable_transactions_see_the_workers_batches() {
    let (cluster, _endpoint, db) = server("isolation-worker");
    table(&db);
    let (a, b) = (cluster.connect("postgres"), cluster.connect("postgres"));
    let begin = |session: &Client| {
        session.sql("BEGIN ISOLATION LEVEL SERIALIZABLE");
        assert_eq!(session.int("SELECT count(*) FROM t WHERE note = 'row'"), 6);
    };
    begin(&a);
    assert_eq!(drain(&db, "t"), 3);
    begin(&b);
    // A DELETE of a cold row touches nothing that the other has read: only the batch between them shows the conflict.
    b.sql("DELETE FROM t WHERE id = 2; COMMIT");
    a.fails("DELETE FROM t WHERE id = 5; COMMIT", "40001");
}

/// Neither does the worker wait for an administrator's lock, nor does anybody wait behind it (F38).
#[test]
fn a_batch_never_queues_for_the_tables_lock() {
    let (cluster, _endpoint, db) = server("isolation-lock");
    table(&db);
    let administrator = cluster.connect("postgres");
    administrator.sql("BEGIN; LOCK TABLE t IN SHARE MODE");
    db.sql("SET statement_timeout = '60s'");
    let error = db.fails("SELECT stretch.migrate('t')", "55P03");
    assert!(error.message.contains("locked by another session"), "{error}");
    administrator.sql("COMMIT");
    assert_eq!(db.int("SELECT stretch.migrate('t')"), 3);
}

/// A session keeps the segments of the table's version that it read last. The version of a batch that was rolled back
/// is not that of the batch that came instead, although both are the first (F12).
#[test]
fn versions_of_the_same_length_are_told_apart() {
    let (cluster, _endpoint, db) = server("isolation-cache");
    table(&db);
    let reader = cluster.connect("postgres");
    reader.sql("BEGIN ISOLATION LEVEL SERIALIZABLE; LOCK TABLE t IN ROW EXCLUSIVE MODE NOWAIT");
    assert_eq!(reader.int("SELECT batch('t')"), 3);
    assert_eq!(reader.int("SELECT sum(id) FROM t"), 21);
    reader.sql("ROLLBACK");
    db.sql("UPDATE t SET id = id + 10 WHERE id <= 3");
    assert_eq!(drain(&db, "t"), 3);
    assert_eq!(
        reader.lines("SELECT id FROM t WHERE done ORDER BY id"),
        ["11", "12", "13"]
    );
}
