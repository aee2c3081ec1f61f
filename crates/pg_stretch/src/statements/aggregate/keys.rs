//! Which expressions rows are grouped by that follow from stored values.

use crate::pg::list;
use crate::statements::scan::column::column;
use crate::statements::scan::expressions::{self, Kind, number};
use crate::statements::scan::{conditions, quals};
use pgrx::pg_sys;
use stretch_columns::aggregate::{GroupKey, NumberType};
use stretch_columns::conditions::Clause;

/// The key that an expression is; `None` where stored values do not tell.
///
/// # Safety
/// An expression of the planner, or of a finished plan.
pub unsafe fn key(node: *mut pg_sys::Node, relid: u32) -> Option<GroupKey> {
    // SAFETY: the tag of a node tells its type.
    unsafe {
        if let Some(column) = column(node, relid) {
            return Some(GroupKey::Column(column.attribute));
        }
        match (*node).type_ {
            pg_sys::NodeTag::T_CaseExpr => return case(&*node.cast(), relid),
            pg_sys::NodeTag::T_CoalesceExpr => return coalesce(&*node.cast(), relid),
            _ => {}
        }
        if pg_sys::exprType(node) == pg_sys::BOOLOID {
            return condition(node, relid).map(GroupKey::Truth);
        }
        computed(node, relid)
    }
}

unsafe fn computed(node: *mut pg_sys::Node, relid: u32) -> Option<GroupKey> {
    // SAFETY: the caller's promise.
    let (expression, kind) = unsafe { number(node, relid)? };
    let kind = match kind {
        Kind::Integer(integer) => NumberType::Integer(integer),
        Kind::Numeric => NumberType::Numeric,
        Kind::Day => NumberType::Date,
        Kind::Moment => NumberType::Timestamp,
    };
    Some(GroupKey::Number(expression, kind))
}

/// A condition whose values are constants.
///
/// # Safety
/// An expression of the planner, or of a finished plan.
pub unsafe fn condition(node: *mut pg_sys::Node, relid: u32) -> Option<Clause> {
    // SAFETY: an expression of the planner; the list is made in its memory context.
    unsafe {
        let found = quals::collect(pg_sys::lappend(std::ptr::null_mut(), node.cast()), relid);
        conditions::of_constants(&found).pop()
    }
}

/// CASE with conditions; with a value to compare it is left to the server.
unsafe fn case(node: &pg_sys::CaseExpr, relid: u32) -> Option<GroupKey> {
    if !node.arg.is_null() || !is_chosen(node.casetype) {
        return None;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let when = |when: *mut pg_sys::CaseWhen| {
            let condition = condition((*when).expr.cast(), relid)?;
            Some((condition, value((*when).result.cast(), relid)?))
        };
        let cases = list::pointers::<pg_sys::CaseWhen>(node.args).into_iter().map(when);
        let cases = cases.collect::<Option<Vec<_>>>()?;
        let otherwise = match node.defresult.is_null() {
            true => GroupKey::Null,
            false => value(node.defresult.cast(), relid)?,
        };
        Some(GroupKey::Case(cases, Box::new(otherwise)))
    }
}

unsafe fn coalesce(node: &pg_sys::CoalesceExpr, relid: u32) -> Option<GroupKey> {
    if !is_chosen(node.coalescetype) {
        return None;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let values = list::pointers::<pg_sys::Node>(node.args).into_iter();
        let values = values.map(|node| value(node, relid)).collect::<Option<_>>()?;
        Some(GroupKey::Coalesce(values))
    }
}

/// Types between whose values CASE and COALESCE may choose: those that are stored in one way. Numerics of another scale
/// are stored in another way.
fn is_chosen(of: pg_sys::Oid) -> bool {
    // SAFETY: plain getter.
    let is_utf8 = unsafe { pg_sys::GetDatabaseEncoding() as u32 == pg_sys::pg_enc::PG_UTF8 };
    match of {
        pg_sys::TEXTOID | pg_sys::VARCHAROID => is_utf8,
        pg_sys::BOOLOID
        | pg_sys::INT2OID
        | pg_sys::INT4OID
        | pg_sys::INT8OID
        | pg_sys::DATEOID
        | pg_sys::TIMESTAMPOID => true,
        _ => false,
    }
}

/// A value that CASE or COALESCE may give: a constant, or a key.
unsafe fn value(node: *mut pg_sys::Node, relid: u32) -> Option<GroupKey> {
    // SAFETY: the tag of a node tells its type.
    unsafe {
        if (*node).type_ != pg_sys::NodeTag::T_Const {
            return key(node, relid);
        }
        let constant = &*node.cast::<pg_sys::Const>();
        if constant.constisnull {
            return Some(GroupKey::Null);
        }
        match constant.consttype {
            pg_sys::BOOLOID => Some(GroupKey::Truth(match constant.constvalue.value() != 0 {
                true => Clause::And(Vec::new()),
                false => Clause::Or(Vec::new()),
            })),
            pg_sys::TEXTOID => String::from_utf8(expressions::word(node)?).ok().map(GroupKey::Text),
            _ => computed(node, relid),
        }
    }
}
