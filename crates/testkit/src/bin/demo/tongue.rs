//! The statements of the story in the two languages that pg_stretch speaks: its SQL functions, and SQL Server's T-SQL.

use testkit::setup::{self, CREDENTIAL};
use testkit::{Client, data};

/// The documentation's own script for step 4, as printed there.
const RUNBOOK: &str = include_str!("../../../../stretch-tsql/testdata/restore-runbook.sql");
const PLACEHOLDER: &str = "<database_scoped_credential_name_created_previously>";
const REPORT: &str = "relation, segments, present, refilled, lost, is_reconciled";

/// What the story is told in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tongue {
    Sql,
    Tsql,
}

fn batch(db: &Client, text: &str) {
    db.sql(&format!("DO LANGUAGE tsql $tsql$\n{text}\n$tsql$"));
}

impl Tongue {
    /// The extension.
    pub fn install(self, db: &Client) {
        db.sql(match self {
            Tongue::Sql => "CREATE EXTENSION pg_stretch",
            Tongue::Tsql => "CREATE EXTENSION pg_stretch_tsql CASCADE",
        });
    }

    /// Steps 2 and 3: master key and credential.
    pub fn secrets(self, db: &Client) {
        match self {
            Tongue::Sql => setup::create_secrets(db, "demo", "unused by a folder"),
            Tongue::Tsql => batch(
                db,
                &format!(
                    "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'a password nobody would guess';
                     CREATE DATABASE SCOPED CREDENTIAL {CREDENTIAL} WITH IDENTITY = 'demo', \
                     SECRET = 'unused by a folder';"
                ),
            ),
        }
    }

    /// Database and table, with the filter of the flights.
    pub fn enable(self, db: &Client, url: &str) {
        match self {
            Tongue::Sql => {
                db.sql(&format!("SELECT stretch.enable_database('{url}', '{CREDENTIAL}')"));
                setup::enable_table(db, "flights", data::FLIGHTS_FILTER);
            }
            Tongue::Tsql => batch(
                db,
                &format!(
                    "ALTER DATABASE [postgres] SET REMOTE_DATA_ARCHIVE = ON (SERVER = '{url}', \
                     CREDENTIAL = {CREDENTIAL});
                     CREATE FUNCTION dbo.cold_flights (@hour datetimeoffset) RETURNS TABLE WITH SCHEMABINDING AS RETURN
                         SELECT 1 AS is_eligible WHERE @hour < CONVERT(datetimeoffset, '2013-11-25T00:00:00+00:00', \
                         127);
                     ALTER TABLE dbo.flights SET (REMOTE_DATA_ARCHIVE = ON (
                         FILTER_PREDICATE = dbo.cold_flights(time_hour), MIGRATION_STATE = OUTBOUND));"
                ),
            ),
        }
    }

    /// Step 4; a line per table.
    pub fn reauthorize(self, db: &Client) -> Vec<String> {
        match self {
            Tongue::Sql => db.lines(&format!("SELECT {REPORT} FROM stretch.reauthorize('{CREDENTIAL}')")),
            Tongue::Tsql => {
                batch(db, &RUNBOOK.replace(PLACEHOLDER, CREDENTIAL));
                db.lines(&format!("SELECT {REPORT} FROM stretch.reconcile(dry_run => true)"))
            }
        }
    }
}
