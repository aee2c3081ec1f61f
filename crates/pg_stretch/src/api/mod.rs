//! The SQL functions of schema stretch, one file per group.

mod branches;
mod check;
mod collect;
mod database;
mod migration;
mod purge_remote;
mod reauthorize;
mod secrets;
mod settings;
mod status;
mod tables;
#[cfg(feature = "testing")]
mod testing;
mod tsql;
mod verify;

use pgrx::prelude::*;

/// `stretch.version()`.
#[pg_extern]
fn stretch_version() -> &'static str {
    concat!("pg_stretch ", env!("CARGO_PKG_VERSION"))
}
