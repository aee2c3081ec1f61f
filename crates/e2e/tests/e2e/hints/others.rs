//! Hints of `check_table`, and those that other tests carry out.

/// Situations in which a table `x` cannot be stretched: what makes it, part of the reason, and statements where the
/// hint is none.
pub const REFUSALS: [(&str, &str, &str); 12] = [
    (
        "CREATE TABLE x (id int) PARTITION BY RANGE (id); CREATE UNLOGGED TABLE x1 PARTITION OF x DEFAULT",
        "partition s.x1: it is an unlogged table",
        "",
    ),
    (
        "CREATE TABLE x (id int) PARTITION BY RANGE (id); CREATE TABLE x1 PARTITION OF x DEFAULT; \
         CREATE PUBLICATION pub FOR TABLE x",
        "publishes its deletes",
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
        "CREATE TABLE x (id int); CREATE PUBLICATION pub FOR TABLE x",
        "publishes its deletes",
        "",
    ),
    (
        "CREATE TABLE x (id int); CREATE PUBLICATION pub FOR TABLES IN SCHEMA s",
        "publishes its deletes",
        "",
    ),
    (
        "CREATE TABLE x (id int, EXCLUDE USING gist (int4range(id, id + 1) WITH &&))",
        "the exclusion constraint",
        "",
    ),
    (
        "CREATE TABLE x (id int); CREATE TRIGGER repack_trigger AFTER UPDATE ON x FOR EACH ROW \
         EXECUTE FUNCTION nothing()",
        "pg_repack is at work",
        "DROP TRIGGER repack_trigger ON x",
    ),
    (
        "CREATE TABLE x (id int); CREATE TRIGGER a AFTER UPDATE ON x FOR EACH ROW EXECUTE FUNCTION nothing(); \
         ALTER TABLE x ENABLE ALWAYS TRIGGER a",
        "is ENABLE ALWAYS",
        "",
    ),
    (
        "CREATE TABLE x (id int); CREATE RULE r AS ON INSERT TO x DO ALSO NOTHING",
        "could redirect rows",
        "",
    ),
];

/// Hints of other kinds with the test that carries them out, and those after which nobody can run a statement.
pub const ELSEWHERE: [(&str, &str); 49] = [
    (
        "Copy the service key file of the primary to this server",
        "identity/marker::a_standby_needs_the_key_of_its_primary",
    ),
    (
        "Wait until the recovery has ended",
        "standby::a_recovery_that_pauses_reads_nothing_remote",
    ),
    (
        "GRANT SELECT ON stretch.branches, or grant membership in pg_monitor",
        "collection/branches::branches_are_shown_with_their_parents",
    ),
    (
        "Use with_copy => true, which makes a branch",
        "collection/take_over::a_branch_without_claims_cannot_be_taken_over",
    ),
    (
        "Give the backups up with stretch.unpin_backup, or break them",
        "collection/purge::a_backup_refuses_a_purge_and_is_broken_by_force",
    ),
    (
        "Choose another label, or give the other backup up",
        "collection/holds::backups_hold_from_where_they_began",
    ),
    (
        "Run stretch.reconcile(), which names them",
        "collection::a_listing_that_lacks_what_is_needed_stops_everything",
    ),
    (
        "Drop that database first, or disconnect it for good",
        "collection::branches_that_were_given_up_are_collected",
    ),
    (
        "Leave out adopt => true",
        "adopt::columns_that_do_not_fit_are_a_refusal",
    ),
    (
        "Commit it, then enable the table",
        "adopt::there_must_be_something_to_adopt",
    ),
    (
        "Drop the index, then enable the table again",
        "adopt::keys_that_came_meanwhile_are_in_the_way",
    ),
    (
        "Each partition takes up its own",
        "adopt::a_partition_takes_up_what_belongs_there",
    ),
    (
        "Leave FILTER_PREDICATE out where MIGRATION_STATE is INBOUND",
        "tsql::tsql_brings_rows_back",
    ),
    (
        "Wait until they are back and stretch the table anew, or pause it",
        "tsql::tsql_brings_rows_back",
    ),
    (
        "Run stretch.disable_table again, which goes on",
        "bring_back::whoever_waits_is_told_when_it_stops",
    ),
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
    ("Restore the catalog (schema stretch) from", "damage of the catalog"),
    (
        "Restore the rest of the dump. If these",
        "dumps::all_rows_of_one_table_can_be_restored",
    ),
    (
        "Give the table the index before it is",
        "ddl/keys::a_new_key_is_compared_with_all_rows",
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
