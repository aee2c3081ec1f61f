//! Every error the project raises, in one table, and the page of documentation made from it (design §13).

mod table;
#[cfg(test)]
mod tests;

pub use table::*;

/// One kind of error: a name for the code, a SQLSTATE for clients, words for people.
#[derive(Debug, PartialEq, Eq)]
pub struct ErrorDef {
    /// The name used in our code and documentation, for example `DISCONNECTED`.
    pub name: &'static str,
    /// Five characters. Class `ST` is ours; every other code means what PostgreSQL means by it.
    pub sqlstate: &'static str,
    /// The number SQL Server gives to the nearest situation, where there is one.
    pub microsoft: Option<u32>,
    /// What the error means, in one line.
    pub message: &'static str,
    /// The way out.
    pub hint: &'static str,
}

impl ErrorDef {
    /// The SQLSTATE as bytes, for `MAKE_SQLSTATE`.
    pub fn sqlstate_bytes(&self) -> [u8; 5] {
        let mut bytes = [b'0'; 5];
        for (to, from) in bytes.iter_mut().zip(self.sqlstate.bytes()) {
            *to = from;
        }
        bytes
    }
}

/// A class of SQLSTATEs, for decisions that hold for all errors of it, whoever raises them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class(&'static str);

/// A feature of the server or of ours is not supported.
pub const NOT_SUPPORTED_CLASS: Class = Class("0A");
/// A value is out of its range or has no meaning, as in a division by zero.
pub const DATA_CLASS: Class = Class("22");
/// A row breaks a constraint.
pub const CONSTRAINT_CLASS: Class = Class("23");
/// A statement cannot be read, names what does not exist, or lacks a right.
pub const STATEMENT_CLASS: Class = Class("42");

impl Class {
    /// Whether the SQLSTATE is of this class.
    pub fn holds(self, sqlstate: &str) -> bool {
        sqlstate.starts_with(self.0)
    }
}

/// Finds a definition by its SQLSTATE.
pub fn by_sqlstate(sqlstate: &str) -> Option<&'static ErrorDef> {
    ALL.iter().copied().find(|def| def.sqlstate == sqlstate)
}

/// The text of `docs/errors.md`. A test compares the file with it.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Errors\n\n\
         Every error that pg_stretch raises has a SQLSTATE. Class `ST` belongs to pg_stretch; \
         the other codes mean what\n\
         PostgreSQL means by them. The last column names the number that SQL Server gives to the nearest situation.\n\n\
         This page is generated from the table in `crates/stretch-core/src/errors/table.rs`.\n",
    );
    for (title, ours) in [("Class ST", true), ("Standard codes", false)] {
        page.push_str(&format!(
            "\n## {title}\n\n\
             | SQLSTATE | name | meaning | the way out | SQL Server |\n\
             |---|---|---|---|---|\n"
        ));
        for def in ALL.iter().filter(|def| def.sqlstate.starts_with("ST") == ours) {
            let number = def.microsoft.map_or(String::new(), |n| n.to_string());
            page.push_str(&format!(
                "| `{}` | {} | {} | {} | {number} |\n",
                def.sqlstate,
                def.name.to_lowercase(),
                def.message,
                def.hint
            ));
        }
    }
    page
}
