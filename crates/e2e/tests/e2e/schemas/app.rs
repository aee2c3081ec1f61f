//! What an application is to these tests: its tables, which of them an administrator stretches, and what it does.

use super::{Draw, Statement};

pub struct App {
    pub name: &'static str,
    /// Its tables and their first rows.
    pub sql: &'static str,
    /// The tables that are stretched, with their filters.
    pub stretched: &'static [(&'static str, &'static str)],
    /// A filter of one of them that selects more.
    pub looser: (&'static str, &'static str),
    /// What it does; each is drawn equally often.
    pub units: &'static [fn(&mut Draw) -> Unit],
}

/// What an application does at once: one statement, or a transaction of several, maybe while another session holds some
/// rows.
#[derive(Default)]
pub struct Unit {
    /// Of the other session, before it.
    pub before: Vec<Statement>,
    pub statements: Vec<Statement>,
    /// Of the other session, after it and before its commit.
    pub after: Vec<Statement>,
}

impl Unit {
    /// One transaction.
    pub fn all(statements: Vec<Statement>) -> Self {
        Self {
            statements,
            ..Self::default()
        }
    }

    /// The same while another session has done `before`; that one goes on with `after` and commits.
    pub fn beside(mut self, before: Vec<Statement>, after: Vec<Statement>) -> Self {
        self.before = before;
        self.after = after;
        self
    }
}

impl From<Statement> for Unit {
    fn from(statement: Statement) -> Self {
        Self::all(vec![statement])
    }
}
