//! The error definitions themselves: one constant per code, in the order of the codes.

use super::ErrorDef;

/// `ST001`: the database is disconnected from its endpoint: it was restored, copied, fenced or moved.
pub const DISCONNECTED: ErrorDef = ErrorDef {
    name: "DISCONNECTED",
    sqlstate: "ST001",
    microsoft: Some(14842),
    message: "the database is disconnected from its endpoint: it was restored, copied, fenced or moved",
    hint: "run stretch.create_master_key, stretch.create_credential and stretch.reauthorize; \
        stretch.status names the reason",
};

/// `ST002`: the table is not reconciled: part of its cold rows is not proven to be on the endpoint.
pub const NOT_RECONCILED: ErrorDef = ErrorDef {
    name: "NOT_RECONCILED",
    sqlstate: "ST002",
    microsoft: Some(14852),
    message: "the table is not reconciled: part of its cold rows is not proven to be on the endpoint",
    hint: "wait until the worker has refilled it, or run stretch.reconcile and see what it names as lost",
};

/// `ST003`: a segment that the query needs is neither staged nor on the endpoint.
pub const SEGMENT_LOST: ErrorDef = ErrorDef {
    name: "SEGMENT_LOST",
    sqlstate: "ST003",
    microsoft: Some(14877),
    message: "a segment that the query needs is neither staged nor on the endpoint",
    hint: "restore the object to the endpoint and run stretch.reconcile; the detail says which rows are concerned",
};

/// `ST004`: stored bytes differ from the checksum in the catalog.
pub const CHECKSUM_MISMATCH: ErrorDef = ErrorDef {
    name: "CHECKSUM_MISMATCH",
    sqlstate: "ST004",
    microsoft: None,
    message: "stored bytes differ from the checksum in the catalog",
    hint: "run stretch.verify, restore the object from a copy of the endpoint, then run stretch.reconcile",
};

/// `ST005`: the endpoint does not answer.
pub const ENDPOINT_UNREACHABLE: ErrorDef = ErrorDef {
    name: "ENDPOINT_UNREACHABLE",
    sqlstate: "ST005",
    microsoft: Some(14827),
    message: "the endpoint does not answer",
    hint: "check the network and the endpoint with stretch.test_connection; hot rows stay usable meanwhile",
};

/// `ST006`: the endpoint refused the credential.
pub const ENDPOINT_REFUSED: ErrorDef = ErrorDef {
    name: "ENDPOINT_REFUSED",
    sqlstate: "ST006",
    microsoft: Some(14807),
    message: "the endpoint refused the credential",
    hint: "check identity, secret and permissions, then use stretch.alter_credential",
};

/// `ST007`: the endpoint belongs to another database.
pub const WRONG_ENDPOINT: ErrorDef = ErrorDef {
    name: "WRONG_ENDPOINT",
    sqlstate: "ST007",
    microsoft: None,
    message: "the endpoint belongs to another database",
    hint: "name the endpoint and prefix that this database was enabled with",
};

/// `ST008`: the database is already connected.
pub const ALREADY_CONNECTED: ErrorDef = ErrorDef {
    name: "ALREADY_CONNECTED",
    sqlstate: "ST008",
    microsoft: Some(14847),
    message: "the database is already connected",
    hint: "nothing needs to be done; stretch.deauthorize disconnects it first if that is what you want",
};

/// `ST009`: the database is not enabled for stretch.
pub const DATABASE_NOT_ENABLED: ErrorDef = ErrorDef {
    name: "DATABASE_NOT_ENABLED",
    sqlstate: "ST009",
    microsoft: Some(14803),
    message: "the database is not enabled for stretch",
    hint: "run stretch.enable_database first",
};

/// `ST010`: the table is not stretched.
pub const TABLE_NOT_ENABLED: ErrorDef = ErrorDef {
    name: "TABLE_NOT_ENABLED",
    sqlstate: "ST010",
    microsoft: Some(14821),
    message: "the table is not stretched",
    hint: "run stretch.enable_table first",
};

/// `ST011`: the table cannot be stretched.
pub const TABLE_UNFIT: ErrorDef = ErrorDef {
    name: "TABLE_UNFIT",
    sqlstate: "ST011",
    microsoft: Some(14812),
    message: "the table cannot be stretched",
    hint: "stretch.check_table lists all reasons and what to do about each",
};

/// `ST012`: the filter is not usable.
pub const FILTER_UNFIT: ErrorDef = ErrorDef {
    name: "FILTER_UNFIT",
    sqlstate: "ST012",
    microsoft: Some(14853),
    message: "the filter is not usable",
    hint: "use only columns of the table, constants and immutable operators, functions and types of pg_catalog",
};

/// `ST013`: the new filter does not select everything that the old one selects.
pub const FILTER_NOT_LOOSER: ErrorDef = ErrorDef {
    name: "FILTER_NOT_LOOSER",
    sqlstate: "ST013",
    microsoft: Some(14841),
    message: "the new filter does not select everything that the old one selects",
    hint: "give a filter that selects at least what the old one selects",
};

/// `ST014`: the drain ended before all eligible rows were cold.
pub const DRAIN_INCOMPLETE: ErrorDef = ErrorDef {
    name: "DRAIN_INCOMPLETE",
    sqlstate: "ST014",
    microsoft: None,
    message: "the drain ended before all eligible rows were cold",
    hint: "see stretch.migration_status for the reason, then run stretch.drain again",
};

/// `ST015`: the statement meets a cold row and cannot treat it exactly.
pub const COLD_ROWS_REFUSED: ErrorDef = ErrorDef {
    name: "COLD_ROWS_REFUSED",
    sqlstate: "ST015",
    microsoft: Some(14826),
    message: "the statement meets a cold row and cannot treat it exactly",
    hint: "update the row first, which makes it hot, then run the statement in the same transaction",
};

/// `ST016`: the master key cannot be opened on this server.
pub const MASTER_KEY_NOT_OPEN: ErrorDef = ErrorDef {
    name: "MASTER_KEY_NOT_OPEN",
    sqlstate: "ST016",
    microsoft: None,
    message: "the master key cannot be opened on this server",
    hint: "run stretch.open_master_key with its password; after a restore stretch.create_master_key makes a new one",
};

/// `ST017`: the store does not keep a promise that stretch relies on.
pub const STORE_BREAKS_PROMISE: ErrorDef = ErrorDef {
    name: "STORE_BREAKS_PROMISE",
    sqlstate: "ST017",
    microsoft: None,
    message: "the store does not keep a promise that stretch relies on",
    hint: "use a store with create-if-absent, read-after-write and consistent listing",
};

/// `ST018`: the data was written by a newer version of pg_stretch.
pub const NEWER_FORMAT: ErrorDef = ErrorDef {
    name: "NEWER_FORMAT",
    sqlstate: "ST018",
    microsoft: None,
    message: "the data was written by a newer version of pg_stretch",
    hint: "install that version or a later one",
};

/// `ST019`: staging has reached a limit.
pub const STAGING_FULL: ErrorDef = ErrorDef {
    name: "STAGING_FULL",
    sqlstate: "ST019",
    microsoft: None,
    message: "staging has reached a limit",
    hint: "let the uploads catch up, or raise stretch.max_staged_bytes",
};

/// `ST020`: queries of stretched tables are disabled in this database.
pub const QUERY_MODE_DISABLED: ErrorDef = ErrorDef {
    name: "QUERY_MODE_DISABLED",
    sqlstate: "ST020",
    microsoft: Some(14830),
    message: "queries of stretched tables are disabled in this database",
    hint: "run stretch.set_query_mode('LOCAL_AND_REMOTE')",
};

/// `0A000`: this is not supported on a stretched table.
pub const UNSUPPORTED: ErrorDef = ErrorDef {
    name: "UNSUPPORTED",
    sqlstate: "0A000",
    microsoft: Some(14823),
    message: "this is not supported on a stretched table",
    hint: "the message names the way out",
};

/// `22023`: an argument has a value that is not accepted.
pub const BAD_ARGUMENT: ErrorDef = ErrorDef {
    name: "BAD_ARGUMENT",
    sqlstate: "22023",
    microsoft: Some(14822),
    message: "an argument has a value that is not accepted",
    hint: "the detail names the accepted values",
};

/// `23505`: the key value exists already, in a cold row.
pub const KEY_IS_COLD: ErrorDef = ErrorDef {
    name: "KEY_IS_COLD",
    sqlstate: "23505",
    microsoft: None,
    message: "the key value exists already, in a cold row",
    hint: "use another key, or change the cold row instead",
};

/// `23P01`: the new row is in conflict with a cold row.
pub const COLD_ROW_EXCLUDES: ErrorDef = ErrorDef {
    name: "COLD_ROW_EXCLUDES",
    sqlstate: "23P01",
    microsoft: None,
    message: "the new row is in conflict with a cold row",
    hint: "change the new row, or the cold row",
};

/// `25001`: the function cannot run inside a transaction block.
pub const IN_TRANSACTION_BLOCK: ErrorDef = ErrorDef {
    name: "IN_TRANSACTION_BLOCK",
    sqlstate: "25001",
    microsoft: Some(14870),
    message: "the function cannot run inside a transaction block",
    hint: "call it as a statement of its own",
};

/// `28P01`: the password does not open the master key.
pub const WRONG_PASSWORD: ErrorDef = ErrorDef {
    name: "WRONG_PASSWORD",
    sqlstate: "28P01",
    microsoft: None,
    message: "the password does not open the master key",
    hint: "give the password that the master key was created with",
};

/// `2BP01`: the master key or credential is still in use.
pub const KEY_IN_USE: ErrorDef = ErrorDef {
    name: "KEY_IN_USE",
    sqlstate: "2BP01",
    microsoft: None,
    message: "the master key or credential is still in use",
    hint: "drop or replace what depends on it first",
};

/// `40001`: a row moved to the cold side while the statement waited for it.
pub const MOVED: ErrorDef = ErrorDef {
    name: "MOVED",
    sqlstate: "40001",
    microsoft: None,
    message: "a row moved to the cold side while the statement waited for it",
    hint: "run the transaction again",
};

/// `42501`: the current role may not do this.
pub const NOT_OWNER: ErrorDef = ErrorDef {
    name: "NOT_OWNER",
    sqlstate: "42501",
    microsoft: Some(14867),
    message: "the current role may not do this",
    hint: "run it as the owner of the database, and of the table where a table is named",
};

/// `42622`: the name is too long.
pub const NAME_TOO_LONG: ErrorDef = ErrorDef {
    name: "NAME_TOO_LONG",
    sqlstate: "42622",
    microsoft: None,
    message: "the name is too long",
    hint: "use at most 128 characters",
};

/// `42704`: there is no object of this name.
pub const NOT_FOUND: ErrorDef = ErrorDef {
    name: "NOT_FOUND",
    sqlstate: "42704",
    microsoft: Some(14804),
    message: "there is no object of this name",
    hint: "check the name in the views of schema stretch",
};

/// `42710`: an object of this name exists already.
pub const EXISTS: ErrorDef = ErrorDef {
    name: "EXISTS",
    sqlstate: "42710",
    microsoft: Some(14801),
    message: "an object of this name exists already",
    hint: "choose another name, or use if_not_exists or or_replace where the function has it",
};

/// `53100`: there is not enough room on a disk.
pub const DISK_FULL: ErrorDef = ErrorDef {
    name: "DISK_FULL",
    sqlstate: "53100",
    microsoft: None,
    message: "there is not enough room on a disk",
    hint: "free some space there, or move the table with ALTER TABLE ... SET TABLESPACE, then try again",
};

/// `55000`: the object is not in a state that allows this.
pub const NOT_NOW: ErrorDef = ErrorDef {
    name: "NOT_NOW",
    sqlstate: "55000",
    microsoft: None,
    message: "the object is not in a state that allows this",
    hint: "the message names what has to happen first",
};

/// `55P03`: a lock was not granted in time.
pub const LOCKED: ErrorDef = ErrorDef {
    name: "LOCKED",
    sqlstate: "55P03",
    microsoft: None,
    message: "a lock was not granted in time",
    hint: "try again when the other transaction has ended",
};

/// `58030`: a file outside the data directory cannot be read or written.
pub const FILE_TROUBLE: ErrorDef = ErrorDef {
    name: "FILE_TROUBLE",
    sqlstate: "58030",
    microsoft: None,
    message: "a file outside the data directory cannot be read or written",
    hint: "check the directory, its owner and its permissions",
};

/// `XX000`: something that cannot happen has happened.
pub const INTERNAL: ErrorDef = ErrorDef {
    name: "INTERNAL",
    sqlstate: "XX000",
    microsoft: None,
    message: "something that cannot happen has happened",
    hint: "report it with the server log",
};

/// All definitions, class `ST` first, then by code.
pub static ALL: &[&ErrorDef] = &[
    &DISCONNECTED,
    &NOT_RECONCILED,
    &SEGMENT_LOST,
    &CHECKSUM_MISMATCH,
    &ENDPOINT_UNREACHABLE,
    &ENDPOINT_REFUSED,
    &WRONG_ENDPOINT,
    &ALREADY_CONNECTED,
    &DATABASE_NOT_ENABLED,
    &TABLE_NOT_ENABLED,
    &TABLE_UNFIT,
    &FILTER_UNFIT,
    &FILTER_NOT_LOOSER,
    &DRAIN_INCOMPLETE,
    &COLD_ROWS_REFUSED,
    &MASTER_KEY_NOT_OPEN,
    &STORE_BREAKS_PROMISE,
    &NEWER_FORMAT,
    &STAGING_FULL,
    &QUERY_MODE_DISABLED,
    &UNSUPPORTED,
    &BAD_ARGUMENT,
    &KEY_IS_COLD,
    &COLD_ROW_EXCLUDES,
    &IN_TRANSACTION_BLOCK,
    &WRONG_PASSWORD,
    &KEY_IN_USE,
    &MOVED,
    &NOT_OWNER,
    &NAME_TOO_LONG,
    &NOT_FOUND,
    &EXISTS,
    &DISK_FULL,
    &NOT_NOW,
    &LOCKED,
    &FILE_TROUBLE,
    &INTERNAL,
];
