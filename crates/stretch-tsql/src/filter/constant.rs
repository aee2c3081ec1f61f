//! Constant expressions of filters, evaluated when the function is defined.

use super::convert;
use super::moment::Moment;
use super::number::Number;
use super::unfit;
use crate::error::{Error, Kind, number as numbers};
use crate::lexer::TokenKind;
use crate::parser::cursor::Cursor;
use crate::position::Position;

/// The value of a constant expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Constant {
    Number(Number),
    Text(String),
    Moment(Moment),
}

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
                return convert::call(cursor, depth + 1);
            }
            Err(cursor.expected("a constant"))
        }
        _ => Err(cursor.expected("a constant")),
    }
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
