//! Logical replication slots without a publication: whoever reads them gets a DELETE for each row that a batch moves,
//! unless it leaves out what has an origin.

use crate::pg::error::{Result, report};
use crate::pg::local_settings::LocalSettings;
use crate::pg::text::Text;
use crate::pg::{replication, spi};
use pgrx::pg_sys;

/// Names of the slots of this database that decode for a plugin other than that of publications.
pub fn without_publication() -> Result<Vec<String>> {
    let _path = LocalSettings::path();
    spi::rows(
        "SELECT slot_name::text FROM pg_replication_slots
         WHERE database = current_database() AND plugin <> 'pgoutput' ORDER BY slot_name",
        &[],
        |row| Ok(row.get::<Text>(1)?.unwrap_or_default().into()),
    )
}

/// A WARNING that names the slots, if there are any.
pub fn warn(slots: &[String]) {
    if slots.is_empty() {
        return;
    }
    report(
        pg_sys::WARNING as i32,
        "01000",
        &format!(
            "logical replication slots decode each migrated row as a DELETE: {}",
            slots.join(", ")
        ),
        Some(&format!(
            "Migrations have the replication origin \"{}\"; changes that users make have none.",
            replication::origin_name()
        )),
        Some("Have their plugin leave out changes with an origin: \"only-local\" of test_decoding, for example."),
    );
}
