//! Filters: parsing, the rules of what one may hold (F3, F13), the text that is stored, and which replacement is
//! looser.

use crate::catalog::filter::{at_present, parse, prepared};
use crate::pg::error::{self, Error, Result};
use crate::pg::missing::expression_tree_walker;
use crate::pg::{list, names, text, type_io, user};
use pgrx::pg_sys;
use std::ffi::c_void;
use stretch_core::errors;

/// OIDs of the collations "C" and "POSIX".
const BYTE_ORDER: [u32; 2] = [950, 951];
/// BTEqualStrategyNumber and ROWCOMPARE_NE: comparisons that do not order.
const EQUAL: i32 = 3;
const NOT_EQUAL: i32 = 6;

/// Parses and checks a filter as the table's owner, who must not gain anybody else's rights by it; returns it deparsed
/// under settings of our own, so that everybody who reads the text later reads the same constants. The caller holds a
/// lock on the table.
pub fn normalize(relation: pg_sys::Oid, filter: &str) -> Result<String> {
    let _owner = user::ActAs::role(user::relation_owner(relation), true);
    let node = parse(relation, filter)?;
    check(relation, node)?;
    // SAFETY: a checked expression.
    let node = unsafe { at_present(node) };
    immutable(node)?;
    // What the planner folds in every statement that uses the filter must fold: 1/0 would make each of them fail.
    prepared(node);
    // SAFETY: a checked expression over the table.
    Ok(unsafe { deparsed(relation, node) })
}

/// The text of a filter, with the names that the columns have now.
///
/// # Safety
/// `node` is an expression over the table as relation number 1, which [`parse`] gave.
pub unsafe fn deparsed(relation: pg_sys::Oid, node: *mut pg_sys::Node) -> String {
    let _settings = type_io::settings();
    // SAFETY: the table is the only relation of the deparse context.
    unsafe {
        let context = pg_sys::deparse_context_for(pg_sys::get_rel_name(relation), relation);
        names::text(pg_sys::deparse_expression(node, context, false, false))
    }
}

/// Whether every row that the old filter selects is also selected by the new one, as the planner's prover sees it
/// (design §13). Both are texts that [`normalize`] made; `None` selects every row.
pub fn is_looser(relation: pg_sys::Oid, old: Option<&str>, new: Option<&str>) -> Result<bool> {
    let Some(new) = new else {
        return Ok(true);
    };
    let _owner = user::ActAs::role(user::relation_owner(relation), true);
    let _settings = type_io::settings();
    let new = prepared(parse(relation, new)?);
    let old = match old {
        Some(old) => prepared(parse(relation, old)?),
        None => std::ptr::null_mut(),
    };
    // SAFETY: lists of folded, checked expressions over relation number 1.
    Ok(unsafe { pg_sys::predicate_implied_by(new, old, false) })
}

fn unfit(message: impl Into<String>) -> Error {
    Error::new(&errors::FILTER_UNFIT, message)
}

/// What can be wrong with a part of a filter.
enum Fault {
    /// It is not computed from the columns of the row alone.
    Foreign(&'static str),
    /// It belongs to a user, who may change it.
    NotBuiltIn(String),
    /// It orders text as the operating system does.
    TextOrder,
}

/// What the walk over the expression found wrong first.
struct Problem(Option<Fault>);

impl Fault {
    fn error(self, relation: pg_sys::Oid) -> Error {
        match self {
            Self::Foreign(what) => unfit(format!("the filter holds {what}")),
            Self::NotBuiltIn(what) => {
                unfit(format!("the filter holds {what}, which is not one of pg_catalog")).hint(by_a_column(relation))
            }
            Self::TextOrder => unfit("the filter holds a comparison of text by order whose collation is not \"C\"")
                .hint("Compare under byte order: word COLLATE \"C\" < 'x' for a column named word."),
        }
    }
}

/// For conditions over enums, values of domains, and functions of users: the table itself can hold their outcome.
fn by_a_column(relation: pg_sys::Oid) -> String {
    format!(
        "Let a stored column hold the outcome, ALTER TABLE {} ADD COLUMN is_cold boolean GENERATED ALWAYS AS (the \
        condition) STORED, \
         and give is_cold as the filter.",
        names::relation(relation)
    )
}

/// ST012 for what is not of pg_catalog, or not computed from the row: it must not even be folded (F3).
pub fn check(relation: pg_sys::Oid, node: *mut pg_sys::Node) -> Result<()> {
    let mut problem = Problem(None);
    // SAFETY: walks a transformed expression; the context outlives the walk.
    unsafe {
        visit(node, (&raw mut problem).cast());
        if let Some(fault) = problem.0 {
            return Err(fault.error(relation));
        }
    }
    Ok(())
}

/// ST012 for a filter whose outcome could be another one tomorrow, though nothing in it names the present.
fn immutable(node: *mut pg_sys::Node) -> Result<()> {
    // SAFETY: an expression.
    match unsafe { pg_sys::contain_mutable_functions(node) } {
        true => Err(unfit("the filter holds a function or operator that is not immutable")
            .hint("Compare with constants of the column's own type, for example date '2025-01-01'.")),
        false => Ok(()),
    }
}

/// True when an object of this OID came with initdb.
fn built_in(oid: pg_sys::Oid) -> bool {
    oid.to_u32() < pg_sys::FirstNormalObjectId
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn visit(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    if node.is_null() {
        return false;
    }
    // SAFETY: `context` is the `Problem` of `check`; the node comes from the walker.
    unsafe {
        if let Some(fault) = fault(node) {
            (*context.cast::<Problem>()).0 = Some(fault);
            return true;
        }
        pg_sys::ffi::pg_guard_ffi_boundary(|| expression_tree_walker(node, Some(visit), context))
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn foreign_function(function: pg_sys::Oid, _context: *mut c_void) -> bool {
    !built_in(function)
}

/// What is wrong with this node itself, not with what is below it.
unsafe fn fault(node: *mut pg_sys::Node) -> Option<Fault> {
    use pg_sys::NodeTag::*;
    // SAFETY: the caller passes a node of a transformed expression; each function asks for one of the tag that it is
    // called for.
    unsafe {
        let operators = match (*node).type_ {
            // Neither lists nor WHEN clauses have a type of their own.
            T_List | T_CaseWhen => return None,
            T_Var if (*node.cast::<pg_sys::Var>()).varattno <= 0 => {
                return Some(Fault::Foreign("a system column or a whole row"));
            }
            T_SubLink | T_SubPlan | T_Aggref | T_WindowFunc | T_GroupingFunc | T_Param | T_CurrentOfExpr
            | T_NextValueExpr | T_SetToDefault => {
                return Some(Fault::Foreign("something that is not computed from the row alone"));
            }
            _ if orders_text(node) => return Some(Fault::TextOrder),
            _ => operators(node),
        };
        operator_fault(node, operators).or_else(|| type_fault(node))
    }
}

/// Whether a node that compares by order without naming one operator alone compares text otherwise than by bytes.
unsafe fn orders_text(node: *mut pg_sys::Node) -> bool {
    // SAFETY: a node of an expression is of the type that its tag names.
    unsafe {
        match (*node).type_ {
            pg_sys::NodeTag::T_RowCompareExpr => list::oids((*node.cast::<pg_sys::RowCompareExpr>()).inputcollids)
                .into_iter()
                .any(not_byte_order),
            pg_sys::NodeTag::T_MinMaxExpr => not_byte_order((*node.cast::<pg_sys::MinMaxExpr>()).inputcollid),
            _ => false,
        }
    }
}

/// The operators that a node calls.
unsafe fn operators(node: *mut pg_sys::Node) -> Vec<pg_sys::Oid> {
    use pg_sys::NodeTag::*;
    // SAFETY: a node of an expression is of the type that its tag names; the first three are one type.
    unsafe {
        match (*node).type_ {
            T_OpExpr | T_DistinctExpr | T_NullIfExpr => vec![(*node.cast::<pg_sys::OpExpr>()).opno],
            T_ScalarArrayOpExpr => vec![(*node.cast::<pg_sys::ScalarArrayOpExpr>()).opno],
            T_RowCompareExpr => list::oids((*node.cast::<pg_sys::RowCompareExpr>()).opnos),
            _ => Vec::new(),
        }
    }
}

/// What is wrong with the operators of a node, or with the collation that they order by.
unsafe fn operator_fault(node: *mut pg_sys::Node, operators: Vec<pg_sys::Oid>) -> Option<Fault> {
    for operator in operators {
        if !built_in(operator) {
            // SAFETY: the text of an operator of the catalog, or of its number.
            let name = unsafe { names::text(pg_sys::format_operator(operator)) };
            return Some(Fault::NotBuiltIn(format!("operator {name}")));
        }
        // SAFETY: the caller passes a node of a transformed expression.
        if orders(operator) && not_byte_order(unsafe { pg_sys::exprInputCollation(node) }) {
            return Some(Fault::TextOrder);
        }
    }
    None
}

/// What is wrong with the functions, the type or the collations of a node.
unsafe fn type_fault(node: *mut pg_sys::Node) -> Option<Fault> {
    // SAFETY: the caller passes a node of a transformed expression that has a type.
    unsafe {
        if pg_sys::check_functions_in_node(node, Some(foreign_function), std::ptr::null_mut()) {
            return Some(Fault::NotBuiltIn("a function".into()));
        }
        let kind = match (*node).type_ {
            // A column counts as its base type: the values were checked when they came, and the text of the filter
            // does not name the domain.
            pg_sys::NodeTag::T_Var => pg_sys::getBaseType(pg_sys::exprType(node)),
            _ => pg_sys::exprType(node),
        };
        if !built_in(kind) {
            let name = names::text(pg_sys::format_type_be(kind));
            return Some(Fault::NotBuiltIn(format!("type {name}")));
        }
        let foreign = !built_in(pg_sys::exprCollation(node)) || !built_in(pg_sys::exprInputCollation(node));
        foreign.then(|| Fault::NotBuiltIn("a collation".into()))
    }
}

/// Text order that may change with the operating system (F13). The default collation counts too: the filter travels
/// with dumps into databases of other locales.
fn not_byte_order(collation: pg_sys::Oid) -> bool {
    collation != pg_sys::InvalidOid && !BYTE_ORDER.contains(&collation.to_u32())
}

/// Whether some btree family knows the operator as one of order.
fn orders(operator: pg_sys::Oid) -> bool {
    // SAFETY: catalog look-up that returns a list of OpBtreeInterpretation.
    unsafe {
        list::pointers::<pg_sys::OpBtreeInterpretation>(pg_sys::get_op_btree_interpretation(operator))
            .into_iter()
            .any(|entry| (*entry).strategy != EQUAL && (*entry).strategy != NOT_EQUAL)
    }
}

/// Checks `order_by` as migration reads it; returns it with names quoted where needed and defaults left out.
pub fn normalize_order(relation: pg_sys::Oid, order_by: &str) -> Result<String> {
    let bad = |what: &str| Error::argument(format!("order_by {what}")).hint("Give column names between commas.");
    let mut out = Vec::new();
    for item in stretch_core::order_by::parse(order_by).map_err(error::unreadable)? {
        let name = text::to_server(&item.column)?;
        // SAFETY: syscache and type cache look-ups by a name that outlives them.
        let mut text = unsafe {
            let column = pg_sys::get_attnum(relation, name.as_ptr());
            if column <= 0 {
                return Err(bad(&format!("names {}, which is not a column", item.column)));
            }
            let kind = pg_sys::getBaseType(pg_sys::get_atttype(relation, column));
            let entry = pg_sys::lookup_type_cache(kind, pg_sys::TYPECACHE_LT_OPR as i32);
            if (*entry).lt_opr == pg_sys::InvalidOid {
                return Err(bad(&format!("names {}, whose type has no order", item.column)));
            }
            names::text(pg_sys::quote_identifier(name.as_ptr()))
        };
        if item.descending {
            text.push_str(" DESC");
        }
        if item.nulls_first != item.descending {
            text.push_str(if item.nulls_first {
                " NULLS FIRST"
            } else {
                " NULLS LAST"
            });
        }
        out.push(text);
    }
    Ok(out.join(", "))
}
