//! The rows of the matrix: every subcommand of ALTER TABLE that a user can write, and every other command that names a
//! table, with what becomes of it.

/// What becomes of a command on a stretched table with cold rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The same as on a plain table, rows or error.
    Allowed,
    /// Refused; with `stretch.rewrite = on` the same as on a plain table, and all rows are hot.
    Rewrite,
    /// Refused, with a way out.
    Refused,
}

/// One command.
pub struct Row {
    /// The subcommand by PostgreSQL's name, or the command.
    pub kind: &'static str,
    /// What makes the situation.
    pub make: &'static str,
    pub command: &'static str,
    pub outcome: Outcome,
}

const fn row(kind: &'static str, make: &'static str, command: &'static str, outcome: Outcome) -> Row {
    Row {
        kind,
        make,
        command,
        outcome,
    }
}

const TRIGGER: &str = "CREATE TRIGGER tr BEFORE UPDATE ON {t} FOR EACH ROW
    EXECUTE FUNCTION suppress_redundant_updates_trigger()";
const PARENT: &str = "CREATE TABLE p_{t} (LIKE {t}) PARTITION BY RANGE (id)";
const ATTACHED: &str = "CREATE TABLE p_{t} (LIKE {t}) PARTITION BY RANGE (id);
    ALTER TABLE p_{t} ATTACH PARTITION {t} FOR VALUES FROM (0) TO (100)";
const ENUM: &str = "CREATE TYPE mood_{t} AS ENUM ('sad', 'glad'); ALTER TABLE {t} ADD COLUMN x mood_{t} DEFAULT 'sad'";
const COMPOSITE: &str = "CREATE TYPE pair_{t} AS (a int, b int); ALTER TABLE {t} ADD COLUMN x pair_{t} DEFAULT '(1,2)'";
const DOMAIN: &str = "CREATE DOMAIN dom_{t} AS int; ALTER TABLE {t} ADD COLUMN x dom_{t} DEFAULT 3";

use Outcome::*;

/// All rows.
pub const ROWS: &[Row] = &[
    row("AT_AddColumn", "", "ALTER TABLE {t} ADD COLUMN c text", Allowed),
    row(
        "AT_AddColumn",
        "",
        "ALTER TABLE {t} ADD COLUMN c int NOT NULL DEFAULT 5",
        Allowed,
    ),
    row(
        "AT_AddColumn",
        "",
        "ALTER TABLE {t} ADD COLUMN IF NOT EXISTS n int",
        Allowed,
    ),
    row(
        "AT_AddColumn",
        "",
        "ALTER TABLE {t} ADD COLUMN c int UNIQUE REFERENCES {t} CHECK (c > 0)",
        Allowed,
    ),
    row(
        "AT_AddColumn",
        "",
        "ALTER TABLE {t} ADD COLUMN c int GENERATED ALWAYS AS (n + 1) STORED",
        Rewrite,
    ),
    row(
        "AT_AddColumn",
        "",
        "ALTER TABLE {t} ADD COLUMN c int DEFAULT pg_backend_pid() - pg_backend_pid()",
        Allowed,
    ),
    row(
        "AT_AddColumn",
        "",
        "ALTER TABLE {t} ADD COLUMN c int DEFAULT (random() * 0)::int",
        Rewrite,
    ),
    row(
        "AT_AddColumn",
        "",
        "ALTER TABLE {t} ADD COLUMN c serial; ALTER TABLE {t} DROP COLUMN c",
        Rewrite,
    ),
    row(
        "AT_AddColumn",
        "CREATE DOMAIN d_{t} AS int CHECK (value > 0)",
        "ALTER TABLE {t} ADD COLUMN c d_{t} DEFAULT 3",
        Rewrite,
    ),
    row(
        "AT_ColumnDefault",
        "",
        "ALTER TABLE {t} ALTER n SET DEFAULT 9; ALTER TABLE {t} ALTER e DROP DEFAULT",
        Allowed,
    ),
    row(
        "AT_DropNotNull",
        "",
        "ALTER TABLE {t} ALTER s SET NOT NULL; ALTER TABLE {t} ALTER s DROP NOT NULL",
        Allowed,
    ),
    row("AT_SetNotNull", "", "ALTER TABLE {t} ALTER s SET NOT NULL", Allowed),
    row("AT_SetNotNull", "", "ALTER TABLE {t} ALTER n SET NOT NULL", Allowed),
    row(
        "AT_DropExpression",
        "ALTER TABLE {t} ADD COLUMN c int",
        "ALTER TABLE {t} ALTER c DROP EXPRESSION IF EXISTS",
        Allowed,
    ),
    row(
        "AT_SetStatistics",
        "",
        "ALTER TABLE {t} ALTER n SET STATISTICS 10",
        Allowed,
    ),
    row(
        "AT_SetOptions",
        "",
        "ALTER TABLE {t} ALTER n SET (n_distinct = 5)",
        Allowed,
    ),
    row(
        "AT_ResetOptions",
        "",
        "ALTER TABLE {t} ALTER n RESET (n_distinct)",
        Allowed,
    ),
    row(
        "AT_SetStorage",
        "",
        "ALTER TABLE {t} ALTER s SET STORAGE EXTERNAL",
        Allowed,
    ),
    row(
        "AT_SetCompression",
        "",
        "ALTER TABLE {t} ALTER s SET COMPRESSION pglz",
        Allowed,
    ),
    row("AT_DropColumn", "", "ALTER TABLE {t} DROP COLUMN n", Allowed),
    row(
        "AT_DropColumn",
        "",
        "ALTER TABLE {t} DROP COLUMN s, DROP COLUMN v, ADD COLUMN s int",
        Allowed,
    ),
    row("AT_DropColumn", "", "ALTER TABLE {t} DROP COLUMN id", Refused),
    row("AT_DropColumn", "", "ALTER TABLE {t} DROP COLUMN d", Refused),
    row("AT_AddIndex", "", "ALTER TABLE {t} ADD UNIQUE (s)", Allowed),
    row("AT_AddIndex", "", "ALTER TABLE {t} ADD UNIQUE (n)", Allowed),
    row(
        "AT_AddIndex",
        "ALTER TABLE {t} DROP CONSTRAINT {t}_pkey",
        "ALTER TABLE {t} ADD PRIMARY KEY (id)",
        Allowed,
    ),
    row(
        "AT_AddIndexConstraint",
        "CREATE UNIQUE INDEX u_{t} ON {t} (s)",
        "ALTER TABLE {t} ADD CONSTRAINT u_{t} UNIQUE USING INDEX u_{t}",
        Allowed,
    ),
    row("AT_AddConstraint", "", "ALTER TABLE {t} ADD CHECK (id > 0)", Allowed),
    row("AT_AddConstraint", "", "ALTER TABLE {t} ADD CHECK (id <> 3)", Allowed),
    row(
        "AT_AddConstraint",
        "",
        "ALTER TABLE {t} ADD CONSTRAINT c CHECK (id <> 3) NOT VALID",
        Allowed,
    ),
    row(
        "AT_AddConstraint",
        "",
        "ALTER TABLE {t} ADD FOREIGN KEY (n) REFERENCES {t}",
        Allowed,
    ),
    row(
        "AT_AddConstraint",
        "",
        "ALTER TABLE {t} ADD FOREIGN KEY (e) REFERENCES {t}",
        Allowed,
    ),
    row(
        "AT_AddConstraint",
        "",
        "ALTER TABLE {t} ADD EXCLUDE USING btree (s WITH =)",
        Refused,
    ),
    row(
        "AT_AlterConstraint",
        "ALTER TABLE {t} ADD CONSTRAINT f FOREIGN KEY (e) REFERENCES {t}",
        "ALTER TABLE {t} ALTER CONSTRAINT f DEFERRABLE",
        Allowed,
    ),
    row(
        "AT_ValidateConstraint",
        "ALTER TABLE {t} ADD CONSTRAINT c CHECK (id <> 3) NOT VALID",
        "ALTER TABLE {t} VALIDATE CONSTRAINT c",
        Allowed,
    ),
    row(
        "AT_ValidateConstraint",
        "ALTER TABLE {t} ADD CONSTRAINT c CHECK (id > 0) NOT VALID",
        "ALTER TABLE {t} VALIDATE CONSTRAINT c",
        Allowed,
    ),
    row(
        "AT_DropConstraint",
        "",
        "ALTER TABLE {t} DROP CONSTRAINT {t}_pkey",
        Allowed,
    ),
    row(
        "AT_DropConstraint",
        "ALTER TABLE {t} ADD CONSTRAINT c CHECK (id > 0)",
        "ALTER TABLE {t} DROP CONSTRAINT c",
        Allowed,
    ),
    row(
        "AT_AlterColumnType",
        "",
        "ALTER TABLE {t} ALTER v TYPE varchar(20)",
        Allowed,
    ),
    row("AT_AlterColumnType", "", "ALTER TABLE {t} ALTER v TYPE text", Allowed),
    row(
        "AT_AlterColumnType",
        "",
        "ALTER TABLE {t} ALTER m TYPE numeric(12,2)",
        Allowed,
    ),
    row("AT_AlterColumnType", "", "ALTER TABLE {t} ALTER n TYPE bigint", Rewrite),
    row(
        "AT_AlterColumnType",
        "",
        "ALTER TABLE {t} ALTER d TYPE timestamp",
        Rewrite,
    ),
    row(
        "AT_AlterColumnType",
        "",
        "ALTER TABLE {t} ALTER s TYPE int USING length(s)",
        Rewrite,
    ),
    row("AT_AlterColumnType", "", "ALTER TABLE {t} ALTER n TYPE oid", Refused),
    row("AT_ChangeOwner", "", "ALTER TABLE {t} OWNER TO other", Allowed),
    row("AT_ClusterOn", "", "ALTER TABLE {t} CLUSTER ON {t}_pkey", Allowed),
    row("AT_DropCluster", "", "ALTER TABLE {t} SET WITHOUT CLUSTER", Allowed),
    row("AT_SetLogged", "", "ALTER TABLE {t} SET LOGGED", Allowed),
    row("AT_SetUnLogged", "", "ALTER TABLE {t} SET UNLOGGED", Refused),
    row("AT_DropOids", "", "ALTER TABLE {t} SET WITHOUT OIDS", Allowed),
    row(
        "AT_SetAccessMethod",
        "",
        "ALTER TABLE {t} SET ACCESS METHOD heap",
        Refused,
    ),
    row(
        "AT_SetTableSpace",
        "",
        "ALTER TABLE {t} SET TABLESPACE pg_default",
        Allowed,
    ),
    row("AT_SetRelOptions", "", "ALTER TABLE {t} SET (fillfactor = 80)", Allowed),
    row("AT_ResetRelOptions", "", "ALTER TABLE {t} RESET (fillfactor)", Allowed),
    row("AT_EnableTrig", TRIGGER, "ALTER TABLE {t} ENABLE TRIGGER tr", Allowed),
    row(
        "AT_EnableAlwaysTrig",
        TRIGGER,
        "ALTER TABLE {t} ENABLE ALWAYS TRIGGER tr",
        Refused,
    ),
    row(
        "AT_EnableReplicaTrig",
        TRIGGER,
        "ALTER TABLE {t} ENABLE REPLICA TRIGGER tr",
        Allowed,
    ),
    row("AT_DisableTrig", TRIGGER, "ALTER TABLE {t} DISABLE TRIGGER tr", Allowed),
    row("AT_EnableTrigAll", "", "ALTER TABLE {t} ENABLE TRIGGER ALL", Allowed),
    row("AT_DisableTrigAll", "", "ALTER TABLE {t} DISABLE TRIGGER ALL", Allowed),
    row("AT_EnableTrigUser", "", "ALTER TABLE {t} ENABLE TRIGGER USER", Allowed),
    row(
        "AT_DisableTrigUser",
        "",
        "ALTER TABLE {t} DISABLE TRIGGER USER",
        Allowed,
    ),
    row("AT_EnableRule", "", "ALTER TABLE {t} ENABLE RULE r", Refused),
    row(
        "AT_EnableAlwaysRule",
        "",
        "ALTER TABLE {t} ENABLE ALWAYS RULE r",
        Refused,
    ),
    row(
        "AT_EnableReplicaRule",
        "",
        "ALTER TABLE {t} ENABLE REPLICA RULE r",
        Refused,
    ),
    row("AT_DisableRule", "", "ALTER TABLE {t} DISABLE RULE r", Allowed),
    row(
        "AT_AddInherit",
        "CREATE TABLE above_{t} (id int, n int)",
        "ALTER TABLE {t} INHERIT above_{t}",
        Allowed,
    ),
    row(
        "AT_DropInherit",
        "CREATE TABLE above_{t} (id int, n int); ALTER TABLE {t} INHERIT above_{t}",
        "ALTER TABLE {t} NO INHERIT above_{t}",
        Allowed,
    ),
    row("AT_AddOf", "", "ALTER TABLE {t} OF kind", Refused),
    row("AT_DropOf", "", "ALTER TABLE {t} NOT OF", Refused),
    row(
        "AT_ReplicaIdentity",
        "",
        "ALTER TABLE {t} REPLICA IDENTITY FULL",
        Allowed,
    ),
    row(
        "AT_EnableRowSecurity",
        "",
        "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY",
        Allowed,
    ),
    row(
        "AT_DisableRowSecurity",
        "",
        "ALTER TABLE {t} DISABLE ROW LEVEL SECURITY",
        Allowed,
    ),
    row(
        "AT_ForceRowSecurity",
        "",
        "ALTER TABLE {t} FORCE ROW LEVEL SECURITY",
        Allowed,
    ),
    row(
        "AT_NoForceRowSecurity",
        "",
        "ALTER TABLE {t} NO FORCE ROW LEVEL SECURITY",
        Allowed,
    ),
    row(
        "AT_AttachPartition",
        PARENT,
        "ALTER TABLE p_{t} ATTACH PARTITION {t} FOR VALUES FROM (0) TO (100)",
        Allowed,
    ),
    row(
        "AT_AttachPartition",
        PARENT,
        "ALTER TABLE p_{t} ATTACH PARTITION {t} FOR VALUES FROM (5) TO (100)",
        Allowed,
    ),
    row(
        "AT_DetachPartition",
        ATTACHED,
        "ALTER TABLE p_{t} DETACH PARTITION {t}",
        Allowed,
    ),
    row(
        "AT_DetachPartitionFinalize",
        ATTACHED,
        "ALTER TABLE p_{t} DETACH PARTITION {t} FINALIZE",
        Allowed,
    ),
    row(
        "AT_AddIdentity",
        "",
        "ALTER TABLE {t} ALTER id ADD GENERATED BY DEFAULT AS IDENTITY",
        Allowed,
    ),
    row(
        "AT_SetIdentity",
        "ALTER TABLE {t} ALTER id ADD GENERATED BY DEFAULT AS IDENTITY",
        "ALTER TABLE {t} ALTER id SET GENERATED ALWAYS",
        Allowed,
    ),
    row(
        "AT_DropIdentity",
        "ALTER TABLE {t} ALTER id ADD GENERATED BY DEFAULT AS IDENTITY",
        "ALTER TABLE {t} ALTER id DROP IDENTITY",
        Allowed,
    ),
    row("RENAME COLUMN", "", "ALTER TABLE {t} RENAME n TO number", Allowed),
    row("RENAME COLUMN", "", "ALTER TABLE {t} RENAME d TO day", Allowed),
    row(
        "RENAME CONSTRAINT",
        "",
        "ALTER TABLE {t} RENAME CONSTRAINT {t}_pkey TO key_of_{t}",
        Allowed,
    ),
    row(
        "RENAME",
        "",
        "ALTER TABLE {t} RENAME TO other_{t}; ALTER TABLE other_{t} RENAME TO {t}",
        Allowed,
    ),
    row(
        "SET SCHEMA",
        "CREATE SCHEMA there_{t}",
        "ALTER TABLE {t} SET SCHEMA there_{t}; ALTER TABLE there_{t}.{t} SET SCHEMA public",
        Allowed,
    ),
    row("CREATE INDEX", "", "CREATE INDEX ON {t} (n)", Allowed),
    row("CREATE UNIQUE INDEX", "", "CREATE UNIQUE INDEX ON {t} (v)", Allowed),
    row(
        "CREATE UNIQUE INDEX",
        "",
        "CREATE UNIQUE INDEX ON {t} ((n + 1))",
        Allowed,
    ),
    row(
        "CREATE UNIQUE INDEX",
        "",
        "CREATE UNIQUE INDEX CONCURRENTLY u_{t} ON {t} (s)",
        Allowed,
    ),
    row(
        "DROP INDEX",
        "CREATE UNIQUE INDEX u_{t} ON {t} (s)",
        "DROP INDEX u_{t}",
        Allowed,
    ),
    row("REINDEX", "", "REINDEX TABLE {t}", Allowed),
    row("REINDEX", "", "REINDEX TABLE CONCURRENTLY {t}", Allowed),
    row("VACUUM", "", "VACUUM FULL {t}", Allowed),
    row("CLUSTER", "", "CLUSTER {t} USING {t}_pkey", Allowed),
    row("ANALYZE", "", "ANALYZE {t}", Allowed),
    row("TRUNCATE", "", "TRUNCATE {t}", Allowed),
    row("COMMENT", "", "COMMENT ON COLUMN {t}.n IS 'x'", Allowed),
    row("GRANT", "", "GRANT SELECT ON {t} TO other", Allowed),
    row(
        "CREATE STATISTICS",
        "",
        "CREATE STATISTICS st_{t} ON n, e FROM {t}",
        Allowed,
    ),
    row("CREATE POLICY", "", "CREATE POLICY p ON {t} USING (true)", Allowed),
    row(
        "CREATE TRIGGER",
        "",
        "CREATE TRIGGER tr2 BEFORE UPDATE ON {t} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        Allowed,
    ),
    row(
        "CREATE RULE",
        "",
        "CREATE RULE r AS ON INSERT TO {t} DO ALSO NOTHING",
        Refused,
    ),
    row(
        "CREATE TABLE … (LIKE)",
        "",
        "CREATE TABLE like_{t} (LIKE {t} INCLUDING ALL)",
        Allowed,
    ),
    row(
        "CREATE TABLE … INHERITS",
        "",
        "CREATE TABLE below_{t} () INHERITS ({t})",
        Allowed,
    ),
    row(
        "CREATE TABLE … AS",
        "",
        "CREATE TABLE copy_{t} AS SELECT * FROM {t}",
        Allowed,
    ),
    row("CREATE VIEW", "", "CREATE VIEW view_{t} AS SELECT * FROM {t}", Allowed),
    row(
        "REASSIGN OWNED",
        "ALTER TABLE {t} OWNER TO other",
        "REASSIGN OWNED BY other TO CURRENT_USER",
        Allowed,
    ),
    row(
        "ALTER TYPE … ADD VALUE",
        ENUM,
        "ALTER TYPE mood_{t} ADD VALUE 'calm' BEFORE 'sad'",
        Allowed,
    ),
    row(
        "ALTER TYPE … RENAME VALUE",
        ENUM,
        "ALTER TYPE mood_{t} RENAME VALUE 'sad' TO 'blue'",
        Refused,
    ),
    row(
        "ALTER TYPE … ADD ATTRIBUTE",
        COMPOSITE,
        "ALTER TYPE pair_{t} ADD ATTRIBUTE c int",
        Refused,
    ),
    row(
        "ALTER DOMAIN … ADD CHECK",
        DOMAIN,
        "ALTER DOMAIN dom_{t} ADD CHECK (value < 100)",
        Allowed,
    ),
    row(
        "ALTER DOMAIN … ADD CHECK",
        DOMAIN,
        "ALTER DOMAIN dom_{t} ADD CHECK (value <> 3)",
        Allowed,
    ),
    row("DROP TYPE … CASCADE", ENUM, "DROP TYPE mood_{t} CASCADE", Allowed),
    row(
        "CREATE PUBLICATION",
        "",
        "CREATE PUBLICATION pub_{t} FOR TABLE {t}",
        Refused,
    ),
];
