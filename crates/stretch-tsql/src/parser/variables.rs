//! DECLARE, SET and the values of SET, DECLARE and PRINT.

use crate::ast::{Body, Declaration, Expression, Operand};
use crate::cursor::Cursor;
use crate::error::{Error, Kind, number};
use crate::lexer::TokenKind;
use crate::values::{Length, SYSNAME, Type, Value};
use crate::variables::strings_only;

const TYPES: &str = "Supported types: char, varchar, nchar and nvarchar with a length or max, sysname, bit and int.";
/// More variables than any runbook needs; keeps look-ups short.
const MAX_VARIABLES: usize = 1000;

/// Behind `DECLARE`.
pub(super) fn declare(cursor: &mut Cursor<'_>) -> Result<Body, Error> {
    let mut declarations = Vec::new();
    loop {
        let at = cursor.at();
        let TokenKind::Variable(name) = cursor.kind() else {
            return Err(cursor
                .expected("a variable")
                .supported("Write DECLARE @name type [= value]."));
        };
        let variable = name.to_lowercase();
        if cursor.variables.iter().any(|known| known.0 == variable) {
            let message = "the variable is declared already";
            return Err(Error::new(Kind::Name, number::DECLARED_TWICE, at, message));
        }
        if cursor.variables.len() >= MAX_VARIABLES {
            let message = format!("more than {MAX_VARIABLES} variables");
            return Err(Error::new(Kind::Unsupported, number::SIZE_TOO_LARGE, at, message));
        }
        cursor.advance();
        cursor.take_word("AS");
        let kind = variable_type(cursor)?;
        let value = if cursor.take_symbol("=") {
            Some(expression(cursor)?)
        } else {
            None
        };
        cursor.variables.push((variable.clone(), kind));
        declarations.push(Declaration {
            variable,
            kind,
            value,
            at,
        });
        if !cursor.take_symbol(",") {
            return Ok(Body::Declare(declarations));
        }
    }
}

/// Behind `SET`.
pub(super) fn set(cursor: &mut Cursor<'_>) -> Result<Body, Error> {
    let at = cursor.at();
    let TokenKind::Variable(name) = cursor.kind() else {
        let message = "only SET @variable = value is supported";
        return Err(
            Error::new(Kind::Unsupported, number::SYNTAX, at, message).supported("Leave settings of the session out.")
        );
    };
    let (variable, _) = cursor.declared(name, at)?;
    cursor.advance();
    cursor.expect_symbol("=")?;
    let value = expression(cursor)?;
    Ok(Body::Set { variable, value })
}

fn variable_type(cursor: &mut Cursor<'_>) -> Result<Type, Error> {
    let at = cursor.at();
    let name = match cursor.kind() {
        TokenKind::Word { text, .. } => text.to_ascii_lowercase(),
        _ => return Err(cursor.expected("a type").supported(TYPES)),
    };
    let (national, fixed, limit) = match name.as_str() {
        "bit" | "int" | "integer" | "sysname" => {
            cursor.advance();
            return Ok(match name.as_str() {
                "bit" => Type::Bit,
                "sysname" => SYSNAME,
                _ => Type::Int,
            });
        }
        "char" => (false, true, 8000),
        "varchar" => (false, false, 8000),
        "nchar" => (true, true, 4000),
        "nvarchar" => (true, false, 4000),
        _ => {
            let message = "a type that is not supported";
            return Err(Error::new(Kind::Type, number::UNKNOWN_TYPE, at, message).supported(TYPES));
        }
    };
    cursor.advance();
    let length = string_length(cursor, fixed, limit)?;
    Ok(Type::Text {
        national,
        fixed,
        length,
    })
}

/// `(n)`, `(max)` or nothing, which means one character.
pub(super) fn string_length(cursor: &mut Cursor<'_>, fixed: bool, limit: u16) -> Result<Length, Error> {
    if !cursor.take_symbol("(") {
        return Ok(Length::Limit(1));
    }
    let at = cursor.at();
    let length = match cursor.kind() {
        TokenKind::Word { text, .. } if text.eq_ignore_ascii_case("max") && !fixed => Length::Max,
        TokenKind::Number(digits) => match digits.parse::<u64>() {
            Ok(0) | Err(_) => {
                let message = "the length of a type must be a whole number from 1";
                return Err(Error::new(Kind::Type, number::BAD_LENGTH, at, message));
            }
            Ok(n) => match u16::try_from(n) {
                Ok(n) if n <= limit => Length::Limit(n),
                _ => {
                    let message = format!("the length of this type is {limit} at most");
                    let longer = if fixed {
                        "Use a variable-length type with max."
                    } else {
                        "Use max."
                    };
                    return Err(Error::new(Kind::Type, number::SIZE_TOO_LARGE, at, message).supported(longer));
                }
            },
        },
        _ => return Err(cursor.expected("the length of the type")),
    };
    cursor.advance();
    cursor.expect_symbol(")")?;
    Ok(length)
}

/// One operand, or strings joined by `+`.
pub(super) fn expression(cursor: &mut Cursor<'_>) -> Result<Expression, Error> {
    let at = cursor.at();
    let mut operands = vec![operand(cursor)?];
    while cursor.take_symbol("+") {
        operands.push(operand(cursor)?);
    }
    if operands.len() > 1 {
        for operand in &operands {
            let text = match operand {
                Operand::Literal(value) => matches!(value, Value::Text(_) | Value::Null),
                Operand::Variable(name) => matches!(cursor.declared(name, at)?.1, Type::Text { .. }),
            };
            if !text {
                return Err(strings_only(at));
            }
        }
    }
    Ok(Expression { operands, at })
}

/// A literal, a variable, NULL, or a number with its sign.
pub(super) fn operand(cursor: &mut Cursor<'_>) -> Result<Operand, Error> {
    let at = cursor.at();
    let negative = cursor.take_symbol("-");
    let operand = match cursor.kind() {
        TokenKind::Number(digits) => {
            let signed = if negative { format!("-{digits}") } else { digits.clone() };
            let int = signed.parse::<i32>().map_err(|_| {
                let message = "only whole numbers of type int are supported here";
                Error::new(Kind::Value, number::OVERFLOW, at, message)
            })?;
            Operand::Literal(Value::Int(int))
        }
        _ if negative => return Err(cursor.expected("a number")),
        TokenKind::Text(text) => {
            if text.contains('\0') {
                return Err(Error::syntax(at, "a string literal holds a zero byte"));
            }
            Operand::Literal(Value::Text(text.clone()))
        }
        TokenKind::Variable(name) => Operand::Variable(cursor.declared(name, at)?.0),
        TokenKind::Word { text, quoted: false } if text.eq_ignore_ascii_case("NULL") => Operand::Literal(Value::Null),
        _ => {
            return Err(cursor
                .expected("a literal or a variable")
                .supported("Functions and operators other than + between strings are not supported here."));
        }
    };
    cursor.advance();
    Ok(operand)
}
