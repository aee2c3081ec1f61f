//! Names and secrets, as statements hold them.

use crate::position::Position;

/// A name as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name without brackets or quotes.
    pub text: String,
    /// Brackets or double quotes enclose it.
    pub quoted: bool,
    /// Where it stands.
    pub at: Position,
}

/// A name of up to three parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    /// The database, where one is written.
    pub database: Option<Name>,
    /// The schema, where one is written.
    pub schema: Option<Name>,
    /// The object.
    pub object: Name,
}

/// Text that must not show: `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(crate) String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
