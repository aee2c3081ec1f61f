//! Private PostgreSQL servers, backups, stores and data for the end-to-end tests and the demo.
//!
//! Everything lives in one folder `/tmp/pg_stretch-<pid>`, which disappears with the process, and
//! panics with a readable sentence when something that must work does not.
//!
//! ```no_run
//! use testkit::{Cluster, Endpoint, Target, digest, setup};
//! let cluster = Cluster::builder("orders").archiving().conf("work_mem", "8MB").start();
//! let endpoint = Endpoint::new();
//! let db = cluster.connect("postgres");
//! db.sql("CREATE TABLE t (n int PRIMARY KEY, s text); INSERT INTO t SELECT g, g FROM generate_series(1, 1000) g");
//! let before = digest::table_digest(&db, "t", "n");
//! setup::enable_database(&db, &endpoint.url());
//! setup::enable_table(&db, "t", "n < 900");
//! setup::drain(&db, "t");
//! assert_eq!(setup::hot_rows(&db, "t"), 101);
//! assert_eq!(digest::table_digest(&db, "t", "n"), before);
//!
//! let backup = cluster.basebackup();
//! db.sql("SELECT pg_create_restore_point('here')");
//! let restored = cluster.restore_to("restored", &backup, &Target::Name("here".into()));
//! let there = restored.connect("postgres");
//! there.fails("SELECT * FROM t", "ST001");
//! setup::reauthorize(&there);
//! assert_eq!(digest::table_digest(&there, "t", "n"), before);
//! ```
//!
//! | what | where |
//! |---|---|
//! | a server: start, stop, restart, kill, promote, log, settings, roles | [`Cluster`], [`Builder`] |
//! | dump, base backup, restore to a target, standby, copy of the files | [`Cluster`] in [`backup`] |
//! | statements, both protocols, errors by SQLSTATE, notices, COPY, cancel | [`Client`] |
//! | the usual beginning, and the four steps | [`setup`] |
//! | a folder as endpoint, and damage to it | [`Endpoint`] |
//! | S3 that checks signatures; S3 that keeps create-if-absent; Azure | [`S3Server`], [`Moto`], [`Azurite`] |
//! | refuse, hang, reset, 503, slow, cut, replies lost | [`Faulty`] before one of them |
//! | certificates of a private authority | [`Authority`] |
//! | PostgreSQL's own suite; scripts for psql piece by piece | [`regress`], [`psql_script`], [`psql`], [`transcript`] |
//! | content compared | [`digest`] |
//! | flights, orders, line items | [`data`] |
//! | waiting for a state | [`wait_until`], [`wait_for`] |

pub mod authority;
pub mod azurite;
pub mod backup;
pub mod client;
pub mod cluster;
pub mod data;
pub mod digest;
pub mod endpoint;
pub mod faulty;
pub mod moto;
pub mod odd;
pub mod os;
pub mod psql;
pub mod psql_script;
pub mod regress;
pub mod run_dir;
pub mod s3;
pub mod setup;
#[cfg(test)]
mod tests;
mod timing;
pub mod transcript;
pub mod tree;
pub mod wait;

pub use authority::Authority;
pub use azurite::Azurite;
pub use backup::{BaseBackup, Target};
pub use client::{Canceller, Client, Notice, SqlError};
pub use cluster::{Builder, Cluster, Stop};
pub use endpoint::{Endpoint, dir_size};
pub use faulty::{Faulty, Mode};
pub use moto::Moto;
pub use s3::S3Server;
pub use wait::{PATIENCE, wait_for, wait_until};

/// Says that something happened `count` times; `cargo xtask torture` adds such lines up.
pub fn tally(what: &str, count: u64) {
    println!("tally: {count} {what}");
}
