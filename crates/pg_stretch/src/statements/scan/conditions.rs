//! The conditions of a plan with their values at execution.

use super::bound::{bound, payload};
use super::quals::{Collected, Kind, Qual, Tree};
use crate::cold::conditions::{Conditions, Equal};
use crate::pg::list;
use pgrx::pg_sys;
use stretch_columns::conditions::{Clause, Computed, Condition, Like, Test};
use stretch_columns::exact;
use stretch_columns::expression::Expression;
use stretch_segment::{Bound, CompareOp};

/// Evaluates the conditions of a plan. One that has a value with which statistics cannot be compared is left out.
///
/// # Safety
/// `expressions` holds one initialised `ExprState` per expression of the plan, `context` belongs to the same executor.
pub unsafe fn evaluate(
    quals: &[Tree],
    operands: &[Expression],
    expressions: *mut pg_sys::List,
    context: *mut pg_sys::ExprContext,
) -> Conditions {
    let mut found = Conditions::default();
    for tree in quals {
        // SAFETY: the caller's promise.
        let value = |qual: &Qual| unsafe {
            let (value, is_null) = value_of(expressions, qual.expression, context);
            Some((!is_null).then_some(value))
        };
        let equal = match tree {
            Tree::Qual(_) => Some(&mut found.equal),
            // What is equal in a part need not be in the row.
            _ => None,
        };
        // SAFETY: values of the types that the planner saw.
        found.clauses.extend(unsafe { clause(tree, operands, &value, equal) });
    }
    found
}

/// The clause that a tree becomes with its values; `None` when a part has none.
unsafe fn clause(
    tree: &Tree,
    operands: &[Expression],
    value: &dyn Fn(&Qual) -> Option<Option<pg_sys::Datum>>,
    equal: Option<&mut Vec<Equal>>,
) -> Option<Clause> {
    let parts = |parts: &[Tree]| -> Option<Vec<Clause>> {
        let mut found = Vec::with_capacity(parts.len());
        for part in parts {
            // SAFETY: the caller's promise.
            found.push(unsafe { clause(part, operands, value, None)? });
        }
        Some(found)
    };
    match tree {
        Tree::Qual(qual) if qual.kind == Kind::Computed => {
            // With NULL the server computes the other side all the same, which may be an error.
            let value = value(qual)??;
            Some(Clause::Computed(Computed {
                expression: operands.get(usize::try_from(qual.attribute).ok()?)?.clone(),
                op: exact::compare_op(qual.strategy)?,
                // SAFETY: as above.
                value: unsafe { bound(value, qual.value_type)? },
            }))
        }
        Tree::Qual(qual) => {
            // SAFETY: as above.
            let test = unsafe { test_of(qual, || value(qual), equal)? };
            Some(Clause::Test(condition(qual, test)))
        }
        Tree::And(all) => parts(all).map(Clause::And),
        Tree::Or(any) => parts(any).map(Clause::Or),
        Tree::Not(inner) => parts(std::slice::from_ref(inner))?
            .pop()
            .map(|inner| Clause::Not(Box::new(inner))),
    }
}

/// The test of a condition. `value` gives that of a comparison, where `None` stands for NULL; nothing when it is not
/// known yet.
unsafe fn test_of(
    qual: &Qual,
    value: impl FnOnce() -> Option<Option<pg_sys::Datum>>,
    equal: Option<&mut Vec<Equal>>,
) -> Option<Test> {
    match qual.kind {
        Kind::IsNull => Some(Test::IsNull),
        Kind::IsNotNull => Some(Test::IsNotNull),
        Kind::True => Some(Test::Compare(CompareOp::Eq, Bound::Int(1))),
        Kind::False => Some(Test::Compare(CompareOp::Eq, Bound::Int(0))),
        // SAFETY: the caller's promise.
        Kind::Computed => None,
        // SAFETY: a comparison of a column with an operand, whose value is of the operand's type.
        Kind::Compare | Kind::In => value().and_then(|value| unsafe { compared(qual, value, equal) }),
        Kind::Like => match value()? {
            // SAFETY: as above; a pattern is text.
            Some(pattern) => Like::parse(&unsafe { payload(pattern) }).map(Test::Like),
            None => Some(Test::Unknown),
        },
    }
}

fn condition(qual: &Qual, test: Test) -> Condition {
    let is_compared = matches!(qual.kind, Kind::Compare | Kind::In | Kind::Like);
    Condition {
        attribute: qual.attribute,
        text: is_compared && qual.value_type == pg_sys::TEXTOID,
        test,
    }
}

/// The conditions of which all values are constants.
///
/// # Safety
/// The expressions are those of the planner.
pub unsafe fn of_constants(found: &Collected) -> Vec<Clause> {
    let expressions = found.values;
    let value = |qual: &Qual| {
        // SAFETY: the caller's promise; the tag of a node tells its type.
        unsafe {
            let node = list::nth::<pg_sys::Node>(expressions, qual.expression);
            ((*node).type_ == pg_sys::NodeTag::T_Const).then(|| {
                let constant = &*node.cast::<pg_sys::Const>();
                (!constant.constisnull).then_some(constant.constvalue)
            })
        }
    };
    // SAFETY: values of the types that the planner saw.
    let trees = found.trees.iter();
    trees
        // SAFETY: a tree that `quals` made of the server's expressions, with its operands.
        .filter_map(|tree| unsafe { clause(tree, &found.operands, &value, None) })
        .collect()
}

/// The test of a comparison, and the values of an equality.
unsafe fn compared(qual: &Qual, value: Option<pg_sys::Datum>, equal: Option<&mut Vec<Equal>>) -> Option<Test> {
    let Some(value) = value else {
        return Some(Test::Unknown);
    };
    let (op, values, or_null) = match qual.kind {
        Kind::In => {
            // SAFETY: the caller's promise; the planner saw an array.
            let (values, or_null) = unsafe { elements(value, qual.value_type)? };
            (None, values, or_null)
        }
        _ => (Some(exact::compare_op(qual.strategy)?), vec![value], false),
    };
    // SAFETY: values of that type; of an array these are the elements.
    let of_type = |value: &pg_sys::Datum| unsafe { bound(*value, qual.value_type) };
    let bounds: Option<Vec<Bound>> = values.iter().map(of_type).collect();
    if let Some(equal) = equal
        && op.is_none_or(|op| op == CompareOp::Eq)
    {
        equal.push(Equal {
            attribute: qual.attribute,
            value_type: qual.value_type,
            values,
        });
    }
    let mut bounds = bounds?;
    match op {
        Some(op) => bounds.pop().map(|bound| Test::Compare(op, bound)),
        None => Some(Test::In {
            values: bounds,
            or_null,
        }),
    }
}

unsafe fn value_of(
    expressions: *mut pg_sys::List,
    position: i32,
    context: *mut pg_sys::ExprContext,
) -> (pg_sys::Datum, bool) {
    let mut is_null = true;
    // SAFETY: an ExprState carries its own evaluation function; the boundary turns an ERROR into an unwind. The result
    // lives in the per-tuple memory of the context, and is copied before the next row.
    unsafe {
        let state = list::nth::<pg_sys::ExprState>(expressions, position);
        let Some(function) = (*state).evalfunc else {
            return (pg_sys::Datum::from(0), true);
        };
        let outer = pg_sys::MemoryContextSwitchTo((*context).ecxt_per_tuple_memory);
        let value = pg_sys::ffi::pg_guard_ffi_boundary(|| function(state, context, &mut is_null));
        pg_sys::MemoryContextSwitchTo(outer);
        (value, is_null)
    }
}

/// The elements of an array that are not NULL, and whether there are others; `None` when they are of another type.
unsafe fn elements(array: pg_sys::Datum, element: pg_sys::Oid) -> Option<(Vec<pg_sys::Datum>, bool)> {
    let (mut length, mut by_value, mut align) = (0, false, 0);
    let (mut values, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
    // SAFETY: deconstructs a detoasted array of the element type that the operator takes.
    unsafe {
        pg_sys::get_typlenbyvalalign(element, &mut length, &mut by_value, &mut align);
        let array = pg_sys::pg_detoast_datum(array.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        if (*array).elemtype != element {
            return None;
        }
        pg_sys::deconstruct_array(
            array,
            element,
            length.into(),
            by_value,
            align,
            &mut values,
            &mut nulls,
            &mut count,
        );
        let elements = (0..count as usize).filter(|i| !*nulls.add(*i));
        let elements: Vec<pg_sys::Datum> = elements.map(|i| *values.add(i)).collect();
        let or_null = elements.len() < count as usize;
        Some((elements, or_null))
    }
}
