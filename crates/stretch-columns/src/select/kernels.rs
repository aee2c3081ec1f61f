//! Comparisons of whole arrays with values: types are told apart once per array, operators once per comparison.
//!
//! Values without a bound of their own kind are not compared at all. NULLs hold some value of the array's type, which
//! is compared too and whose result is dropped.

use super::truth::Truths;
use crate::conditions::{Like, Test};
use crate::numbers::Numbers;
use crate::source::Column;
use crate::stored::Reading;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrowPrimitiveType};
use arrow_buffer::BooleanBuffer;
use std::cmp::Ordering;
use stretch_segment::{Bound, CompareOp, date_from_parquet, numeric, timestamp_from_parquet};

/// What a comparison is for each row; `None` when the stored values cannot be compared with the test's.
pub(super) fn decide(column: &Column<'_>, test: &Test) -> Option<Truths> {
    let array = column.array;
    if let Test::Like(like) = test {
        return shaped(column, like);
    }
    match column.reading {
        Reading::Bool => {
            let bits = array.as_boolean_opt()?.values();
            compared(array, test, int, |row, with: &i64| i64::from(bits.value(row)).cmp(with))
        }
        Reading::Int16 => numbers::<Int16Type>(array, test, int, i64::from),
        Reading::Int32 => numbers::<Int32Type>(array, test, int, i64::from),
        Reading::Int64 => numbers::<Int64Type>(array, test, int, |value| value),
        Reading::Date => numbers::<Date32Type>(array, test, int, |value| date_from_parquet(value).into()),
        Reading::Timestamp => numbers::<TimestampMicrosecondType>(array, test, int, timestamp_from_parquet),
        Reading::Float32 => numbers::<Float32Type>(array, test, float, |value| float_key(value.into())),
        Reading::Float64 => numbers::<Float64Type>(array, test, float, float_key),
        Reading::Decimal(scale) => {
            let values = array.as_primitive_opt::<Decimal128Type>()?.values();
            let target = |bound: &Bound| Decimal::of(bound, scale);
            compared(array, test, target, |row, with| with.order(values[row]))
        }
        Reading::NumericWire => {
            let values = array.as_binary_opt::<i32>()?;
            let readable = |row| values.is_null(row) || numeric::wire_to_i128(values.value(row)).is_ok();
            if !(0..values.len()).all(readable) {
                return None;
            }
            compared(array, test, wire, |row, with: &Wire| {
                numeric::compare_wire(values.value(row), &with.0)
            })
        }
        Reading::Text | Reading::Bytes => match array.as_string_opt::<i32>() {
            Some(text) => compared(array, test, bytes, |row, with| text.value(row).as_bytes().cmp(with)),
            None => {
                let values = array.as_binary_opt::<i32>()?;
                compared(array, test, bytes, |row, with| values.value(row).cmp(with))
            }
        },
        Reading::Uuid => {
            let values = array.as_fixed_size_binary_opt()?;
            compared(array, test, bytes, |row, with| values.value(row).cmp(with))
        }
        Reading::Receive | Reading::Input => None,
    }
}

/// What a comparison of numbers with a value is for each of `rows` rows.
pub(super) fn compare_numbers(rows: usize, numbers: &Numbers, op: CompareOp, value: &Bound) -> Option<Truths> {
    let with = match value {
        Bound::Int(value) => Decimal::of(&Bound::Decimal((*value).into(), 0), numbers.scale)?,
        other => Decimal::of(other, numbers.scale)?,
    };
    let yes = holds(rows, op, |row| with.order(numbers.get(row)));
    Some(Truths::of_values(yes, numbers.valid.as_ref()))
}

/// Whether a comparison holds, by the order of each row's value and the other.
fn holds(rows: usize, op: CompareOp, order: impl Fn(usize) -> Ordering) -> BooleanBuffer {
    match op {
        CompareOp::Lt => BooleanBuffer::collect_bool(rows, |row| order(row).is_lt()),
        CompareOp::Le => BooleanBuffer::collect_bool(rows, |row| order(row).is_le()),
        CompareOp::Eq => BooleanBuffer::collect_bool(rows, |row| order(row).is_eq()),
        CompareOp::Ge => BooleanBuffer::collect_bool(rows, |row| order(row).is_ge()),
        CompareOp::Gt => BooleanBuffer::collect_bool(rows, |row| order(row).is_gt()),
    }
}

/// Whether texts have a shape.
fn shaped(column: &Column<'_>, like: &Like) -> Option<Truths> {
    if column.reading != Reading::Text {
        return None;
    }
    // Of bytes that are no UTF-8 the server says what a character is.
    let text = column.array.as_string_opt::<i32>()?;
    let yes = BooleanBuffer::collect_bool(text.len(), |row| like.matches(text.value(row).as_bytes()));
    Some(Truths::of_values(yes, text.nulls()))
}

/// By the order of a row's value and a target, which is what a bound becomes for this array.
fn compared<T: Ord>(
    array: &dyn Array,
    test: &Test,
    target: impl Fn(&Bound) -> Option<T>,
    order: impl Fn(usize, &T) -> Ordering,
) -> Option<Truths> {
    let rows = array.len();
    match test {
        Test::Compare(op, bound) => {
            let with = target(bound)?;
            let yes = holds(rows, *op, |row| order(row, &with));
            Some(Truths::of_values(yes, array.nulls()))
        }
        Test::In { values, or_null } => {
            let mut list: Vec<T> = values.iter().map(target).collect::<Option<_>>()?;
            list.sort_unstable();
            let found = |row| list.binary_search_by(|with| order(row, with).reverse()).is_ok();
            let truths = match list.is_empty() {
                true => Truths::constant(rows, Some(false)),
                false => Truths::of_values(BooleanBuffer::collect_bool(rows, found), array.nulls()),
            };
            Some(if *or_null { truths.or_unknown() } else { truths })
        }
        Test::Like(_) | Test::Unknown | Test::IsNull | Test::IsNotNull => None,
    }
}

/// Numbers that order as `key` does.
fn numbers<T: ArrowPrimitiveType>(
    array: &dyn Array,
    test: &Test,
    target: impl Fn(&Bound) -> Option<i64>,
    key: impl Fn(T::Native) -> i64,
) -> Option<Truths> {
    let values = array.as_primitive_opt::<T>()?.values();
    compared(array, test, target, |row, with| key(values[row]).cmp(with))
}

fn int(bound: &Bound) -> Option<i64> {
    match bound {
        Bound::Int(value) => Some(*value),
        _ => None,
    }
}

fn float(bound: &Bound) -> Option<i64> {
    match bound {
        Bound::Float(value) => Some(float_key(*value)),
        _ => None,
    }
}

/// A number that orders as PostgreSQL orders floats: NaN greatest and equal to itself, -0 equal to 0
/// (float8_cmp_internal).
fn float_key(value: f64) -> i64 {
    if value.is_nan() {
        return i64::MAX;
    }
    // Adding 0 makes -0 to 0. Bits of negative floats descend, so all but the sign are turned over.
    let bits = (value + 0.0).to_bits() as i64;
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

fn bytes(bound: &Bound) -> Option<Vec<u8>> {
    match bound {
        Bound::Bytes(value) => Some(value.clone()),
        _ => None,
    }
}

/// A numeric in wire form.
struct Wire(Vec<u8>);

impl Ord for Wire {
    fn cmp(&self, other: &Self) -> Ordering {
        numeric::compare_wire(&self.0, &other.0)
    }
}

impl PartialOrd for Wire {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Wire {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Wire {}

fn wire(bound: &Bound) -> Option<Wire> {
    let Bound::Decimal(value, scale) = bound else {
        return None;
    };
    let mut sent = Vec::new();
    numeric::i128_to_wire(*value, (*scale).into(), &mut sent);
    Some(Wire(sent))
}

/// A numeric at a column's scale: it lies at `floor`, or between that and the next number, or beyond all 128-bit
/// numbers.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Decimal {
    floor: i128,
    /// How the numeric is to `floor`.
    rest: Ordering,
}

impl Decimal {
    fn of(bound: &Bound, scale: u8) -> Option<Self> {
        let Bound::Decimal(value, bound_scale) = bound else {
            return None;
        };
        let power = |digits: u8| 10i128.checked_pow(digits.into());
        if *bound_scale <= scale {
            let widened = power(scale - bound_scale).and_then(|power| value.checked_mul(power));
            return Some(match widened {
                Some(floor) => Self::exactly(floor),
                None if *value == 0 => Self::exactly(0),
                None if *value > 0 => Self::above(i128::MAX),
                None => Self {
                    floor: i128::MIN,
                    rest: Ordering::Less,
                },
            });
        }
        // A divisor beyond 128 bits leaves nothing but the sign.
        let divisor = power(bound_scale - scale);
        let floor = divisor.map_or(value.signum().min(0), |divisor| value.div_euclid(divisor));
        let is_exact = divisor.map_or(*value == 0, |divisor| value.rem_euclid(divisor) == 0);
        Some(if is_exact {
            Self::exactly(floor)
        } else {
            Self::above(floor)
        })
    }

    fn exactly(floor: i128) -> Self {
        Self {
            floor,
            rest: Ordering::Equal,
        }
    }

    fn above(floor: i128) -> Self {
        Self {
            floor,
            rest: Ordering::Greater,
        }
    }

    /// The order of an unscaled value of the column and this.
    fn order(&self, value: i128) -> Ordering {
        value.cmp(&self.floor).then(self.rest.reverse())
    }
}
