//! What runs inside a statement of a user: checks before planning, the scan of cold rows, changes of them, and unique
//! keys.

pub mod aggregate;
pub mod estimates;
pub mod hooks;
pub mod planner;
pub mod scan;
mod table_am;
pub mod unique;
