//! The SQL functions of schema stretch, one file per group.

mod migration;
mod tables;
mod database;
mod secrets;

use pgrx::prelude::*;

/// `stretch.version()`.
#[pg_extern]
fn stretch_version() -> &'static str {
    concat!("pg_stretch ", env!("CARGO_PKG_VERSION"))
}
