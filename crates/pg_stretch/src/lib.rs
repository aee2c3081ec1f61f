//! pg_stretch: Stretch Database for PostgreSQL. This crate is the skin that talks to PostgreSQL; decisions live in the
//! crates beside it. One file per thing that PostgreSQL calls us for.

// Constants of PostgreSQL's enums keep their C names.
#![allow(non_upper_case_globals)]

mod api;
mod catalog;
mod caught;
mod cold_write;
mod enable;
mod error;
mod fdw;
mod guard;
mod gucs;
mod identity;
mod io;
mod key_filter;
mod migrate;
mod pg;
mod planner;
mod reauthorize;
mod redact;
mod request;
mod secrets;
mod shmem;
mod sqlstate;
mod start;
mod steps;
mod store;
mod stretched;
#[cfg(feature = "testing")]
mod testing;
mod tombstone;
mod tsql;
mod types;
mod unique;
mod upload;
mod worker;

pgrx::pg_module_magic!();
