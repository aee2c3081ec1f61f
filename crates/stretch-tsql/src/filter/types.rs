//! Types of parameters of filter functions and of CAST and CONVERT.

use crate::cursor::Cursor;
use crate::error::{Error, Kind, number, unfit};
use crate::lexer::TokenKind;

/// A type, as far as constants depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilterType {
    /// tinyint, smallint, int, bigint
    Int,
    Bit,
    /// decimal, numeric, money, smallmoney; digits behind the point.
    Decimal(u32),
    /// float, real
    Float,
    /// Any string; the limit in characters, `None` for max.
    Text(Option<usize>),
    Date,
    /// datetime, datetime2, smalldatetime
    DateTime,
    /// datetimeoffset
    Offset,
    /// uniqueidentifier
    Guid,
}

impl FilterType {
    pub fn is_moment(self) -> bool {
        matches!(self, Self::Date | Self::DateTime | Self::Offset)
    }
}

const TYPES: &str = "Supported types: tinyint, smallint, int, bigint, bit, decimal, numeric, money, smallmoney, float, \
    real, char, varchar, nchar, nvarchar, sysname, date, datetime, datetime2, smalldatetime, datetimeoffset, \
    uniqueidentifier.";
/// Length of a string type without one in CAST and CONVERT.
const CAST_LENGTH: usize = 30;

/// Reads a type with its arguments.
pub(crate) fn filter_type(cursor: &mut Cursor<'_>) -> Result<FilterType, Error> {
    let at = cursor.at();
    let TokenKind::Word { text, .. } = cursor.kind() else {
        return Err(cursor.expected("a type").supported(TYPES));
    };
    let name = text.to_ascii_lowercase();
    cursor.advance();
    let arguments = arguments(cursor)?;
    let first = arguments.first().copied();
    Ok(match name.as_str() {
        "tinyint" | "smallint" | "int" | "integer" | "bigint" => FilterType::Int,
        "bit" => FilterType::Bit,
        "decimal" | "numeric" | "dec" => {
            let scale = arguments.get(1).copied().flatten().unwrap_or(0);
            FilterType::Decimal(
                u32::try_from(scale)
                    .ok()
                    .filter(|scale| *scale <= 38)
                    .ok_or_else(|| unfit(at, "the scale of the type is larger than 38"))?,
            )
        }
        "money" | "smallmoney" => FilterType::Decimal(4),
        "float" | "real" => FilterType::Float,
        "char" | "varchar" | "nchar" | "nvarchar" => FilterType::Text(match first {
            None => Some(CAST_LENGTH),
            Some(length) => length,
        }),
        "sysname" => FilterType::Text(Some(128)),
        "date" => FilterType::Date,
        "datetime" | "datetime2" | "smalldatetime" => FilterType::DateTime,
        "datetimeoffset" => FilterType::Offset,
        "uniqueidentifier" => FilterType::Guid,
        _ => {
            let message = "a type that is not supported in filters";
            return Err(Error::new(Kind::Type, number::UNKNOWN_TYPE, at, message).supported(TYPES));
        }
    })
}

/// `(n)`, `(n, m)`, `(max)` as `None`, or nothing.
fn arguments(cursor: &mut Cursor<'_>) -> Result<Vec<Option<usize>>, Error> {
    let mut arguments = Vec::new();
    if !cursor.take_symbol("(") {
        return Ok(arguments);
    }
    loop {
        let argument = match cursor.kind() {
            TokenKind::Number(digits) => {
                let length = digits.parse().ok().filter(|n: &usize| *n <= 8000);
                Some(length.ok_or_else(|| unfit(cursor.at(), "the length of the type is out of range"))?)
            }
            TokenKind::Word { text, .. } if text.eq_ignore_ascii_case("max") => None,
            _ => return Err(cursor.expected("the length of the type")),
        };
        cursor.advance();
        arguments.push(argument);
        if !cursor.take_symbol(",") || arguments.len() == 2 {
            break;
        }
    }
    cursor.expect_symbol(")")?;
    Ok(arguments)
}
