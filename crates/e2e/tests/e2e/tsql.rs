//! T-SQL through `DO LANGUAGE tsql`: the documentation's own script, every statement, transactions and secrets.

use crate::identity::{await_state, secrets};
use testkit::{Client, Cluster, Endpoint, PATIENCE, wait_until};

const SCRIPT: &str = include_str!("../../../stretch-tsql/testdata/restore-runbook.sql");
const PLACEHOLDER: &str = "<database_scoped_credential_name_created_previously>";

fn block(batch: &str) -> String {
    format!("DO LANGUAGE tsql $tsql$\n{batch}\n$tsql$")
}

/// Runs a batch and returns what it prints.
fn run(db: &Client, batch: &str) -> Vec<String> {
    db.notices();
    db.sql(&block(batch));
    db.notices().into_iter().map(|notice| notice.message).collect()
}

fn create(db: &Client) {
    db.sql("CREATE EXTENSION pg_stretch_tsql CASCADE");
}

fn key_and_credential(name: &str) -> String {
    format!(
        "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'it''s a key'
         CREATE DATABASE SCOPED CREDENTIAL [{name}] WITH IDENTITY = N’nobody’, SECRET = N'nothing';"
    )
}

fn enable(name: &str, endpoint: &Endpoint) -> String {
    format!(
        "ALTER DATABASE [{name}] SET REMOTE_DATA_ARCHIVE = ON (SERVER = '{}', CREDENTIAL = cred);",
        endpoint.url()
    )
}

#[test]
fn tsql_runs_the_documented_script() {
    let cluster = Cluster::builder("tsql-runbook").start();
    let endpoint = Endpoint::new();
    cluster.create_database("one");
    let one = cluster.connect("one");
    create(&one);
    one.sql(
        "CREATE TABLE orders (id int NOT NULL, day date NOT NULL); INSERT INTO orders \
        SELECT n, '2014-01-01'::date + n FROM generate_series(1, 1000) n",
    );
    // One block from nothing to a stretched table: each statement commits by itself.
    run(
        &one,
        &format!(
            "{}{}
             CREATE FUNCTION dbo.old_orders (@d datetime) RETURNS TABLE WITH SCHEMABINDING AS RETURN
                 SELECT 1 AS is_eligible WHERE @d < CONVERT(datetime, '1/1/2015', 101);
             ALTER TABLE dbo.Orders SET (REMOTE_DATA_ARCHIVE = ON (
                 FILTER_PREDICATE = dbo.old_orders([Day]), MIGRATION_STATE = OUTBOUND));",
            key_and_credential("cred"),
            enable("ONE", &endpoint)
        ),
    );
    assert_eq!(one.text("SELECT state FROM stretch.status"), "connected");
    one.sql("SELECT stretch.drain('orders')");
    let cold = one.int("SELECT count(*) FROM orders WHERE day < '2015-01-01'");
    assert_eq!(one.int("SELECT sum(row_count) FROM stretch.segment"), cold);
    assert_eq!(one.int("SELECT count(*) FROM orders"), 1000);

    let dump = cluster.pg_dump("one", &["--format=custom"]);
    cluster.create_database("two");
    cluster.pg_restore("two", &[], &dump);
    let two = cluster.connect("two");
    await_state(&two, "disconnected");
    run(&two, &key_and_credential("cred"));
    assert_eq!(SCRIPT.matches(PLACEHOLDER).count(), 1);
    // The script alone, not a byte around it.
    two.sql(&format!(
        "DO LANGUAGE tsql $tsql${}$tsql$",
        SCRIPT.replace(PLACEHOLDER, "cred")
    ));
    assert_eq!(two.text("SELECT state FROM stretch.status"), "connected");
    assert_eq!(two.int("SELECT count(*) FROM orders"), 1000);
    assert_eq!(two.int("SELECT count(*) FROM sys.filter_function"), 1);
    let error = two.fails(&block("EXEC sp_rda_reauthorize_db N'cred'"), "ST008");
    assert!(
        error.detail.contains("Microsoft error number 14847."),
        "{}",
        error.detail
    );
    assert!(error.detail.contains("line 2, column 1"), "{}", error.detail);
    assert_eq!(one.text("SELECT state FROM stretch.status"), "connected");
}

#[test]
fn tsql_statements_and_procedures() {
    let cluster = Cluster::builder("tsql-forms").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    create(&db);
    db.sql("CREATE TABLE t (id int NOT NULL, n int NOT NULL)");
    run(
        &db,
        &format!("{}{}", key_and_credential("cred"), enable("postgres", &endpoint)),
    );
    let state = |db: &Client| db.text("SELECT migration_state FROM stretch.stretched_table");
    run(
        &db,
        "CREATE FUNCTION f (@n int) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS is_eligible WHERE @n < 10
         CREATE FUNCTION g (@n int) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS is_eligible WHERE @n < 20
         CREATE FUNCTION h (@n int) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS is_eligible WHERE @n < 5",
    );
    db.fails(
        &block("CREATE FUNCTION F (@n int) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS e WHERE @n < 1"),
        "42710",
    );
    run(
        &db,
        "ALTER TABLE T SET (REMOTE_DATA_ARCHIVE = ON (FILTER_PREDICATE = f(N), MIGRATION_STATE = PAUSED))",
    );
    assert_eq!(state(&db), "paused");
    run(
        &db,
        "ALTER TABLE dbo.t SET (REMOTE_DATA_ARCHIVE (MIGRATION_STATE = OUTBOUND))",
    );
    assert_eq!(state(&db), "outbound");
    run(
        &db,
        "ALTER TABLE t SET (REMOTE_DATA_ARCHIVE (MIGRATION_STATE = PAUSED))",
    );
    assert_eq!(state(&db), "paused");
    run(
        &db,
        "ALTER TABLE t SET (REMOTE_DATA_ARCHIVE = ON (FILTER_PREDICATE = dbo.g(n), MIGRATION_STATE = OUTBOUND))",
    );
    assert!(db.text("SELECT filter FROM stretch.stretched_table").contains("20"));
    let tighter = "ALTER TABLE t SET (REMOTE_DATA_ARCHIVE (FILTER_PREDICATE = h(n), MIGRATION_STATE = OUTBOUND))";
    let error = db.fails(&block(tighter), "ST013");
    assert!(error.detail.contains("14841"), "{}", error.detail);
    for (from, to, number) in [
        ("h(n)", "nothing(n)", "14884"),
        ("h(n)", "h(nothing)", "207"),
        ("TABLE t", "TABLE nothing", "4902"),
    ] {
        let error = db.fails(&block(&tighter.replace(from, to)), "42704");
        assert!(error.detail.contains(&format!("number {number}.")), "{}", error.detail);
    }
    run(
        &db,
        "ALTER TABLE t SET (REMOTE_DATA_ARCHIVE (FILTER_PREDICATE = NULL, MIGRATION_STATE = PAUSED))",
    );
    assert_eq!(
        db.int("SELECT count(*) FROM stretch.stretched_table WHERE filter IS NULL"),
        1
    );

    let printed = run(
        &db,
        "DECLARE @h int, @rc int; EXEC sp_rda_set_rpo_duration @duration_hrs = 12
         EXEC @rc = sys.sp_rda_get_rpo_duration @durationinhours = @h OUTPUT; PRINT @h PRINT @rc PRINT N'done'",
    );
    assert_eq!(printed, ["12", "0", "done"]);
    let error = db.fails(&block("EXEC sp_rda_set_rpo_duration 7"), "22023");
    assert!(error.detail.contains("14899"), "{}", error.detail);
    db.fails("CALL sys.sp_rda_set_rpo_duration(7)", "22023");
    db.sql("SELECT stretch.set_rpo('1 hour')");
    assert_eq!(db.lines("CALL sys.sp_rda_get_rpo_duration()"), ["1|0"]);
    run(&db, "EXEC sp_rda_set_query_mode LOCAL_ONLY");
    assert_eq!(db.text("SELECT query_mode FROM stretch.status"), "LOCAL_ONLY");
    db.sql("CALL sys.sp_rda_set_query_mode(mode => 'LOCAL_AND_REMOTE', force => true)");
    assert_eq!(db.text("SELECT query_mode FROM stretch.status"), "LOCAL_AND_REMOTE");
    let tested = run(&db, "EXEC sp_rda_test_connection @credential_name = N'cred'");
    assert!(
        matches!(&tested[..], [line] if line.starts_with("link_state 0 LINK_HEALTHY")),
        "{tested:?}"
    );
    run(&db, "EXEC sp_rda_reconcile_batch @objname = N'[dbo].[T]'");
    run(&db, "EXEC sp_rda_deauthorize_db EXEC sp_rda_reauthorize_db cred, 1");
    // With a copy there is a new branch, without one the database goes on in the one that it had.
    let branch = "SELECT branch_id FROM stretch.binding";
    let own = db.text(branch);
    run(
        &db,
        "EXEC sp_rda_deauthorize_db EXEC sp_rda_reauthorize_db @credential = N'cred', @with_copy = 0",
    );
    assert_eq!(db.text(branch), own);
    assert_eq!(db.text("SELECT state FROM stretch.status"), "connected");

    for (batch, sqlstate, number) in [
        ("SELECT 1", "0A000", "343"),
        ("ALTER TABLE t SET (REMOTE_DATA_ARCHIVE = OFF)", "0A000", "14908"),
        (
            "DECLARE @c varchar(max) = 'cred' EXEC sp_rda_reauthorize_db @c",
            "42804",
            "206",
        ),
        ("EXEC sp_rda_reauthorize_db", "42704", "14860"),
        ("PRINT 'open", "42601", "105"),
    ] {
        let error = db.fails(&block(batch), sqlstate);
        assert!(error.detail.contains(number), "{batch}: {}", error.detail);
        assert!(error.message.contains("(line 2, column "), "{batch}: {}", error.message);
    }
    db.fails(&block(&enable("other", &endpoint)), "0A000");
    db.fails("CREATE FUNCTION x() RETURNS int LANGUAGE tsql AS $$PRINT 1$$", "0A000");
    // Nobody calls a handler: we refuse it, and newer minor releases of the server do so before us.
    let error = db
        .try_sql("SELECT sys.tsql_inline_handler(NULL)")
        .expect_err("it is no function for users");
    assert!(["0A000", "42883"].contains(&error.code.as_str()), "{error}");
}

/// Un-stretching in T-SQL: a table is abandoned, then the database forgets its endpoint.
#[test]
fn tsql_switches_remote_data_archive_off() {
    let cluster = Cluster::builder("tsql-off").conf("stretch.naptime", "100ms").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    create(&db);
    db.sql("CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 100)");
    run(
        &db,
        &format!(
            "{}{} CREATE FUNCTION f (@n int) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS is_eligible \
             WHERE @n <= 90
             ALTER TABLE t SET (REMOTE_DATA_ARCHIVE = ON (FILTER_PREDICATE = f(n), MIGRATION_STATE = OUTBOUND))",
            key_and_credential("cred"),
            enable("postgres", &endpoint)
        ),
    );
    assert_eq!(db.int("SELECT stretch.drain('t')"), 90);
    db.sql("SELECT stretch.purge_staged()");
    let off = "ALTER DATABASE postgres SET REMOTE_DATA_ARCHIVE = OFF";
    let error = db.fails(&block(off), "55000");
    assert!(error.detail.contains("public.t"), "{}", error.detail);
    let abandon = "ALTER TABLE t SET (REMOTE_DATA_ARCHIVE = OFF_WITHOUT_DATA_RECOVERY (MIGRATION_STATE = PAUSED))";
    let said = run(&db, abandon);
    assert!(said.iter().any(|line| line.contains("90 cold rows left")), "{said:?}");
    assert_eq!(db.int("SELECT count(*) FROM t"), 10);
    assert_eq!(endpoint.segments().len(), 1);
    db.sql("BEGIN");
    db.fails(&block(off), "25001");
    db.sql("ROLLBACK");
    run(&db, off);
    assert_eq!(db.int("SELECT count(*) FROM stretch.status"), 0);
}

#[test]
fn tsql_brings_rows_back() {
    let cluster = Cluster::builder("tsql-inbound")
        .conf("stretch.naptime", "100ms")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    create(&db);
    db.sql("CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 100)");
    run(
        &db,
        &format!(
            "{}{} ALTER TABLE t SET (REMOTE_DATA_ARCHIVE = ON (MIGRATION_STATE = OUTBOUND))",
            key_and_credential("cred"),
            enable("postgres", &endpoint)
        ),
    );
    assert_eq!(db.int("SELECT stretch.drain('t')"), 100);
    let set = |text: &str| block(&format!("ALTER TABLE t SET (REMOTE_DATA_ARCHIVE ({text}))"));
    run(
        &db,
        "CREATE FUNCTION f (@n int) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS is_eligible WHERE @n <= 90",
    );
    let error = db.fails(&set("FILTER_PREDICATE = f(n), MIGRATION_STATE = INBOUND"), "22023");
    assert!(error.detail.contains("14878"), "{error}");
    // As long as somebody may see cold rows, they are on their way.
    let old = cluster.connect("postgres");
    old.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(old.int("SELECT count(*) FROM t"), 100);
    db.sql(&set("MIGRATION_STATE = INBOUND"));
    let error = db.fails(&set("MIGRATION_STATE = OUTBOUND"), "55000");
    assert!(error.detail.contains("14868"), "{error}");
    db.sql(&set("MIGRATION_STATE = PAUSED"));
    db.sql(&set("MIGRATION_STATE = INBOUND"));
    old.sql("COMMIT");
    wait_until("the rows", PATIENCE, || {
        db.int("SELECT count(*) FROM stretch.tables") == 0
    });
    assert_eq!(db.int("SELECT count(*) FROM t"), 100);
    run(&db, "ALTER DATABASE postgres SET REMOTE_DATA_ARCHIVE = OFF");
}

#[test]
fn tsql_commits_each_statement_outside_a_transaction_block() {
    let cluster = Cluster::builder("tsql-commit").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    create(&db);
    // What stood before a failing statement stays.
    let failing = format!("{} EXEC sp_rda_reauthorize_db N'cred'", key_and_credential("cred"));
    db.fails(&block(&failing), "ST009");
    assert_eq!(db.int("SELECT count(*) FROM stretch.credential"), 1);
    db.sql("SELECT stretch.drop_credential('cred')");
    // A block of a client, or of several statements in one message, is one transaction.
    for (begin, end) in [("BEGIN", "ROLLBACK"), ("SELECT 1", "SELECT 1")] {
        if begin == "BEGIN" {
            db.sql(begin);
            db.fails(&block(&enable("postgres", &endpoint)), "25001");
            db.sql(end);
        } else {
            let error = db.fails(
                &format!("{begin}; {}; {end}", block(&enable("postgres", &endpoint))),
                "25001",
            );
            assert!(error.message.contains("transaction block"), "{}", error.message);
        }
    }
    db.sql("BEGIN");
    db.sql(&block(
        "CREATE DATABASE SCOPED CREDENTIAL c WITH IDENTITY = 'i', SECRET = 's' PRINT 'x'",
    ));
    db.sql("ROLLBACK");
    assert_eq!(db.int("SELECT count(*) FROM stretch.credential"), 0);
    db.fails(
        "DO $$ BEGIN EXECUTE 'DO LANGUAGE tsql ''EXEC sp_rda_deauthorize_db'''; END $$",
        "25001",
    );

    // Trusted: the owner of a database needs no superuser, others get nowhere.
    db.sql("CREATE ROLE owner LOGIN; CREATE ROLE other LOGIN; ALTER DATABASE postgres OWNER TO owner");
    db.sql("SET SESSION AUTHORIZATION owner");
    db.sql(&block(
        "CREATE DATABASE SCOPED CREDENTIAL c WITH IDENTITY = 'i', SECRET = 's'",
    ));
    run(
        &db,
        "CREATE FUNCTION f (@n int) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS e WHERE @n < 1",
    );
    db.sql("SET SESSION AUTHORIZATION other");
    db.fails(
        &block("CREATE DATABASE SCOPED CREDENTIAL d WITH IDENTITY = 'i', SECRET = 's'"),
        "42501",
    );
    db.fails(
        &block("CREATE FUNCTION g (@n int) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS e WHERE @n < 1"),
        "42501",
    );
    db.fails("SELECT * FROM sys.filter_function", "42501");
    db.sql("RESET SESSION AUTHORIZATION");
    secrets_in_bodies_are_hidden(&cluster, &db);
}

/// Bodies of DO with secrets: neither log nor activity nor pg_stat_statements shows them, also when they fail.
fn secrets_in_bodies_are_hidden(cluster: &Cluster, db: &Client) {
    db.sql("SET log_statement = 'all'; SET log_min_duration_statement = 0");
    let secret = "SECRETsecretSECRETsecret";
    let credential = format!("CREATE DATABASE SCOPED CREDENTIAL z WITH IDENTITY = 'i', SECRET = '{secret}'");
    db.sql(&block(&credential));
    db.fails(&block(&credential), "42710");
    db.fails(&block(&credential.replace("SECRET = ", "SECRET ")), "42601");
    db.fails(&block(&credential.replace(&format!("'{secret}'"), secret)), "42601");
    let watcher = cluster.connect("postgres");
    let seen = watcher.lines("SELECT query FROM pg_stat_activity").join("\n");
    assert!(!seen.contains(secret), "{seen}");
    let log = cluster.log();
    assert!(log.contains("duration"), "the log does log");
    assert!(!log.contains(secret));
}

#[test]
fn tsql_secrets_are_not_in_pg_stat_statements() {
    let cluster = Cluster::builder("tsql-statements")
        .conf("shared_preload_libraries", "pg_stat_statements,pg_stretch")
        .conf("pg_stat_statements.track", "all")
        .start();
    let db = cluster.connect("postgres");
    create(&db);
    db.sql("CREATE EXTENSION pg_stat_statements");
    secrets(&db);
    db.sql(&block(
        "CREATE DATABASE SCOPED CREDENTIAL z WITH IDENTITY = 'i', SECRET = 'SECRETsecret'",
    ));
    let seen = db.lines("SELECT query FROM pg_stat_statements").join("\n");
    assert!(seen.contains("create_credential($1"), "{seen}");
    assert!(!seen.contains("SECRETsecret"), "{seen}");
}
