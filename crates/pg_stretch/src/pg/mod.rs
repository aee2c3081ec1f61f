//! PostgreSQL made safe: small wrappers around the calls that several rooms need, errors, settings, shared memory, and
//! the thread that does input and output.

pub mod attempt;
pub mod context;
pub mod custom;
pub mod encoding;
pub mod error;
pub mod gucs;
pub mod hook;
pub mod io;
pub mod list;
pub mod local_settings;
pub mod missing;
pub mod names;
pub mod ours;
pub mod phase;
pub mod plan;
pub mod progress;
pub mod random;
pub mod raw;
pub mod relation;
pub mod replication;
pub mod request;
pub mod scratch;
pub mod shmem;
pub mod slot;
pub mod snapshots;
pub mod spi;
pub mod steady;
pub mod steps;
pub mod text;
pub mod thread;
pub mod txn;
pub mod type_io;
pub mod user;
