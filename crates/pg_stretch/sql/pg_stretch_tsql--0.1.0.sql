-- The T-SQL side of pg_stretch: the language tsql, filter functions, and the procedures sys.sp_rda_*.
\echo Use "CREATE EXTENSION pg_stretch_tsql" to load this file. \quit

CREATE SCHEMA sys;
COMMENT ON SCHEMA sys IS 'Procedures of SQL Server''s Stretch Database, on top of the functions of schema stretch';
GRANT USAGE ON SCHEMA sys TO PUBLIC;

-- ---------------------------------------------------------------------------------------------------------------
-- The language: trusted, because each statement is the function that it maps to, called with its caller's rights.
-- The handler has no SET clause, because it commits between statements.
-- ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION sys.tsql_call_handler() RETURNS language_handler
    LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'stretch_tsql_call_handler';
CREATE FUNCTION sys.tsql_inline_handler(internal) RETURNS void
    LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'stretch_tsql_inline_handler';
CREATE FUNCTION sys.tsql_validator(oid) RETURNS void
    LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'stretch_tsql_validator';
COMMENT ON FUNCTION sys.tsql_call_handler() IS 'Refuses functions in the language tsql, which has DO blocks only';
COMMENT ON FUNCTION sys.tsql_inline_handler(internal) IS 'Runs DO LANGUAGE tsql';
COMMENT ON FUNCTION sys.tsql_validator(oid) IS 'Refuses functions in the language tsql, which has DO blocks only';
CREATE TRUSTED LANGUAGE tsql
    HANDLER sys.tsql_call_handler INLINE sys.tsql_inline_handler VALIDATOR sys.tsql_validator;
COMMENT ON LANGUAGE tsql IS 'The Stretch statements of T-SQL';

-- ---------------------------------------------------------------------------------------------------------------
-- Filter functions, kept as written until ALTER TABLE makes a filter of one
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE sys.filter_function (
    name   text PRIMARY KEY,
    source text NOT NULL
);
COMMENT ON TABLE sys.filter_function IS
    'Filter functions made by CREATE FUNCTION of T-SQL; a filter is copied when it is bound, so a row can be deleted';
SELECT pg_catalog.pg_extension_config_dump('sys.filter_function', '');
GRANT SELECT, DELETE ON sys.filter_function TO pg_database_owner;

-- ---------------------------------------------------------------------------------------------------------------
-- Procedures, with SQL Server's parameter names; the return code comes back as the last parameter (0: done).
-- Each runs with its caller's rights; the functions check them.
-- ---------------------------------------------------------------------------------------------------------------

CREATE PROCEDURE sys.sp_rda_reauthorize_db(credential text, with_copy boolean DEFAULT true,
        azure_servername text DEFAULT NULL, azure_databasename text DEFAULT NULL, INOUT return_code integer DEFAULT NULL)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF credential IS NULL THEN
        RAISE EXCEPTION 'credential must not be null' USING ERRCODE = '22023', DETAIL = 'Microsoft error number 14860.';
    END IF;
    IF azure_databasename IS NOT NULL
        AND NOT EXISTS (SELECT FROM stretch.database d WHERE d.db_id::text = lower(azure_databasename)) THEN
        RAISE EXCEPTION 'azure_databasename is not the db_id of this database' USING ERRCODE = '22023',
            HINT = 'Leave it out, or give db_id of stretch.status.', DETAIL = 'Microsoft error number 14906.';
    END IF;
    PERFORM stretch.reauthorize(credential, with_copy, azure_servername);
    return_code := 0;
END $$;
COMMENT ON PROCEDURE sys.sp_rda_reauthorize_db(text, boolean, text, text, integer) IS
    'Reconnects a restored database: stretch.reauthorize';

CREATE PROCEDURE sys.sp_rda_deauthorize_db(INOUT return_code integer DEFAULT NULL)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM stretch.deauthorize();
    return_code := 0;
END $$;
COMMENT ON PROCEDURE sys.sp_rda_deauthorize_db(integer) IS 'Cuts the connection to the endpoint: stretch.deauthorize';

CREATE PROCEDURE sys.sp_rda_set_rpo_duration(duration_hrs integer, INOUT return_code integer DEFAULT NULL)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF duration_hrs IS NULL OR duration_hrs < 8 THEN
        RAISE EXCEPTION 'the RPO duration must be at least 8 hours' USING ERRCODE = '22023',
            DETAIL = 'Microsoft error number 14899.',
            HINT = 'SQL Server''s minimum holds in this procedure only; stretch.set_rpo takes any interval.';
    END IF;
    PERFORM stretch.set_rpo(make_interval(hours => duration_hrs));
    return_code := 0;
END $$;
COMMENT ON PROCEDURE sys.sp_rda_set_rpo_duration(integer, integer) IS 'Sets the RPO in hours, 8 at least: stretch.set_rpo';

CREATE PROCEDURE sys.sp_rda_get_rpo_duration(INOUT durationinhours integer DEFAULT NULL, INOUT return_code integer DEFAULT NULL)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    durationinhours := ceil(date_part('epoch', stretch.rpo()) / 3600)::integer;
    return_code := 0;
END $$;
COMMENT ON PROCEDURE sys.sp_rda_get_rpo_duration(integer, integer) IS 'Gives the RPO in hours, rounded up: stretch.rpo';

CREATE PROCEDURE sys.sp_rda_set_query_mode(mode text, force boolean DEFAULT false, INOUT return_code integer DEFAULT NULL)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM stretch.set_query_mode(mode, force);
    return_code := 0;
END $$;
COMMENT ON PROCEDURE sys.sp_rda_set_query_mode(text, boolean, integer) IS
    'Chooses what queries see, DISABLED, LOCAL_ONLY or LOCAL_AND_REMOTE: stretch.set_query_mode';

CREATE PROCEDURE sys.sp_rda_test_connection(database_name text DEFAULT NULL, server_address text DEFAULT NULL,
        azure_username text DEFAULT NULL, azure_password text DEFAULT NULL, credential_name text DEFAULT NULL,
        INOUT link_state integer DEFAULT NULL, INOUT link_state_desc text DEFAULT NULL, INOUT error_message text DEFAULT NULL)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF database_name <> current_database() THEN
        RAISE EXCEPTION 'the connection of another database cannot be tested from here' USING ERRCODE = '0A000',
            HINT = 'Connect to that database.';
    END IF;
    IF azure_username IS NOT NULL OR azure_password IS NOT NULL THEN
        RAISE EXCEPTION 'user and password are not supported here' USING ERRCODE = '0A000',
            HINT = 'Store them by CREATE DATABASE SCOPED CREDENTIAL and give credential_name.',
            DETAIL = 'Microsoft error number 14857.';
    END IF;
    SELECT t.link_state, t.link_state_desc, t.message INTO link_state, link_state_desc, error_message
        FROM stretch.test_connection(server_address, credential_name) t;
END $$;
COMMENT ON PROCEDURE sys.sp_rda_test_connection(text, text, text, text, text, integer, text, text) IS
    'Tests the connection to the endpoint; the state comes back: stretch.test_connection';

CREATE PROCEDURE sys.sp_rda_reconcile_batch(objname regclass, INOUT return_code integer DEFAULT NULL)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM stretch.reconcile(objname);
    return_code := 0;
END $$;
COMMENT ON PROCEDURE sys.sp_rda_reconcile_batch(regclass, integer) IS
    'Compares the segments of a table with the endpoint and repairs what is missing: stretch.reconcile';
