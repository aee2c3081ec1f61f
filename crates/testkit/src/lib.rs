//! Private PostgreSQL servers, backups, stores and data for the end-to-end tests and the demo.
//!
//! Everything lives in one folder `/tmp/pg_stretch-<pid>`, which disappears with the process, and
//! panics with a readable sentence when something that must work does not.
//!
//! ```no_run
//! use testkit::{Cluster, Endpoint};
//! let cluster = Cluster::builder("orders").conf("work_mem", "8MB").start();
//! let endpoint = Endpoint::new();
//! let db = cluster.connect("postgres");
//! db.sql("CREATE EXTENSION pg_stretch");
//! db.fails("SELECT stretch.migrate('nothing')", "42P01");
//! assert_eq!(db.int("SELECT count(*) FROM pg_extension WHERE extname = 'pg_stretch'"), 1);
//! ```

pub mod backup;
pub mod client;
pub mod cluster;
pub mod data;
pub mod digest;
pub mod endpoint;
pub mod faulty;
pub mod moto;
pub mod os;
pub mod run_dir;
pub mod s3;
#[cfg(test)]
mod tests;
mod timing;
pub mod tree;
pub mod wait;

pub use backup::{BaseBackup, Target};
pub use client::{Canceller, Client, Notice, SqlError};
pub use cluster::{Builder, Cluster, Stop};
pub use endpoint::Endpoint;
pub use faulty::{Faulty, Mode};
pub use moto::Moto;
pub use s3::S3Server;
pub use wait::{PATIENCE, wait_for, wait_until};

use std::path::Path;

/// Bytes of all regular files below a folder, as their lengths say.
pub fn dir_size(dir: &Path) -> u64 {
    endpoint::files(dir)
        .iter()
        .filter_map(|file| file.metadata().ok())
        .map(|meta| meta.len())
        .sum()
}
