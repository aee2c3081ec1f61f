//! Conditions with their values at execution, and which segments and row groups they leave (F12, F13).

use super::cold::Overview;
use super::quals::{Kind, Qual};
use crate::pg::{list, names};
use pgrx::datum::FromDatum;
use pgrx::pg_sys;
use stretch_segment::{Bound, CompareOp, Predicate, SegmentDetail, may_match, numeric};

/// A condition with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Attribute number in the foreign table.
    pub attribute: i16,
    /// True when the value is text, whose bytes depend on the encoding.
    pub text: bool,
    pub test: Test,
}

/// What must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Compare(CompareOp, Bound),
    /// Empty: no row can satisfy it, as for a comparison with NULL.
    In(Vec<Bound>),
    IsNull,
    IsNotNull,
}

/// Values that a column must be equal to, of one type; they live as long as the expression's result does.
#[derive(Debug, Clone)]
pub struct Equal {
    pub attribute: i16,
    pub value_type: pg_sys::Oid,
    pub values: Vec<pg_sys::Datum>,
}

/// What the conditions of a plan say.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    pub tests: Vec<Condition>,
    pub equal: Vec<Equal>,
}

impl Condition {
    /// The condition about column `column` of a segment.
    fn predicate(&self, column: usize) -> Predicate {
        match &self.test {
            Test::Compare(op, value) => Predicate::Compare {
                column,
                op: *op,
                value: value.clone(),
            },
            Test::In(values) => Predicate::In {
                column,
                values: values.clone(),
            },
            Test::IsNull => Predicate::IsNull { column },
            Test::IsNotNull => Predicate::IsNotNull { column },
        }
    }

    /// May a row satisfy it that has no value in this column at all?
    fn may_match_null(&self) -> bool {
        self.test == Test::IsNull
    }
}

/// Evaluates the conditions of a plan. A value that the statistics cannot be compared with gives no test.
///
/// # Safety
/// `expressions` holds one initialised `ExprState` per expression of the plan, `context` belongs to the same executor.
pub unsafe fn evaluate(
    quals: &[Qual],
    expressions: *mut pg_sys::List,
    context: *mut pg_sys::ExprContext,
) -> Conditions {
    let mut found = Conditions::default();
    for qual in quals {
        let test = match qual.kind {
            Kind::IsNull => Some(Test::IsNull),
            Kind::IsNotNull => Some(Test::IsNotNull),
            Kind::True => Some(Test::Compare(CompareOp::Eq, Bound::Int(1))),
            Kind::False => Some(Test::Compare(CompareOp::Eq, Bound::Int(0))),
            Kind::Compare | Kind::In => {
                // SAFETY: as the caller promises.
                let (value, is_null) = unsafe { value_of(expressions, qual.expression, context) };
                // SAFETY: a value of the type that the planner saw.
                unsafe { compared(qual, (!is_null).then_some(value), &mut found.equal) }
            }
        };
        let value_type = if matches!(qual.kind, Kind::Compare | Kind::In) {
            qual.value_type
        } else {
            pg_sys::InvalidOid
        };
        found.tests.extend(test.map(|test| Condition {
            attribute: qual.attribute,
            text: value_type == pg_sys::TEXTOID,
            test,
        }));
    }
    found
}

/// The test of a comparison, and the values of an equality.
unsafe fn compared(qual: &Qual, value: Option<pg_sys::Datum>, equal: &mut Vec<Equal>) -> Option<Test> {
    let Some(value) = value else {
        return Some(Test::In(Vec::new()));
    };
    // SAFETY: the caller's promise; of an array these are the elements.
    unsafe {
        let (op, values) = match qual.kind {
            Kind::In => (None, elements(value, qual.value_type)?),
            _ => (Some(operator(qual.strategy)?), vec![value]),
        };
        let bounds: Option<Vec<Bound>> = values.iter().map(|value| bound(*value, qual.value_type)).collect();
        if op.is_none_or(|op| op == CompareOp::Eq) {
            equal.push(Equal {
                attribute: qual.attribute,
                value_type: qual.value_type,
                values,
            });
        }
        let mut bounds = bounds?;
        match op {
            Some(op) => bounds.pop().map(|bound| Test::Compare(op, bound)),
            None => Some(Test::In(bounds)),
        }
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

fn operator(strategy: i32) -> Option<CompareOp> {
    match u32::try_from(strategy).ok()? {
        pg_sys::BTLessStrategyNumber => Some(CompareOp::Lt),
        pg_sys::BTLessEqualStrategyNumber => Some(CompareOp::Le),
        pg_sys::BTEqualStrategyNumber => Some(CompareOp::Eq),
        pg_sys::BTGreaterEqualStrategyNumber => Some(CompareOp::Ge),
        pg_sys::BTGreaterStrategyNumber => Some(CompareOp::Gt),
        _ => None,
    }
}

/// The elements of an array that are not NULL; `None` when they are of another type.
unsafe fn elements(array: pg_sys::Datum, element: pg_sys::Oid) -> Option<Vec<pg_sys::Datum>> {
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
        Some(elements.map(|i| *values.add(i)).collect())
    }
}

/// The value as statistics hold it; `None` when they cannot.
///
/// # Safety
/// A value of that type, not NULL.
pub unsafe fn bound(value: pg_sys::Datum, value_type: pg_sys::Oid) -> Option<Bound> {
    // SAFETY: the datum is not NULL and has the type given.
    unsafe {
        match value_type {
            pg_sys::BOOLOID => Some(Bound::Int(i64::from(bool::from_datum(value, false)?))),
            pg_sys::INT2OID => Some(Bound::Int(i16::from_datum(value, false)?.into())),
            pg_sys::INT4OID | pg_sys::DATEOID => Some(Bound::Int(i64::from(value.value() as i32))),
            pg_sys::INT8OID | pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID => Some(Bound::Int(value.value() as i64)),
            pg_sys::FLOAT4OID => Some(Bound::Float(f32::from_datum(value, false)?.into())),
            pg_sys::FLOAT8OID => Some(Bound::Float(f64::from_datum(value, false)?)),
            pg_sys::NUMERICOID => {
                let (digits, scale) = numeric::disk_to_i128(&payload(value)).ok()??;
                Some(Bound::Decimal(digits, u8::try_from(scale).ok()?))
            }
            pg_sys::TEXTOID | pg_sys::BYTEAOID => Some(Bound::Bytes(payload(value))),
            pg_sys::UUIDOID => Some(Bound::Bytes(
                std::slice::from_raw_parts(value.cast_mut_ptr::<u8>(), 16).to_vec(),
            )),
            _ => None,
        }
    }
}

/// The bytes of a varlena value without its header.
unsafe fn payload(value: pg_sys::Datum) -> Vec<u8> {
    // SAFETY: detoasting gives a plain varlena that lives in the current memory context.
    unsafe {
        let plain = pg_sys::pg_detoast_datum(value.cast_mut_ptr());
        pgrx::varlena_to_byte_slice(plain).to_vec()
    }
}

/// The database's encoding.
pub fn database_encoding() -> String {
    // SAFETY: plain getter of a static string.
    names::text(unsafe { pg_sys::GetDatabaseEncodingName() })
}

/// Statistics of text are bytes of UTF-8, or of the server's encoding where that is SQL_ASCII; conditions are in the
/// server's encoding (F13).
pub fn comparable(database: &str, segment: &str) -> bool {
    database == segment && matches!(database, "UTF8" | "SQL_ASCII")
}

/// May any of the segments hold a matching row? `field_of` gives the field of an attribute.
pub fn may_match_any(overview: &Overview, conditions: &[Condition], field_of: &dyn Fn(i16) -> Option<i32>) -> bool {
    let encoding = database_encoding();
    let text_comparable = overview.encodings.iter().all(|written| comparable(&encoding, written));
    let summary = &overview.summary;
    conditions
        .iter()
        .filter(|condition| text_comparable || !condition.text)
        .all(
            |condition| match field_of(condition.attribute).and_then(|field| summary.find(field)) {
                Some(place) => may_match(summary.stats(), summary.rows(), &condition.predicate(place)),
                None => condition.may_match_null(),
            },
        )
}

/// Whether a segment may hold a matching row, and which of its row groups.
pub struct Choice<'a> {
    pub detail: &'a SegmentDetail,
    /// Column of the segment by attribute; `None` when the segment has no such column, so that all is NULL.
    pub column_of: &'a dyn Fn(i16) -> Option<usize>,
    /// Bytes of text in the statistics are comparable with those of the conditions.
    pub text_comparable: bool,
}

impl Choice<'_> {
    /// The row groups that may match; `None` when the whole segment cannot.
    pub fn row_groups(&self, conditions: &[Condition]) -> Option<Vec<usize>> {
        let mut predicates = Vec::new();
        for condition in conditions.iter().filter(|c| self.text_comparable || !c.text) {
            match (self.column_of)(condition.attribute) {
                Some(column) => predicates.push(condition.predicate(column)),
                None if condition.may_match_null() => {}
                None => return None,
            }
        }
        let all = |stats: &[stretch_segment::ColumnStats], rows| predicates.iter().all(|p| may_match(stats, rows, p));
        if !all(&self.detail.stats, self.detail.rows()) {
            return None;
        }
        let groups = self.detail.row_groups.iter().enumerate();
        Some(
            groups
                .filter(|(_, group)| {
                    let stats: Vec<_> = group.chunks.iter().map(|chunk| chunk.stats.clone()).collect();
                    all(&stats, group.rows.into())
                })
                .map(|(i, _)| i)
                .collect(),
        )
    }
}
