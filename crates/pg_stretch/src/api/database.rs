//! `stretch.enable_database` and the other functions about the database as a whole.

use crate::catalog;
use crate::catalog::snapshot::Latest;
use crate::ddl::enable::disable;
use crate::endpoint::{open, secrets};
use crate::pg::error::{Error, OrRaise, Result, notice};
use crate::pg::text::Text;
use crate::pg::{gucs, request, shmem, user};
use pgrx::prelude::*;
use serde_json::json;
use stretch_core::errors;

/// Characters of a credential's name at most, as a sysname of SQL Server (F43).
pub const CREDENTIAL_NAME_CHARS: usize = 128;

/// `stretch.enable_database(endpoint, credential, if_not_exists)`.
#[pg_extern]
fn stretch_enable_database(endpoint: Text, credential: Text, if_not_exists: bool) {
    enable_database(&endpoint, &credential, if_not_exists).or_raise();
}

/// `stretch.disable_database()`.
#[pg_extern]
fn stretch_disable_database() {
    disable::database().or_raise();
}

fn enable_database(endpoint: &str, credential: &str, if_not_exists: bool) -> Result<()> {
    shmem::require()?;
    request::refuse_in_block("enable_database")?;
    user::require_database_owner("enable_database")?;
    require_enabled()?;
    {
        let latest = Latest::take();
        if catalog::tables::database(latest.get())?.is_some() {
            if if_not_exists {
                notice("this database is stretched already, skipping");
                return Ok(());
            }
            return Err(Error::new(&errors::EXISTS, "this database is stretched already"));
        }
        check_credential_name(credential)?;
        open::check_allowed(&open::parse(endpoint)?, user::current())?;
        if secrets::sealed_credential(credential, latest.get())?.is_none() {
            return Err(secrets::no_credential(credential));
        }
    }
    request::call(
        "enable_database",
        &json!({ "endpoint": endpoint, "credential": credential }),
    )?;
    Ok(())
}

/// 55000 while `stretch.enabled` is off.
pub fn require_enabled() -> Result<()> {
    if gucs::ENABLED.get() {
        return Ok(());
    }
    Err(Error::new(&errors::NOT_NOW, "stretch.enabled is off").hint("Set stretch.enabled = on and reload the server."))
}

/// 42622 for a name longer than any credential can have.
pub fn check_credential_name(name: &str) -> Result<()> {
    if name.chars().count() > CREDENTIAL_NAME_CHARS {
        return Err(Error::new(
            &errors::NAME_TOO_LONG,
            format!("the name of a credential is longer than {CREDENTIAL_NAME_CHARS} characters"),
        ));
    }
    Ok(())
}
