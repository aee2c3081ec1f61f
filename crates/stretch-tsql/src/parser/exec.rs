//! EXEC: the procedure, its arguments by position and by name, checked against its parameters.

use super::variables::operand;
use crate::ast::{Argument, Body, Exec, Operand};
use crate::cursor::{Cursor, is_reserved};
use crate::error::{Error, Kind, number};
use crate::lexer::TokenKind;
use crate::position::Position;
use crate::procedures::{Parameter, ParameterKind, Procedure, known};
use crate::values::{Type, Value};

/// Behind `EXEC`.
pub(super) fn exec(cursor: &mut Cursor<'_>) -> Result<Body, Error> {
    let mut returns = None;
    if let (TokenKind::Variable(name), Some(TokenKind::Symbol("="))) = (cursor.kind(), cursor.second()) {
        let at = cursor.at();
        let (name, kind) = cursor.declared(name, at)?;
        if kind != Type::Int {
            let message = "the variable for a return code must be an int";
            return Err(Error::new(Kind::Type, number::TYPE_CLASH, at, message));
        }
        returns = Some(name);
        cursor.advance();
        cursor.advance();
    }
    let at = cursor.at();
    if !matches!(cursor.kind(), TokenKind::Word { .. }) {
        return Err(cursor.expected("the name of a procedure").supported(known()));
    }
    let name = cursor.object_name("the name of a procedure", 3)?;
    let system = name
        .schema
        .is_none_or(|schema| ["sys", "dbo"].iter().any(|s| schema.text.eq_ignore_ascii_case(s)));
    let procedure = match Procedure::by_name(&name.object.text) {
        Some(procedure) if system => procedure,
        _ => {
            let message = "this procedure is not supported";
            let instead = instead_of(&name.object.text).map_or_else(known, str::to_string);
            return Err(Error::new(Kind::Name, number::UNKNOWN_PROCEDURE, at, message).supported(instead));
        }
    };
    let arguments = arguments(cursor, procedure, at)?;
    Ok(Body::Exec(Exec {
        procedure,
        database: name.database,
        returns,
        arguments,
    }))
}

/// What takes the place of procedures that runbooks of Stretch Database call and that are not here.
fn instead_of(name: &str) -> Option<&'static str> {
    let instead = match name.to_ascii_lowercase().as_str() {
        "sp_configure" => "The setting stretch.enabled takes the place of 'remote data archive'.",
        "sp_spaceused" => "See the view stretch.space_used.",
        "sp_rda_reconcile_columns" | "sp_rda_reconcile_indexes" => {
            "Segments hold every column and need no indexes; stretch.reconcile compares the endpoint with the catalog."
        }
        _ => return None,
    };
    Some(instead)
}

/// The arguments in the order of the parameters; `begin` is where the procedure's name stands.
fn arguments(cursor: &mut Cursor<'_>, procedure: Procedure, begin: Position) -> Result<Vec<Option<Argument>>, Error> {
    let parameters = procedure.parameters();
    let mut arguments: Vec<Option<Argument>> = vec![None; parameters.len()];
    let mut seen = vec![false; parameters.len()];
    let mut position = 0;
    let mut named = false;
    let none = cursor.is_symbol(";") || cursor.at_end() || cursor.word().is_some_and(is_reserved_or_statement);
    let mut more = !none;
    while more {
        let at = cursor.at();
        let index = match (cursor.kind(), cursor.second()) {
            (TokenKind::Variable(name), Some(TokenKind::Symbol("="))) => {
                named = true;
                let bare = name.get(1..).unwrap_or_default();
                let Some(index) = parameters.iter().position(|p| p.name.eq_ignore_ascii_case(bare)) else {
                    let message = format!("{} has no parameter of this name", procedure.name());
                    return Err(
                        Error::new(Kind::Name, number::UNKNOWN_PARAMETER, at, message).supported(described(procedure))
                    );
                };
                cursor.advance();
                cursor.advance();
                index
            }
            _ if named => {
                let message = "arguments behind a named one must be named too";
                return Err(Error::new(Kind::Syntax, number::POSITIONAL_AFTER_NAMED, at, message)
                    .supported("Write @name = value."));
            }
            _ => {
                position += 1;
                position - 1
            }
        };
        let (Some(parameter), Some(slot), Some(twice)) =
            (parameters.get(index), arguments.get_mut(index), seen.get_mut(index))
        else {
            let message = format!("{} has fewer parameters than arguments are given", procedure.name());
            return Err(Error::new(Kind::Name, number::TOO_MANY_ARGUMENTS, at, message).supported(described(procedure)));
        };
        if *twice {
            let message = format!("@{} is given more than once", parameter.name);
            return Err(Error::new(Kind::Name, number::PARAMETER_TWICE, at, message));
        }
        *twice = true;
        *slot = argument(cursor, parameter)?;
        more = cursor.take_symbol(",");
    }
    for (parameter, argument) in parameters.iter().zip(&arguments) {
        if parameter.required && argument.is_none() {
            let message = format!("{} needs @{}", procedure.name(), parameter.name);
            return Err(
                Error::new(Kind::Name, procedure.missing_number(), begin, message).supported(described(procedure))
            );
        }
    }
    Ok(arguments)
}

/// Words that cannot be an argument without quotes, since they begin the next statement.
fn is_reserved_or_statement(word: &str) -> bool {
    (is_reserved(word) && !word.eq_ignore_ascii_case("NULL") && !word.eq_ignore_ascii_case("DEFAULT"))
        || word.eq_ignore_ascii_case("GO")
}

/// One value; `None` for DEFAULT.
fn argument(cursor: &mut Cursor<'_>, parameter: &Parameter) -> Result<Option<Argument>, Error> {
    let at = cursor.at();
    if cursor.take_word("DEFAULT") {
        return Ok(None);
    }
    let value = match cursor.kind() {
        // T-SQL takes a word without quotes as a string here.
        TokenKind::Word { text, quoted } if *quoted || !is_reserved(text) => {
            cursor.advance();
            Operand::Literal(Value::Text(text.clone()))
        }
        _ => operand(cursor)?,
    };
    let output = cursor.take_word("OUTPUT") || cursor.take_word("OUT");
    if output && !parameter.output {
        let message = format!("@{} gives nothing back", parameter.name);
        return Err(Error::new(Kind::Type, number::NOT_OUTPUT, at, message).supported("Leave OUTPUT out."));
    }
    match &value {
        Operand::Variable(name) => {
            let kind = cursor.declared(name, at)?.1;
            if parameter.kind == ParameterKind::Name && kind.is_max() {
                let message = format!(
                    "@{} takes sysname or a string of up to 128 characters, not max",
                    parameter.name
                );
                return Err(Error::new(Kind::Type, number::TYPE_CLASH, at, message)
                    .supported("Declare the variable as sysname, nvarchar(128) or varchar(128)."));
            }
        }
        Operand::Literal(_) if output => {
            return Err(Error::syntax(at, "OUTPUT needs a variable"));
        }
        Operand::Literal(_) => {}
    }
    Ok(Some(Argument { value, output, at }))
}

/// How a procedure is called.
fn described(procedure: Procedure) -> String {
    let parameters: Vec<String> = procedure
        .parameters()
        .iter()
        .map(|p| {
            let output = if p.output { " OUTPUT" } else { "" };
            if p.required {
                format!("@{}{output}", p.name)
            } else {
                format!("[@{}{output}]", p.name)
            }
        })
        .collect();
    format!("Call it as EXEC {} {}.", procedure.name(), parameters.join(", ")).replace(" .", ".")
}
