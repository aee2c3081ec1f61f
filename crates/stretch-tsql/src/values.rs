//! Types and values of variables, and how T-SQL converts one into the other.

use crate::error::{Error, Kind, number};
use crate::position::Position;

/// Declared length of a string type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So many characters (UTF-16 units for the national types, as in SQL Server).
    Limit(u16),
    /// `max`.
    Max,
}

/// Type of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `char`, `varchar`, `nchar`, `nvarchar`, `sysname`.
    Text {
        /// Counts UTF-16 units; else characters.
        national: bool,
        /// Padded with blanks to its length.
        fixed: bool,
        /// How long it may be.
        length: Length,
    },
    /// `bit`.
    Bit,
    /// `int`.
    Int,
}

/// `sysname`.
pub(crate) const SYSNAME: Type = Type::Text {
    national: true,
    fixed: false,
    length: Length::Limit(128),
};

/// A value of a variable, argument or expression. `Debug` hides texts: one may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// NULL.
    Null,
    /// Any string.
    Text(String),
    /// 0 or 1.
    Bit(bool),
    /// An integer.
    Int(i32),
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Bit(bit) => write!(f, "Bit({bit})"),
            Self::Int(int) => write!(f, "Int({int})"),
        }
    }
}

impl Value {
    /// As `PRINT` shows it; NULL is a blank, as in SQL Server.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Null => " ".into(),
            Self::Text(text) => text.clone(),
            Self::Bit(bit) => u8::from(*bit).to_string(),
            Self::Int(int) => int.to_string(),
        }
    }

    /// A bit as T-SQL makes it: numbers by being zero, strings by TRUE, FALSE or a number in them.
    pub(crate) fn to_bit(&self, at: Position) -> Result<Option<bool>, Error> {
        match self {
            Self::Null => Ok(None),
            Self::Bit(bit) => Ok(Some(*bit)),
            Self::Int(int) => Ok(Some(*int != 0)),
            Self::Text(text) => {
                let text = text.trim();
                if text.eq_ignore_ascii_case("true") {
                    Ok(Some(true))
                } else if text.eq_ignore_ascii_case("false") {
                    Ok(Some(false))
                } else {
                    let parsed = text.parse::<i32>();
                    parsed.map(|int| Some(int != 0)).map_err(|_| failed("a bit", at))
                }
            }
        }
    }

    /// An integer as T-SQL makes it.
    pub(crate) fn to_int(&self, at: Position) -> Result<Option<i32>, Error> {
        match self {
            Self::Null => Ok(None),
            Self::Bit(bit) => Ok(Some(i32::from(*bit))),
            Self::Int(int) => Ok(Some(*int)),
            Self::Text(text) => text.trim().parse().map(Some).map_err(|_| failed("an int", at)),
        }
    }

    /// A string as T-SQL makes it.
    pub(crate) fn to_text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            other => Some(other.shown()),
        }
    }
}

fn failed(what: &str, at: Position) -> Error {
    let message = format!("the string cannot be converted to {what}");
    Error::new(Kind::Value, number::CONVERSION_FAILED, at, message)
}

impl Type {
    /// Converts a value for a variable of this type. The flag says that a string was cut to the declared length, which
    /// T-SQL does in silence.
    pub(crate) fn hold(self, value: &Value, at: Position) -> Result<(Value, bool), Error> {
        match self {
            Self::Bit => Ok((value.to_bit(at)?.map_or(Value::Null, Value::Bit), false)),
            Self::Int => Ok((value.to_int(at)?.map_or(Value::Null, Value::Int), false)),
            Self::Text {
                national,
                fixed,
                length,
            } => {
                let Some(mut text) = value.to_text() else {
                    return Ok((Value::Null, false));
                };
                let Length::Limit(limit) = length else {
                    return Ok((Value::Text(text), false));
                };
                let width = |c: char| if national { c.len_utf16() } else { 1 };
                let limit = usize::from(limit);
                let mut used = 0;
                let mut fits = text.len();
                for (offset, c) in text.char_indices() {
                    if used + width(c) > limit {
                        fits = offset;
                        break;
                    }
                    used += width(c);
                }
                let cut = fits < text.len();
                if cut && matches!(value, Value::Int(_)) {
                    let message = "the variable is too short for the number";
                    return Err(Error::new(Kind::Value, number::OVERFLOW, at, message));
                }
                text.truncate(fits);
                if fixed {
                    text.extend(std::iter::repeat_n(' ', limit - used));
                }
                Ok((Value::Text(text), cut))
            }
        }
    }

    /// The type is one of the strings without a limit.
    pub(crate) fn is_max(self) -> bool {
        matches!(
            self,
            Self::Text {
                length: Length::Max,
                ..
            }
        )
    }
}
