//! One statement that both twins are to answer alike.

/// How a statement is run.
#[derive(Clone, Debug)]
pub enum What {
    Sql,
    /// COPY FROM, with its input.
    CopyIn(String),
    /// COPY TO.
    CopyOut,
}

/// A statement with what its answers have in common.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What it is counted as.
    pub kind: &'static str,
    pub text: String,
    pub what: What,
    /// Its rows come in an order that the statement determines.
    pub ordered: bool,
    /// NOWAIT or SKIP LOCKED: what others hold just now, the worker among them, shows in the answer.
    pub impatient: bool,
}

impl Statement {
    pub fn new(kind: &'static str, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            what: What::Sql,
            ordered: false,
            impatient: false,
        }
    }

    /// The same with rows in a total order.
    pub fn ordered(mut self) -> Self {
        self.ordered = true;
        self
    }

    /// The same, that does not wait for locks.
    pub fn impatient(mut self) -> Self {
        self.impatient = true;
        self
    }

    pub fn copy_in(text: impl Into<String>, lines: String) -> Self {
        let mut statement = Self::new("COPY FROM", text);
        statement.what = What::CopyIn(lines);
        statement
    }

    pub fn copy_out(text: impl Into<String>) -> Self {
        let mut statement = Self::new("COPY TO", text);
        statement.what = What::CopyOut;
        statement
    }
}
