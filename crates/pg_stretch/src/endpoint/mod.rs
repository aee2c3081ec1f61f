//! This database and its endpoint: who it is there (`identity`), with which secrets, how it is opened, why it is
//! refused, and how a restored database comes back (`reauthorize`).

pub mod backup_pins;
pub mod identity;
pub mod open;
pub mod reauthorize;
pub mod redact;
pub mod refusal;
pub mod secrets;
