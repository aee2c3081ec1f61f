//! Partial aggregates against a loop over rows, and batches that must be refused.

use super::statistics::{Facts, Known};
use super::*;
use crate::conditions::{Clause, Condition, Test};
use crate::expression::{Arithmetic, Expression, Integer};
use crate::seeded::runner;
use crate::source::{Column, Source, Unfit};
use crate::stored::Reading;
use arrow_array::{Array, ArrayRef};
use arrow_array::{BooleanArray, Decimal128Array, Int32Array, Int64Array, StringArray};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use stretch_segment::{Bound, ColumnStats, CompareOp, numeric};

/// Columns of the tests, by attribute.
const SMALL: i16 = 1;
const BIG: i16 = 2;
const PRICE: i16 = 3;
const NAME: i16 = 4;
const FLAG: i16 = 5;
const GONE: i16 = 6;

#[derive(Debug, Clone)]
struct Row {
    small: Option<i32>,
    big: Option<i64>,
    /// Cents.
    price: Option<i128>,
    name: Option<String>,
    flag: Option<bool>,
}

fn row() -> impl Strategy<Value = Row> {
    let name = prop_oneof!["[a-cé]{0,2}", "[a-b]{8,9}"];
    (
        proptest::option::of(-5..5i32),
        proptest::option::of(prop_oneof![-3..3i64, any::<i64>()]),
        proptest::option::of(prop_oneof![-2_000..2_000i128, -(10i128.pow(30))..10i128.pow(30)]),
        proptest::option::of(name),
        proptest::option::of(any::<bool>()),
    )
        .prop_map(|(small, big, price, name, flag)| Row {
            small,
            big,
            price,
            name,
            flag,
        })
}

struct Arrays {
    rows: usize,
    arrays: BTreeMap<i16, (ArrayRef, Reading)>,
}

fn arrays(rows: &[Row]) -> Arrays {
    let prices = Decimal128Array::from(rows.iter().map(|row| row.price).collect::<Vec<_>>());
    let prices = prices.with_precision_and_scale(38, 2).unwrap();
    let all: [(i16, ArrayRef, Reading); 5] = [
        (
            SMALL,
            Arc::new(Int32Array::from(rows.iter().map(|row| row.small).collect::<Vec<_>>())),
            Reading::Int32,
        ),
        (
            BIG,
            Arc::new(Int64Array::from(rows.iter().map(|row| row.big).collect::<Vec<_>>())),
            Reading::Int64,
        ),
        (PRICE, Arc::new(prices), Reading::Decimal(2)),
        (
            NAME,
            Arc::new(StringArray::from(
                rows.iter().map(|row| row.name.as_deref()).collect::<Vec<_>>(),
            )),
            Reading::Text,
        ),
        (
            FLAG,
            Arc::new(BooleanArray::from(rows.iter().map(|row| row.flag).collect::<Vec<_>>())),
            Reading::Bool,
        ),
    ];
    Arrays {
        rows: rows.len(),
        arrays: all
            .into_iter()
            .map(|(at, array, reading)| (at, (array, reading)))
            .collect(),
    }
}

impl Arrays {
    fn source(&self, attribute: i16) -> Source<'_> {
        match self.arrays.get(&attribute) {
            None => Source::Missing,
            Some((array, reading)) => Source::Decoded(Column {
                base_type: crate::exact::oid::INT4,
                reading: *reading,
                text_comparable: true,
                array: array.as_ref(),
            }),
        }
    }

    fn add_to(&self, partial: &mut Partial) -> Result<Option<Partials>, Unfit> {
        partial.add(self.rows, &|attribute| self.source(attribute))
    }
}

fn aggregate(function: Function, argument: Argument) -> Aggregate {
    Aggregate {
        function,
        argument,
        filter: Vec::new(),
    }
}

fn of(function: Function, attribute: i16) -> Aggregate {
    aggregate(function, Argument::Number(Expression::Column(attribute)))
}

/// One value of an output, as bytes without the header of a varlena.
fn value(output: &Output, group: usize) -> Option<Vec<u8>> {
    match output {
        Output::Words(words) => words[group].map(|word| word.to_le_bytes().to_vec()),
        Output::Placed(area) => {
            let at = area.places()[group]?;
            let bytes = &area.bytes()[at..];
            // A header of one byte has its lowest bit set on machines that store the lowest byte first.
            Some(match bytes[0] & 1 {
                1 => bytes[1..(bytes[0] >> 1) as usize].to_vec(),
                _ => {
                    let length = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) >> 2;
                    bytes[4..length as usize].to_vec()
                }
            })
        }
    }
}

fn word(value: i64) -> Option<Vec<u8>> {
    Some(value.to_le_bytes().to_vec())
}

/// Count and sum of a serialized state: the count, then the variable as numeric's wire form.
fn total(bytes: &[u8]) -> (i64, i128, u16) {
    let count = i64::from_be_bytes(bytes[..8].try_into().unwrap());
    let word = |at: usize| i32::from_be_bytes(bytes[8 + 4 * at..12 + 4 * at].try_into().unwrap());
    let mut wire = Vec::new();
    for at in 0..4 {
        wire.extend_from_slice(&(word(at) as i16).to_be_bytes());
    }
    wire.extend_from_slice(&bytes[24..24 + 2 * word(0) as usize]);
    let (sum, scale) = numeric::wire_to_i128(&wire).unwrap().unwrap();
    (count, sum, scale)
}

/// Partial groups of one plan over some batches, with the batches that were refused.
fn run(plan: Plan, batches: &[Vec<Row>]) -> (Vec<Partials>, Vec<usize>) {
    let mut partial = Partial::new(plan);
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for (number, batch) in batches.iter().enumerate() {
        match arrays(batch).add_to(&mut partial) {
            Ok(finished) => found.extend(finished),
            Err(Unfit) => refused.push(number),
        }
    }
    found.extend(partial.take());
    (found, refused)
}

#[test]
fn groups_are_those_of_a_loop_over_rows() {
    let batches = vec(vec(row(), 1..60), 1..5);
    runner(300)
        .run(&batches, |batches| {
            let plan = Plan {
                keys: [NAME, FLAG, GONE].map(GroupKey::Column).to_vec(),
                aggregates: vec![
                    aggregate(Function::Count, Argument::Row),
                    aggregate(Function::Count, Argument::Presence(SMALL)),
                    of(Function::SumOfSmall, SMALL),
                    of(Function::OfBig, BIG),
                    of(Function::GreatestWord, SMALL),
                    of(Function::LeastWord, BIG),
                    aggregate(Function::GreatestText, Argument::Text(NAME)),
                    aggregate(Function::Any, Argument::Truth(FLAG)),
                ],
            };
            let (found, refused) = run(plan, &batches);
            prop_assert!(refused.is_empty());
            prop_assert_eq!(found.len(), 1);
            let found = &found[0];
            let mut expected: BTreeMap<(Option<String>, Option<bool>), Vec<Row>> = BTreeMap::new();
            for row in batches.iter().flatten() {
                expected
                    .entry((row.name.clone(), row.flag))
                    .or_default()
                    .push(row.clone());
            }
            prop_assert_eq!(found.groups, expected.len());
            prop_assert!(found.keys[2].is_none());
            let [names, flags] = [0, 1].map(|key| {
                let parts: Vec<&dyn Array> = found.keys[key]
                    .as_ref()
                    .unwrap()
                    .values
                    .iter()
                    .map(AsRef::as_ref)
                    .collect();
                arrow_select::concat::concat(&parts).unwrap()
            });
            for group in 0..found.groups {
                let name = crate::images::bytes_at(names.as_ref(), group)
                    .map(|name| String::from_utf8(name.to_vec()).unwrap());
                let flags = flags.as_any().downcast_ref::<BooleanArray>().unwrap();
                let flag = flags.is_valid(group).then(|| flags.value(group));
                let rows = &expected[&(name.clone(), flag)];
                let smalls: Vec<i64> = rows.iter().filter_map(|row| row.small).map(i64::from).collect();
                let bigs: Vec<i64> = rows.iter().filter_map(|row| row.big).collect();
                let one = |at: usize| value(&found.values[at], group);
                prop_assert_eq!(one(0), word(rows.len() as i64));
                prop_assert_eq!(one(1), word(smalls.len() as i64));
                prop_assert_eq!(one(2), (!smalls.is_empty()).then(|| smalls.iter().sum()).and_then(word));
                let wanted =
                    (!bigs.is_empty()).then(|| (bigs.len() as i64, bigs.iter().map(|big| i128::from(*big)).sum(), 0));
                prop_assert_eq!(one(3).map(|bytes| total(&bytes)), wanted);
                prop_assert_eq!(one(4), smalls.iter().max().copied().and_then(word));
                prop_assert_eq!(one(5), bigs.iter().min().copied().and_then(word));
                prop_assert_eq!(one(6), name.map(String::into_bytes));
                prop_assert_eq!(one(7), flag.and_then(|flag| word(flag.into())));
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn numerics_are_exact_or_refused() {
    let batches = vec(vec(row(), 1..60), 1..5);
    let price = || Box::new(Expression::Column(PRICE));
    // 3.5 - price, times price: six digits of operands, four behind the point.
    let product = Expression::Numerics(
        Arithmetic::Times,
        Box::new((
            Expression::Numerics(Arithmetic::Minus, Box::new((Expression::Constant(35, 1), *price()))),
            *price(),
        )),
    );
    runner(300)
        .run(&batches, |batches| {
            let plan = Plan {
                keys: Vec::new(),
                aggregates: vec![
                    aggregate(Function::OfNumeric, Argument::Number(product.clone())),
                    of(Function::OfNumeric, PRICE),
                    of(Function::GreatestNumeric, PRICE),
                ],
            };
            let (found, refused) = run(plan, &batches);
            let taken = batches.iter().enumerate().filter(|(at, _)| !refused.contains(at));
            let prices: Vec<i128> = taken.flat_map(|(_, rows)| rows).filter_map(|row| row.price).collect();
            for batch in &refused {
                // Only products of large prices leave 127 bits.
                let large = batches[*batch]
                    .iter()
                    .filter_map(|row| row.price)
                    .any(|price| price.abs() > 10i128.pow(16));
                prop_assert!(large);
            }
            let Some(found) = found.first() else {
                return Ok(());
            };
            let values: Vec<_> = found.values.iter().map(|output| value(output, 0)).collect();
            if prices.is_empty() {
                prop_assert_eq!(values, vec![None, None, None]);
                return Ok(());
            }
            let count = prices.len() as i64;
            let products = prices.iter().map(|price| (350 - price) * price).sum::<i128>();
            prop_assert_eq!(total(values[0].as_ref().unwrap()), (count, products, 4));
            prop_assert_eq!(total(values[1].as_ref().unwrap()), (count, prices.iter().sum(), 2));
            let greatest = numeric::disk_to_i128(values[2].as_ref().unwrap()).unwrap();
            prop_assert_eq!(greatest, Some((*prices.iter().max().unwrap(), 2)));
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_is_chosen_keeps_the_digits_of_its_case() {
    let at_least = |value| {
        Clause::Test(Condition {
            attribute: SMALL,
            text: false,
            test: Test::Compare(CompareOp::Ge, Bound::Int(value)),
        })
    };
    // The price of large ones, 1.5 of middle ones, nothing of those of 2, else 7.
    let cases = vec![
        (at_least(5), Some(Expression::Column(PRICE))),
        (at_least(3), Some(Expression::Constant(15, 1))),
        (at_least(2), None),
    ];
    let chosen = Argument::Chosen(cases, Some(Expression::Constant(7, 0)));
    let plan = |argument: &Argument| Plan {
        keys: vec![GroupKey::Column(SMALL)],
        aggregates: vec![
            aggregate(Function::OfNumeric, argument.clone()),
            aggregate(Function::Count, argument.clone()),
        ],
    };
    let row = |small: Option<i32>, price: Option<i128>| Row {
        small,
        big: None,
        price,
        name: None,
        flag: None,
    };
    let rows = vec![
        row(Some(5), Some(1234)),
        row(Some(5), None),
        row(Some(3), Some(99)),
        row(Some(2), Some(99)),
        row(None, Some(99)),
        row(Some(1), None),
        row(Some(1), None),
    ];
    let (found, refused) = run(plan(&chosen), &[rows.clone(), rows]);
    assert_eq!((found.len(), refused), (1, vec![]));
    let sums: Vec<_> = (0..found[0].groups)
        .map(|group| value(&found[0].values[0], group).map(|bytes| (total(&bytes), of_scale(&bytes))))
        .collect();
    let of_each = [
        Some(((2, 2468, 2), (2, 2))),
        Some(((2, 30, 1), (1, 2))),
        None,
        Some(((2, 14, 0), (0, 2))),
        Some(((4, 28, 0), (0, 4))),
    ];
    assert_eq!(sums, of_each);
    let counts: Vec<_> = (0..5).map(|group| value(&found[0].values[1], group)).collect();
    assert_eq!(counts, [2, 2, 0, 2, 4].map(word));
    // All in one group the most digits count, and how many values have them.
    let mut whole = plan(&chosen);
    whole.keys.clear();
    let (found, _) = run(
        whole,
        &[vec![row(Some(5), Some(1234)), row(Some(3), None), row(None, None)]],
    );
    let bytes = value(&found[0].values[0], 0).unwrap();
    assert_eq!((total(&bytes), of_scale(&bytes)), ((3, 1234 + 150 + 700, 2), (2, 1)));
}

/// The most digits of a serialized state of numeric, and how many values have these.
fn of_scale(bytes: &[u8]) -> (i32, i64) {
    let end = bytes.len() - 36;
    let scale = i32::from_be_bytes(bytes[end..end + 4].try_into().unwrap());
    (scale, i64::from_be_bytes(bytes[end + 4..end + 12].try_into().unwrap()))
}

fn rows_with(rows: Vec<(Option<i32>, Option<&str>)>) -> Vec<Row> {
    rows.into_iter()
        .map(|(small, name)| Row {
            small,
            big: None,
            price: None,
            name: name.map(str::to_owned),
            flag: None,
        })
        .collect()
}

#[test]
fn a_filter_leaves_what_is_false_and_what_is_unknown() {
    let filtered = Aggregate {
        filter: vec![Clause::Test(Condition {
            attribute: SMALL,
            text: false,
            test: Test::Compare(CompareOp::Ge, Bound::Int(2)),
        })],
        ..aggregate(Function::Count, Argument::Row)
    };
    let plan = Plan {
        keys: Vec::new(),
        aggregates: vec![filtered, aggregate(Function::Count, Argument::Row)],
    };
    let rows = rows_with(vec![(Some(1), None), (Some(2), None), (None, None), (Some(3), None)]);
    let (found, _) = run(plan, &[rows]);
    assert_eq!(value(&found[0].values[0], 0), word(2));
    assert_eq!(value(&found[0].values[1], 0), word(4));
}

#[test]
fn an_integer_that_might_overflow_is_left_to_the_server() {
    let sum = |a: Expression, b: Expression| {
        let sum = Expression::Integers(Arithmetic::Plus, Integer::Int4, Box::new((a, b)));
        Plan {
            keys: Vec::new(),
            aggregates: vec![aggregate(Function::SumOfSmall, Argument::Number(sum))],
        }
    };
    let rows = rows_with(vec![(Some(1), None), (Some(i32::MAX - 1), None)]);
    let plan = sum(Expression::Column(SMALL), Expression::Constant(1, 0));
    let (found, refused) = run(plan, std::slice::from_ref(&rows));
    assert_eq!(
        (value(&found[0].values[0], 0), refused),
        (word(i64::from(i32::MAX) + 2), vec![])
    );
    let plan = sum(Expression::Column(SMALL), Expression::Constant(2, 0));
    let (found, refused) = run(plan, &[rows]);
    assert_eq!((found.len(), refused), (0, vec![0]));
}

#[test]
fn lengths_are_in_characters() {
    let plan = Plan {
        keys: Vec::new(),
        aggregates: vec![aggregate(
            Function::GreatestWord,
            Argument::Number(Expression::Length(NAME)),
        )],
    };
    let (found, _) = run(
        plan,
        &[rows_with(vec![
            (None, Some("né")),
            (None, Some("日本語")),
            (None, None),
        ])],
    );
    assert_eq!(value(&found[0].values[0], 0), word(3));
}

#[test]
fn statistics_answer_what_they_know() {
    let plan = || Plan {
        keys: Vec::new(),
        aggregates: vec![
            aggregate(Function::Count, Argument::Row),
            of(Function::LeastWord, SMALL),
            aggregate(Function::GreatestText, Argument::Text(NAME)),
            aggregate(Function::Count, Argument::Presence(SMALL)),
            of(Function::GreatestWord, GONE),
        ],
    };
    let statistics = |greatest: &str| {
        [
            ColumnStats {
                null_count: 1,
                min: Some(Bound::Int(-3)),
                max: Some(Bound::Int(9)),
            },
            ColumnStats {
                null_count: 0,
                min: Some(Bound::lower(b"a")),
                max: Bound::upper(greatest.as_bytes()),
            },
        ]
    };
    let known = |greatest: &str, dead: u32| {
        let statistics = statistics(greatest);
        let mut partial = Partial::new(plan());
        let column = |attribute: i16| match attribute {
            GONE => Known::Missing,
            _ => Known::Statistics {
                statistics: &statistics[usize::from(attribute == NAME)],
                reading: if attribute == NAME {
                    Reading::Text
                } else {
                    Reading::Int32
                },
                text_comparable: true,
            },
        };
        let facts = Facts {
            rows: 10,
            dead,
            column: &column,
        };
        partial.add_known(&facts).then(|| partial.take().unwrap())
    };
    let found = known("zz", 0).unwrap();
    let values: Vec<_> = found.values.iter().map(|output| value(output, 0)).collect();
    assert_eq!(values, vec![word(10), word(-3), Some(b"zz".to_vec()), word(9), None]);
    // The greatest value may be that of a dead row, and a long one is cut.
    assert!(known("zz", 1).is_none());
    assert!(known(&"z".repeat(64), 0).is_none());
}
