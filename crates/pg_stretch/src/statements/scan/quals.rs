//! Conditions that can prune: recognised when planning, evaluated when executing, always rechecked by the server.
//!
//! Which comparisons count is decided by `stretch_columns::exact`, the one table of types and collations whose order is
//! that of the statistics (F13).

use super::column::plain_column;
use super::expressions;
use crate::cold::collation;
use crate::pg::list;
use pgrx::pg_sys;
use stretch_columns::exact;
use stretch_columns::expression::Expression;

/// What a condition asks of its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A B-tree comparison with one value.
    Compare,
    /// A B-tree comparison of an expression with one value.
    Computed,
    /// Equality with one of an array's elements.
    In,
    /// Text of a shape: LIKE.
    Like,
    IsNull,
    IsNotNull,
    /// A boolean column that must be true.
    True,
    /// A boolean column that must be false.
    False,
}

/// A condition on one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qual {
    /// Of `Computed` the position of the expression among the operands of the plan.
    pub attribute: i16,
    pub kind: Kind,
    /// B-tree strategy, 1 `<` to 5 `>`; meaningful for `Compare` and `Computed`.
    pub strategy: i32,
    /// Type of the value, or of the array's elements.
    pub value_type: pg_sys::Oid,
    /// Position of the expression of its value among those of the plan.
    pub expression: i32,
}

/// Conditions that are put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    Qual(Qual),
    And(Vec<Tree>),
    Or(Vec<Tree>),
    Not(Box<Tree>),
}

impl Qual {
    fn simple(attribute: i16, kind: Kind) -> Self {
        Self {
            attribute,
            kind,
            strategy: 0,
            value_type: pg_sys::InvalidOid,
            expression: -1,
        }
    }
}

/// Conditions that stored values and statistics can be asked for.
pub struct Collected {
    pub trees: Vec<Tree>,
    /// The expressions of their values.
    pub values: *mut pg_sys::List,
    /// The clauses that they are, one for each tree.
    pub clauses: *mut pg_sys::List,
    /// What is computed of columns, to be compared with values.
    pub operands: Vec<Expression>,
    /// The same as expressions of the server.
    pub operand_nodes: *mut pg_sys::List,
}

/// Finds the conditions of a list of clauses.
///
/// # Safety
/// `clauses` is a list of expressions of the planner about the relation with range table index `relid`.
pub unsafe fn collect(clauses: *mut pg_sys::List, relid: u32) -> Collected {
    let mut found = Collected {
        trees: Vec::new(),
        values: std::ptr::null_mut(),
        clauses: std::ptr::null_mut(),
        operands: Vec::new(),
        operand_nodes: std::ptr::null_mut(),
    };
    // SAFETY: as the caller promises.
    unsafe {
        for clause in list::pointers::<pg_sys::Node>(clauses) {
            let (values, operands) = (list::length(found.values), list::length(found.operand_nodes));
            match recognise(clause, relid, &mut found) {
                Some(tree) => {
                    found.trees.push(tree);
                    found.clauses = pg_sys::lappend(found.clauses, clause.cast());
                }
                // What a part that was recognised has is of no use.
                None => {
                    found.values = pg_sys::list_truncate(found.values, values);
                    found.operand_nodes = pg_sys::list_truncate(found.operand_nodes, operands);
                    found.operands.truncate(operands as usize);
                }
            }
        }
    }
    found
}

/// The operands of a plan, which are read from its expressions as the planner read them.
///
/// # Safety
/// A list of expressions that [`collect`] gave as operands.
pub unsafe fn operands(nodes: *mut pg_sys::List, relid: u32) -> Option<Vec<Expression>> {
    // SAFETY: the caller's promise.
    unsafe {
        let nodes = list::pointers::<pg_sys::Node>(nodes).into_iter();
        nodes.map(|node| Some(expressions::number(node, relid)?.0)).collect()
    }
}

/// A condition and the expression of its value, or null.
type Found = Option<(Qual, *mut pg_sys::Node)>;

/// What a clause is, when stored values can be asked for all parts of it; the expressions that it needs are kept.
unsafe fn recognise(clause: *mut pg_sys::Node, relid: u32, kept: &mut Collected) -> Option<Tree> {
    // SAFETY: the tag of a node says which type it has.
    let found = unsafe {
        match (*clause).type_ {
            pg_sys::NodeTag::T_BoolExpr => return joined(&*clause.cast(), relid, kept),
            pg_sys::NodeTag::T_OpExpr => {
                let clause = &*clause.cast::<pg_sys::OpExpr>();
                let found = match operation(clause, relid) {
                    Some(found) => Some((found, false)),
                    None => opposite(clause, relid).map(|found| (found, true)),
                };
                found.or_else(|| computed(clause, relid, kept))
            }
            pg_sys::NodeTag::T_ScalarArrayOpExpr => one_of(&*clause.cast(), relid),
            pg_sys::NodeTag::T_NullTest => null_test(&*clause.cast(), relid).map(|found| (found, false)),
            _ => truth(clause, relid, Kind::True).map(|found| (found, false)),
        }
    };
    let ((mut qual, value), is_negated) = found?;
    if !value.is_null() {
        // SAFETY: appends to a list of our own.
        unsafe {
            qual.expression = list::length(kept.values);
            kept.values = pg_sys::lappend(kept.values, value.cast());
        }
    }
    Some(match is_negated {
        true => Tree::Not(Box::new(Tree::Qual(qual))),
        false => Tree::Qual(qual),
    })
}

/// AND, OR and NOT.
unsafe fn joined(clause: &pg_sys::BoolExpr, relid: u32, kept: &mut Collected) -> Option<Tree> {
    // SAFETY: the arguments are expressions of the planner.
    let mut parts = unsafe {
        let arguments = list::pointers::<pg_sys::Node>(clause.args).into_iter();
        if clause.boolop == pg_sys::BoolExprType::NOT_EXPR
            && let Some(found) = truth(list::nth(clause.args, 0), relid, Kind::False)
        {
            return Some(Tree::Qual(found.0));
        }
        let part = |argument| recognise(argument, relid, kept);
        arguments.map(part).collect::<Option<Vec<Tree>>>()?
    };
    Some(match clause.boolop {
        pg_sys::BoolExprType::AND_EXPR => Tree::And(parts),
        pg_sys::BoolExprType::OR_EXPR => Tree::Or(parts),
        _ => Tree::Not(Box::new(parts.pop()?)),
    })
}

/// `column op value`, or the other way round, and LIKE.
unsafe fn operation(clause: &pg_sys::OpExpr, relid: u32) -> Found {
    // SAFETY: the arguments are expressions of the planner, and the operator is theirs.
    unsafe {
        let (left, right) = two(clause.args)?;
        let found = either_way(clause.opno, clause.inputcollid, left, right, relid);
        found.or_else(|| shape(clause.opno, clause.inputcollid, left, right, relid))
    }
}

/// `column <> value`, and NOT LIKE: what its negator asks.
unsafe fn opposite(clause: &pg_sys::OpExpr, relid: u32) -> Found {
    // SAFETY: as above; a look-up of an existing operator.
    unsafe {
        let negator = pg_sys::get_negator(clause.opno);
        let (left, right) = two(clause.args)?;
        let is_equal = |found: &(Qual, _)| found.0.strategy == pg_sys::BTEqualStrategyNumber as i32;
        let found = either_way(negator, clause.inputcollid, left, right, relid).filter(is_equal);
        found.or_else(|| shape(negator, clause.inputcollid, left, right, relid))
    }
}

/// A comparison of a column on one side with a value on the other.
unsafe fn either_way(
    operator: pg_sys::Oid,
    collation: pg_sys::Oid,
    left: *mut pg_sys::Node,
    right: *mut pg_sys::Node,
    relid: u32,
) -> Found {
    // SAFETY: expressions of the planner, and the operator between them.
    unsafe {
        comparison(operator, collation, left, right, relid).or_else(|| {
            let swapped = pg_sys::get_commutator(operator);
            comparison(swapped, collation, right, left, relid)
        })
    }
}

/// `column LIKE pattern`, of text whose characters compare by their bytes.
unsafe fn shape(
    operator: pg_sys::Oid,
    collation: pg_sys::Oid,
    left: *mut pg_sys::Node,
    right: *mut pg_sys::Node,
    relid: u32,
) -> Found {
    // SAFETY: expressions of the planner.
    unsafe {
        let (attribute, base) = column(left, relid)?;
        let is_like = exact::like(operator.to_u32(), base.to_u32(), collation::of(collation));
        (is_like && is_value(right, relid)).then(|| {
            let qual = Qual {
                value_type: pg_sys::TEXTOID,
                ..Qual::simple(attribute, Kind::Like)
            };
            (qual, right)
        })
    }
}

/// An expression of columns compared with a value, on either side; true where it is `<>`, which is the opposite of what
/// its negator asks.
unsafe fn computed(
    clause: &pg_sys::OpExpr,
    relid: u32,
    kept: &mut Collected,
) -> Option<((Qual, *mut pg_sys::Node), bool)> {
    // SAFETY: the arguments are expressions of the planner; look-ups of existing operators.
    unsafe {
        let (left, right) = two(clause.args)?;
        let ways = [(left, right, false), (right, left, true)];
        ways.into_iter().find_map(|(operand, value, is_swapped)| {
            let (expression, _) = expressions::number(operand, relid)?;
            if expression.is_constant() || !is_value(value, relid) {
                return None;
            }
            let of = pg_sys::exprType(operand);
            let strategy = |operator: pg_sys::Oid| match is_swapped {
                true => ordered(pg_sys::get_commutator(operator), of, clause.inputcollid),
                false => ordered(operator, of, clause.inputcollid),
            };
            let equal = pg_sys::BTEqualStrategyNumber as i32;
            let opposite = || strategy(pg_sys::get_negator(clause.opno)).filter(|found| found.0 == equal);
            let ((strategy, value_type), is_negated) = match strategy(clause.opno) {
                Some(found) => (found, false),
                None => (opposite()?, true),
            };
            let qual = Qual {
                attribute: i16::try_from(kept.operands.len()).ok()?,
                kind: Kind::Computed,
                strategy,
                value_type,
                expression: -1,
            };
            kept.operands.push(expression);
            kept.operand_nodes = pg_sys::lappend(kept.operand_nodes, operand.cast());
            Some(((qual, value), is_negated))
        })
    }
}

/// `column = ANY (array)` and, negated, `column <> ALL (array)`.
unsafe fn one_of(clause: &pg_sys::ScalarArrayOpExpr, relid: u32) -> Option<((Qual, *mut pg_sys::Node), bool)> {
    let is_negated = !clause.useOr;
    // SAFETY: the arguments are expressions of the planner; a look-up of an existing operator.
    let (qual, array) = unsafe {
        let (left, right) = two(clause.args)?;
        let operator = match is_negated {
            true => pg_sys::get_negator(clause.opno),
            false => clause.opno,
        };
        comparison(operator, clause.inputcollid, left, right, relid)?
    };
    let is_equal = qual.strategy == pg_sys::BTEqualStrategyNumber as i32;
    is_equal.then_some(((Qual { kind: Kind::In, ..qual }, array), is_negated))
}

/// `column IS [NOT] NULL`.
unsafe fn null_test(clause: &pg_sys::NullTest, relid: u32) -> Found {
    // SAFETY: the argument is an expression of the planner.
    let (attribute, _) = unsafe { column(clause.arg.cast(), relid)? };
    let kind = match clause.nulltesttype {
        pg_sys::NullTestType::IS_NULL => Kind::IsNull,
        _ => Kind::IsNotNull,
    };
    (!clause.argisrow).then_some((Qual::simple(attribute, kind), std::ptr::null_mut()))
}

/// A column of type boolean by itself.
unsafe fn truth(node: *mut pg_sys::Node, relid: u32, kind: Kind) -> Found {
    // SAFETY: an expression of the planner.
    let (attribute, base) = unsafe { column(node, relid)? };
    (base == pg_sys::BOOLOID).then_some((Qual::simple(attribute, kind), std::ptr::null_mut()))
}

unsafe fn two(args: *mut pg_sys::List) -> Option<(*mut pg_sys::Node, *mut pg_sys::Node)> {
    // SAFETY: the arguments of an operator are a list of expressions.
    unsafe { (list::length(args) == 2).then(|| (list::nth(args, 0), list::nth(args, 1))) }
}

unsafe fn comparison(
    operator: pg_sys::Oid,
    collation: pg_sys::Oid,
    left: *mut pg_sys::Node,
    right: *mut pg_sys::Node,
    relid: u32,
) -> Found {
    // SAFETY: expressions of the planner, and the operator between them.
    unsafe {
        let (attribute, base) = column(left, relid)?;
        let (strategy, value_type) = ordered(operator, base, collation)?;
        is_value(right, relid).then(|| {
            let qual = Qual {
                attribute,
                kind: Kind::Compare,
                strategy,
                value_type,
                expression: -1,
            };
            (qual, right)
        })
    }
}

/// A plain column of the relation and its type below domains; binary-compatible casts are looked through.
unsafe fn column(node: *mut pg_sys::Node, relid: u32) -> Option<(i16, pg_sys::Oid)> {
    // SAFETY: an expression of the planner.
    unsafe {
        let var = plain_column(node, relid)?;
        Some(((*var).varattno, pg_sys::getBaseType((*var).vartype)))
    }
}

/// How an operator orders a column, and the type of a value beside it, when the statistics of the column have the same
/// order: true for descending.
///
/// # Safety
/// A type below all domains, and an operator that sorts it.
pub unsafe fn sorts_as_statistics(
    operator: pg_sys::Oid,
    base: pg_sys::Oid,
    collation: pg_sys::Oid,
) -> Option<(bool, pg_sys::Oid)> {
    // SAFETY: the caller's promise.
    let (strategy, value_type) = unsafe { ordered(operator, base, collation)? };
    match strategy as u32 {
        pg_sys::BTLessStrategyNumber => Some((false, value_type)),
        pg_sys::BTGreaterStrategyNumber => Some((true, value_type)),
        _ => None,
    }
}

/// Strategy and type of the right side, when the operator orders values of `base` like their statistics.
unsafe fn ordered(operator: pg_sys::Oid, base: pg_sys::Oid, collation: pg_sys::Oid) -> Option<(i32, pg_sys::Oid)> {
    if operator == pg_sys::InvalidOid {
        return None;
    }
    // SAFETY: syscache look-ups of an existing operator.
    let operator = unsafe {
        let (family, strategy) = family(operator)?;
        let (mut left, mut right) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
        pg_sys::op_input_types(operator, &mut left, &mut right);
        exact::Operator {
            family,
            strategy,
            left: left.to_u32(),
            right: right.to_u32(),
        }
    };
    exact::statistics(base.to_u32(), &operator, collation::of(collation))?;
    Some((operator.strategy, operator.right.into()))
}

/// True for an expression that has one value for the whole scan: no column of the relation, no subquery, nothing
/// volatile. Columns of other relations become parameters of a nested loop.
unsafe fn is_value(node: *mut pg_sys::Node, relid: u32) -> bool {
    let mut columns = std::ptr::null_mut();
    // SAFETY: walks an expression of the planner.
    unsafe {
        pg_sys::pull_varattnos(node, relid, &mut columns);
        columns.is_null() && !pg_sys::contain_subplans(node) && !pg_sys::contain_volatile_functions(node)
    }
}

/// The family, of those that order their types as statistics do, to which an operator belongs, and its strategy there.
pub fn family(operator: pg_sys::Oid) -> Option<(u32, i32)> {
    let in_family = |family: &u32| {
        // SAFETY: a cached look-up that tolerates operators which are in no family.
        let strategy = unsafe { pg_sys::get_op_opfamily_strategy(operator, (*family).into()) };
        (*family, strategy)
    };
    exact::FAMILIES
        .iter()
        .map(in_family)
        .find(|(_, strategy)| *strategy != 0)
}
