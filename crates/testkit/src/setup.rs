//! The statements with which most tests begin, and the four steps with which a restore ends.

use crate::client::Client;
use crate::s3::S3Server;
use crate::wait::{PATIENCE, wait_until};

/// Name of the credential that these functions make.
pub const CREDENTIAL: &str = "cred";
/// Password of the master key that these functions make.
pub const PASSWORD: &str = "a password nobody would guess";

/// Extension, master key, credential and database, on a `file://` endpoint.
#[track_caller]
pub fn enable_database(db: &Client, url: &str) {
    enable_database_as(db, url, "testkit", "unused by a folder");
}

/// The same on [`S3Server`], with the key that it accepts; for moto, too.
#[track_caller]
pub fn enable_database_s3(db: &Client, url: &str) {
    enable_database_as(db, url, S3Server::ACCESS_KEY, S3Server::SECRET_KEY);
}

/// The same with an identity and secret of your own.
#[track_caller]
pub fn enable_database_as(db: &Client, url: &str, identity: &str, secret: &str) {
    db.sql("CREATE EXTENSION IF NOT EXISTS pg_stretch");
    create_secrets(db, identity, secret);
    db.sql(&format!("SELECT stretch.enable_database('{url}', '{CREDENTIAL}')"));
}

/// Steps 2 and 3: master key and credential.
#[track_caller]
pub fn create_secrets(db: &Client, identity: &str, secret: &str) {
    db.sql(&format!("SELECT stretch.create_master_key('{PASSWORD}')"));
    db.sql(&format!(
        "SELECT stretch.create_credential('{CREDENTIAL}', identity => '{identity}', secret => '{secret}')"
    ));
}

/// Steps 2 to 4 of a database restored from a `file://` endpoint; returns a line per table:
/// `relation|segments|present|refilled|lost|ahead|is_reconciled`.
#[track_caller]
pub fn reauthorize(db: &Client) -> Vec<String> {
    create_secrets(db, "testkit", "unused by a folder");
    let lines = db.lines(&format!("SELECT * FROM stretch.reauthorize('{CREDENTIAL}')"));
    wait_reconciled(db);
    lines
}

/// Waits until every table is reconciled.
#[track_caller]
pub fn wait_reconciled(db: &Client) {
    wait_until("every table to be reconciled", PATIENCE, || {
        db.bool("SELECT coalesce(bool_and(is_reconciled), true) FROM stretch.tables")
    });
}

/// Stretches a table; the filter may hold quotes.
#[track_caller]
pub fn enable_table(db: &Client, table: &str, filter: &str) {
    db.sql(&format!(
        "SELECT stretch.enable_table('{table}', $filter${filter}$filter$)"
    ));
}

/// The condition that hot rows of a stretched table satisfy, and no cold one.
pub const IS_HOT: &str = "ctid < '(2147483648,0)'";

/// Hot rows of a stretched table, by the session's newest snapshot.
#[track_caller]
pub fn hot_rows(db: &Client, table: &str) -> i64 {
    db.int(&format!("SELECT count(*) FROM ONLY {table} WHERE {IS_HOT}"))
}

/// Migrates and uploads all that is eligible; returns what the function says.
#[track_caller]
pub fn drain(db: &Client, table: &str) -> i64 {
    db.int(&format!("SELECT stretch.drain('{table}')"))
}

/// Waits until all segments are on the endpoint.
#[track_caller]
pub fn wait_uploaded(db: &Client) {
    wait_until("the uploads", PATIENCE, || {
        db.int("SELECT count(*) FROM stretch.segment WHERE NOT retired AND object_key IS NULL") == 0
    });
}

/// Waits for the uploads and drops what is staged of a table, so that its cold rows are on the endpoint alone.
#[track_caller]
pub fn purge(db: &Client, table: &str) {
    wait_uploaded(db);
    db.sql(&format!("SELECT stretch.purge_staged('{table}')"));
}
