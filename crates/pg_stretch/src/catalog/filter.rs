//! The filter of a table as an expression of the server: which rows are cold or may become so.

use crate::pg::error::{Error, Result};
use crate::pg::{list, text};
use pgrx::pg_sys;
use std::ffi::CStr;
use stretch_core::errors;

/// Text to a transformed, unfolded boolean expression.
pub fn parse(relation: pg_sys::Oid, filter: &str) -> Result<*mut pg_sys::Node> {
    let text = text::to_server(filter)?;
    // SAFETY: raw_parser gives a list of RawStmt in the current memory context, and the text outlives the parsing.
    unsafe {
        let statements = list::pointers::<pg_sys::RawStmt>(pg_sys::raw_parser(
            text.as_ptr(),
            pg_sys::RawParseMode::RAW_PARSE_PLPGSQL_EXPR,
        ));
        let raw = statements
            .first()
            .and_then(|statement| only_expression((**statement).stmt))
            .ok_or_else(|| Error::new(&errors::FILTER_UNFIT, "the filter is not one boolean expression"))?;
        Ok(transform(relation, raw, &text))
    }
}

/// What the server makes of an expression of the raw parser over the columns of a table.
unsafe fn transform(relation: pg_sys::Oid, raw: *mut pg_sys::Node, text: &CStr) -> *mut pg_sys::Node {
    // SAFETY: the caller holds a lock on the table, which is closed again as it was opened; the text outlives the parse
    // state.
    unsafe {
        let table = pg_sys::table_open(relation, pg_sys::NoLock as i32);
        let state = pg_sys::make_parsestate(std::ptr::null_mut());
        (*state).p_sourcetext = text.as_ptr();
        let item = pg_sys::addRangeTableEntryForRelation(
            state,
            table,
            pg_sys::AccessShareLock as i32,
            std::ptr::null_mut(),
            false,
            true,
        );
        pg_sys::addNSItemToQuery(state, item, true, true, true);
        // The kind of CHECK constraints: no subqueries, aggregates, window or set-returning functions.
        let mut node = pg_sys::transformExpr(state, raw, pg_sys::ParseExprKind::EXPR_KIND_CHECK_CONSTRAINT);
        node = pg_sys::coerce_to_boolean(state, node, c"filter".as_ptr());
        pg_sys::assign_expr_collations(state, node);
        pg_sys::free_parsestate(state);
        pg_sys::table_close(table, pg_sys::NoLock as i32);
        node
    }
}

/// The expression of `SELECT expression` and nothing else.
unsafe fn only_expression(statement: *mut pg_sys::Node) -> Option<*mut pg_sys::Node> {
    // SAFETY: the caller passes a node of the raw parser; its tag is looked at before the cast.
    unsafe {
        if (*statement).type_ != pg_sys::NodeTag::T_SelectStmt {
            return None;
        }
        let select = &*statement.cast::<pg_sys::SelectStmt>();
        let targets = list::pointers::<pg_sys::ResTarget>(select.targetList);
        if !is_plain(select) || targets.len() != 1 {
            return None;
        }
        let target = *targets.first()?;
        (*target).name.is_null().then_some((*target).val)
    }
}

/// Whether a SELECT has nothing but what it selects.
fn is_plain(select: &pg_sys::SelectStmt) -> bool {
    let lists = [
        select.distinctClause,
        select.fromClause,
        select.groupClause,
        select.windowClause,
        select.valuesLists,
        select.sortClause,
        select.lockingClause,
    ];
    let nodes = [
        select.whereClause,
        select.havingClause,
        select.limitOffset,
        select.limitCount,
    ];
    lists.iter().all(|list| list.is_null())
        && nodes.iter().all(|node| node.is_null())
        && select.intoClause.is_null()
        && select.withClause.is_null()
        && select.op == pg_sys::SetOperation::SETOP_NONE
}

/// The form in which the planner compares predicates.
pub fn prepared(node: *mut pg_sys::Node) -> *mut pg_sys::List {
    // SAFETY: folds a checked expression, which holds functions of pg_catalog only.
    unsafe {
        let folded = pg_sys::eval_const_expressions(std::ptr::null_mut(), node);
        pg_sys::make_ands_implicit(pg_sys::canonicalize_qual(folded.cast(), false))
    }
}

/// A checked expression with the present as constants: what depends on the row alone is left. An expression that names
/// no present, or calls something volatile, stays as it is.
///
/// # Safety
/// The expression was checked: whatever is folded is of pg_catalog.
pub unsafe fn at_present(node: *mut pg_sys::Node) -> *mut pg_sys::Node {
    // SAFETY: an expression. The planner folds what is stable for its estimates, and takes nothing from the structures
    // of the query but its parameters, of which there are none.
    unsafe {
        if !names_present(node) {
            return node;
        }
        let root = pg_sys::palloc0(size_of::<pg_sys::PlannerInfo>()).cast::<pg_sys::PlannerInfo>();
        (*root).type_ = pg_sys::NodeTag::T_PlannerInfo;
        (*root).glob = pg_sys::palloc0(size_of::<pg_sys::PlannerGlobal>()).cast();
        pg_sys::estimate_expression_value(root, node)
    }
}

/// Whether a checked expression names the present, and calls nothing volatile.
///
/// # Safety
/// A node of the server.
pub unsafe fn names_present(node: *mut pg_sys::Node) -> bool {
    // SAFETY: the caller's promise.
    unsafe { pg_sys::contain_mutable_functions(node) && !pg_sys::contain_volatile_functions(node) }
}
