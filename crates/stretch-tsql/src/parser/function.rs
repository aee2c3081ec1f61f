//! CREATE FUNCTION of the one shape that can be a filter.

use crate::ast::Body;
use crate::cursor::Cursor;
use crate::error::{Error, Kind, number, unfit};
use crate::filter::predicate::predicate;
use crate::filter::types::filter_type;
use crate::filter::{FilterFunction, FilterParameter};
use crate::lexer::TokenKind;
use crate::position::Position;

const FORM: &str = "Write CREATE FUNCTION name (@p type, …) RETURNS TABLE WITH SCHEMABINDING AS RETURN \
    SELECT 1 AS is_eligible WHERE predicate.";

/// Behind `CREATE FUNCTION`; `start` is where the statement begins.
pub(super) fn create(cursor: &mut Cursor<'_>, start: Position) -> Result<Body, Error> {
    let form = |error: Error| error.supported(FORM);
    let name = cursor.object_name("the function's name", 2)?;
    let parameters = parameters(cursor)?;
    cursor.expect_words(&["RETURNS", "TABLE"]).map_err(form)?;
    if !cursor.take_words(&["WITH", "SCHEMABINDING"]) {
        return Err(form(unfit(cursor.at(), "a filter function needs WITH SCHEMABINDING")));
    }
    cursor.expect_words(&["AS", "RETURN"]).map_err(form)?;
    let enclosed = cursor.take_symbol("(");
    cursor.expect_word("SELECT").map_err(form)?;
    match cursor.kind() {
        TokenKind::Number(digits) if digits == "1" => cursor.advance(),
        _ => return Err(form(unfit(cursor.at(), "a filter function selects 1 and nothing else"))),
    }
    cursor.expect_word("AS").map_err(form)?;
    cursor.name("the name of the result column")?;
    cursor.expect_word("WHERE").map_err(form)?;
    let conditions = predicate(cursor, &parameters)?;
    if enclosed {
        cursor.expect_symbol(")")?;
    }
    let source = cursor.text_since(start).to_string();
    Ok(Body::CreateFunction {
        function: FilterFunction {
            name,
            parameters,
            conditions,
        },
        source,
    })
}

fn parameters(cursor: &mut Cursor<'_>) -> Result<Vec<FilterParameter>, Error> {
    cursor.expect_symbol("(")?;
    let mut parameters: Vec<FilterParameter> = Vec::new();
    loop {
        let at = cursor.at();
        let TokenKind::Variable(name) = cursor.kind() else {
            return Err(cursor.expected("a parameter").supported(FORM));
        };
        let name = name.to_lowercase();
        if parameters.iter().any(|known| known.name == name) {
            let message = "the parameter is declared already";
            return Err(Error::new(Kind::Name, number::DECLARED_TWICE, at, message));
        }
        cursor.advance();
        cursor.take_word("AS");
        let kind = filter_type(cursor)?;
        if cursor.is_symbol("=") {
            return Err(unfit(cursor.at(), "a parameter of a filter function has no default"));
        }
        parameters.push(FilterParameter { name, kind });
        if parameters.len() > 1600 {
            return Err(unfit(
                at,
                "a filter function has more parameters than a table can have columns",
            ));
        }
        if !cursor.take_symbol(",") {
            break;
        }
    }
    cursor.expect_symbol(")")?;
    Ok(parameters)
}
