-- The public interface of pg_stretch: catalog, functions, views and privileges. Written by hand; read it from top to bottom.
\echo Use "CREATE EXTENSION pg_stretch" to load this file. \quit

-- ---------------------------------------------------------------------------------------------------------------
-- Catalog. Config tables (dumped by pg_dump) only ever gain nullable or defaulted columns. Nothing but SELECT for
-- pg_database_owner on the dumped ones is granted, because pg_dump must read them.
-- ---------------------------------------------------------------------------------------------------------------

CREATE SCHEMA stretch_remote;
COMMENT ON SCHEMA stretch_remote IS 'The cold sides of stretched tables: one foreign table each, never used directly';

CREATE TABLE stretch.database (
    one        boolean  PRIMARY KEY DEFAULT true CHECK (one),
    db_id      uuid     NOT NULL,
    endpoint   text     NOT NULL,
    lineage    uuid[]   NOT NULL DEFAULT '{}',
    rpo        interval NOT NULL DEFAULT '8 hours',
    retention  interval NOT NULL DEFAULT '7 days',
    format     integer  NOT NULL DEFAULT 1,
    credential text
);
COMMENT ON TABLE stretch.database IS 'One row when the database is stretch-enabled: what a backup must know of the remote side (no secrets)';

CREATE TABLE stretch.binding (
    one               boolean PRIMARY KEY DEFAULT true CHECK (one),
    branch_id         uuid    NOT NULL,
    generation        bigint  NOT NULL,
    nonce             uuid    NOT NULL,
    credential        text    NOT NULL,
    system_identifier numeric(20) NOT NULL,
    database_oid      oid     NOT NULL,
    timeline          integer NOT NULL,
    lsn               pg_lsn  NOT NULL,
    query_mode        text    NOT NULL DEFAULT 'LOCAL_AND_REMOTE',
    verdicts          jsonb   NOT NULL DEFAULT '[]'
);
COMMENT ON TABLE stretch.binding IS 'Local, never dumped: the claim that this incarnation of the database holds on its branch';

CREATE TABLE stretch.heartbeat (
    sequence bigint PRIMARY KEY,
    nonce    uuid   NOT NULL
);
COMMENT ON TABLE stretch.heartbeat IS 'Local, never dumped: the last heartbeats that followed a stretch commit';

CREATE TABLE stretch.stretched_table (
    table_id        uuid     PRIMARY KEY,
    relation        regclass NOT NULL UNIQUE,
    child           regclass NOT NULL UNIQUE,
    filter          text,
    order_by        text,
    strict          boolean  NOT NULL DEFAULT false,
    migration_state text     NOT NULL DEFAULT 'outbound',
    is_reconciled   boolean  NOT NULL DEFAULT true,
    columns         jsonb    NOT NULL DEFAULT '[]',
    next_field_id   integer  NOT NULL DEFAULT 1,
    unique_keys     jsonb    NOT NULL DEFAULT '[]'
);
COMMENT ON TABLE stretch.stretched_table IS 'One row per stretched table; columns maps column names to field ids of the segments';

CREATE TABLE stretch.manifest (
    table_id    uuid   PRIMARY KEY,
    manifest_id uuid   NOT NULL,
    segments    bigint NOT NULL DEFAULT 0,
    row_total   bigint NOT NULL DEFAULT 0,
    digest      bytea  NOT NULL DEFAULT '\x',
    summary     bytea
);
COMMENT ON TABLE stretch.manifest IS 'One row per stretched table: a random id per change, and number, rows and digest of its live segments';

CREATE TABLE stretch.segment (
    segment_id          uuid        PRIMARY KEY,
    table_id            uuid        NOT NULL,
    row_count           bigint      NOT NULL,
    byte_size           bigint      NOT NULL,
    sha256              bytea       NOT NULL,
    object_key          text,
    etag                text,
    staged              boolean     NOT NULL DEFAULT true,
    lost                boolean     NOT NULL DEFAULT false,
    server_encoding     text        NOT NULL,
    collation_versions  text,
    migrated_at         timestamptz NOT NULL,
    uploaded_at         timestamptz,
    verified_at         timestamptz,
    verified_generation bigint,
    retired_at          timestamptz,
    retired_lsn         pg_lsn,
    retired             boolean     NOT NULL DEFAULT false
);
CREATE INDEX segment_table ON stretch.segment (table_id);
COMMENT ON TABLE stretch.segment IS 'One row per live or retired segment: an immutable Parquet object of cold rows';

CREATE TABLE stretch.segment_detail (
    segment_id uuid  PRIMARY KEY,
    detail     bytea NOT NULL
);
ALTER TABLE stretch.segment_detail ALTER COLUMN detail SET STORAGE EXTENDED;
COMMENT ON TABLE stretch.segment_detail IS 'Per segment: Parquet footer, statistics and one checksum per column chunk';

CREATE TABLE stretch.staged_chunk (
    segment_id uuid    NOT NULL,
    chunk_no   integer NOT NULL,
    bytes      bytea   NOT NULL,
    PRIMARY KEY (segment_id, chunk_no)
);
ALTER TABLE stretch.staged_chunk ALTER COLUMN bytes SET STORAGE EXTERNAL;
COMMENT ON TABLE stretch.staged_chunk IS 'Pieces (1 MiB each but the last) of segments that are not yet purged from staging';

CREATE TABLE stretch.tombstone (
    segment_id uuid    NOT NULL,
    row_no     integer NOT NULL,
    PRIMARY KEY (segment_id, row_no)
);
COMMENT ON TABLE stretch.tombstone IS 'One row per dead row of a segment';

CREATE TABLE stretch.migration_batch (
    batch_id   bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    table_id   uuid   NOT NULL,
    direction  text   NOT NULL,
    row_count  bigint NOT NULL DEFAULT 0,
    byte_size  bigint NOT NULL DEFAULT 0,
    start_time timestamptz NOT NULL,
    end_time   timestamptz NOT NULL,
    sqlstate   text,
    message    text
);
COMMENT ON TABLE stretch.migration_batch IS 'Migration and upload attempts of the last days';

CREATE TABLE stretch.master_key (
    one             boolean PRIMARY KEY DEFAULT true CHECK (one),
    key_id          uuid    NOT NULL,
    sealed_password bytea   NOT NULL,
    sealed_service  bytea   NOT NULL
);
COMMENT ON TABLE stretch.master_key IS 'Local, never dumped: the master key, sealed by a password and by this server''s service key';

CREATE TABLE stretch.credential (
    name    text    PRIMARY KEY,
    key_id  uuid    NOT NULL,
    version integer NOT NULL DEFAULT 1,
    sealed  bytea   NOT NULL
);
COMMENT ON TABLE stretch.credential IS 'Local, never dumped: credentials, sealed by the master key';

CREATE TABLE stretch.reconcile_report (
    request_id    uuid    NOT NULL,
    ordinal       integer NOT NULL,
    relation      regclass,
    segments      bigint  NOT NULL,
    present       bigint  NOT NULL,
    refilled      bigint  NOT NULL,
    lost          bigint  NOT NULL,
    ahead         bigint  NOT NULL,
    is_reconciled boolean NOT NULL,
    PRIMARY KEY (request_id, ordinal)
);
COMMENT ON TABLE stretch.reconcile_report IS 'Local, never dumped: results of reauthorize and reconcile on their way to the caller';

SELECT pg_catalog.pg_extension_config_dump('stretch.database', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.stretched_table', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.manifest', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.segment', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.segment_detail', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.staged_chunk', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.tombstone', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.migration_batch', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.migration_batch_batch_id_seq', '');

GRANT USAGE ON SCHEMA stretch TO PUBLIC;
GRANT USAGE ON SCHEMA stretch_remote TO pg_database_owner;
GRANT SELECT ON stretch.database, stretch.stretched_table, stretch.manifest, stretch.segment, stretch.segment_detail,
    stretch.staged_chunk, stretch.tombstone, stretch.migration_batch, stretch.migration_batch_batch_id_seq TO pg_database_owner;

-- ---------------------------------------------------------------------------------------------------------------
-- The foreign data wrapper that serves the cold side
-- ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION stretch.fdw_handler() RETURNS fdw_handler
    LANGUAGE c STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'stretch_fdw_handler';
COMMENT ON FUNCTION stretch.fdw_handler() IS 'Routines of the foreign data wrapper pg_stretch';
REVOKE EXECUTE ON FUNCTION stretch.fdw_handler() FROM PUBLIC;
CREATE FOREIGN DATA WRAPPER pg_stretch HANDLER stretch.fdw_handler;
CREATE SERVER stretch FOREIGN DATA WRAPPER pg_stretch;
COMMENT ON SERVER stretch IS 'Serves the cold sides of stretched tables; foreign tables made by hand are refused';

-- ---------------------------------------------------------------------------------------------------------------
-- Functions. Every function: parallel unsafe, volatile, EXECUTE revoked from PUBLIC and granted to
-- pg_database_owner; to PUBLIC where it says [any] and for table-level ones, which check the table's owner.
-- ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION stretch.version() RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_version_wrapper';
COMMENT ON FUNCTION stretch.version() IS 'Version of the extension''s library [any]';

-- migration ------------------------------------------------------------------------------------------------------

CREATE FUNCTION stretch.migrate(relation regclass, max_rows bigint DEFAULT NULL) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_migrate_wrapper';
COMMENT ON FUNCTION stretch.migrate(regclass, bigint) IS 'Moves one batch of eligible rows now and returns how many [table owner]';

CREATE FUNCTION stretch.drain(relation regclass DEFAULT NULL, timeout interval DEFAULT '10 min') RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_drain_wrapper';
COMMENT ON FUNCTION stretch.drain(regclass, interval) IS 'Moves batches until no eligible row is left and returns how many rows moved [table owner; database owner for all tables]';

CREATE FUNCTION stretch.purge_staged(relation regclass DEFAULT NULL) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_purge_staged_wrapper';
COMMENT ON FUNCTION stretch.purge_staged(regclass) IS 'Drops staged bytes that are uploaded and verified, without waiting for the RPO; returns the bytes [table owner; database owner for all tables]';
-- Tables (table-level: the table's owner, who must own the database too, or a superuser)

CREATE FUNCTION stretch.unique_probe() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_unique_probe';
COMMENT ON FUNCTION stretch.unique_probe() IS 'Trigger of stretched tables: keeps new keys unique against the cold rows';
REVOKE EXECUTE ON FUNCTION stretch.unique_probe() FROM PUBLIC;

CREATE FUNCTION stretch.check_table(relation regclass, filter text DEFAULT NULL)
    RETURNS TABLE(severity text, item text, reason text, hint text, eligible_rows bigint, eligible_bytes bigint)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_check_table_wrapper';
COMMENT ON FUNCTION stretch.check_table(regclass, text) IS
    'Lists every reason why a table cannot be stretched and what the filter would select; changes nothing';

CREATE FUNCTION stretch.enable_table(relation regclass, filter text DEFAULT NULL, migration_state text DEFAULT 'outbound',
        strict boolean DEFAULT false, order_by text DEFAULT NULL, if_not_exists boolean DEFAULT false) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_enable_table_wrapper';
COMMENT ON FUNCTION stretch.enable_table(regclass, text, text, boolean, text, boolean) IS
    'Stretches a table: rows that the filter selects migrate to the endpoint and stay in every query';

CREATE FUNCTION stretch.alter_table(relation regclass, strict boolean DEFAULT NULL, order_by text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_alter_table_wrapper';
COMMENT ON FUNCTION stretch.alter_table(regclass, boolean, text) IS
    'Changes settings of a stretched table; NULL keeps one, an empty order_by removes it';

CREATE FUNCTION stretch.set_migration_state(relation regclass, migration_state text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_set_migration_state_wrapper';
COMMENT ON FUNCTION stretch.set_migration_state(regclass, text) IS 'Starts (outbound) or stops (paused) the migration of a table';

CREATE FUNCTION stretch.set_filter(relation regclass, filter text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_set_filter_wrapper';
COMMENT ON FUNCTION stretch.set_filter(regclass, text) IS
    'Replaces the filter of a stretched table by one that selects at least the same rows';
-- Secrets [database owner] --------------------------------------------------------------------------------------

CREATE FUNCTION stretch.create_master_key(password text) RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_create_master_key_wrapper';
COMMENT ON FUNCTION stretch.create_master_key(text) IS 'Makes the master key of this database, sealed by the password and by this server''s service key';
REVOKE EXECUTE ON FUNCTION stretch.create_master_key(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.create_master_key(text) TO pg_database_owner;

CREATE FUNCTION stretch.open_master_key(password text) RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_open_master_key_wrapper';
COMMENT ON FUNCTION stretch.open_master_key(text) IS 'Seals the master key for this server''s service key again, when its password is known';
REVOKE EXECUTE ON FUNCTION stretch.open_master_key(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.open_master_key(text) TO pg_database_owner;

CREATE FUNCTION stretch.rotate_master_key(password text) RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_rotate_master_key_wrapper';
COMMENT ON FUNCTION stretch.rotate_master_key(text) IS 'Makes a new master key under a new password and seals every credential again';
REVOKE EXECUTE ON FUNCTION stretch.rotate_master_key(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.rotate_master_key(text) TO pg_database_owner;

CREATE FUNCTION stretch.drop_master_key() RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_drop_master_key_wrapper';
COMMENT ON FUNCTION stretch.drop_master_key() IS 'Drops the master key when no credential is left';
REVOKE EXECUTE ON FUNCTION stretch.drop_master_key() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.drop_master_key() TO pg_database_owner;

CREATE FUNCTION stretch.create_credential(name text, identity text, secret text, or_replace boolean DEFAULT false) RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_create_credential_wrapper';
COMMENT ON FUNCTION stretch.create_credential(text, text, text, boolean) IS 'Stores identity and secret of an endpoint, sealed; nobody can read them back';
REVOKE EXECUTE ON FUNCTION stretch.create_credential(text, text, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.create_credential(text, text, text, boolean) TO pg_database_owner;

CREATE FUNCTION stretch.create_credential_from_file(name text, identity text, path text) RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_create_credential_from_file_wrapper';
COMMENT ON FUNCTION stretch.create_credential_from_file(text, text, text) IS 'As create_credential, with the secret from a file of the server, so that no statement holds it';
REVOKE EXECUTE ON FUNCTION stretch.create_credential_from_file(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.create_credential_from_file(text, text, text) TO pg_database_owner;

CREATE FUNCTION stretch.alter_credential(name text, identity text, secret text) RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_alter_credential_wrapper';
COMMENT ON FUNCTION stretch.alter_credential(text, text, text) IS 'Replaces identity and secret of a credential';
REVOKE EXECUTE ON FUNCTION stretch.alter_credential(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.alter_credential(text, text, text) TO pg_database_owner;

CREATE FUNCTION stretch.drop_credential(name text, if_exists boolean DEFAULT false) RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_drop_credential_wrapper';
COMMENT ON FUNCTION stretch.drop_credential(text, boolean) IS 'Drops a credential that connects nothing';
REVOKE EXECUTE ON FUNCTION stretch.drop_credential(text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.drop_credential(text, boolean) TO pg_database_owner;

-- Database [database owner] -------------------------------------------------------------------------------------

CREATE FUNCTION stretch.enable_database(endpoint text, credential text, if_not_exists boolean DEFAULT false) RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_enable_database_wrapper';
COMMENT ON FUNCTION stretch.enable_database(text, text, boolean) IS 'Connects this database to an endpoint, so that its tables can be stretched';
REVOKE EXECUTE ON FUNCTION stretch.enable_database(text, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.enable_database(text, text, boolean) TO pg_database_owner;
