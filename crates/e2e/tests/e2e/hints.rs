//! Every hint of the guard, of `check_table` and of refused statements is carried out: the situation is made, what the user wanted fails,
//! the hint's statements are run, and then what the user wanted works.
//!
//! A hint that no row names fails the last test, which reads the sources for hints.

use crate::tables::stretched;
use std::collections::BTreeSet;
use testkit::Client;
use testkit::setup::drain;

/// One hint.
struct Row {
    /// Part of the hint.
    hint: &'static str,
    /// Statements that make the situation, after `SITUATION`.
    make: &'static str,
    /// What the user wants, which fails.
    wanted: &'static str,
    code: &'static str,
    /// What the hint says to do. `{hint}` stands for the statements in the hint itself.
    way: &'static str,
    /// What works afterwards; empty: what was wanted.
    then: &'static str,
}

/// A stretched table of ten rows, five of them cold, in a schema of its own.
const SITUATION: &str = "
    DROP SCHEMA IF EXISTS s CASCADE; DROP PUBLICATION IF EXISTS pub; CREATE SCHEMA s; SET search_path = s;
    CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other SELECT generate_series(1, 20);
    CREATE TABLE t (id int PRIMARY KEY, note text, n int, twice int GENERATED ALWAYS AS (n * 2) STORED);
    INSERT INTO t SELECT n, 'note', n FROM generate_series(1, 10) n;
    SELECT stretch.enable_table('t', 'id <= 5')";

const fn row(
    hint: &'static str,
    wanted: &'static str,
    code: &'static str,
    way: &'static str,
    then: &'static str,
) -> Row {
    Row {
        hint,
        make: "",
        wanted,
        code,
        way,
        then,
    }
}

/// A change of the table that works once the rows are back.
const fn back(wanted: &'static str) -> Row {
    row("Bring the rows back:", wanted, "0A000", "{hint}", "")
}

/// The same with what makes the situation.
const fn back_after(make: &'static str, wanted: &'static str) -> Row {
    Row { make, ..back(wanted) }
}

/// Hints of statements about a stretched table. In a child's name `CHILD` stands.
fn statements() -> Vec<Row> {
    vec![
        back("ALTER TABLE t ADD CHECK (id > 0)"),
        back("ALTER TABLE t ALTER note SET NOT NULL"),
        back("ALTER TABLE t ADD COLUMN more int"),
        back("ALTER TABLE t DROP COLUMN note"),
        back("ALTER TABLE t ALTER note TYPE varchar"),
        back("ALTER TABLE t RENAME note TO remark"),
        back("ALTER TABLE t ADD UNIQUE (n)"),
        back("ALTER TABLE t ADD EXCLUDE USING btree (n WITH =)"),
        back("ALTER TABLE t OWNER TO pg_database_owner"),
        back("ALTER TABLE t SET UNLOGGED"),
        back("CREATE UNIQUE INDEX ON t (n)"),
        back("CREATE TABLE heir () INHERITS (t)"),
        back("ALTER TABLE t ALTER twice DROP EXPRESSION"),
        back("ALTER TABLE t ALTER n SET NOT NULL, ALTER n ADD GENERATED ALWAYS AS IDENTITY"),
        // The key cannot go: a cold key could be inserted once more.
        back("ALTER TABLE t DROP CONSTRAINT t_pkey"),
        back("ALTER TABLE ONLY t DROP CONSTRAINT t_pkey"),
        back_after(
            "CREATE TABLE u (id int); CREATE UNIQUE INDEX u_id ON u (id); INSERT INTO u SELECT generate_series(1, 10); SELECT stretch.enable_table('u', 'id <= 5')",
            "DROP INDEX u_id",
        ),
        back_after(
            "CREATE TABLE u (id int); CREATE UNIQUE INDEX u_id ON u (id); INSERT INTO u SELECT generate_series(1, 10); SELECT stretch.enable_table('u', 'id <= 5')",
            "DROP INDEX CONCURRENTLY u_id",
        ),
        // Types of columns.
        back_after(
            "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE u (id int, m mood); INSERT INTO u SELECT g, 'sad' FROM generate_series(1, 10) g; SELECT stretch.enable_table('u', 'id <= 5')",
            "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'",
        ),
        back_after(DOMAINS, "ALTER DOMAIN d ADD CHECK (value <> 0)"),
        back_after(DOMAINS, "ALTER DOMAIN d ADD CONSTRAINT k CHECK (value <> 0)"),
        back_after(DOMAINS, "ALTER DOMAIN d SET NOT NULL"),
        back_after(DOMAINS, "ALTER DOMAIN d VALIDATE CONSTRAINT later"),
        // Constraints of other tables, and what belongs to pg_stretch.
        row(
            "Check the reference in a row trigger",
            "ALTER TABLE t ADD FOREIGN KEY (n) REFERENCES other",
            "0A000",
            "CREATE FUNCTION there() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NOT EXISTS (SELECT FROM other WHERE id = new.n) THEN RAISE foreign_key_violation; END IF; RETURN new; END $$;
             CREATE TRIGGER there BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION there()",
            "INSERT INTO t VALUES (30, 'x', 20)",
        ),
        row(
            "Check the reference in a row trigger",
            "ALTER TABLE other ADD FOREIGN KEY (id) REFERENCES t",
            "0A000",
            "CREATE FUNCTION there() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NOT EXISTS (SELECT FROM t WHERE id = new.id) THEN RAISE foreign_key_violation; END IF; RETURN new; END $$;
             CREATE TRIGGER there BEFORE UPDATE ON other FOR EACH ROW EXECUTE FUNCTION there()",
            "UPDATE other SET id = id WHERE id = 2",
        ),
        row(
            "Name the triggers that you mean, one by one",
            "ALTER TABLE t DISABLE TRIGGER ALL",
            "0A000",
            "CREATE TRIGGER mine AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION nothing(); ALTER TABLE t DISABLE TRIGGER mine",
            "UPDATE t SET note = 'x'",
        ),
        row(
            "Use stretch.set_filter to change the filter",
            "ALTER TABLE t RENAME CONSTRAINT t_pkey TO stretch_filter",
            "0A000",
            "SELECT stretch.set_filter('t', 'id <= 6')",
            "SELECT 1",
        ),
        Row {
            make: "CREATE TABLE u (id int CONSTRAINT small CHECK (id < 100)); INSERT INTO u VALUES (1); SELECT stretch.enable_table('u', 'id <= 5')",
            ..row(
                "Say it without ONLY",
                "ALTER TABLE ONLY u DROP CONSTRAINT small",
                "0A000",
                "ALTER TABLE u DROP CONSTRAINT small",
                "INSERT INTO u VALUES (1000)",
            )
        },
        row(
            "Use a trigger or a view instead",
            "CREATE RULE r AS ON INSERT TO t DO ALSO NOTHING",
            "0A000",
            "CREATE TRIGGER r AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION nothing()",
            "INSERT INTO t VALUES (30, 'x', 1)",
        ),
        row("Delete the rows, or drop the table", "TRUNCATE t", "0A000", "DELETE FROM t", "SELECT 1 / (1 - count(*)) FROM t"),
        row(
            "Leave the stretched table out of the publication",
            "CREATE PUBLICATION pub FOR TABLE t, other",
            "0A000",
            "CREATE PUBLICATION pub FOR TABLE other",
            "SELECT 1",
        ),
        row(
            "Use VACUUM FULL",
            "CREATE TRIGGER repack_trigger AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION nothing()",
            "0A000",
            "VACUUM FULL t",
            "SELECT 1",
        ),
        row(
            "Use a row trigger, or a transition table for INSERT only",
            "CREATE TRIGGER a AFTER UPDATE ON t REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION nothing()",
            "0A000",
            "CREATE TRIGGER a AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION nothing();
             CREATE TRIGGER b AFTER INSERT ON t REFERENCING NEW TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION nothing()",
            "UPDATE t SET note = 'x'",
        ),
        Row {
            make: "CREATE TRIGGER a AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION nothing()",
            ..row(
                "Use ENABLE TRIGGER without ALWAYS",
                "ALTER TABLE t ENABLE ALWAYS TRIGGER a",
                "0A000",
                "ALTER TABLE t ENABLE TRIGGER a",
                "SELECT 1",
            )
        },
        row(
            "Use stretch.disable_table, or drop the stretched table itself",
            "DROP FOREIGN TABLE CHILD",
            "0A000",
            "DROP TABLE t CASCADE",
            "SELECT 1",
        ),
        row("Grant on the stretched table instead", "GRANT SELECT ON CHILD TO pg_monitor", "0A000", "GRANT SELECT ON t TO pg_monitor", "SELECT 1"),
        row(
            "Grant on the stretched table instead",
            "GRANT SELECT ON ALL TABLES IN SCHEMA stretch_remote TO pg_monitor",
            "0A000",
            "GRANT SELECT ON t TO pg_monitor",
            "SELECT 1",
        ),
        row(
            "Use stretch.disable_table",
            "ALTER FOREIGN TABLE CHILD NO INHERIT t",
            "0A000",
            "SELECT stretch.disable_table('t', leave_remote_data => true)",
            "SELECT 1",
        ),
        row(
            "Do it on the stretched table instead",
            "ALTER FOREIGN TABLE CHILD ALTER note SET DEFAULT 'x'",
            "0A000",
            "ALTER TABLE t ALTER note SET DEFAULT 'x'",
            "SELECT 1",
        ),
        row(
            "Use stretch.enable_table",
            "CREATE FOREIGN TABLE mine (id int) SERVER stretch",
            "0A000",
            "SELECT stretch.enable_table('other', 'id < 5')",
            "SELECT 1",
        ),
        row("Leave it as it is", "ALTER SERVER stretch OPTIONS (a '1')", "0A000", "SELECT 1", "SELECT 1"),
        row("Use another schema", "CREATE TABLE stretch_remote.mine (a int)", "0A000", "CREATE TABLE mine (a int)", "SELECT 1"),
        row("Use another schema", "CREATE TABLE stretch.mine (a int)", "0A000", "CREATE TABLE mine (a int)", "SELECT 1"),
        row(
            "Publish tables by name",
            "CREATE PUBLICATION pub FOR TABLES IN SCHEMA stretch",
            "0A000",
            "CREATE PUBLICATION pub FOR TABLE other",
            "SELECT 1",
        ),
        row(
            "Use the functions of schema stretch",
            "TRUNCATE stretch.segment",
            "0A000",
            "SELECT stretch.disable_table('t', leave_remote_data => true)",
            "SELECT 1",
        ),
        row(
            "Use stretch.disable_table for each stretched table first",
            "DROP EXTENSION pg_stretch CASCADE",
            "0A000",
            "SELECT stretch.disable_table('t', leave_remote_data => true)",
            "BEGIN; DROP EXTENSION pg_stretch CASCADE; ROLLBACK",
        ),
        // Statements that meet cold rows.
        row(
            "Bring the rows back:",
            "SELECT stretch.disable_table('t', leave_remote_data => false)",
            "0A000",
            "BEGIN; {hint}; COMMIT",
            "SELECT 1 / (count(*) - 9) FROM ONLY t",
        ),
        row(
            "Run an UPDATE of s.t with the same condition first",
            "SELECT FROM t WHERE id = 2 FOR UPDATE",
            "ST015",
            "BEGIN; UPDATE t SET id = id WHERE id = 2",
            "SELECT FROM t WHERE id = 2 FOR UPDATE; COMMIT",
        ),
        row(
            "Run an UPDATE of s.t for that key first",
            "INSERT INTO t VALUES (2, 'new', 1) ON CONFLICT (id) DO UPDATE SET note = excluded.note",
            "ST015",
            "BEGIN; UPDATE t SET id = id WHERE id = 2",
            "INSERT INTO t VALUES (2, 'new', 1) ON CONFLICT (id) DO UPDATE SET note = excluded.note; COMMIT",
        ),
        Row {
            make: "SET stretch.cold_writes = refuse",
            ..row(
                "Leave cold rows out by a condition that contradicts the filter, or SET stretch.cold_writes = allow",
                "UPDATE t SET note = 'x'",
                "ST015",
                "UPDATE t SET note = 'x' WHERE NOT id <= 5; SET stretch.cold_writes = allow",
                "",
            )
        },
        Row {
            make: "CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new ;END'; CREATE TRIGGER same BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION same()",
            ..row(
                "Use INSERT ... SELECT ... WHERE NOT EXISTS (SELECT FROM the table WHERE the key is the same)",
                "INSERT INTO t VALUES (2, 'new', 1) ON CONFLICT DO NOTHING",
                "0A000",
                "INSERT INTO t SELECT 2, 'new', 1 WHERE NOT EXISTS (SELECT FROM t WHERE id = 2)",
                "SELECT 1 / (11 - count(*)) FROM t",
            )
        },
        row(
            "Use UPDATE and INSERT instead, or MERGE into ONLY the table to treat its hot rows alone",
            "MERGE INTO t USING other o ON t.id = o.id WHEN MATCHED THEN UPDATE SET note = 'x'",
            "0A000",
            "UPDATE t SET note = 'x' FROM other o WHERE t.id = o.id",
            "MERGE INTO ONLY t USING other o ON t.id = o.id WHEN MATCHED THEN UPDATE SET note = 'x'",
        ),
        row(
            "Sample ONLY the table for its hot rows, or use WHERE random() < fraction",
            "SELECT FROM t TABLESAMPLE system (10)",
            "0A000",
            "SELECT FROM t WHERE random() < 0.1",
            "SELECT FROM ONLY t TABLESAMPLE system (10)",
        ),
        row(
            "Leave the system columns out, or read ONLY the table",
            "SELECT ctid FROM t",
            "0A000",
            "SELECT id FROM t",
            "SELECT ctid FROM ONLY t",
        ),
        row(
            "Name the row by its key instead",
            "BEGIN; DECLARE c CURSOR FOR SELECT * FROM t WHERE id = 2; FETCH c; UPDATE t SET note = 'x' WHERE CURRENT OF c",
            "0A000",
            "ROLLBACK; UPDATE t SET note = 'x' WHERE id = 2",
            "SELECT 1",
        ),
        Row {
            make: "SELECT stretch.set_query_mode('LOCAL_ONLY')",
            ..row(
                "Use ONLY to change hot rows alone, or run stretch.set_query_mode('LOCAL_AND_REMOTE')",
                "UPDATE t SET note = 'x'",
                "ST015",
                "UPDATE ONLY t SET note = 'x'; SELECT stretch.set_query_mode('LOCAL_AND_REMOTE')",
                "",
            )
        },
        // Filters.
        row(
            "Give a filter that selects at least what the old one selects",
            "SELECT stretch.set_filter('t', 'id <= 4')",
            "ST013",
            "SELECT stretch.set_filter('t', 'id <= 7')",
            "SELECT 1",
        ),
        row(
            "Give one condition over the columns of the table",
            "SELECT stretch.enable_table('other', 'id <')",
            "ST012",
            "SELECT stretch.enable_table('other', 'id < 5')",
            "SELECT 1",
        ),
        row(
            "Give one condition over the columns of the table",
            "SELECT stretch.enable_table('other', 'id between 1 and 1/0')",
            "ST012",
            "SELECT stretch.enable_table('other', 'id between 1 and 5')",
            "SELECT 1",
        ),
        row(
            "Use only columns of the table, constants and immutable",
            "SELECT stretch.enable_table('other', 'other is not null')",
            "ST012",
            "SELECT stretch.enable_table('other', 'id in (1)')",
            "SELECT 1",
        ),
        Row {
            make: "CREATE TABLE u (id int, word text)",
            ..row(
                r#"Compare under byte order: word COLLATE "C" < 'x'"#,
                "SELECT stretch.enable_table('u', 'word < ''b''')",
                "ST012",
                "SELECT 1",
                r#"SELECT stretch.enable_table('u', 'word COLLATE "C" < ''b''')"#,
            )
        },
        Row {
            make: "CREATE TABLE u (id int, d date)",
            ..row(
                "Compare with constants of the column's own type, for example date '2025-01-01'",
                "SELECT stretch.enable_table('u', 'd < current_date')",
                "ST012",
                "SELECT stretch.enable_table('u', 'd < date ''2025-01-01''')",
                "SELECT 1",
            )
        },
        Row {
            make: "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE u (id int, m mood)",
            ..row(
                "Let a stored column hold the outcome, ALTER TABLE s.u ADD COLUMN is_cold boolean GENERATED ALWAYS AS",
                "SELECT stretch.enable_table('u', 'm = ''sad''')",
                "ST012",
                "ALTER TABLE u ADD COLUMN is_cold boolean GENERATED ALWAYS AS (m = 'sad') STORED",
                "SELECT stretch.enable_table('u', 'is_cold')",
            )
        },
        Row {
            make: "CREATE DOMAIN d AS int; CREATE TABLE u (id d)",
            ..row(
                "Let a stored column hold the outcome, ALTER TABLE s.u ADD COLUMN is_cold boolean GENERATED ALWAYS AS",
                "SELECT stretch.enable_table('u', 'id::s.d < 5::s.d')",
                "ST012",
                "ALTER TABLE u ADD COLUMN is_cold boolean GENERATED ALWAYS AS (id < 5) STORED",
                "SELECT stretch.enable_table('u', 'is_cold')",
            )
        },
    ]
}

/// A domain below the domain of a column.
const DOMAINS: &str = "CREATE DOMAIN d AS int; CREATE DOMAIN over AS d; \
    ALTER DOMAIN d ADD CONSTRAINT later CHECK (value < 1000) NOT VALID; \
    CREATE TABLE u (id int, o over); INSERT INTO u SELECT g, g FROM generate_series(1, 10) g; \
    SELECT stretch.enable_table('u', 'id <= 5')";

/// The statements that a hint quotes: those between its colon and what follows them.
fn quoted(hint: &str) -> String {
    let (_, rest) = hint
        .split_once(": ")
        .unwrap_or_else(|| panic!("no statements in {hint}"));
    rest.rsplit_once("; ")
        .map_or(rest, |(statements, _)| statements)
        .to_owned()
}

/// Runs the statements one by one, as a user at a prompt would.
fn run(db: &Client, statements: &str, what: &str) {
    // Statements with a body are one; they hold semicolons.
    let whole = statements.contains("$$");
    for sql in if whole {
        vec![statements]
    } else {
        statements.split("; ").collect()
    } {
        if !sql.trim().is_empty() {
            db.try_sql(sql).unwrap_or_else(|error| panic!("{what}: {sql}: {error}"));
        }
    }
}

#[test]
fn hints_about_stretched_tables_work() {
    carry_out("hints-stretched", statements());
}

/// Makes each situation and does what the hint says.
fn carry_out(name: &str, rows: Vec<Row>) {
    let (cluster, _endpoint, db) = stretched(name);
    drop(db);
    for row in rows {
        let db = cluster.connect("postgres");
        db.sql(SITUATION);
        run(&db, row.make, row.wanted);
        for table in db.lines("SELECT relation::regclass FROM stretch.stretched_table") {
            drain(&db, &table);
        }
        db.sql("SELECT stretch.purge_staged()");
        let child = db.text("SELECT child::regclass FROM stretch.stretched_table WHERE relation = 't'::regclass");
        let wanted = row.wanted.replace("CHILD", &child);
        let error = match wanted.rsplit_once("; ") {
            Some((before, last)) => {
                run(&db, before, &wanted);
                db.fails(last, row.code)
            }
            None => db.fails(&wanted, row.code),
        };
        assert!(error.hint.contains(row.hint), "{wanted}: {error}");
        let way = match row.way.contains("{hint}") {
            true => row.way.replace("{hint}", &quoted(&error.hint)),
            false => row.way.to_owned(),
        };
        run(&db, &way, &wanted);
        run(&db, if row.then.is_empty() { &wanted } else { row.then }, &wanted);
        if row.way == "{hint}" {
            assert_eq!(db.int("SELECT count(*) FROM t"), 10, "{wanted}: rows are lost");
        }
    }
}

/// Situations in which a table `x` cannot be stretched: what makes it, part of the reason, and statements where the hint is none.
const REFUSALS: [(&str, &str, &str); 22] = [
    (
        "CREATE TABLE x (id int, n int, twice int GENERATED ALWAYS AS (n * 2) STORED) PARTITION BY RANGE (id); CREATE TABLE x1 PARTITION OF x DEFAULT; INSERT INTO x VALUES (1, 1)",
        "a partitioned table",
        "=x_whole",
    ),
    (
        "CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE TABLE x PARTITION OF p DEFAULT",
        "it is a partition of",
        "",
    ),
    (
        "CREATE TEMP TABLE x (id int)",
        "it is a temporary table",
        "DROP TABLE x; CREATE TABLE x (id int)",
    ),
    ("CREATE UNLOGGED TABLE x (id int)", "it is an unlogged table", ""),
    (
        "CREATE VIEW x AS SELECT 1 AS id",
        "it is a view",
        "DROP VIEW x; CREATE TABLE x (id int)",
    ),
    (
        "CREATE TYPE c AS (id int); CREATE TABLE x OF c",
        "its type is given by a composite type",
        "",
    ),
    (
        "CREATE TABLE x (id int); CREATE TABLE heir () INHERITS (x)",
        "heir inherits from it",
        "",
    ),
    (
        "CREATE TABLE top (id int); CREATE TABLE x () INHERITS (top)",
        "it inherits from",
        "",
    ),
    ("CREATE TABLE x (id int REFERENCES other)", "it has the foreign key", ""),
    (
        "CREATE TABLE x (id int PRIMARY KEY); CREATE TABLE refers (id int REFERENCES x)",
        "refers to it",
        "",
    ),
    (
        "CREATE TABLE x (id int); CREATE PUBLICATION pub FOR TABLE x",
        "publishes it",
        "",
    ),
    (
        "CREATE TABLE x (id int); CREATE PUBLICATION pub FOR TABLES IN SCHEMA s",
        "publishes it",
        "",
    ),
    (
        "CREATE TABLE x (id int, EXCLUDE USING btree (id WITH =))",
        "the exclusion constraint",
        "",
    ),
    (
        "CREATE TABLE x (id int); CREATE UNIQUE INDEX x_part ON x (id) WHERE id > 5",
        "is partial",
        "DROP INDEX x_part; CREATE UNIQUE INDEX ON x (id)",
    ),
    (
        "CREATE TABLE x (id int); CREATE UNIQUE INDEX x_part ON x ((id + 1))",
        "is over expressions",
        "DROP INDEX x_part; CREATE UNIQUE INDEX ON x (id)",
    ),
    (
        "CREATE TABLE x (id int); CREATE TRIGGER repack_trigger AFTER UPDATE ON x FOR EACH ROW EXECUTE FUNCTION nothing()",
        "pg_repack is at work",
        "DROP TRIGGER repack_trigger ON x",
    ),
    (
        "CREATE TABLE x (id int); CREATE TRIGGER a AFTER UPDATE ON x FOR EACH ROW EXECUTE FUNCTION nothing(); ALTER TABLE x ENABLE ALWAYS TRIGGER a",
        "is ENABLE ALWAYS",
        "",
    ),
    (
        "CREATE TABLE x (id int); CREATE TRIGGER a AFTER UPDATE ON x REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION nothing()",
        "has a transition table",
        "DROP TRIGGER a ON x; CREATE TRIGGER a AFTER UPDATE ON x FOR EACH ROW EXECUTE FUNCTION nothing()",
    ),
    (
        "CREATE TABLE x (id int); CREATE TRIGGER stretch_unique_mine AFTER UPDATE ON x FOR EACH ROW EXECUTE FUNCTION nothing()",
        "reserved name",
        "",
    ),
    (
        "CREATE TABLE x (id int); CREATE RULE r AS ON INSERT TO x DO ALSO NOTHING",
        "could redirect rows",
        "",
    ),
    (
        "CREATE TABLE x (id int CONSTRAINT stretch_filter CHECK (id > 0))",
        "reserved name",
        "",
    ),
    (
        "CREATE TABLE x (id int); ALTER TABLE x ADD CONSTRAINT k CHECK (id < 100) NOT VALID",
        "is not validated",
        "",
    ),
];

#[test]
fn hints_of_check_table_work() {
    let (cluster, _endpoint, db) = stretched("hints-refusals");
    drop(db);
    for (make, reason, way) in REFUSALS {
        let db = cluster.connect("postgres");
        db.sql(SITUATION);
        db.sql("DROP TABLE t CASCADE");
        run(&db, make, make);
        let hints: Vec<String> = db
            .rows("SELECT reason, hint FROM stretch.check_table('x', 'id < 5')")
            .into_iter()
            .filter(|row| row[0].as_deref().is_some_and(|text| text.contains(reason)))
            .filter_map(|row| row[1].clone())
            .collect();
        assert!(!hints.is_empty(), "{make}: no reason \"{reason}\"");
        for hint in &hints {
            assert!(!hint.contains("..") && hint.ends_with('.'), "{make}: {hint}");
            // "Use STATEMENT." or "...: STATEMENTS."
            let text = hint.trim_end_matches('.');
            let statement = text
                .strip_prefix("Use ")
                .or_else(|| text.split_once(": ").map(|(_, statements)| statements));
            match (way, statement) {
                ("" | "=x_whole", Some(statement)) => run(&db, statement, make),
                ("" | "=x_whole", None) => panic!("{make}: {hint} is no statement"),
                (way, _) => run(&db, way, make),
            }
        }
        let table = way.strip_prefix('=').unwrap_or("x");
        db.try_sql(&format!("SELECT stretch.enable_table('{table}', 'id < 5')"))
            .unwrap_or_else(|error| panic!("{make}: after {hints:?}: {error}"));
    }
}

/// Hints of functions, in the same situation.
fn functions() -> Vec<Row> {
    vec![
        row(
            "Change its password with stretch.rotate_master_key, or open it with stretch.open_master_key",
            "SELECT stretch.create_master_key('another one')",
            "55000",
            "SELECT stretch.rotate_master_key('another one')",
            "SELECT stretch.open_master_key('another one')",
        ),
        Row {
            make: "SELECT stretch.create_credential('more', 'i', 's')",
            ..row(
                "Use or_replace => true, or stretch.alter_credential",
                "SELECT stretch.create_credential('more', 'i', 's')",
                "42710",
                "SELECT stretch.create_credential('more', 'i', 's', or_replace => true); SELECT stretch.alter_credential('more', 'i', 's')",
                "SELECT stretch.drop_credential('more')",
            )
        },
        row(
            "Run stretch.create_credential first",
            "SELECT stretch.alter_credential('more', 'i', 's')",
            "42704",
            "SELECT stretch.create_credential('more', 'i', 's')",
            "SELECT stretch.alter_credential('more', 'i', 's'); SELECT stretch.drop_credential('more')",
        ),
        row(
            "Run stretch.deauthorize first, or change it with stretch.alter_credential",
            "SELECT stretch.drop_credential('cred')",
            "2BP01",
            "SELECT stretch.alter_credential('cred', 'i', 's')",
            "SELECT 1",
        ),
        row(
            "Use outbound or paused",
            "SELECT stretch.set_migration_state('t', 'inbound')",
            "0A000",
            "SELECT stretch.set_migration_state('t', 'paused')",
            "SELECT 1",
        ),
        row(
            "Use outbound or paused",
            "SELECT stretch.set_migration_state('t', 'on')",
            "22023",
            "SELECT stretch.set_migration_state('t', 'outbound')",
            "SELECT 1",
        ),
        row(
            "Give column names between commas",
            "SELECT stretch.alter_table('t', order_by => 'gone')",
            "22023",
            "SELECT stretch.alter_table('t', order_by => 'n, id')",
            "SELECT 1",
        ),
        row(
            "Give column names, each with ASC or DESC and NULLS FIRST or NULLS LAST, separated by commas",
            "SELECT stretch.alter_table('t', order_by => 'n UP')",
            "22023",
            "SELECT stretch.alter_table('t', order_by => 'n DESC NULLS LAST, id ASC')",
            "SELECT 1",
        ),
        row(
            "Run it outside REPEATABLE READ and SERIALIZABLE",
            "SET default_transaction_isolation = 'serializable'; SELECT stretch.drain('t')",
            "55000",
            "SET default_transaction_isolation = 'read committed'",
            "SELECT stretch.drain('t')",
        ),
        row(
            "Run stretch.disable_table for each of them first",
            "SELECT stretch.disable_database()",
            "55000",
            "SELECT stretch.purge_staged('t'); SELECT stretch.disable_table('t', leave_remote_data => true)",
            "SELECT 1",
        ),
        row(
            "SELECT * FROM stretch.check_table('s.other') lists these reasons",
            "ALTER TABLE other ADD CONSTRAINT k CHECK (id > 0) NOT VALID; SELECT stretch.enable_table('other')",
            "ST011",
            "SELECT * FROM stretch.check_table('s.other')",
            "SELECT 1",
        ),
        row(
            "Use with_copy => true, the default: only lists are copied, no data",
            "SELECT * FROM stretch.reauthorize('cred', with_copy => false)",
            "0A000",
            "SELECT 1",
            "SELECT 1",
        ),
    ]
}

#[test]
fn hints_of_functions_work() {
    carry_out("hints-functions", functions());
}

/// Hints of other kinds with the test that carries them out, and those after which nobody can run a statement.
const ELSEWHERE: [(&str, &str); 36] = [
    (
        "Run SELECT stretch.deauthorize() first, then restore",
        "dumps::a_dump_is_not_restored_over_a_connected_database",
    ),
    (
        "SET stretch.copy_to = 'all' copies hot and cold rows",
        "dumps::copy_to_leaves_nothing_out_without_a_word",
    ),
    (
        "GRANT SELECT ON stretch.status, or grant membership",
        "operation::monitors_and_backup_roles_need_no_ownership",
    ),
    (
        "Pause the table and run stretch.purge_staged, which waits",
        "disable::rows_that_are_not_uploaded_are_not_left_behind",
    ),
    (
        "Drop them with stretch.drop_credential first",
        "secrets::secrets_obey_their_rules",
    ),
    (
        "Run stretch.create_master_key('password'",
        "secrets::secrets_obey_their_rules",
    ),
    (
        "Run stretch.open_master_key('password');",
        "identity::identity_is_held_by_key_and_marker",
    ),
    (
        "Put the file back, or run stretch.open_master_key",
        "identity::identity_is_held_by_key_and_marker",
    ),
    (
        "Run stretch.create_credential for it again.",
        "a sealed secret is damaged: only damage of the catalog leads here",
    ),
    (
        "It must be a regular file of at most 64 kB",
        "secrets::secrets_need_the_database_owner",
    ),
    (
        "It must belong to the server's OS user",
        "secrets::secrets_obey_their_rules",
    ),
    (
        "Set stretch.state_dir or stretch.service_key_file",
        "secrets::secrets_obey_their_rules",
    ),
    (
        "Add pg_stretch to shared_preload_libraries",
        "a setting of the server that needs a restart",
    ),
    (
        "Check max_worker_processes, stretch.max_workers",
        "a setting of the server that needs a restart",
    ),
    (
        "Set stretch.enabled = on and reload the server",
        "a setting of the server",
    ),
    (
        "Choose another name; filters are copied",
        "tsql::tsql_statements_and_procedures",
    ),
    (
        "Connect to that database, or write CURRENT",
        "tsql::tsql_statements_and_procedures",
    ),
    (
        "Make it by CREATE FUNCTION in a block of",
        "tsql::tsql_statements_and_procedures",
    ),
    (
        "Run DO LANGUAGE tsql as a statement of its own",
        "tsql::tsql_commits_each_statement_outside_a_transaction_block",
    ),
    (
        "Use DO LANGUAGE tsql; a filter function",
        "tsql::tsql_runs_the_documented_script",
    ),
    (
        "Name a folder outside the server's directories",
        "rights_attacks::a_folder_of_the_server_is_no_endpoint",
    ),
    (
        "Read table ",
        "rights_attacks::no_route_around_or_away_from_the_cold_side",
    ),
    ("Restore the catalog (schema stretch) from", "damage of the catalog"),
    ("Restore the inheritance and the owner of", "damage of the catalog"),
    ("Use ONLY to read the hot rows alone; restore", "damage of the catalog"),
    (
        "Restore the whole database, or drop the foreign",
        "tables::a_dump_of_a_stretched_table_is_restored_in_every_way",
    ),
    (
        "Run CREATE EXTENSION pg_stretch.",
        "the extension is gone while a session runs",
    ),
    (
        "Run the query again in a new transaction",
        "migration::a_plan_in_use_never_loses_the_rows_that_go_cold",
    ),
    ("Run the query again.", "a race of a reader with a purge"),
    (
        "Run the transaction again.",
        "isolation::isolation_specs_give_what_is_expected",
    ),
    ("See the server log, then try again.", "the worker died"),
    (
        "Try again later; stretch.status shows the",
        "waiting is all there is to do",
    ),
    ("Try again when the others have ended.", "waiting is all there is to do"),
    (
        "Try again when the worker has judged the",
        "waiting is all there is to do",
    ),
    (
        "Wait until the worker has judged it; stretch.status",
        "waiting is all there is to do",
    ),
    (
        "Use characters of that encoding alone.",
        "encodings::names_are_in_the_encoding_of_the_database",
    ),
];

#[test]
fn every_hint_has_a_row() {
    let here = include_str!("hints.rs");
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../pg_stretch/src");
    let mut missing = BTreeSet::new();
    for file in testkit::endpoint::files(sources.as_ref()) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        for after in text.split(".hint(").skip(1) {
            let literal = after.trim_start().trim_start_matches("format!(").trim_start();
            let Some(literal) = literal.strip_prefix('"') else {
                continue;
            };
            let begin: String = literal.chars().take_while(|c| !"\"{".contains(*c)).take(40).collect();
            let begin = begin.trim_end_matches(['.', '\\']).to_owned();
            if !here.contains(&begin)
                && !ELSEWHERE
                    .iter()
                    .any(|(hint, _)| hint.starts_with(&begin) || begin.starts_with(hint))
            {
                missing.insert(begin);
            }
        }
    }
    assert_eq!(missing, BTreeSet::new());
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e");
    for (hint, place) in ELSEWHERE {
        let Some((file, test)) = place.split_once("::") else {
            continue;
        };
        let text = std::fs::read_to_string(format!("{tests}/{file}.rs")).expect("a file of tests");
        assert!(text.contains(&format!("fn {test}()")), "{hint}: there is no {place}");
    }
}
