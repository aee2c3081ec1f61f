//! Constant expressions of filters, evaluated when the function is defined: the grammar.

use super::constant::Constant;
use super::convert;
use super::moment::{self, Moment};
use super::number::Number;
use super::types::filter_type;
use crate::cursor::Cursor;
use crate::error::{Error, Kind, number as numbers, unfit};
use crate::lexer::TokenKind;
use crate::position::Position;

/// How deep parentheses and calls may nest; keeps the recursion far from the end of any stack.
pub(crate) const MAX_DEPTH: usize = 40;

/// Functions whose result changes from call to call.
const NOT_DETERMINISTIC: [&str; 10] = [
    "GETDATE",
    "GETUTCDATE",
    "SYSDATETIME",
    "SYSUTCDATETIME",
    "SYSDATETIMEOFFSET",
    "CURRENT_TIMESTAMP",
    "RAND",
    "NEWID",
    "NEWSEQUENTIALID",
    "CHECKSUM_AGG",
];

const FUNCTIONS: &str = "Constants may hold CAST, CONVERT, ABS, CEILING, FLOOR, POWER, SIGN, SQRT, SQUARE, DATEADD and \
    DATEFROMPARTS.";

/// `sum { + - } …`
pub(crate) fn constant(cursor: &mut Cursor<'_>, depth: usize) -> Result<Constant, Error> {
    if depth > MAX_DEPTH {
        return Err(too_deep(cursor.at()));
    }
    let mut left = product(cursor, depth)?;
    while let TokenKind::Symbol(operator @ ("+" | "-")) = cursor.kind() {
        let at = cursor.at();
        cursor.advance();
        let right = product(cursor, depth)?;
        left = match (left, right) {
            (Constant::Text(a), Constant::Text(b)) if *operator == "+" => Constant::Text(a + &b),
            (a, b) => apply(operator, a, b, at)?,
        };
    }
    Ok(left)
}

pub(crate) fn too_deep(at: Position) -> Error {
    let message = format!("the expression nests deeper than {MAX_DEPTH} levels");
    Error::new(Kind::Unsupported, numbers::NESTED_TOO_DEEPLY, at, message)
}

fn apply(operator: &str, left: Constant, right: Constant, at: Position) -> Result<Constant, Error> {
    match (left, right) {
        (Constant::Number(a), Constant::Number(b)) => a.apply(operator, b, at).map(Constant::Number),
        _ => {
            Err(unfit(at, "only numbers can be calculated with, and strings be joined")
                .supported("Use DATEADD for dates."))
        }
    }
}

fn product(cursor: &mut Cursor<'_>, depth: usize) -> Result<Constant, Error> {
    let mut left = signed(cursor, depth)?;
    while let TokenKind::Symbol(operator @ ("*" | "/" | "%")) = cursor.kind() {
        let at = cursor.at();
        cursor.advance();
        let right = signed(cursor, depth)?;
        left = apply(operator, left, right, at)?;
    }
    Ok(left)
}

fn signed(cursor: &mut Cursor<'_>, depth: usize) -> Result<Constant, Error> {
    let at = cursor.at();
    let mut negative = false;
    let mut any = false;
    loop {
        if cursor.take_symbol("-") {
            negative = !negative;
        } else if !cursor.take_symbol("+") {
            break;
        }
        any = true;
    }
    let value = primary(cursor, depth)?;
    match value {
        Constant::Number(n) if negative => n.negate(at).map(Constant::Number),
        Constant::Number(_) => Ok(value),
        _ if any => Err(unfit(at, "only a number can have a sign")),
        _ => Ok(value),
    }
}

fn primary(cursor: &mut Cursor<'_>, depth: usize) -> Result<Constant, Error> {
    let at = cursor.at();
    match cursor.kind() {
        TokenKind::Number(digits) => {
            let value = Number::literal(digits, at)?;
            cursor.advance();
            Ok(Constant::Number(value))
        }
        TokenKind::Text(text) => {
            cursor.advance();
            Ok(Constant::Text(text.clone()))
        }
        TokenKind::Symbol("(") => {
            cursor.advance();
            if cursor.is_word("SELECT") {
                return Err(subquery(cursor.at()));
            }
            let value = constant(cursor, depth + 1)?;
            cursor.expect_symbol(")")?;
            Ok(value)
        }
        TokenKind::Variable(_) => Err(not_bare(at)),
        TokenKind::Word { text, quoted: false } => {
            if NOT_DETERMINISTIC.iter().any(|name| name.eq_ignore_ascii_case(text)) {
                return Err(unfit(at, "a filter cannot hold a function that is not deterministic")
                    .supported("Write the value as a constant and replace the filter from time to time."));
            }
            if text.eq_ignore_ascii_case("NULL") {
                return Err(unfit(at, "a comparison with NULL never holds").supported("Use IS NULL or IS NOT NULL."));
            }
            if text.eq_ignore_ascii_case("SELECT") {
                return Err(subquery(at));
            }
            if matches!(cursor.second(), Some(TokenKind::Symbol("("))) {
                return call(cursor, depth + 1);
            }
            Err(cursor.expected("a constant"))
        }
        _ => Err(cursor.expected("a constant")),
    }
}

/// A call; the cursor stands on the name, a parenthesis follows.
fn call(cursor: &mut Cursor<'_>, depth: usize) -> Result<Constant, Error> {
    let at = cursor.at();
    let name = cursor.word().unwrap_or_default().to_ascii_uppercase();
    cursor.advance();
    cursor.expect_symbol("(")?;
    let value = match name.as_str() {
        "CAST" => {
            let value = constant(cursor, depth)?;
            cursor.expect_word("AS")?;
            let target = filter_type(cursor)?;
            convert::cast(value, target, None, at)?
        }
        "CONVERT" => {
            let target = filter_type(cursor)?;
            cursor.expect_symbol(",")?;
            let value = constant(cursor, depth)?;
            let style = if cursor.take_symbol(",") {
                Some(convert::whole(constant(cursor, depth)?, at)?)
            } else {
                None
            };
            convert::cast(value, target, style, at)?
        }
        "DATEADD" => {
            let part = cursor.word().unwrap_or_default().to_ascii_lowercase();
            cursor.name("a part of a date")?;
            cursor.expect_symbol(",")?;
            let count = convert::whole(constant(cursor, depth)?, at)?;
            cursor.expect_symbol(",")?;
            let start = match constant(cursor, depth)? {
                Constant::Moment(moment) => moment,
                Constant::Text(text) => moment::neutral(&text, at)?,
                Constant::Number(_) => return Err(unfit(at, "DATEADD needs a date")),
            };
            Constant::Moment(convert::date_add(&part, count, start, at)?)
        }
        "DATEFROMPARTS" => {
            let mut parts = [0i64; 3];
            for (index, part) in parts.iter_mut().enumerate() {
                if index > 0 {
                    cursor.expect_symbol(",")?;
                }
                *part = convert::whole(constant(cursor, depth)?, at)?;
            }
            let [year, month, day] = parts;
            // Anything out of range becomes month 0, which no date has.
            let small = |n: i64| u32::try_from(n).unwrap_or(0);
            Constant::Moment(Moment::day(
                i32::try_from(year).unwrap_or(0),
                small(month),
                small(day),
                at,
            )?)
        }
        "ABS" | "CEILING" | "FLOOR" | "POWER" | "SIGN" | "SQRT" | "SQUARE" => {
            // A parameter in a call is the mistake to name, before anything else is said about the call.
            let first = convert::number(constant(cursor, depth)?, at)?;
            let second = if name == "POWER" {
                cursor.expect_symbol(",")?;
                Some(convert::number(constant(cursor, depth)?, at)?)
            } else {
                None
            };
            Constant::Number(convert::arithmetic(&name, first, second, at)?)
        }
        _ => {
            if matches!(cursor.kind(), TokenKind::Variable(_)) {
                return Err(not_bare(cursor.at()));
            }
            return Err(unfit(at, "this function is not known to be deterministic").supported(FUNCTIONS));
        }
    };
    cursor.expect_symbol(")")?;
    Ok(value)
}

pub(crate) fn subquery(at: Position) -> Error {
    unfit(at, "a filter cannot hold a subquery").supported("List the values: @p IN (…).")
}

/// A parameter where only constants may stand.
pub(crate) fn not_bare(at: Position) -> Error {
    unfit(
        at,
        "a column cannot stand inside arithmetic, a function or the right side of a comparison",
    )
    .supported("Write @parameter operator constant.")
}
