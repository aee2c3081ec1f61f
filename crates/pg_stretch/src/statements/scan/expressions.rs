//! Expressions over columns whose values are numbers, days or moments, which stored values tell: arithmetic of integers
//! and numerics, lengths of texts, parts of days and moments.

use super::bound;
use super::column::column;
use crate::pg::list;
use pgrx::pg_sys;
use stretch_columns::calendar::{Field, Unit};
use stretch_columns::expression::{Arithmetic, Division, Expression, Integer};
use stretch_segment::{Bound, ColumnType};

/// Types of numbers; days and moments are compared alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Integer(Integer),
    Numeric,
    Day,
    Moment,
}

/// An expression whose value is a number, a day or a moment.
///
/// # Safety
/// An expression of the planner, or of a finished plan.
pub unsafe fn number(node: *mut pg_sys::Node, relid: u32) -> Option<(Expression, Kind)> {
    // SAFETY: the tag of a node tells its type.
    unsafe {
        if let Some(column) = column(node, relid) {
            let kind = match column.kind {
                ColumnType::Int2 => Kind::Integer(Integer::Int2),
                ColumnType::Int4 => Kind::Integer(Integer::Int4),
                ColumnType::Int8 => Kind::Integer(Integer::Int8),
                // Without a fixed scale values are stored as they come.
                ColumnType::Numeric { precision, .. } if precision > 0 => Kind::Numeric,
                ColumnType::Date => Kind::Day,
                ColumnType::Timestamp | ColumnType::TimestampTz => Kind::Moment,
                _ => return None,
            };
            return Some((Expression::Column(column.attribute), kind));
        }
        match (*node).type_ {
            pg_sys::NodeTag::T_Const => constant(&*node.cast::<pg_sys::Const>()),
            pg_sys::NodeTag::T_OpExpr => {
                let operation = &*node.cast::<pg_sys::OpExpr>();
                computed(operation.opfuncid.to_u32(), &list::pointers(operation.args), relid)
            }
            pg_sys::NodeTag::T_FuncExpr => {
                let call = &*node.cast::<pg_sys::FuncExpr>();
                let function = call.funcid.to_u32();
                match *list::pointers::<pg_sys::Node>(call.args).as_slice() {
                    [argument] => converted(function, argument, relid),
                    [name, argument] => taken_out(function, &word(name)?, argument, relid),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

unsafe fn constant(node: &pg_sys::Const) -> Option<(Expression, Kind)> {
    if node.constisnull {
        return None;
    }
    let kind = match node.consttype {
        pg_sys::INT2OID => Kind::Integer(Integer::Int2),
        pg_sys::INT4OID => Kind::Integer(Integer::Int4),
        pg_sys::INT8OID => Kind::Integer(Integer::Int8),
        pg_sys::NUMERICOID => Kind::Numeric,
        pg_sys::DATEOID => Kind::Day,
        pg_sys::TIMESTAMPOID => Kind::Moment,
        _ => return None,
    };
    // SAFETY: a value of that type.
    match unsafe { bound::bound(node.constvalue, node.consttype)? } {
        Bound::Int(value) => Some((Expression::Constant(value.into(), 0), kind)),
        Bound::Decimal(value, scale) => Some((Expression::Constant(value, scale), kind)),
        _ => None,
    }
}

/// A conversion that changes no value, or the length of a text.
unsafe fn converted(function: u32, argument: *mut pg_sys::Node, relid: u32) -> Option<(Expression, Kind)> {
    // SAFETY: the caller's promise.
    unsafe {
        match function {
            pg_sys::F_LENGTH_TEXT | pg_sys::F_CHAR_LENGTH_TEXT | pg_sys::F_CHARACTER_LENGTH_TEXT => {
                let column = column(argument, relid)?;
                let is_text = matches!(column.base, pg_sys::TEXTOID | pg_sys::VARCHAROID);
                let is_utf8 = pg_sys::GetDatabaseEncoding() as u32 == pg_sys::pg_enc::PG_UTF8;
                let length = Expression::Length(column.attribute);
                (is_text && is_utf8).then_some((length, Kind::Integer(Integer::Int4)))
            }
            // Of a timestamp with time zone the day depends on the session.
            pg_sys::F_DATE_TIMESTAMP => {
                let column = column(argument, relid)?;
                (column.base == pg_sys::TIMESTAMPOID).then_some((Expression::Day(column.attribute), Kind::Day))
            }
            _ => {
                let (expression, kind) = number(argument, relid)?;
                let wider = match (function, kind) {
                    (pg_sys::F_INT4_INT2, Kind::Integer(Integer::Int2)) => Kind::Integer(Integer::Int4),
                    (pg_sys::F_INT8_INT2, Kind::Integer(Integer::Int2))
                    | (pg_sys::F_INT8_INT4, Kind::Integer(Integer::Int4)) => Kind::Integer(Integer::Int8),
                    (pg_sys::F_NUMERIC_INT2, Kind::Integer(Integer::Int2))
                    | (pg_sys::F_NUMERIC_INT4, Kind::Integer(Integer::Int4))
                    | (pg_sys::F_NUMERIC_INT8, Kind::Integer(Integer::Int8)) => Kind::Numeric,
                    _ => return None,
                };
                Some((expression, wider))
            }
        }
    }
}

/// The function of an operator: what it does, and the type of its result.
fn operator(function: u32) -> Option<(Arithmetic, Kind)> {
    use Arithmetic::{Minus, Plus, Times};
    let (int2, int4, int8) = (
        Kind::Integer(Integer::Int2),
        Kind::Integer(Integer::Int4),
        Kind::Integer(Integer::Int8),
    );
    Some(match function {
        pg_sys::F_INT2PL => (Plus, int2),
        pg_sys::F_INT2MI => (Minus, int2),
        pg_sys::F_INT2MUL => (Times, int2),
        pg_sys::F_INT4PL | pg_sys::F_INT24PL | pg_sys::F_INT42PL => (Plus, int4),
        pg_sys::F_INT4MI | pg_sys::F_INT24MI | pg_sys::F_INT42MI => (Minus, int4),
        pg_sys::F_INT4MUL | pg_sys::F_INT24MUL | pg_sys::F_INT42MUL => (Times, int4),
        pg_sys::F_INT8PL | pg_sys::F_INT84PL | pg_sys::F_INT48PL | pg_sys::F_INT82PL | pg_sys::F_INT28PL => {
            (Plus, int8)
        }
        pg_sys::F_INT8MI | pg_sys::F_INT84MI | pg_sys::F_INT48MI | pg_sys::F_INT82MI | pg_sys::F_INT28MI => {
            (Minus, int8)
        }
        pg_sys::F_INT8MUL | pg_sys::F_INT84MUL | pg_sys::F_INT48MUL | pg_sys::F_INT82MUL | pg_sys::F_INT28MUL => {
            (Times, int8)
        }
        pg_sys::F_NUMERIC_ADD => (Plus, Kind::Numeric),
        pg_sys::F_NUMERIC_SUB => (Minus, Kind::Numeric),
        pg_sys::F_NUMERIC_MUL => (Times, Kind::Numeric),
        _ => return None,
    })
}

/// Division of integers, and the type of its result.
fn division(function: u32) -> Option<(Division, Integer)> {
    Some(match function {
        pg_sys::F_INT2DIV => (Division::Quotient, Integer::Int2),
        pg_sys::F_INT4DIV | pg_sys::F_INT24DIV | pg_sys::F_INT42DIV => (Division::Quotient, Integer::Int4),
        pg_sys::F_INT8DIV | pg_sys::F_INT84DIV | pg_sys::F_INT48DIV | pg_sys::F_INT82DIV | pg_sys::F_INT28DIV => {
            (Division::Quotient, Integer::Int8)
        }
        pg_sys::F_INT2MOD => (Division::Remainder, Integer::Int2),
        pg_sys::F_INT4MOD => (Division::Remainder, Integer::Int4),
        pg_sys::F_INT8MOD => (Division::Remainder, Integer::Int8),
        _ => return None,
    })
}

unsafe fn computed(function: u32, arguments: &[*mut pg_sys::Node], relid: u32) -> Option<(Expression, Kind)> {
    let [left, right] = arguments else { return None };
    if let Some((division, integer)) = division(function) {
        // SAFETY: the caller's promise.
        let (of, by) = unsafe { (number(*left, relid)?.0, number(*right, relid)?.0) };
        return match by {
            Expression::Constant(divisor, 0) if divisor != 0 => {
                let divided = Expression::Divided(division, integer, Box::new(of), i64::try_from(divisor).ok()?);
                Some((divided, Kind::Integer(integer)))
            }
            // A division by zero is an error of the server, of the row that has it.
            _ => None,
        };
    }
    let (operator, result) = operator(function)?;
    // SAFETY: the caller's promise.
    let (left, right) = unsafe { (number(*left, relid)?.0, number(*right, relid)?.0) };
    let operands = Box::new((left, right));
    let expression = match result {
        Kind::Integer(integer) => Expression::Integers(operator, integer, operands),
        _ => Expression::Numerics(operator, operands),
    };
    Some((expression, result))
}

/// `date_trunc` and `extract`, with the constant that they are given.
unsafe fn taken_out(function: u32, name: &[u8], argument: *mut pg_sys::Node, relid: u32) -> Option<(Expression, Kind)> {
    // SAFETY: the caller's promise.
    let column = unsafe { column(argument, relid)? };
    let attribute = column.attribute;
    Some(match (function, column.base) {
        (pg_sys::F_DATE_TRUNC_TEXT_TIMESTAMP, pg_sys::TIMESTAMPOID) => {
            (Expression::Truncated(unit(name)?, attribute), Kind::Moment)
        }
        (pg_sys::F_EXTRACT_TEXT_TIMESTAMP, pg_sys::TIMESTAMPOID) => {
            (Expression::Extracted(field(name)?, attribute), Kind::Numeric)
        }
        // Days have no hours: that is an error of the server.
        (pg_sys::F_EXTRACT_TEXT_DATE, pg_sys::DATEOID) => {
            let field = field(name).filter(|field| !matches!(field, Field::Hour | Field::Minute))?;
            (Expression::Extracted(field, attribute), Kind::Numeric)
        }
        _ => return None,
    })
}

/// A constant text.
///
/// # Safety
/// An expression of the planner, or of a finished plan.
pub unsafe fn word(node: *mut pg_sys::Node) -> Option<Vec<u8>> {
    // SAFETY: the tag of a node tells its type; a constant that is not NULL has a value of its type.
    unsafe {
        if (*node).type_ != pg_sys::NodeTag::T_Const {
            return None;
        }
        let constant = &*node.cast::<pg_sys::Const>();
        if constant.constisnull || constant.consttype != pg_sys::TEXTOID {
            return None;
        }
        match bound::bound(constant.constvalue, pg_sys::TEXTOID)? {
            Bound::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// By the name that most people write; the server knows others.
fn unit(name: &[u8]) -> Option<Unit> {
    Some(match name {
        b"second" => Unit::Second,
        b"minute" => Unit::Minute,
        b"hour" => Unit::Hour,
        b"day" => Unit::Day,
        b"week" => Unit::Week,
        b"month" => Unit::Month,
        b"quarter" => Unit::Quarter,
        b"year" => Unit::Year,
        _ => return None,
    })
}

fn field(name: &[u8]) -> Option<Field> {
    Some(match name {
        b"year" => Field::Year,
        b"quarter" => Field::Quarter,
        b"month" => Field::Month,
        b"day" => Field::Day,
        b"dow" => Field::DayOfWeek,
        b"hour" => Field::Hour,
        b"minute" => Field::Minute,
        _ => return None,
    })
}
