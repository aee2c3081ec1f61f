//! End-to-end tests against a real PostgreSQL: one binary, a module per topic in `tests/e2e/`.

#[path = "e2e/adopt.rs"]
mod adopt;
#[path = "e2e/aggregates.rs"]
mod aggregates;
#[path = "e2e/azure.rs"]
mod azure;
#[path = "e2e/backup_page.rs"]
mod backup_page;
#[path = "e2e/bring_back.rs"]
mod bring_back;
#[path = "e2e/catalog.rs"]
mod catalog;
#[path = "e2e/cold_pages.rs"]
mod cold_pages;
#[path = "e2e/cold_reads.rs"]
mod cold_reads;
#[path = "e2e/cold_writes.rs"]
mod cold_writes;
#[path = "e2e/collection.rs"]
mod collection;
#[path = "e2e/compaction.rs"]
mod compaction;
#[path = "e2e/compatibility.rs"]
mod compatibility;
#[path = "e2e/content.rs"]
mod content;
#[path = "e2e/credentials.rs"]
mod credentials;
#[path = "e2e/ddl.rs"]
mod ddl;
#[path = "e2e/demo.rs"]
mod demo;
#[path = "e2e/differential.rs"]
mod differential;
#[path = "e2e/disable.rs"]
mod disable;
#[path = "e2e/dumps.rs"]
mod dumps;
#[path = "e2e/encodings.rs"]
mod encodings;
#[path = "e2e/estimates.rs"]
mod estimates;
#[path = "e2e/family.rs"]
mod family;
#[path = "e2e/guard_types.rs"]
mod guard_types;
#[path = "e2e/guards.rs"]
mod guards;
#[path = "e2e/hints.rs"]
mod hints;
#[path = "e2e/history.rs"]
mod history;
#[path = "e2e/identity.rs"]
mod identity;
#[path = "e2e/isolation.rs"]
mod isolation;
#[path = "e2e/keys.rs"]
mod keys;
#[path = "e2e/kills.rs"]
mod kills;
#[path = "e2e/kit.rs"]
mod kit;
#[path = "e2e/limits.rs"]
mod limits;
#[path = "e2e/lock_matrix.rs"]
mod lock_matrix;
#[path = "e2e/meetings.rs"]
mod meetings;
#[path = "e2e/migration.rs"]
mod migration;
#[path = "e2e/migration_histories.rs"]
mod migration_histories;
#[path = "e2e/moving_filters.rs"]
mod moving_filters;
#[path = "e2e/neighbours.rs"]
mod neighbours;
#[path = "e2e/object_mappers.rs"]
mod object_mappers;
#[path = "e2e/one_table_keys.rs"]
mod one_table_keys;
#[path = "e2e/one_table_reads.rs"]
mod one_table_reads;
#[path = "e2e/one_table_rows.rs"]
mod one_table_rows;
#[path = "e2e/one_table_statements.rs"]
mod one_table_statements;
#[path = "e2e/one_table_utility.rs"]
mod one_table_utility;
#[path = "e2e/operation.rs"]
mod operation;
#[path = "e2e/pitr.rs"]
mod pitr;
#[path = "e2e/pitr_load.rs"]
mod pitr_load;
#[path = "e2e/predicates.rs"]
mod predicates;
#[path = "e2e/reconcile.rs"]
mod reconcile;
#[path = "e2e/redaction.rs"]
mod redaction;
#[path = "e2e/replication.rs"]
mod replication;
#[path = "e2e/rights.rs"]
mod rights;
#[path = "e2e/rights_attacks.rs"]
mod rights_attacks;
#[path = "e2e/s3.rs"]
mod s3;
#[path = "e2e/schemas.rs"]
mod schemas;
#[path = "e2e/secrets.rs"]
mod secrets;
#[path = "e2e/seed.rs"]
mod seed;
#[path = "e2e/segment_cache.rs"]
mod segment_cache;
#[path = "e2e/serializable.rs"]
mod serializable;
#[path = "e2e/sizes.rs"]
mod sizes;
#[path = "e2e/smoke.rs"]
mod smoke;
#[path = "e2e/standby.rs"]
mod standby;
#[path = "e2e/store_story.rs"]
mod store_story;
#[path = "e2e/stores.rs"]
mod stores;
#[path = "e2e/tables.rs"]
mod tables;
#[path = "e2e/tls.rs"]
mod tls;
#[path = "e2e/trouble.rs"]
mod trouble;
#[path = "e2e/tsql.rs"]
mod tsql;
#[path = "e2e/twins.rs"]
mod twins;
#[path = "e2e/unseen.rs"]
mod unseen;
