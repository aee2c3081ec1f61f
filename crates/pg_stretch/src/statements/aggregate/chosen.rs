//! Numbers between which CASE or COALESCE chooses, as what an aggregate is computed of.

use super::keys::condition;
use crate::pg::list;
use crate::statements::scan::expressions::{Kind, number};
use pgrx::pg_sys;
use stretch_columns::aggregate::Argument;
use stretch_columns::conditions::{Clause, Condition, Test};
use stretch_columns::expression::Expression;

/// The number that an expression is, which may choose between several.
///
/// # Safety
/// An expression of the planner, or of a finished plan.
pub unsafe fn argument(node: *mut pg_sys::Node, relid: u32) -> Option<(Argument, Kind)> {
    // SAFETY: the tag of a node tells its type.
    unsafe {
        match (*node).type_ {
            pg_sys::NodeTag::T_CaseExpr => case(&*node.cast(), relid),
            pg_sys::NodeTag::T_CoalesceExpr => coalesce(&*node.cast(), relid),
            _ => number(node, relid).map(|(expression, kind)| (Argument::Number(expression), kind)),
        }
    }
}

/// The kind that all numbers have.
#[derive(Default)]
struct Common(Option<Kind>);

impl Common {
    /// A number of the kind, or NULL, which is of any.
    unsafe fn value(&mut self, node: *mut pg_sys::Node, relid: u32) -> Option<Option<Expression>> {
        // SAFETY: the tag of a node tells its type.
        unsafe {
            let is_null = (*node).type_ == pg_sys::NodeTag::T_Const && (*node.cast::<pg_sys::Const>()).constisnull;
            if is_null {
                return Some(None);
            }
            let (expression, kind) = number(node, relid)?;
            (*self.0.get_or_insert(kind) == kind).then_some(Some(expression))
        }
    }
}

/// CASE with conditions; with a value to compare it is left to the server.
unsafe fn case(node: &pg_sys::CaseExpr, relid: u32) -> Option<(Argument, Kind)> {
    if !node.arg.is_null() {
        return None;
    }
    let mut common = Common::default();
    let mut cases = Vec::new();
    // SAFETY: the caller's promise.
    unsafe {
        for when in list::pointers::<pg_sys::CaseWhen>(node.args) {
            let condition = condition((*when).expr.cast(), relid)?;
            cases.push((condition, common.value((*when).result.cast(), relid)?));
        }
        let otherwise = match node.defresult.is_null() {
            true => None,
            false => common.value(node.defresult.cast(), relid)?,
        };
        Some((Argument::Chosen(cases, otherwise), common.0?))
    }
}

/// Each value but the last follows from one column, and so it is NULL where that is.
unsafe fn coalesce(node: &pg_sys::CoalesceExpr, relid: u32) -> Option<(Argument, Kind)> {
    let mut common = Common::default();
    let mut cases = Vec::new();
    // SAFETY: the caller's promise.
    unsafe {
        let values = list::pointers::<pg_sys::Node>(node.args);
        let (last, values) = values.split_last()?;
        for value in values {
            let expression = common.value(*value, relid)??;
            let has_value = Condition {
                attribute: expression.only_column()?,
                text: false,
                test: Test::IsNotNull,
            };
            cases.push((Clause::Test(has_value), Some(expression)));
        }
        let otherwise = common.value(*last, relid)?;
        Some((Argument::Chosen(cases, otherwise), common.0?))
    }
}
