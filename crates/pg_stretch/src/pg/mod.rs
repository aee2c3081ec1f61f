//! Small safe wrappers around the PostgreSQL calls that several parts of the extension need.

pub mod hook;
pub mod list;
pub mod names;
pub mod path;
pub mod raw;
pub mod scratch;
pub mod spi;
pub mod txn;
pub mod user;
