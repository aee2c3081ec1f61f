//! Statements that hold a secret are hidden: in pg_stat_activity, in the log, in what clients are told, in
//! pg_stat_statements.

use std::time::Duration;
use testkit::{Client, Cluster, SqlError, wait_until};

const SECRET: &str = "TOPSECRET";

/// What others see of a session.
fn shown(watcher: &Client, pid: i32) -> String {
    watcher.text(&format!("SELECT query FROM pg_stat_activity WHERE pid = {pid}"))
}

/// Statements of a client that fail, each with a secret.
const FAILING: [&str; 14] = [
    "SELECT stretch.create_master_key('TOPSECRET-2 long enough')",
    "SELECT stretch.create_master_key('TOPSECRET-3', 4)",
    "SELECT stretch.create_master_key('TOPSECRET-4'::int::text)",
    "SELECT stretch.create_master_key('TOPSECRET-5' oops)",
    "SELECT stretch.create_master_key(TOPSECRET6)",
    "SELECT stretch.create_credential('c', 'i', 'TOPSECRET', replce => true)",
    "SELECT stretch.create_credential('c', 'i', 'TOPSECRET') FROM nowhere",
    "SELECT stretch.create_credential('c', 'i', 'TOPSECRET'",
    r#"SELECT stretch.U&"cr\0065ate_credential"('c', 'i', 'TOPSECRET', replce => true)"#,
    r#"SELECT stretch.U&"cr!0065ate!005fcredential" UESCAPE '!' ('c', 'i', 'TOPSECRET', 1/0 = 0)"#,
    "DO $$ BEGIN PERFORM stretch.open_master_key('TOPSECRET-7'); END $$",
    "DO LANGUAGE tsql $$ CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'TOPSECRET-8' oops $$",
    // The text of the statement names no function at all.
    "DO $$ BEGIN EXECUTE 'SELECT stretch.open_master' || '_key(''TOPSECRET'')'; END $$",
    "SELECT wrapped('TOPSECRET')",
];

/// A function that puts its statement together, and one whose text says nothing of what it hands on.
const FUNCTIONS: &str = "
    CREATE FUNCTION built(secret text, tail text) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN EXECUTE format('SELECT stretch.create_credential(''c'', ''i'', %L%s)', secret, tail); END $$;
    CREATE FUNCTION wrapped(secret text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM \
    stretch.open_master_key(secret); END $$";

#[test]
fn statements_that_fail_are_hidden_from_other_sessions() {
    let cluster = Cluster::builder("redaction-activity").start();
    let watcher = cluster.connect("postgres");
    watcher.sql("CREATE EXTENSION pg_stretch; SELECT stretch.create_master_key('long enough')");
    watcher.sql(FUNCTIONS);
    for level in ["warning", "fatal"] {
        for sql in FAILING {
            let db = cluster.connect("postgres");
            db.sql(&format!("SET log_min_messages = {level}"));
            db.try_sql(sql).expect_err(sql);
            // Where errors are not logged, the text goes when the transaction ends, after the client was told.
            let busy = format!("SELECT state = 'active' FROM pg_stat_activity WHERE pid = {}", db.pid());
            wait_until("the session to be idle", Duration::from_secs(30), || {
                !watcher.bool(&busy)
            });
            let shown = shown(&watcher, db.pid());
            assert!(
                shown.contains("hidden by pg_stretch"),
                "{level}: {sql} is shown as {shown}"
            );
        }
    }
    // Nothing is analyzed where a transaction has failed already.
    let db = cluster.connect("postgres");
    db.sql("BEGIN");
    db.fails("SELECT 1/0", "22012");
    db.fails("SELECT stretch.create_credential('c', 'i', 'TOPSECRET')", "25P02");
    assert!(!shown(&watcher, db.pid()).contains(SECRET));
    db.sql("ROLLBACK; SELECT 'ordinary'");
    assert_eq!(shown(&watcher, db.pid()), "ROLLBACK; SELECT 'ordinary'");
}

#[test]
fn nested_statements_are_hidden_from_the_log_and_from_clients() {
    let cluster = Cluster::builder("redaction-context").start();
    let db = cluster.connect("postgres");
    db.sql("CREATE EXTENSION pg_stretch; SELECT stretch.create_master_key('long enough')");
    db.sql(FUNCTIONS);
    db.sql("SET log_min_duration_statement = 0");
    db.sql(&format!("SELECT built('{SECRET}', '')"));
    // An error of ours, of the parser, and of an expression.
    for (tail, code) in [
        ("", "42710"),
        (", replce => true", "42883"),
        (", 1/0 = 0", "22012"),
        (" oops", "42601"),
    ] {
        let error = db.fails(&format!("SELECT built('{SECRET}', '{tail}')"), code);
        assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
    }
    let error = db.fails("SELECT (SELECT 1) / 0 FROM pg_class", "22012");
    assert_eq!(error.context, "");
    let log = cluster.log();
    assert!(log.contains("(SELECT 1) / 0"), "the log does log statements: {log}");
    let leak = log.lines().find(|line| line.contains(SECRET));
    assert_eq!(leak, None);
}

#[test]
fn secrets_are_not_in_pg_stat_statements() {
    for libraries in ["pg_stat_statements,pg_stretch", "pg_stretch,pg_stat_statements"] {
        let cluster = Cluster::builder("redaction-statements")
            .conf("shared_preload_libraries", libraries)
            .conf("pg_stat_statements.track", "all")
            .conf("pg_stat_statements.track_utility", "on")
            .start();
        let db = cluster.connect("postgres");
        db.sql("CREATE EXTENSION pg_stat_statements; CREATE EXTENSION pg_stretch");
        db.sql(&format!("SELECT stretch.create_master_key('{SECRET}')"));
        let create = format!("SELECT stretch.create_credential('c', '{SECRET}', '{SECRET}')");
        db.sql(&create);
        db.fails(&create, "42710");
        db.extended("SELECT stretch.create_credential('d', $1, $2)", &[&SECRET, &SECRET])
            .unwrap_or_else(|error| panic!("{}", error.message));
        db.sql(&format!("PREPARE p AS {}", create.replace("'c'", "'e'")));
        db.sql("EXECUTE p");
        let alter = format!("stretch.alter_credential('c', '{SECRET}', '{SECRET}')");
        for sql in [
            format!("DO $$ BEGIN PERFORM {alter}; END $$"),
            format!("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM {alter}; END $$"),
            format!("CREATE FUNCTION g() RETURNS void LANGUAGE sql BEGIN ATOMIC SELECT {alter}; END"),
            format!("CREATE PROCEDURE h(secret text) LANGUAGE plpgsql AS $$ BEGIN PERFORM {alter}; END $$"),
            format!("CREATE VIEW v AS SELECT 1 AS a FROM {alter}"),
            format!("COPY (SELECT 1 AS a FROM {alter}) TO STDOUT"),
            format!("EXPLAIN SELECT 1 AS a FROM {alter}"),
            format!("CREATE TABLE t AS SELECT 1 AS a FROM {alter}"),
            // Only what runs tells that these hold a secret.
            format!(
                "DO $$ BEGIN EXECUTE replace('SELECT {}', '#', ''); END $$",
                alter.replace('_', "_#").replace('\'', "''")
            ),
            format!("CALL h('{SECRET}')"),
            // A block inside a function, whose own statement is an ordinary one.
            format!(
                "SELECT run($run$ DO $$ BEGIN EXECUTE {}; END $$ $run$)",
                quoted(&format!("SELECT {alter}"))
            ),
        ] {
            if sql.contains("run(") {
                db.sql("CREATE FUNCTION run(sql text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE sql; END $$");
            }
            match sql.starts_with("COPY") {
                true => drop(db.copy_out(&sql)),
                false => db.sql(&sql),
            }
        }
        db.sql("DO $$ BEGIN PERFORM 'a marker in a block'; END $$");
        let seen = db.lines("SELECT query FROM pg_stat_statements").join("\n");
        assert!(
            seen.contains("a marker in a block"),
            "the search finds what is there: {seen}"
        );
        let leak = seen.lines().find(|line| line.contains(SECRET));
        assert_eq!(leak, None, "{libraries}");
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[test]
fn a_statement_with_a_secret_shows_nowhere() {
    let cluster = Cluster::builder("redaction-nowhere")
        .conf("log_statement", "all")
        .conf("log_min_duration_statement", "0")
        .conf("log_parameter_max_length_on_error", "-1")
        .start();
    let db = cluster.connect("postgres");
    db.sql("CREATE EXTENSION pg_stretch; SELECT stretch.create_master_key('TOPSECRET-1 long enough')");
    db.sql(FUNCTIONS);
    for sql in &FAILING[..12] {
        db.try_sql(sql).expect_err(sql);
    }
    db.sql("PREPARE p AS SELECT stretch.open_master_key($1)");
    db.try_sql("EXECUTE p('TOPSECRET-9')").expect_err("a wrong password");
    db.try_sql("EXECUTE p('TOPSECRET-A'::int::text)")
        .expect_err("no number");
    let parameter: SqlError = db
        .extended("SELECT stretch.open_master_key($1)::text", &[&"TOPSECRET-B"])
        .expect_err("a wrong password");
    assert_eq!(parameter.code, "28P01");
    // A second session looks while the first waits for a lock, inside a statement that holds a secret.
    let holder = cluster.connect("postgres");
    holder.sql("SELECT pg_advisory_lock(1)");
    let (waiting, pid) = (cluster.connect("postgres"), db.pid());
    let thread = std::thread::spawn(move || {
        db.try_sql("SELECT pg_advisory_lock(1), 'stretch.open_master_key', 'TOPSECRET-C'")
            .expect("it only reads");
    });
    wait_until("the session to wait", Duration::from_secs(30), || {
        waiting.bool(&format!(
            "SELECT coalesce(wait_event_type = 'Lock', false) FROM pg_stat_activity WHERE pid = {pid}"
        ))
    });
    let shown = waiting.text(&format!("SELECT query FROM pg_stat_activity WHERE pid = {pid}"));
    assert!(!shown.contains("TOPSECRET"), "{shown}");
    holder.sql("SELECT pg_advisory_unlock(1)");
    thread.join().expect("the thread ends");
    let log = cluster.log().to_lowercase();
    assert!(log.contains("hidden by pg_stretch"));
    let leak = log.lines().find(|line| line.contains("topsecret"));
    assert_eq!(leak, None);
}
