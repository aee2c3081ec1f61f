//! Which aggregates over which columns can be computed on stored values, read from the expressions of a plan.
//!
//! The planner asks whether a path of ours is possible, and the executor what it has to compute: both read the same
//! target list, so that nothing of it has to be written into the plan.

use super::{chosen, keys};
use crate::cold::collation;
use crate::pg::list;
use crate::statements::scan::column::column;
use crate::statements::scan::expressions::Kind;
use crate::statements::scan::{conditions, quals};
use pgrx::pg_sys;
use stretch_columns::aggregate::{Aggregate, Argument, Function, Plan};
use stretch_columns::conditions::Clause;
use stretch_columns::expression::Integer;
use stretch_segment::ColumnType;

/// An aggregate that is neither ordered-set nor hypothetical (pg_aggregate.h).
const AGGKIND_NORMAL: u8 = b'n';

/// What stands at a place of the target list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A key, by its number.
    Key(usize),
    /// An aggregate, by its number.
    Aggregate(usize),
}

/// A target list that can be computed on stored values.
pub struct Recognised {
    pub plan: Plan,
    /// One for each entry of the target list.
    pub items: Vec<Item>,
}

/// What a target list wants of the relation with range table index `relid`; `None` where a part of it cannot be
/// computed on stored values.
///
/// # Safety
/// Expressions of the planner, or of a finished plan.
pub unsafe fn target(expressions: &[*mut pg_sys::Node], relid: u32) -> Option<Recognised> {
    let mut found = Recognised {
        plan: Plan::default(),
        items: Vec::with_capacity(expressions.len()),
    };
    for expression in expressions {
        // SAFETY: the tag of a node tells its type.
        unsafe {
            if (**expression).type_ == pg_sys::NodeTag::T_Aggref {
                let aggregate = aggregate(&*expression.cast::<pg_sys::Aggref>(), relid)?;
                found.items.push(Item::Aggregate(found.plan.aggregates.len()));
                found.plan.aggregates.push(aggregate);
            } else {
                found.items.push(Item::Key(found.plan.keys.len()));
                found.plan.keys.push(keys::key(*expression, relid)?);
            }
        }
    }
    Some(found)
}

unsafe fn aggregate(node: &pg_sys::Aggref, relid: u32) -> Option<Aggregate> {
    let is_plain = node.agglevelsup == 0
        && node.aggkind as u8 == AGGKIND_NORMAL
        && node.aggorder.is_null()
        && node.aggdistinct.is_null()
        && node.aggdirectargs.is_null();
    if !is_plain {
        return None;
    }
    // SAFETY: arguments are target entries; a filter is an expression.
    unsafe {
        let arguments = list::pointers::<pg_sys::TargetEntry>(node.args);
        let argument = arguments.first().map(|entry| (**entry).expr.cast::<pg_sys::Node>());
        let (function, argument) = match (node.aggfnoid.to_u32(), argument) {
            (pg_sys::F_COUNT_, None) => (Function::Count, Argument::Row),
            (pg_sys::F_COUNT_ANY, Some(argument)) => (Function::Count, presence(argument, relid)?),
            (function, Some(argument)) => of_value(function, argument, node.inputcollid, relid)?,
            _ => return None,
        };
        Some(Aggregate {
            function,
            argument,
            filter: filter(node.aggfilter, relid)?,
        })
    }
}

/// Whether there is a value, of a column of any type or of a number.
unsafe fn presence(node: *mut pg_sys::Node, relid: u32) -> Option<Argument> {
    // SAFETY: the caller's promise.
    unsafe {
        match column(node, relid) {
            Some(column) => Some(Argument::Presence(column.attribute)),
            None => chosen::argument(node, relid).map(|(argument, _)| argument),
        }
    }
}

unsafe fn of_value(
    function: u32,
    argument: *mut pg_sys::Node,
    collation: pg_sys::Oid,
    relid: u32,
) -> Option<(Function, Argument)> {
    // SAFETY: the caller's promise.
    unsafe {
        match function {
            pg_sys::F_BOOL_AND | pg_sys::F_EVERY => Some((Function::All, truth(argument, relid)?)),
            pg_sys::F_BOOL_OR => Some((Function::Any, truth(argument, relid)?)),
            pg_sys::F_MIN_TEXT => Some((Function::LeastText, text(argument, collation, relid)?)),
            pg_sys::F_MAX_TEXT => Some((Function::GreatestText, text(argument, collation, relid)?)),
            _ => {
                let (argument, kind) = chosen::argument(argument, relid)?;
                let function = of_number(function, kind)?;
                // Of numerics that are equal the server keeps the one that it met first, with its digits.
                let is_of_first = matches!(function, Function::LeastNumeric | Function::GreatestNumeric);
                match argument {
                    Argument::Chosen(..) if is_of_first => None,
                    argument => Some((function, argument)),
                }
            }
        }
    }
}

/// The function for values of a kind, where it takes these.
fn of_number(function: u32, kind: Kind) -> Option<Function> {
    use Integer::{Int2, Int4, Int8};
    use Kind::{Day, Moment, Numeric};
    let known = match (function, kind) {
        (pg_sys::F_SUM_INT2, Kind::Integer(Int2)) | (pg_sys::F_SUM_INT4, Kind::Integer(Int4)) => Function::SumOfSmall,
        (pg_sys::F_AVG_INT2, Kind::Integer(Int2)) | (pg_sys::F_AVG_INT4, Kind::Integer(Int4)) => {
            Function::AverageOfSmall
        }
        (pg_sys::F_SUM_INT8 | pg_sys::F_AVG_INT8, Kind::Integer(Int8)) => Function::OfBig,
        (pg_sys::F_SUM_NUMERIC | pg_sys::F_AVG_NUMERIC, Numeric) => Function::OfNumeric,
        (pg_sys::F_MIN_NUMERIC, Numeric) => Function::LeastNumeric,
        (pg_sys::F_MAX_NUMERIC, Numeric) => Function::GreatestNumeric,
        (pg_sys::F_MIN_INT2, Kind::Integer(Int2))
        | (pg_sys::F_MIN_INT4, Kind::Integer(Int4))
        | (pg_sys::F_MIN_INT8, Kind::Integer(Int8))
        | (pg_sys::F_MIN_DATE, Day)
        | (pg_sys::F_MIN_TIMESTAMP | pg_sys::F_MIN_TIMESTAMPTZ, Moment) => Function::LeastWord,
        (pg_sys::F_MAX_INT2, Kind::Integer(Int2))
        | (pg_sys::F_MAX_INT4, Kind::Integer(Int4))
        | (pg_sys::F_MAX_INT8, Kind::Integer(Int8))
        | (pg_sys::F_MAX_DATE, Day)
        | (pg_sys::F_MAX_TIMESTAMP | pg_sys::F_MAX_TIMESTAMPTZ, Moment) => Function::GreatestWord,
        _ => return None,
    };
    Some(known)
}

unsafe fn truth(node: *mut pg_sys::Node, relid: u32) -> Option<Argument> {
    // SAFETY: the caller's promise.
    let column = unsafe { column(node, relid)? };
    (column.kind == ColumnType::Bool).then_some(Argument::Truth(column.attribute))
}

/// A text, which the collation orders by its bytes.
unsafe fn text(node: *mut pg_sys::Node, of: pg_sys::Oid, relid: u32) -> Option<Argument> {
    // SAFETY: the caller's promise.
    let column = unsafe { column(node, relid)? };
    let is_text = matches!(column.base, pg_sys::TEXTOID | pg_sys::VARCHAROID);
    (is_text && collation::of(of).orders_by_bytes()).then_some(Argument::Text(column.attribute))
}

/// The conditions of a FILTER.
unsafe fn filter(node: *mut pg_sys::Expr, relid: u32) -> Option<Vec<Clause>> {
    if node.is_null() {
        return Some(Vec::new());
    }
    // SAFETY: an expression of the planner; lists are made in its memory context.
    unsafe {
        let clauses = pg_sys::make_ands_implicit(node);
        let found = quals::collect(clauses, relid);
        let conditions = conditions::of_constants(&found);
        (conditions.len() == list::length(clauses) as usize).then_some(conditions)
    }
}

/// Whether all conditions of a scan can be decided on stored values.
///
/// # Safety
/// A list of plain conditions of the planner.
pub unsafe fn all_conditions(clauses: *mut pg_sys::List, relid: u32) -> bool {
    // SAFETY: the caller's promise.
    unsafe { quals::collect(clauses, relid).trees.len() == list::length(clauses) as usize }
}
