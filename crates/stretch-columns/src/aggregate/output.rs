//! Partial groups as PostgreSQL takes them: keys as they are stored, and one transition value for each aggregate.

use super::groups::{Groups, KeyValues};
use super::plan::Function;
use super::states::{Content, State, Sums, Total};
use crate::images::Area;
use stretch_segment::numeric;

/// OID of int8, the type of the elements of `avg`'s transition value (pg_type.dat).
const INT8: u32 = 20;

/// Finished groups.
pub struct Partials {
    pub groups: usize,
    /// One for each key; `None` where it is NULL in all groups.
    pub keys: Vec<Option<KeyValues>>,
    /// One for each aggregate.
    pub values: Vec<Output>,
}

/// The transition values of one aggregate, one for each group.
#[derive(Debug)]
pub enum Output {
    /// Passed by value; `None` for NULL.
    Words(Vec<Option<u64>>),
    /// Varlena values, to be copied to an address that is a multiple of eight.
    Placed(Area),
}

impl Partials {
    pub(super) fn new(groups: Groups, states: Vec<State>) -> Self {
        Self {
            groups: groups.len(),
            values: states.iter().map(|state| output(state, groups.len())).collect(),
            keys: groups.keys(),
        }
    }
}

fn output(state: &State, groups: usize) -> Output {
    match &state.content {
        Content::Count(counts) => Output::Words(counts.iter().map(|count| Some(*count as u64)).collect()),
        Content::Truth(truths) => Output::Words(truths.iter().map(|truth| truth.map(u64::from)).collect()),
        Content::Text(texts) => placed(texts.iter(), |text, area| {
            text.as_ref().is_some_and(|text| area.packed(text).is_ok())
        }),
        Content::Extreme(extremes) => match state.function {
            Function::LeastNumeric | Function::GreatestNumeric => {
                let scale = extremes.scale.unwrap_or_default();
                let mut digits = Vec::with_capacity(32);
                placed(extremes.values.iter(), |value, area| {
                    let Some(value) = value else { return false };
                    digits.clear();
                    numeric::i128_to_disk(*value, scale.into(), &mut digits);
                    area.aligned(&digits).is_ok()
                })
            }
            // Days and integers are extended by their sign, as the server does it.
            _ => Output::Words(
                extremes
                    .values
                    .iter()
                    .map(|value| value.map(|value| value as u64))
                    .collect(),
            ),
        },
        Content::Sum(sums) => sum(state.function, sums, groups),
    }
}

fn sum(function: Function, sums: &Sums, groups: usize) -> Output {
    let totals = || (0..groups).map(|group| sums.total(group));
    match function {
        Function::SumOfSmall => Output::Words(
            totals()
                .map(|total| (total.count > 0).then_some(total.sum as u64))
                .collect(),
        ),
        Function::AverageOfSmall => placed(totals(), |total, area| {
            area.aligned_to_eight(&pair(total.count, total.sum as i64)).is_ok()
        }),
        Function::OfBig => placed(totals(), |total, area| {
            total.count > 0 && area.aligned(&big(total.count, total.sum)).is_ok()
        }),
        _ => placed(totals(), |total, area| {
            total.count > 0 && area.aligned(&of_numeric(&total)).is_ok()
        }),
    }
}

/// An area of what `add` adds; where it adds nothing the value is NULL.
fn placed<T>(values: impl Iterator<Item = T>, mut add: impl FnMut(T, &mut Area) -> bool) -> Output {
    let mut area = Area::with_rows(values.size_hint().0);
    for value in values {
        if !add(value, &mut area) {
            area.null();
        }
    }
    Output::Placed(area)
}

/// An int8[] of two elements without its varlena header (array.h): one dimension, no bitmap of NULLs, the type of the
/// elements, how many they are, the number of the first, and they themselves.
fn pair(count: i64, sum: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(36);
    for number in [1, 0, INT8, 2, 1] {
        out.extend_from_slice(&number.to_ne_bytes());
    }
    out.extend_from_slice(&count.to_ne_bytes());
    out.extend_from_slice(&sum.to_ne_bytes());
    out
}

/// What `int8_avg_serialize` of numeric.c makes: the count, and the sum as a variable.
fn big(count: i64, sum: i128) -> Vec<u8> {
    let mut out = count.to_be_bytes().to_vec();
    variable(sum, 0, &mut out);
    out
}

/// What `numeric_avg_serialize` of numeric.c makes: the count, the sum as a variable, the most digits behind a point
/// and how many values have these, then how many are NaN, infinite, and infinite below zero.
fn of_numeric(total: &Total) -> Vec<u8> {
    let mut out = total.count.to_be_bytes().to_vec();
    variable(total.sum, total.scale, &mut out);
    out.extend_from_slice(&i32::from(total.scale).to_be_bytes());
    for number in [total.of_scale, 0, 0, 0] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out
}

/// What `numericvar_serialize` makes: as numeric's wire form, but each of the four leading numbers has 32 bits.
fn variable(value: i128, scale: u8, out: &mut Vec<u8>) {
    let mut wire = Vec::with_capacity(32);
    numeric::i128_to_wire(value, scale.into(), &mut wire);
    let (head, digits) = wire.split_at(8);
    let numbers = head.chunks_exact(2).map(|two| i16::from_be_bytes([two[0], two[1]]));
    for (place, number) in numbers.enumerate() {
        // The weight alone is signed; the sign is a pattern of bits.
        let wide = match place {
            1 => i32::from(number),
            _ => i32::from(number as u16),
        };
        out.extend_from_slice(&wide.to_be_bytes());
    }
    out.extend_from_slice(digits);
}
