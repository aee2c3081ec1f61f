//! Small safe wrappers around the PostgreSQL calls that several parts of the extension need.

pub mod attempt;
pub mod hook;
pub mod list;
pub mod local_settings;
pub mod names;
pub mod plan;
pub mod raw;
pub mod scratch;
pub mod spi;
pub mod text;
pub mod txn;
pub mod type_io;
pub mod user;
