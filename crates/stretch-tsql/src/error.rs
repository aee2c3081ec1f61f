//! What is wrong with a batch: place, reason, what is supported, and the number that Microsoft gives to it.

use crate::position::Position;

/// The family of an error; the extension chooses the SQLSTATE by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The text is not T-SQL, or not the form that the documentation gives.
    Syntax,
    /// Valid T-SQL, but nothing that pg_stretch does.
    Unsupported,
    /// A variable, procedure, parameter or type that does not exist, or exists twice.
    Name,
    /// A value of the wrong type.
    Type,
    /// A value of the right type that is out of its range.
    Value,
    /// A filter function or predicate that breaks the rules of filters.
    Filter,
    /// A filter that may not replace the one before.
    Replacement,
}

/// Why a batch, a value or a filter was refused. Never quotes text of the batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({at})")]
pub struct Error {
    /// The family.
    pub kind: Kind,
    /// Microsoft's error number for the nearest situation.
    pub number: u32,
    /// What is wrong; no final full stop, no position.
    pub message: String,
    /// What is supported or what to do instead, as a sentence.
    pub supported: Option<String>,
    /// Where.
    pub at: Position,
}

impl Error {
    pub(crate) fn new(kind: Kind, number: u32, at: Position, message: impl Into<String>) -> Self {
        Self {
            kind,
            number,
            message: message.into(),
            supported: None,
            at,
        }
    }

    /// 102: the text does not follow the grammar.
    pub(crate) fn syntax(at: Position, message: impl Into<String>) -> Self {
        Self::new(Kind::Syntax, number::SYNTAX, at, message)
    }

    /// Adds what is supported.
    pub(crate) fn supported(mut self, text: impl Into<String>) -> Self {
        self.supported = Some(text.into());
        self
    }
}

/// 14853: nothing that can be a filter.
pub(crate) fn unfit(at: Position, message: impl Into<String>) -> Error {
    Error::new(Kind::Filter, number::FILTER_UNFIT, at, message)
}

/// Microsoft's numbers, by what they mean; SQL Server 2016 gives them for the same faults.
pub(crate) mod number {
    pub const SYNTAX: u32 = 102;
    pub const NAME_TOO_LONG: u32 = 103;
    pub const UNCLOSED_QUOTE: u32 = 105;
    pub const UNCLOSED_COMMENT: u32 = 113;
    pub const POSITIONAL_AFTER_NAMED: u32 = 119;
    pub const SIZE_TOO_LARGE: u32 = 131;
    pub const DECLARED_TWICE: u32 = 134;
    pub const NOT_DECLARED: u32 = 137;
    pub const NESTED_TOO_DEEPLY: u32 = 191;
    pub const PARAMETER_MISSING: u32 = 201;
    pub const TYPE_CLASH: u32 = 206;
    pub const BAD_DATE: u32 = 241;
    pub const DATE_OUT_OF_RANGE: u32 = 242;
    pub const CONVERSION_FAILED: u32 = 245;
    pub const UNKNOWN_STATEMENT: u32 = 343;
    pub const BAD_LENGTH: u32 = 1001;
    pub const UNKNOWN_TYPE: u32 = 2715;
    pub const UNKNOWN_PROCEDURE: u32 = 2812;
    pub const OVERFLOW: u32 = 8115;
    pub const DIVIDE_BY_ZERO: u32 = 8134;
    pub const PARAMETER_TWICE: u32 = 8143;
    pub const TOO_MANY_ARGUMENTS: u32 = 8144;
    pub const UNKNOWN_PARAMETER: u32 = 8145;
    pub const NOT_OUTPUT: u32 = 8162;
    pub const FILTER_ARGUMENTS: u32 = 14839;
    pub const FILTER_REPLACEMENT: u32 = 14841;
    pub const FILTER_UNFIT: u32 = 14853;
    pub const STRETCH_PARAMETER_MISSING: u32 = 14860;
    pub const FEDERATED_ACCOUNT: u32 = 14867;
    pub const FILTER_WITH_INBOUND: u32 = 14878;
    pub const RPO_TOO_SHORT: u32 = 14899;
    pub const PLAIN_OFF: u32 = 14908;
    pub const DEFINED_TWICE: u32 = 14801;
    pub const DISABLE_WHILE_MIGRATING: u32 = 14808;
}
