//! The WHERE clause of a filter function: a conjunction of disjunctions of tests of one column,
//! as SQL Server asks for it.

use super::constant::Constant;
use super::expression::{MAX_DEPTH, constant, not_bare, subquery, too_deep};
use super::function::{Check, Condition, FilterParameter, Operator, Test};
use super::moment::neutral;
use super::number::Number;
use super::types::FilterType;
use crate::cursor::Cursor;
use crate::error::{Error, Kind, number, unfit};
use crate::lexer::TokenKind;
use crate::position::Position;

/// A predicate as written, BETWEEN already expanded.
enum Node {
    And(Vec<Node>),
    /// With the place of the first OR.
    Or(Vec<Node>, Position),
    Test(Test),
}

/// Reads a predicate over the parameters.
pub(crate) fn predicate(cursor: &mut Cursor<'_>, parameters: &[FilterParameter]) -> Result<Vec<Condition>, Error> {
    let node = disjunction(cursor, parameters, 0)?;
    let mut conditions = Vec::new();
    gather(node, &mut conditions)?;
    Ok(conditions)
}

fn gather(node: Node, conditions: &mut Vec<Condition>) -> Result<(), Error> {
    match node {
        Node::And(children) => children.into_iter().try_for_each(|child| gather(child, conditions)),
        Node::Test(test) => {
            conditions.push(vec![test]);
            Ok(())
        }
        Node::Or(_, at) => {
            let mut tests = Vec::new();
            alternatives(node, at, &mut tests)?;
            conditions.push(tests);
            Ok(())
        }
    }
}

fn alternatives(node: Node, at: Position, tests: &mut Vec<Test>) -> Result<(), Error> {
    match node {
        Node::Or(children, at) => children
            .into_iter()
            .try_for_each(|child| alternatives(child, at, tests)),
        Node::Test(test) => {
            tests.push(test);
            Ok(())
        }
        Node::And(_) => Err(unfit(at, "a filter cannot hold an AND inside an OR")
            .supported("Write conditions joined by AND, each of them tests joined by OR; BETWEEN counts as an AND.")),
    }
}

fn disjunction(cursor: &mut Cursor<'_>, parameters: &[FilterParameter], depth: usize) -> Result<Node, Error> {
    let first = conjunction(cursor, parameters, depth)?;
    let at = cursor.at();
    let mut children = vec![first];
    while cursor.take_word("OR") {
        children.push(conjunction(cursor, parameters, depth)?);
    }
    Ok(match children.len() {
        1 => children.remove(0),
        _ => Node::Or(children, at),
    })
}

fn conjunction(cursor: &mut Cursor<'_>, parameters: &[FilterParameter], depth: usize) -> Result<Node, Error> {
    let mut children = vec![unit(cursor, parameters, depth)?];
    while cursor.take_word("AND") {
        children.push(unit(cursor, parameters, depth)?);
    }
    Ok(match children.len() {
        1 => children.remove(0),
        _ => Node::And(children),
    })
}

fn unit(cursor: &mut Cursor<'_>, parameters: &[FilterParameter], depth: usize) -> Result<Node, Error> {
    let at = cursor.at();
    if depth > MAX_DEPTH {
        return Err(too_deep(at));
    }
    match cursor.kind() {
        TokenKind::Symbol("(") => {
            cursor.advance();
            if cursor.is_word("SELECT") {
                return Err(subquery(cursor.at()));
            }
            let node = disjunction(cursor, parameters, depth + 1)?;
            cursor.expect_symbol(")")?;
            Ok(node)
        }
        TokenKind::Variable(name) => {
            let name = name.to_lowercase();
            let index = parameters.iter().position(|p| p.name == name).ok_or_else(|| {
                Error::new(
                    Kind::Name,
                    number::NOT_DECLARED,
                    at,
                    "the filter function has no such parameter",
                )
            })?;
            cursor.advance();
            let kind = parameters.get(index).map_or(FilterType::Int, |p| p.kind);
            test(cursor, index, kind, at)
        }
        TokenKind::Word { text, quoted: false } if text.eq_ignore_ascii_case("NOT") => {
            Err(unfit(at, "a filter cannot hold NOT before a condition")
                .supported("Use the opposite comparison, IS NOT NULL or NOT BETWEEN."))
        }
        TokenKind::Word { text, quoted: false } if text.eq_ignore_ascii_case("EXISTS") => Err(subquery(at)),
        TokenKind::Word { .. } if matches!(cursor.second(), Some(TokenKind::Symbol("("))) => Err(not_bare(at)),
        _ => {
            Err(unfit(at, "the left side of a test must be a parameter")
                .supported("Write @parameter operator constant."))
        }
    }
}

/// Behind a parameter.
fn test(cursor: &mut Cursor<'_>, parameter: usize, kind: FilterType, at: Position) -> Result<Node, Error> {
    let make = |check: Check| Node::Test(Test { parameter, check });
    if cursor.take_word("IS") {
        let not = cursor.take_word("NOT");
        cursor.expect_word("NULL")?;
        return Ok(make(if not { Check::IsNotNull } else { Check::IsNull }));
    }
    if cursor.take_word("IN") {
        cursor.expect_symbol("(")?;
        if cursor.is_word("SELECT") {
            return Err(subquery(cursor.at()));
        }
        let mut values = Vec::new();
        loop {
            values.push(value(cursor, kind)?);
            if !cursor.take_symbol(",") {
                break;
            }
        }
        cursor.expect_symbol(")")?;
        return Ok(make(Check::In(values)));
    }
    let not = cursor.take_word("NOT");
    if cursor.take_word("BETWEEN") {
        ordered(kind, at)?;
        let low = value(cursor, kind)?;
        cursor.expect_word("AND")?;
        let high = value(cursor, kind)?;
        let pair = |first, second| vec![make(Check::Compare(first, low)), make(Check::Compare(second, high))];
        return Ok(if not {
            Node::Or(pair(Operator::Less, Operator::Greater), at)
        } else {
            Node::And(pair(Operator::GreaterOrEqual, Operator::LessOrEqual))
        });
    }
    if not {
        return Err(unfit(cursor.at(), "only BETWEEN can follow NOT here").supported("Use <> for each value."));
    }
    let operator = match cursor.kind() {
        TokenKind::Symbol("<") => Operator::Less,
        TokenKind::Symbol("<=" | "!>") => Operator::LessOrEqual,
        TokenKind::Symbol(">") => Operator::Greater,
        TokenKind::Symbol(">=" | "!<") => Operator::GreaterOrEqual,
        TokenKind::Symbol("=") => Operator::Equal,
        TokenKind::Symbol("<>" | "!=") => Operator::NotEqual,
        TokenKind::Symbol("+" | "-" | "*" | "/" | "%") => return Err(not_bare(at)),
        TokenKind::Word { text, .. } if text.eq_ignore_ascii_case("LIKE") => {
            return Err(unfit(cursor.at(), "a filter cannot hold LIKE").supported("Use comparisons or IN."));
        }
        _ => {
            return Err(cursor
                .expected("a comparison")
                .supported("Operators: < <= > >= = <> != !< !>, IS [NOT] NULL, IN, [NOT] BETWEEN."));
        }
    };
    if !matches!(operator, Operator::Equal | Operator::NotEqual) {
        ordered(kind, at)?;
    }
    cursor.advance();
    Ok(make(Check::Compare(operator, value(cursor, kind)?)))
}

/// SQL Server orders uniqueidentifier by its last bytes first, PostgreSQL by its first.
fn ordered(kind: FilterType, at: Position) -> Result<(), Error> {
    if kind == FilterType::Guid {
        return Err(unfit(at, "uniqueidentifier is ordered differently by PostgreSQL").supported("Use = or IN."));
    }
    Ok(())
}

/// A constant for a column of this type.
fn value(cursor: &mut Cursor<'_>, kind: FilterType) -> Result<Constant, Error> {
    let at = cursor.at();
    let value = constant(cursor, 0)?;
    let clash = |message: &str| Error::new(Kind::Type, number::TYPE_CLASH, at, message);
    match (value, kind) {
        (Constant::Number(n), FilterType::Bit) => match n {
            Number::Int(0 | 1) => Ok(Constant::Number(n)),
            _ => Err(clash("a bit is compared with 0 or 1")),
        },
        (value @ Constant::Number(_), FilterType::Int | FilterType::Decimal(_) | FilterType::Float) => Ok(value),
        (_, FilterType::Int | FilterType::Decimal(_) | FilterType::Float | FilterType::Bit) => {
            Err(clash("a number is needed here, without quotes"))
        }
        (Constant::Text(text), FilterType::Guid) => {
            let plain = text.trim_matches(|c| matches!(c, '{' | '}'));
            let groups: Vec<usize> = plain.split('-').map(str::len).collect();
            let hex = plain.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
            if hex && groups == [8, 4, 4, 4, 12] {
                Ok(Constant::Text(plain.to_ascii_lowercase()))
            } else {
                Err(clash("the string is not a uniqueidentifier"))
            }
        }
        (Constant::Text(text), FilterType::Text(_)) => {
            if text.contains('\0') {
                return Err(clash("a string literal holds a zero byte"));
            }
            Ok(Constant::Text(text))
        }
        (Constant::Text(text), FilterType::Date | FilterType::DateTime | FilterType::Offset) => {
            let mut moment = neutral(&text, at)?;
            if kind == FilterType::Date && moment.micros != 0 {
                return Err(clash("a date has no time of day"));
            }
            match (kind, moment.offset) {
                (FilterType::Offset, None) => moment.offset = Some(0),
                (FilterType::Offset, _) | (_, None) => {}
                (_, Some(_)) => return Err(clash("only a datetimeoffset has an offset")),
            }
            Ok(Constant::Moment(moment))
        }
        (Constant::Moment(mut moment), FilterType::Date | FilterType::DateTime | FilterType::Offset) => {
            if kind == FilterType::Offset {
                moment.offset = Some(moment.offset.unwrap_or(0));
            }
            Ok(Constant::Moment(moment))
        }
        (_, FilterType::Text(_) | FilterType::Guid) => Err(clash("a string is needed here, in quotes")),
        (_, FilterType::Date | FilterType::DateTime | FilterType::Offset) => Err(clash("a date is needed here")),
    }
}
