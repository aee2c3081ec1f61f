//! What several rules speak of.

/// Crates that take no part in input or output, and read neither clocks nor randomness.
pub const PURE: [&str; 5] = [
    "stretch-core",
    "stretch-segment",
    "stretch-columns",
    "stretch-vault",
    "stretch-tsql",
];
/// Where the extension's sources lie.
pub const EXTENSION: &str = "crates/pg_stretch/src";

/// What a rule returns: its breaches, or why it could not look.
pub type Breaches = Result<Vec<String>, String>;
