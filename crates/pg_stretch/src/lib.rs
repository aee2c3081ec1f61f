//! pg_stretch: Stretch Database for PostgreSQL. This crate is the skin that talks to PostgreSQL; decisions live in the
//! crates beside it.
//!
//! The rooms stand in the order of their use: each may name those below it, and none above it (`cargo xtask rules`
//! checks that).

// Constants of PostgreSQL's enums keep their C names.
#![allow(non_upper_case_globals)]

mod start;

mod api;
mod worker;

mod movement;

mod ddl;

mod statements;

mod cold;

mod endpoint;

mod catalog;

mod pg;

pgrx::pg_module_magic!();
