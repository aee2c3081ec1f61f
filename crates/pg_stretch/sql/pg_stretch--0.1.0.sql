-- The public interface of pg_stretch: catalog, functions, views and privileges. Written by hand; read it from top to bottom.
\echo Use "CREATE EXTENSION pg_stretch" to load this file. \quit

-- ---------------------------------------------------------------------------------------------------------------
-- Catalog. Config tables (dumped by pg_dump) only ever gain nullable or defaulted columns. Nothing but SELECT for
-- pg_database_owner on the dumped ones is granted, because pg_dump must read them.
-- ---------------------------------------------------------------------------------------------------------------

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

CREATE TABLE stretch.moving_filter (
    table_id uuid        PRIMARY KEY,
    rule     text        NOT NULL,
    cut      timestamptz NOT NULL
);
COMMENT ON TABLE stretch.moving_filter IS 'One row per stretched table whose filter names the present: the filter as it was given, and the moment as of which the table has it';

CREATE TABLE stretch.abandoned_table (
    table_id            uuid        PRIMARY KEY,
    relation            regclass    NOT NULL,
    abandoned_at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    filter              text,
    rule                text,
    order_by            text,
    columns             jsonb       NOT NULL,
    next_field_id       integer     NOT NULL,
    segments            bigint      NOT NULL,
    row_total           bigint      NOT NULL,
    digest              bytea       NOT NULL,
    next_segment_number integer     NOT NULL,
    truncations         bigint      NOT NULL,
    unfit               text
);
CREATE INDEX abandoned_relation ON stretch.abandoned_table (relation);
COMMENT ON TABLE stretch.abandoned_table IS 'One row per disabling that left cold rows behind: what enable_table(adopt => true) needs to take them up again';
COMMENT ON COLUMN stretch.abandoned_table.unfit IS 'Why the rows do not fit the table any more; NULL while they do';

CREATE TABLE stretch.partitioned_table (
    relation        regclass PRIMARY KEY,
    filter          text,
    order_by        text,
    strict          boolean  NOT NULL DEFAULT false,
    migration_state text     NOT NULL DEFAULT 'outbound'
);
COMMENT ON TABLE stretch.partitioned_table IS 'One row per partitioned table that was stretched: how its new partitions are stretched';

CREATE TABLE stretch.manifest (
    table_id            uuid    PRIMARY KEY,
    manifest_id         uuid    NOT NULL,
    segments            bigint  NOT NULL DEFAULT 0,
    row_total           bigint  NOT NULL DEFAULT 0,
    digest              bytea   NOT NULL DEFAULT '\x',
    summary             bytea,
    next_segment_number integer NOT NULL DEFAULT 0,
    truncations         bigint  NOT NULL DEFAULT 0
);
COMMENT ON TABLE stretch.manifest IS 'One row per stretched table: a random id per change, and number, rows and digest of its live segments';
COMMENT ON COLUMN stretch.manifest.truncations IS 'How often all rows were taken from the table at once, from under every snapshot';
COMMENT ON COLUMN stretch.manifest.next_segment_number IS 'Number of the segment that comes next; it only goes up, so that no number is given twice';

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
    retired             boolean     NOT NULL DEFAULT false,
    -- No default could be right. The rule above allows it because no release has been without the column.
    number              integer     NOT NULL,
    retired_xid         bigint,
    retired_store_time  timestamptz,
    retired_connected   interval,
    retention_waived    boolean     NOT NULL DEFAULT false,
    abandoned           boolean     NOT NULL DEFAULT false,
    backups_waived      boolean     NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX segment_number ON stretch.segment (table_id, number);
COMMENT ON TABLE stretch.segment IS 'One row per live or retired segment: an immutable Parquet object of cold rows';
COMMENT ON COLUMN stretch.segment.abandoned IS 'It was live when its table was disabled without its cold rows, and can be taken up again';
COMMENT ON COLUMN stretch.segment.number IS 'Permanent number in its table, from 0: with a row''s number in the segment it is the row''s identity';
COMMENT ON COLUMN stretch.segment.retired_xid IS 'A transaction, its epoch included, that began after the segment left its table';
COMMENT ON COLUMN stretch.segment.retired_store_time IS 'A moment after that, by the clock of the endpoint';
COMMENT ON COLUMN stretch.segment.retired_connected IS 'For how long the database had been connected by then';
COMMENT ON COLUMN stretch.segment.retention_waived IS 'Restore points from before it left its table were given up';
COMMENT ON COLUMN stretch.segment.backups_waived IS 'So were the named backups that need it';

CREATE TABLE stretch.segment_detail (
    segment_id  uuid  PRIMARY KEY,
    detail      bytea NOT NULL,
    key_filters bytea
);
ALTER TABLE stretch.segment_detail ALTER COLUMN detail SET STORAGE EXTENDED, ALTER COLUMN key_filters SET STORAGE EXTERNAL;
COMMENT ON TABLE stretch.segment_detail IS 'Per segment: Parquet footer, statistics, one checksum per column chunk, and hashes of its unique keys';

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
    dead_rows  bigint  NOT NULL DEFAULT 1,
    bitmap     bytea,
    home       tid,
    PRIMARY KEY (segment_id, row_no),
    CHECK ((row_no = -1) = (bitmap IS NOT NULL)),
    CHECK (home IS NULL OR bitmap IS NULL)
);
COMMENT ON TABLE stretch.tombstone IS 'One row per dead row of a segment, and one (row_no -1) for many: a Roaring bitmap of row numbers';
COMMENT ON COLUMN stretch.tombstone.home IS 'Where an UPDATE put the row''s new version, for statements that meet the old one; it means nothing after a dump';

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

CREATE TABLE stretch.awaited (
    relation oid PRIMARY KEY
);
COMMENT ON TABLE stretch.awaited IS 'Local, never dumped: tables whose rows were loaded by a dump that has not yet brought its catalog';

CREATE UNLOGGED TABLE stretch.moved (
    mover    bigint  NOT NULL,
    relation oid     NOT NULL,
    number   integer NOT NULL,
    places   bytea   NOT NULL,
    emptied  boolean NOT NULL DEFAULT false
);
-- Places of one batch are many and all different: compressing them takes longer than moving their rows is worth.
ALTER TABLE stretch.moved ALTER COLUMN places SET STORAGE EXTERNAL;
CREATE INDEX moved_mover ON stretch.moved (mover);
CREATE INDEX moved_segment ON stretch.moved (relation, number);
COMMENT ON TABLE stretch.moved IS 'Local, never dumped: where the rows of recent batches lie, or lay, for writers that waited for one of them';
COMMENT ON COLUMN stretch.moved.mover IS 'Transaction of the batch';
COMMENT ON COLUMN stretch.moved.number IS 'Number of the segment that it made or emptied';
COMMENT ON COLUMN stretch.moved.places IS 'Six bytes for each row of the segment, in the order of its rows; zeros for one that was dead';
COMMENT ON COLUMN stretch.moved.emptied IS 'The rows went from the segment to the places, and not the other way round';

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
CREATE TABLE stretch.collect_report (
    request_id uuid    NOT NULL,
    ordinal    bigint  NOT NULL,
    object_key text    NOT NULL,
    bytes      bigint  NOT NULL,
    reason     text    NOT NULL,
    deleted    boolean NOT NULL,
    PRIMARY KEY (request_id, ordinal)
);
COMMENT ON TABLE stretch.collect_report IS 'Local, never dumped: results of collect on their way to the caller';

CREATE TABLE stretch.collection (
    one       boolean  PRIMARY KEY DEFAULT true CHECK (one),
    connected interval NOT NULL
);
COMMENT ON TABLE stretch.collection IS 'Local, never dumped: for how long this incarnation of the database has been connected in all';

CREATE TABLE stretch.sighting (
    table_id   uuid        NOT NULL,
    segment_id uuid        NOT NULL,
    store_time timestamptz NOT NULL,
    connected  interval    NOT NULL,
    PRIMARY KEY (table_id, segment_id)
);
COMMENT ON TABLE stretch.sighting IS 'Local, never dumped: when objects were first seen on the endpoint whose segment the catalog does not know';

CREATE TABLE stretch.adopted_branch (
    branch_id  uuid   PRIMARY KEY,
    nonce      uuid   NOT NULL,
    generation bigint,
    store_time timestamptz,
    connected  interval,
    retention  interval
);
COMMENT ON TABLE stretch.adopted_branch IS 'Local, never dumped: branches on which nobody lives and which this database collects; generation is that of its claim, once it is made';

CREATE TABLE stretch.backup_pin (
    branch_id  uuid        NOT NULL,
    label      text        NOT NULL,
    lsn        pg_lsn      NOT NULL,
    pinned_at  timestamptz,
    expires_at timestamptz,
    segments   bigint      NOT NULL,
    PRIMARY KEY (branch_id, label)
);
COMMENT ON TABLE stretch.backup_pin IS 'Local, never dumped: a copy of the backup pins of this branch and of adopted ones, which are on the endpoint';

COMMENT ON TABLE stretch.reconcile_report IS 'Local, never dumped: results of reauthorize and reconcile on their way to the caller';

SELECT pg_catalog.pg_extension_config_dump('stretch.database', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.stretched_table', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.moving_filter', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.abandoned_table', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.partitioned_table', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.manifest', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.segment', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.segment_detail', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.staged_chunk', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.tombstone', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.migration_batch', '');
SELECT pg_catalog.pg_extension_config_dump('stretch.migration_batch_batch_id_seq', '');

GRANT USAGE ON SCHEMA stretch TO PUBLIC;
GRANT SELECT ON stretch.database, stretch.stretched_table, stretch.moving_filter, stretch.abandoned_table, stretch.partitioned_table,
    stretch.manifest, stretch.segment, stretch.segment_detail, stretch.staged_chunk, stretch.tombstone, stretch.migration_batch, stretch.migration_batch_batch_id_seq TO pg_database_owner;

-- ---------------------------------------------------------------------------------------------------------------
-- The access method of stretched tables
-- ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION stretch.table_am_handler(internal) RETURNS table_am_handler
    LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'stretch_table_am_handler';
COMMENT ON FUNCTION stretch.table_am_handler(internal) IS 'Callbacks of the access method stretch';
REVOKE EXECUTE ON FUNCTION stretch.table_am_handler(internal) FROM PUBLIC;
CREATE ACCESS METHOD stretch TYPE TABLE HANDLER stretch.table_am_handler;
COMMENT ON ACCESS METHOD stretch IS 'Heap, with cold rows on an endpoint: stretch.enable_table gives it to a table';

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

CREATE FUNCTION stretch.compact(relation regclass) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_compact_wrapper';
COMMENT ON FUNCTION stretch.compact(regclass) IS
    'Makes few full segments of small ones and leaves dead rows out; returns how many segments were replaced [table owner]';

CREATE FUNCTION stretch.purge_remote(relation regclass, force boolean DEFAULT false) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_purge_remote_wrapper';
COMMENT ON FUNCTION stretch.purge_remote(regclass, boolean) IS
    'Deletes the objects of what left a table without waiting for the retention, so that deleted rows are gone; force breaks backups that need them; returns their bytes [table owner]';

-- Collection [database owner] -----------------------------------------------------------------------------------

CREATE FUNCTION stretch.collect(dry_run boolean DEFAULT true)
    RETURNS TABLE (object_key text, bytes bigint, reason text, deleted boolean)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_collect_wrapper';
COMMENT ON FUNCTION stretch.collect(boolean) IS
    'Lists the objects on the endpoint that no table needs, each with the reason why it stays or goes; dry_run => false marks and deletes what may go';
REVOKE EXECUTE ON FUNCTION stretch.collect(boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.collect(boolean) TO pg_database_owner;

CREATE FUNCTION stretch.drop_branch(branch_id uuid, force boolean DEFAULT false, dry_run boolean DEFAULT true)
    RETURNS TABLE (object_key text, bytes bigint)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_drop_branch_wrapper';
COMMENT ON FUNCTION stretch.drop_branch(uuid, boolean, boolean) IS
    'Lists the objects of another branch that nobody has pinned; dry_run => false gives the branch up, so that they go after its retention';
REVOKE EXECUTE ON FUNCTION stretch.drop_branch(uuid, boolean, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.drop_branch(uuid, boolean, boolean) TO pg_database_owner;

CREATE FUNCTION stretch.purge_quarantine() RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_purge_quarantine_wrapper';
COMMENT ON FUNCTION stretch.purge_quarantine() IS
    'Gives up the objects that are kept because they were made after a restored moment with which the branch was taken over; they go after the retention; returns how many they are';
REVOKE EXECUTE ON FUNCTION stretch.purge_quarantine() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.purge_quarantine() TO pg_database_owner;

CREATE FUNCTION stretch.pin_backup(label text, expires_at timestamptz DEFAULT NULL) RETURNS pg_lsn
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_pin_backup_wrapper';
COMMENT ON FUNCTION stretch.pin_backup(text, timestamptz) IS
    'Keeps on the endpoint whatever is cold now or later, so that a backup made after this can be restored; returns from where on';
REVOKE EXECUTE ON FUNCTION stretch.pin_backup(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.pin_backup(text, timestamptz) TO pg_database_owner;

CREATE FUNCTION stretch.unpin_backup(label text) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_unpin_backup_wrapper';
COMMENT ON FUNCTION stretch.unpin_backup(text) IS 'Gives a backup up; false when there is no such pin';
REVOKE EXECUTE ON FUNCTION stretch.unpin_backup(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.unpin_backup(text) TO pg_database_owner;

-- Tables (table-level: the table's owner, who must own the database too, or a superuser)

CREATE FUNCTION stretch.check_table(relation regclass, filter text DEFAULT NULL)
    RETURNS TABLE(severity text, item text, reason text, hint text, eligible_rows bigint, eligible_bytes bigint)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_check_table_wrapper';
COMMENT ON FUNCTION stretch.check_table(regclass, text) IS
    'Lists every reason why a table cannot be stretched and what the filter would select; changes nothing';

CREATE FUNCTION stretch.enable_table(relation regclass, filter text DEFAULT NULL, migration_state text DEFAULT 'outbound',
        strict boolean DEFAULT false, order_by text DEFAULT NULL, if_not_exists boolean DEFAULT false, adopt boolean DEFAULT false)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_enable_table_wrapper';
COMMENT ON FUNCTION stretch.enable_table(regclass, text, text, boolean, text, boolean, boolean) IS
    'Stretches a table: rows that the filter selects migrate to the endpoint and stay in every query; adopt takes up again the cold rows that disable_table left behind';

CREATE FUNCTION stretch.alter_table(relation regclass, strict boolean DEFAULT NULL, order_by text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_alter_table_wrapper';
COMMENT ON FUNCTION stretch.alter_table(regclass, boolean, text) IS
    'Changes settings of a stretched table; NULL keeps one, an empty order_by removes it';

CREATE FUNCTION stretch.set_migration_state(relation regclass, migration_state text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_set_migration_state_wrapper';
COMMENT ON FUNCTION stretch.set_migration_state(regclass, text) IS
    'Starts (outbound) or stops (paused) the migration of a table, or brings its rows back and makes it an ordinary one (inbound)';

CREATE FUNCTION stretch.set_filter(relation regclass, filter text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_set_filter_wrapper';
COMMENT ON FUNCTION stretch.set_filter(regclass, text) IS
    'Replaces the filter of a stretched table by one that selects at least the same rows';

CREATE FUNCTION stretch.disable_table(relation regclass, leave_remote_data boolean, if_exists boolean DEFAULT false, wait boolean DEFAULT true) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_disable_table_wrapper';
COMMENT ON FUNCTION stretch.disable_table(regclass, boolean, boolean, boolean) IS
    'Makes a stretched table an ordinary one: brings its cold rows back, or leaves them on the endpoint, out of every query';

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

CREATE FUNCTION stretch.disable_database() RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_disable_database_wrapper';
COMMENT ON FUNCTION stretch.disable_database() IS 'Forgets the endpoint; every table must be disabled before, and what is on the endpoint stays there';
REVOKE EXECUTE ON FUNCTION stretch.disable_database() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.disable_database() TO pg_database_owner;

CREATE FUNCTION stretch.reauthorize(credential text, with_copy boolean DEFAULT true, endpoint text DEFAULT NULL)
    RETURNS TABLE (relation regclass, segments bigint, present bigint, refilled bigint, lost bigint, ahead bigint, is_reconciled boolean)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_reauthorize_wrapper';
COMMENT ON FUNCTION stretch.reauthorize(text, boolean, text) IS 'Connects a restored or copied database to its endpoint again and reconciles it: on a branch of its own, or with_copy => false in place of its original';
REVOKE EXECUTE ON FUNCTION stretch.reauthorize(text, boolean, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.reauthorize(text, boolean, text) TO pg_database_owner;

CREATE FUNCTION stretch.reconcile(relation regclass DEFAULT NULL, dry_run boolean DEFAULT false)
    RETURNS TABLE (relation regclass, segments bigint, present bigint, refilled bigint, lost bigint, ahead bigint, is_reconciled boolean)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_reconcile_wrapper';
COMMENT ON FUNCTION stretch.reconcile(regclass, boolean) IS 'Compares the catalog with the endpoint and refills or names what the endpoint cannot serve';

CREATE FUNCTION stretch.deauthorize()
    RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_deauthorize_wrapper';
COMMENT ON FUNCTION stretch.deauthorize() IS 'Disconnects this database from its endpoint by hand; reauthorize connects it again, on a branch of its own';
REVOKE EXECUTE ON FUNCTION stretch.deauthorize() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.deauthorize() TO pg_database_owner;

CREATE FUNCTION stretch.set_query_mode(mode text, force boolean DEFAULT false)
    RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_set_query_mode_wrapper';
COMMENT ON FUNCTION stretch.set_query_mode(text, boolean) IS 'Chooses which rows queries of stretched tables see: LOCAL_AND_REMOTE, LOCAL_ONLY or DISABLED';
REVOKE EXECUTE ON FUNCTION stretch.set_query_mode(text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.set_query_mode(text, boolean) TO pg_database_owner;

CREATE FUNCTION stretch.set_rpo(duration interval)
    RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_set_rpo_wrapper';
COMMENT ON FUNCTION stretch.set_rpo(interval) IS 'How long staged bytes are kept after their upload was verified';
REVOKE EXECUTE ON FUNCTION stretch.set_rpo(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.set_rpo(interval) TO pg_database_owner;

CREATE FUNCTION stretch.rpo()
    RETURNS interval
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_rpo_wrapper';
COMMENT ON FUNCTION stretch.rpo() IS 'How long staged bytes are kept after their upload was verified';
REVOKE EXECUTE ON FUNCTION stretch.rpo() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.rpo() TO pg_database_owner;

CREATE FUNCTION stretch.set_retention(duration interval)
    RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_set_retention_wrapper';
COMMENT ON FUNCTION stretch.set_retention(interval) IS 'How long objects are kept that only restore points need';
REVOKE EXECUTE ON FUNCTION stretch.set_retention(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.set_retention(interval) TO pg_database_owner;

CREATE FUNCTION stretch.retention()
    RETURNS interval
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_retention_wrapper';
COMMENT ON FUNCTION stretch.retention() IS 'How long objects are kept that only restore points need';
REVOKE EXECUTE ON FUNCTION stretch.retention() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.retention() TO pg_database_owner;

CREATE FUNCTION stretch.test_connection(endpoint text DEFAULT NULL, credential text DEFAULT NULL)
    RETURNS TABLE (link_state integer, link_state_desc text, sqlstate text, message text, latency interval)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_test_connection_wrapper';
COMMENT ON FUNCTION stretch.test_connection(text, text) IS 'Reads from this database''s endpoint, or probes another as enable_database does: link_state 0 healthy, 1 unreachable, 2 credential refused, 3 another error';
REVOKE EXECUTE ON FUNCTION stretch.test_connection(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.test_connection(text, text) TO pg_database_owner;

CREATE FUNCTION stretch.check()
    RETURNS TABLE (item text, ok boolean, detail text, hint text)
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_check_wrapper';
COMMENT ON FUNCTION stretch.check() IS 'Checks preload, workers, keys, claim, endpoint and archiving';
REVOKE EXECUTE ON FUNCTION stretch.check() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stretch.check() TO pg_database_owner;

CREATE FUNCTION stretch.status_facts()
    RETURNS TABLE (state text, reason text, since timestamptz, branch_id uuid, generation bigint, last_upload_at timestamptz,
        last_error text, worker_pid integer, credential text, query_mode text, staged_bytes bigint, staged_oldest timestamptz)
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_status_facts_wrapper';
COMMENT ON FUNCTION stretch.status_facts() IS 'What stretch.status reads from shared memory';
-- Whoever may read the view may call it, which it checks itself.

CREATE VIEW stretch.status AS
    SELECT f.state, f.reason, f.since, d.endpoint, f.credential, d.db_id, f.branch_id, f.generation, f.query_mode, d.rpo,
        d.retention, f.staged_bytes, f.staged_oldest, f.last_upload_at, f.last_error, f.worker_pid
    FROM stretch.database d CROSS JOIN stretch.status_facts() f;
COMMENT ON VIEW stretch.status IS 'One row: how this database stands to its endpoint';
COMMENT ON COLUMN stretch.status.state IS 'undecided, waiting, connected or disconnected; standby during recovery';
COMMENT ON COLUMN stretch.status.reason IS 'What decided the state';
COMMENT ON COLUMN stretch.status.since IS 'When the state last changed';
COMMENT ON COLUMN stretch.status.endpoint IS 'Where cold rows go; no secret is in it';
COMMENT ON COLUMN stretch.status.credential IS 'Name of the credential';
COMMENT ON COLUMN stretch.status.db_id IS 'The database, in all its copies';
COMMENT ON COLUMN stretch.status.branch_id IS 'The branch that this incarnation writes to';
COMMENT ON COLUMN stretch.status.generation IS 'Its claim on the branch';
COMMENT ON COLUMN stretch.status.query_mode IS 'Which rows queries see';
COMMENT ON COLUMN stretch.status.rpo IS 'How long staged bytes are kept after their upload was verified';
COMMENT ON COLUMN stretch.status.retention IS 'How long objects are kept that only restore points need';
COMMENT ON COLUMN stretch.status.staged_bytes IS 'Bytes of segments in staging';
COMMENT ON COLUMN stretch.status.staged_oldest IS 'When the oldest staged segment was migrated';
COMMENT ON COLUMN stretch.status.last_upload_at IS 'End of the last upload since the server started';
COMMENT ON COLUMN stretch.status.last_error IS 'Last trouble with the endpoint since the server started';
COMMENT ON COLUMN stretch.status.worker_pid IS 'Process of the worker, if it runs';
GRANT SELECT ON stretch.status TO pg_database_owner, pg_monitor;

-- views of tables and migration -----------------------------------------------------------------------------------
-- A row is shown to who owns the table, to the owner of the database, and to members of pg_monitor. No data values.

CREATE FUNCTION stretch.eligible_rows(relation regclass) RETURNS bigint
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_eligible_rows_wrapper';
COMMENT ON FUNCTION stretch.eligible_rows(regclass) IS 'The planner''s estimate of the rows that are still hot and that the filter selects [table owner]; NULL for others';

CREATE VIEW stretch.tables WITH (security_barrier) AS
SELECT t.relation,
       coalesce(f.rule, t.filter) AS filter,
       lower(t.migration_state) AS migration_state,
       t.strict,
       t.order_by,
       pg_table_size(t.relation) AS hot_bytes,
       greatest(0, pg_relation_size(t.relation)
           - (coalesce(s.n_live_tup, 0) * (28 + coalesce(w.width, 0)) / 0.95)::bigint) AS reclaimable_bytes,
       stretch.eligible_rows(t.relation) AS eligible_rows_estimate,
       m.row_total - coalesce(g.dead, 0) AS cold_rows,
       coalesce(g.bytes, 0)::bigint AS cold_bytes,
       coalesce(g.staged, 0)::bigint AS staged_bytes,
       m.segments,
       t.is_reconciled,
       f.cut
  FROM stretch.stretched_table t
  JOIN stretch.manifest m USING (table_id)
  LEFT JOIN stretch.moving_filter f USING (table_id)
  JOIN pg_class c ON c.oid = t.relation
  LEFT JOIN pg_stat_all_tables s ON s.relid = t.relation
  LEFT JOIN LATERAL (SELECT sum(a.stawidth) AS width FROM pg_statistic a WHERE a.starelid = t.relation AND NOT a.stainherit) w ON true
  LEFT JOIN LATERAL (
       SELECT sum(x.byte_size) AS bytes, sum(x.byte_size) FILTER (WHERE x.staged) AS staged,
              sum((SELECT sum(d.dead_rows) FROM stretch.tombstone d WHERE d.segment_id = x.segment_id))::bigint AS dead
         FROM stretch.segment x WHERE x.table_id = t.table_id AND NOT x.retired) g ON true
 WHERE pg_has_role(c.relowner, 'USAGE') OR pg_has_role('pg_database_owner', 'USAGE') OR pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW stretch.tables IS 'One row per stretched table';
COMMENT ON COLUMN stretch.tables.relation IS 'The table';
COMMENT ON COLUMN stretch.tables.filter IS 'Which rows are cold; NULL: every row';
COMMENT ON COLUMN stretch.tables.migration_state IS 'outbound, paused or inbound';
COMMENT ON COLUMN stretch.tables.strict IS 'Migration waits for writers first';
COMMENT ON COLUMN stretch.tables.order_by IS 'Order of rows inside segments';
COMMENT ON COLUMN stretch.tables.hot_bytes IS 'Size of the heap with its TOAST table on disk';
COMMENT ON COLUMN stretch.tables.reclaimable_bytes IS 'Estimate of what VACUUM FULL would give back; needs ANALYZE';
COMMENT ON COLUMN stretch.tables.eligible_rows_estimate IS 'Estimate of hot rows that the filter selects';
COMMENT ON COLUMN stretch.tables.cold_rows IS 'Rows in live segments without tombstone';
COMMENT ON COLUMN stretch.tables.cold_bytes IS 'Size of the live segments';
COMMENT ON COLUMN stretch.tables.staged_bytes IS 'Part of cold_bytes that is still staged in this database';
COMMENT ON COLUMN stretch.tables.segments IS 'Number of live segments';
COMMENT ON COLUMN stretch.tables.is_reconciled IS 'False while segments are lost or wait for a refill after a restore';
COMMENT ON COLUMN stretch.tables.cut IS 'The moment as of which a filter that names the present holds; NULL for other filters';

CREATE VIEW stretch.segments WITH (security_barrier) AS
SELECT x.segment_id,
       t.relation,
       x.row_count AS rows,
       x.row_count - (SELECT coalesce(sum(d.dead_rows), 0) FROM stretch.tombstone d WHERE d.segment_id = x.segment_id)::bigint AS live_rows,
       x.byte_size AS bytes,
       x.object_key,
       split_part(x.object_key, '/', 2)::uuid AS branch_id,
       x.migrated_at,
       x.uploaded_at,
       x.retired_at,
       CASE WHEN x.retired THEN 'retired' WHEN x.lost THEN 'lost' WHEN x.object_key IS NULL THEN 'staged'
            WHEN x.staged THEN 'uploaded' ELSE 'remote' END AS state
  FROM stretch.segment x
  LEFT JOIN stretch.stretched_table t USING (table_id)
  LEFT JOIN pg_class c ON c.oid = t.relation
 WHERE pg_has_role(c.relowner, 'USAGE') OR pg_has_role('pg_database_owner', 'USAGE') OR pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW stretch.segments IS 'One row per segment, retired ones included';
COMMENT ON COLUMN stretch.segments.segment_id IS 'The segment';
COMMENT ON COLUMN stretch.segments.relation IS 'Its table; NULL when the table was dropped';
COMMENT ON COLUMN stretch.segments.rows IS 'Rows in the object, dead ones included';
COMMENT ON COLUMN stretch.segments.live_rows IS 'Rows without tombstone';
COMMENT ON COLUMN stretch.segments.bytes IS 'Size of the object';
COMMENT ON COLUMN stretch.segments.object_key IS 'Name on the endpoint; NULL until it is uploaded';
COMMENT ON COLUMN stretch.segments.branch_id IS 'Branch that holds the object';
COMMENT ON COLUMN stretch.segments.migrated_at IS 'When its rows went cold';
COMMENT ON COLUMN stretch.segments.uploaded_at IS 'When the upload was read back and recorded';
COMMENT ON COLUMN stretch.segments.retired_at IS 'When its retirement was stamped';
COMMENT ON COLUMN stretch.segments.state IS 'staged, uploaded (and still staged), remote, lost or retired';

CREATE VIEW stretch.backup_pins WITH (security_barrier) AS
SELECT label, lsn, pinned_at, expires_at, segments, branch_id
  FROM stretch.backup_pin
 WHERE pg_has_role('pg_database_owner', 'USAGE') OR pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW stretch.backup_pins IS 'Backups whose cold rows are kept on the endpoint: since which position, until when, and how many segments were live then';
COMMENT ON COLUMN stretch.backup_pins.label IS 'Name of the backup';
COMMENT ON COLUMN stretch.backup_pins.lsn IS 'Whatever was live at this position or later is kept';
COMMENT ON COLUMN stretch.backup_pins.pinned_at IS 'When it was pinned; unknown where the pin was found on the endpoint';
COMMENT ON COLUMN stretch.backup_pins.expires_at IS 'When it ends by itself; never if empty';
COMMENT ON COLUMN stretch.backup_pins.segments IS 'Segments that the pin lists';
COMMENT ON COLUMN stretch.backup_pins.branch_id IS 'Branch on which it was pinned: that of this database, or one that it collects since drop_branch';

CREATE FUNCTION stretch.branch_facts()
    RETURNS TABLE (branch_id uuid, parent uuid, created_by text, generation bigint, pinned_objects bigint, last_heartbeat timestamptz,
        retention_seconds double precision)
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_branch_facts_wrapper';
COMMENT ON FUNCTION stretch.branch_facts() IS 'What stretch.branches reads from the endpoint';
-- Whoever may read the view may call it, which it checks itself.

CREATE VIEW stretch.branches AS
SELECT f.branch_id,
       f.parent,
       f.created_by,
       f.generation,
       f.pinned_objects,
       coalesce(f.branch_id = b.branch_id, false) AS ours,
       f.last_heartbeat,
       justify_hours(make_interval(secs => f.retention_seconds)) AS retention,
       EXISTS (SELECT FROM stretch.adopted_branch a WHERE a.branch_id = f.branch_id) AS given_up
  FROM stretch.branch_facts() f LEFT JOIN stretch.binding b ON true;
COMMENT ON VIEW stretch.branches IS 'One row per branch of this database on its endpoint, read from there; an error while the endpoint may not be read';
COMMENT ON COLUMN stretch.branches.branch_id IS 'The branch';
COMMENT ON COLUMN stretch.branches.parent IS 'The branch from which it was made; NULL for the first';
COMMENT ON COLUMN stretch.branches.created_by IS 'Who made it, and when; NULL while it is being made';
COMMENT ON COLUMN stretch.branches.generation IS 'Its highest claim';
COMMENT ON COLUMN stretch.branches.pinned_objects IS 'How many of its objects other branches or backups have pinned';
COMMENT ON COLUMN stretch.branches.ours IS 'Whether it is the branch of this database';
COMMENT ON COLUMN stretch.branches.last_heartbeat IS 'When its owner last told that he lives, by the clock of the endpoint';
COMMENT ON COLUMN stretch.branches.retention IS 'The retention that its owner promised last';
COMMENT ON COLUMN stretch.branches.given_up IS 'Whether this database has given it up with drop_branch';
GRANT SELECT ON stretch.branches TO pg_database_owner, pg_monitor;

CREATE VIEW stretch.migration_status WITH (security_barrier) AS
SELECT t.relation, b.row_count AS rows, b.start_time, b.end_time, b.sqlstate, b.message, b.direction
  FROM stretch.migration_batch b
  LEFT JOIN stretch.stretched_table t USING (table_id)
  LEFT JOIN pg_class c ON c.oid = t.relation
 WHERE pg_has_role(c.relowner, 'USAGE') OR pg_has_role('pg_database_owner', 'USAGE') OR pg_has_role('pg_monitor', 'USAGE')
 ORDER BY b.batch_id DESC;
COMMENT ON VIEW stretch.migration_status IS 'Batches and uploads of the last days, newest first';
COMMENT ON COLUMN stretch.migration_status.relation IS 'The table; NULL when it was dropped';
COMMENT ON COLUMN stretch.migration_status.rows IS 'Rows of the batch; 0 for an upload';
COMMENT ON COLUMN stretch.migration_status.start_time IS 'When it began';
COMMENT ON COLUMN stretch.migration_status.end_time IS 'When it ended';
COMMENT ON COLUMN stretch.migration_status.sqlstate IS 'Error code; NULL for success';
COMMENT ON COLUMN stretch.migration_status.message IS 'Error message; NULL for success';
COMMENT ON COLUMN stretch.migration_status.direction IS 'OUTBOUND or UPLOAD';

CREATE FUNCTION stretch.progress_facts()
    RETURNS TABLE (pid integer, relation regclass, phase text, done bigint, total bigint, started timestamptz, done_before bigint)
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_progress_facts_wrapper';
COMMENT ON FUNCTION stretch.progress_facts() IS 'What stretch.progress reads from shared memory [any]';

CREATE VIEW stretch.progress WITH (security_barrier) AS
SELECT f.pid, f.relation, f.phase, f.done, f.total,
       ((f.done - f.done_before) / nullif(extract(epoch FROM clock_timestamp() - f.started), 0))::bigint AS rows_per_second
  FROM stretch.progress_facts() f
  JOIN pg_class c ON c.oid = f.relation
 WHERE pg_has_role(c.relowner, 'USAGE') OR pg_has_role('pg_database_owner', 'USAGE') OR pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW stretch.progress IS 'What the worker of this database is doing to a table now; no row when it rests';
COMMENT ON COLUMN stretch.progress.pid IS 'Process of the worker';
COMMENT ON COLUMN stretch.progress.relation IS 'The table';
COMMENT ON COLUMN stretch.progress.phase IS 'What is done to it: bringing back, compacting';
COMMENT ON COLUMN stretch.progress.done IS 'Rows so far';
COMMENT ON COLUMN stretch.progress.total IS 'Rows in all, as far as is known';
COMMENT ON COLUMN stretch.progress.rows_per_second IS 'Rows a second since it began';

CREATE VIEW stretch.space_used WITH (security_barrier) AS
SELECT t.relation,
       pg_table_size(t.relation) AS hot_bytes,
       pg_indexes_size(t.relation) AS index_bytes,
       coalesce(sum(x.byte_size) FILTER (WHERE x.staged), 0)::bigint AS staged_bytes,
       coalesce(sum(x.byte_size) FILTER (WHERE x.object_key IS NOT NULL), 0)::bigint AS remote_bytes
  FROM stretch.stretched_table t
  JOIN pg_class c ON c.oid = t.relation
  LEFT JOIN stretch.segment x ON x.table_id = t.table_id AND NOT x.retired
 WHERE pg_has_role(c.relowner, 'USAGE') OR pg_has_role('pg_database_owner', 'USAGE') OR pg_has_role('pg_monitor', 'USAGE')
 GROUP BY t.relation;
COMMENT ON VIEW stretch.space_used IS 'Local and remote space per stretched table';
COMMENT ON COLUMN stretch.space_used.relation IS 'The table';
COMMENT ON COLUMN stretch.space_used.hot_bytes IS 'Heap and TOAST on disk';
COMMENT ON COLUMN stretch.space_used.index_bytes IS 'Indexes on disk';
COMMENT ON COLUMN stretch.space_used.staged_bytes IS 'Segments staged in this database';
COMMENT ON COLUMN stretch.space_used.remote_bytes IS 'Live segments on the endpoint';

GRANT SELECT ON stretch.tables, stretch.segments, stretch.backup_pins, stretch.migration_status, stretch.space_used TO PUBLIC;

-- Verification [table owner; all tables: database owner] --------------------------------------------------------

CREATE FUNCTION stretch.verify(relation regclass DEFAULT NULL)
    RETURNS TABLE (relation regclass, segments bigint, bytes_read bigint, missing bigint, corrupt bigint, first_bad uuid, detail text,
        unreadable bigint)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'stretch_verify_wrapper';
COMMENT ON FUNCTION stretch.verify(regclass) IS 'Reads every live segment in full and compares it with the catalog; without an argument, those of all tables';
