//! A server that loads the library and has no stretched table is the server that it was: the same errors, the same
//! answers.

use testkit::Cluster;
use testkit::regress::{Printed, Regress};

/// Two servers that differ in nothing but the library: with it, and without.
fn servers(name: &str) -> [Cluster; 2] {
    let server = |name: &str, libraries: &str| {
        Cluster::builder(name)
            .conf("shared_preload_libraries", libraries)
            .conf("wal_level", "logical")
            .conf("max_prepared_transactions", "4")
            .start()
    };
    [
        server(&format!("{name}-with"), "pg_stretch"),
        server(&format!("{name}-without"), ""),
    ]
}

/// Panics with the lines that one printed and the other did not.
fn must_be_the_same(with: &Printed, without: &Printed) {
    assert!(with.keys().eq(without.keys()), "not the same files ran");
    let mut differ = Vec::new();
    for (name, with) in with {
        let without = &without[name];
        if with != without {
            let only = |a: &str, b: &str| {
                let lines = a.lines().filter(|line| !b.lines().any(|other| other == *line));
                lines.collect::<Vec<_>>().join("\n  ")
            };
            differ.push(format!(
                "{name}, with the library:\n  {}\n{name}, without:\n  {}",
                only(with, without),
                only(without, with)
            ));
        }
    }
    assert!(differ.is_empty(), "the library shows:\n{}", differ.join("\n"));
}

/// PostgreSQL's own suite, all of it, on both servers.
#[test]
fn postgresqls_own_regression_suite_prints_the_same() {
    let [with, without] = servers("unseen-suite");
    let suite = Regress::get();
    let printed = [&with, &without].map(|server| suite.run(server, suite.schedule(), ""));
    let errors: usize = printed[0].values().map(|text| text.matches("\nERROR: ").count()).sum();
    println!("{} files, {errors} errors", printed[0].len());
    assert!(printed[0].len() > 200 && errors > 5_000, "the suite did not run");
    must_be_the_same(&printed[0], &printed[1]);
}

/// What the suite does not print: all that psql can tell of an error, and all that a handler in PL/pgSQL can ask.
#[test]
fn every_part_of_an_error_is_the_same() {
    let [with, without] = servers("unseen-errors");
    let printed = [&with, &without].map(|server| {
        let db = server.connect("postgres");
        assert_eq!(
            db.text("SHOW shared_preload_libraries").is_empty(),
            std::ptr::eq(server, &without)
        );
        db.sql(RAISING);
        told(server)
    });
    for (statement, told) in &printed[0] {
        assert!(told.contains("LOCATION:"), "{statement} raised nothing: {told}");
    }
    must_be_the_same(&printed[0], &printed[1]);
}

/// Ways to raise, and to catch.
const RAISING: &str = r"
    CREATE TABLE plain (id int PRIMARY KEY, n int NOT NULL CHECK (n > 0), other int REFERENCES plain DEFERRABLE);
    INSERT INTO plain VALUES (1, 1);
    CREATE DOMAIN small AS int CHECK (VALUE < 10);
    CREATE FUNCTION raise_it(code text) RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'no % in stock', 'tea' USING ERRCODE = code, DETAIL = 'd', HINT = 'h',
            COLUMN = 'co', CONSTRAINT = 'cn', DATATYPE = 'dt', TABLE = 'ta', SCHEMA = 'sc';
    END $$;
    CREATE FUNCTION outer_one(code text) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN raise_it(code); END';
    CREATE FUNCTION in_sql(code text) RETURNS int LANGUAGE sql AS 'SELECT outer_one(code) FROM plain';
    CREATE FUNCTION by_text(code text) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN EXECUTE format('CREATE TABLE made AS SELECT outer_one(%L)', code); END $$;
    CREATE FUNCTION again(code text) RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
        RETURN outer_one(code);
    EXCEPTION WHEN OTHERS THEN
        PERFORM count(*) FROM plain;
        RAISE;
    END $$;
    CREATE FUNCTION asked(code text) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE part text[] = '{}'; one text;
    BEGIN
        RETURN in_sql(code);
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS one = RETURNED_SQLSTATE; part = part || one;
        GET STACKED DIAGNOSTICS one = COLUMN_NAME; part = part || one;
        GET STACKED DIAGNOSTICS one = CONSTRAINT_NAME; part = part || one;
        GET STACKED DIAGNOSTICS one = PG_DATATYPE_NAME; part = part || one;
        GET STACKED DIAGNOSTICS one = MESSAGE_TEXT; part = part || one;
        GET STACKED DIAGNOSTICS one = TABLE_NAME; part = part || one;
        GET STACKED DIAGNOSTICS one = SCHEMA_NAME; part = part || one;
        GET STACKED DIAGNOSTICS one = PG_EXCEPTION_DETAIL; part = part || one;
        GET STACKED DIAGNOSTICS one = PG_EXCEPTION_HINT; part = part || one;
        GET STACKED DIAGNOSTICS one = PG_EXCEPTION_CONTEXT; part = part || one;
        RETURN array_to_string(part, ' | ');
    END $$;
    CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM raise_it('APP02'); RETURN NEW; END $$;
    CREATE TABLE guarded (id int);
    CREATE TRIGGER guard AFTER INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION guard();
    CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON guarded DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION guard();
    CREATE FUNCTION folded() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN raise_it('APP03'); END $$;
    CREATE EXTENSION postgres_fdw;
    DO $$BEGIN EXECUTE format('CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, dbname %L)',
        current_setting('unix_socket_directories'), current_database()); END$$;
    CREATE USER MAPPING FOR postgres SERVER here;
    CREATE VIEW cold AS SELECT raise_it('ST015') AS n;
    CREATE FOREIGN TABLE far (n int) SERVER here OPTIONS (table_name 'cold');
    CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM raise_it('APP04'); END $$;
";

/// Codes that pgrx has no name for, and some that it has.
const CODES: [&str; 7] = ["APP01", "45000", "22P99", "HV00Z", "ST015", "P0001", "23505"];

/// All that psql prints of statements that fail.
fn told(server: &Cluster) -> Printed {
    let mut statements: Vec<String> = Vec::new();
    for code in CODES {
        for call in [
            "SELECT raise_it('{}')",
            "SELECT in_sql('{}')",
            "SELECT again('{}')",
            "SELECT by_text('{}')",
            "DO $$BEGIN PERFORM in_sql('{}'); END$$",
            "DO $$BEGIN RAISE EXCEPTION '%', asked('{}'); END$$",
            // An aggregate's argument, a subplan, a sort and a parallel worker: errors from below many frames of the
            // executor.
            "SELECT sum(outer_one('{}')) FROM plain ORDER BY (SELECT max(raise_it('{}')) FROM plain)",
            "PREPARE p AS SELECT raise_it($1); EXECUTE p('{}')",
            "BEGIN; DECLARE c CURSOR FOR SELECT raise_it('{}'); FETCH c",
            "COPY (SELECT in_sql('{}')) TO STDOUT",
            "CREATE MATERIALIZED VIEW m AS SELECT raise_it('{}') AS n",
            "SET force_parallel_mode = on; SELECT in_sql('{}')",
            "DO $$BEGIN PERFORM in_sql('{}'); EXCEPTION WHEN SQLSTATE '{}' THEN \
             RAISE EXCEPTION 'caught %', SQLSTATE; END$$",
        ] {
            statements.push(call.replace("{}", code));
        }
    }
    statements.extend(
        [
            "SELECT 1 FROM",
            "SELECT nowhere FROM plain",
            "SELECT n FROM far",
            "SELECT folded()",
            "SELECT 1 / 0",
            "SELECT 100::small",
            "SELECT 'grün'::int",
            "INSERT INTO plain VALUES (1, 1)",
            "INSERT INTO plain VALUES (2, 0)",
            "INSERT INTO plain VALUES (2, NULL)",
            "BEGIN; SET CONSTRAINTS ALL DEFERRED; INSERT INTO plain VALUES (2, 2, 7); COMMIT",
            "INSERT INTO guarded VALUES (1)",
            "BEGIN; ALTER TABLE guarded DISABLE TRIGGER guard; INSERT INTO guarded VALUES (1); \
             UPDATE guarded SET id = 2; COMMIT",
            "COPY plain FROM PROGRAM 'echo one'",
            "CREATE TABLE plain ()",
            "ALTER TABLE plain ADD CHECK (n > 5)",
            "DROP TABLE plain, guarded, nothing",
            "DROP FUNCTION guard()",
            "SET statement_timeout = '50ms'; SELECT pg_sleep(60)",
            "DO $$BEGIN PERFORM pg_cancel_backend(pg_backend_pid()); PERFORM pg_sleep(60); END$$",
            "BEGIN; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION on_ddl(); CREATE TABLE never ()",
            "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY; INSERT INTO plain VALUES (3, 3)",
            "CREATE INDEX CONCURRENTLY ON plain ((1 / (n - 1)))",
            "VACUUM nothing",
            "SET work_mem = 'much'",
            "SET stretching.nothing = 1; SELECT 1 / 0",
        ]
        .map(str::to_owned),
    );
    statements
        .into_iter()
        .map(|statement| {
            let output = server
                .command("psql")
                .args([
                    "-X",
                    "-v",
                    "VERBOSITY=verbose",
                    "-v",
                    "SHOW_CONTEXT=always",
                    "-c",
                    &statement,
                ])
                .output()
                .expect("psql runs");
            let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            (statement, text.into_owned())
        })
        .collect()
}
