//! Hints of statements about stretched tables and of functions, a row each.

/// One hint.
pub struct Row {
    /// Part of the hint.
    pub hint: &'static str,
    /// Statements that make the situation, after `SITUATION`.
    pub make: &'static str,
    /// What the user wants, which fails.
    pub wanted: &'static str,
    pub code: &'static str,
    /// What the hint says to do. `{hint}` stands for the statements in the hint itself.
    pub way: &'static str,
    /// What works afterwards; empty: what was wanted.
    pub then: &'static str,
}

/// A stretched table of ten rows, five of them cold, in a schema of its own.
pub const SITUATION: &str = "
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

/// Hints of statements about a stretched table.
pub fn statements() -> Vec<Row> {
    vec![
        row(
            "To bring them home in the same command: SET stretch.rewrite = on",
            "ALTER TABLE t ALTER id TYPE bigint",
            "0A000",
            "{hint}",
            "",
        ),
        row(
            "To bring them home in the same command: SET stretch.rewrite = on",
            "ALTER TABLE t ADD COLUMN more float DEFAULT random()",
            "0A000",
            "{hint}",
            "",
        ),
        Row {
            make: "SELECT stretch.alter_table('t', order_by => 'note')",
            ..row(
                "Take the order away first, with order_by => '' in stretch.alter_table",
                "ALTER TABLE t DROP COLUMN note",
                "0A000",
                "SELECT stretch.alter_table('t', order_by => '')",
                "",
            )
        },
        back("ALTER TABLE t DROP COLUMN id"),
        back_after(
            "CREATE TABLE u (id int, n int); INSERT INTO u SELECT g, g FROM generate_series(1, 10) g; \
             SELECT stretch.enable_table('u', 'id <= 5')",
            "ALTER TABLE u ALTER n TYPE oid",
        ),
        back_after(
            "CREATE TABLE u (id int PRIMARY KEY, n int); INSERT INTO u SELECT g, g FROM generate_series(1, 10) g; \
             SELECT stretch.enable_table('u', 'n <= 5')",
            "ALTER TABLE u ALTER id TYPE oid",
        ),
        back("ALTER TABLE t ADD EXCLUDE USING btree (n WITH =)"),
        back("ALTER TABLE t SET UNLOGGED"),
        // Rows that violate a constraint come back too, and the constraint stays.
        Row {
            then: "ALTER TABLE t SET UNLOGGED; ALTER TABLE t DROP CONSTRAINT small",
            ..back_after(
                "ALTER TABLE t ADD CONSTRAINT small CHECK (id > 3) NOT VALID",
                "ALTER TABLE t SET UNLOGGED",
            )
        },
        Row {
            then: "ALTER TABLE p_1 SET UNLOGGED; ALTER TABLE p DROP CONSTRAINT small",
            ..back_after(
                "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); \
                 CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (20); \
                 INSERT INTO p SELECT generate_series(1, 10); SELECT stretch.enable_table('p_1', 'id <= 5'); \
                 ALTER TABLE p ADD CONSTRAINT small CHECK (id > 3) NOT VALID",
                "ALTER TABLE p_1 SET UNLOGGED",
            )
        },
        // Types of columns.
        back_after(DOMAINS, "ALTER DOMAIN d ADD CHECK (value <> 0) NOT VALID"),
        back_after(
            "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE u (id int, m mood); \
             INSERT INTO u SELECT g, 'sad' FROM generate_series(1, 10) g; SELECT stretch.enable_table('u', 'id <= 5')",
            "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'",
        ),
        // Constraints of other tables, and what belongs to pg_stretch.
        row(
            "Use a trigger or a view instead",
            "CREATE RULE r AS ON INSERT TO t DO ALSO NOTHING",
            "0A000",
            "CREATE TRIGGER r AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION nothing()",
            "INSERT INTO t VALUES (30, 'x', 1)",
        ),
        row(
            "Leave deletes out of the publication, with publish = 'insert, update, truncate'",
            "CREATE PUBLICATION pub FOR TABLE t, other",
            "0A000",
            "CREATE PUBLICATION pub FOR TABLE t, other WITH (publish = 'insert, update, truncate')",
            "SELECT 1",
        ),
        row(
            "Use VACUUM FULL",
            "CREATE TRIGGER repack_trigger AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION nothing()",
            "0A000",
            "VACUUM FULL t",
            "SELECT 1",
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
            "Use another schema",
            "CREATE TABLE stretch.mine (a int)",
            "0A000",
            "CREATE TABLE mine \
            (a int)",
            "SELECT 1",
        ),
        row(
            "Publish tables by name, or FOR TABLES IN SCHEMA",
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
        row(
            "Use WHERE random() < fraction",
            "SELECT FROM t TABLESAMPLE system (10)",
            "0A000",
            "SELECT FROM t WHERE random() < 0.1",
            "SELECT 1",
        ),
        Row {
            make: "SELECT stretch.set_query_mode('LOCAL_ONLY')",
            ..row(
                "Run stretch.set_query_mode('LOCAL_AND_REMOTE')",
                "UPDATE t SET note = 'x'",
                "ST015",
                "SELECT stretch.set_query_mode('LOCAL_AND_REMOTE')",
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
                "SELECT stretch.enable_table('u', 'd < now()')",
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

/// A domain inside an array.
const DOMAINS: &str = "CREATE DOMAIN d AS int; CREATE TABLE u (id int, o d[]); \
    INSERT INTO u SELECT g, ARRAY[g] FROM generate_series(1, 10) g; SELECT stretch.enable_table('u', 'id <= 5')";

/// Hints of functions, in the same situation.
pub fn functions() -> Vec<Row> {
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
                "SELECT stretch.create_credential('more', 'i', 's', or_replace => true); \
                 SELECT stretch.alter_credential('more', 'i', 's')",
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
        Row {
            make: "CREATE TABLE u (id int)",
            ..row(
                "Use outbound or paused",
                "SELECT stretch.enable_table('u', migration_state => 'inbound')",
                "22023",
                "SELECT stretch.enable_table('u', migration_state => 'paused')",
                "SELECT 1",
            )
        },
        row(
            "Use outbound, inbound or paused",
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
            "CREATE RULE k AS ON DELETE TO other DO ALSO NOTHING; SELECT stretch.enable_table('other')",
            "ST011",
            "SELECT * FROM stretch.check_table('s.other')",
            "SELECT 1",
        ),
    ]
}
